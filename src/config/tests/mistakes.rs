//! What is said about mistakes. The texts are interface and pinned in full.
use super::*;

#[test]
fn scratch() {
    let show = |content: &str| println!("=====\n{content}\n-----\n{}", Case::new(content).report());
    show(TEN);
    show(&GOOD.replace("a1.channels = c1\n", "a1.sinks.channels = c1\n"));
    show(&GOOD.replace("netcat", "org.apache.flume.sink.LoggerSink"));
    show(&GOOD.replace("= netcat", "= netcat   # the type").replace("channel = c1", "channel = c1 # ties"));
    show(&format!("{GOOD}a1.sinkgroups = g1 g2\na1.sinkgroups.g1.sinks = k1 k9\na1.sinkgroups.g2.sinks = k1\na1.sinkgroups.g1.processor.type = failover\n"));
    show(&format!("{GOOD}a1.sources.r1.selector.type = multiplexing\na1.sources.r1.selector.mapping.x = c1 c2\na1.sources.r1.interceptors = i1 i2\na1.sources.r1.interceptors.i1.type = host\n"));
    show(&format!("{GOOD}a1.channels.c1.capacity = 50\n"));
    show(&format!("{GOOD}a1.channels.c1.capacity = lots\na1.sources.r1.port = 70000\na1.sinks.k1.retryDelay = 5s\n"));
    show(&GOOD.replace("a1.sinks.k1.channel", "a1.sinks.k1.channels"));
    show(&GOOD.replace("a1.sources.r1.bind = ", "a1.sources.r1.bind＝"));
    show("a1.sources = s\na1.channels=c\na1.sources.s.type = com.cmos.bomc.dataflowkit.cmcconline.flume.source.spooldir.Sp\na1.sources.s.spoolDir = x\na1.sources.s.directory = y\na1.sources.s.channels=c,d\na1.channels.c.type=memory\na1.sources.s.ignorePattern=[\na1.sources.s.consumeOrder = oldset\n");
    show("");
    show("hello world\n");
}

const TEN: &str = "\
# ten mistakes
a1.sources = r1 r2
a1.channels = c1, c2
a1.sinks = k1 k2

a1.source.r1.type = netcat
a1.sources.r1.type = netcat
a1.sources.r1.bind = 127.0.0.1
a1.sources.r1.port = 4444x
a1.sources.r1.channels = c1
al.sources.r1.max-line-length = 100
a1.sources.r2.type = spooldri
a1.sources.r2.channels = c2
a1.channels.c1.type = memory
a1.channels.c2.type = memory
a1.channels.c2.Capacity = 1000
a1.channels.c2.transactionCapacity = 100
a1.sinks.k1.type = logger
a1.sinks.k1.channels = c1
a1.sinks.k2.type = file_roll
a1.sinks.k2.channel = c2
a1.sinks.k3.type = logger
a1.sinks.k2.channel = c3
";
