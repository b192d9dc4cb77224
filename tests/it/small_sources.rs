//! The small sources: datagrams, load.
use std::net::UdpSocket;

use crate::support::{Agent, rolled, until};

fn config(source: &str) -> String {
    format!(
        "a1.sources = r1\na1.channels = c1\na1.sinks = k1\n{source}\na1.sources.r1.channels = c1\n\
         a1.channels.c1.type = memory\na1.sinks.k1.type = file_roll\na1.sinks.k1.channel = c1\n\
         a1.sinks.k1.sink.directory = @DIR@/out\na1.sinks.k1.sink.serializer = HEADER_AND_TEXT\n"
    )
}

fn out(agent: &Agent) -> String {
    String::from_utf8(rolled(&agent.path("out"))).unwrap()
}

/// The port that its source says it listens on.
fn port(agent: &Agent) -> u16 {
    let told = || -> Option<u16> {
        let log = agent.log();
        let (_, rest) = log.split_once("listens on ")?;
        rest.split_once(", by UDP")?.0.rsplit(':').next()?.parse().ok()
    };
    assert!(until(|| told().is_some()), "it does not listen\n{}", agent.story());
    told().unwrap()
}

#[test]
fn a_datagram_is_an_event_up_to_its_first_newline_with_its_sender_where_asked_for() {
    for (keys, bind) in
        [("bind = 127.0.0.1", true), ("remoteAddress = from", false), ("remoteAddressHeader = from", false)]
    {
        let source =
            format!("a1.sources.r1.type = netcatudp\na1.sources.r1.port = 0\na1.sources.r1.{keys}\n");
        let mut agent = Agent::new(&config(&source));
        agent.start();
        let peer = UdpSocket::bind("127.0.0.1:0").unwrap();
        peer.connect(("127.0.0.1", port(&agent))).unwrap();
        let headers =
            if bind { "{}".to_string() } else { format!("{{from=/{}}}", peer.local_addr().unwrap()) };
        let long = "x".repeat(30_000);
        let mut expected = String::new();
        for (datagram, body) in [("one\ntwo\n", "one"), ("", ""), ("cr\r\n", "cr\r"), (&long, &*long)] {
            peer.send(datagram.as_bytes()).unwrap();
            expected += &format!("{headers} {body}\n");
        }
        assert!(until(|| out(&agent) == expected), "{}\n{}", out(&agent), agent.story());
        agent.stop();
    }
}

#[test]
fn what_the_kernel_drops_while_the_channel_is_full_is_counted() {
    let source = "a1.sources.r1.type = netcatudp\na1.sources.r1.port = 0\na1.sources.r1.bind = 127.0.0.1\n";
    let more = "a1.channels.c1.capacity = 10\na1.channels.c1.transactionCapacity = 10\na1.sinks.k1.retryDelay = 20\na1.sinks.k1.reportTimeout = 50\n";
    let mut agent = Agent::new(&(config(source) + more));
    // A file where the directory should be: the sink can deliver nothing.
    std::fs::write(agent.path("out"), "").unwrap();
    agent.spawn();
    let peer = UdpSocket::bind("127.0.0.1:0").unwrap();
    peer.connect(("127.0.0.1", port(&agent))).unwrap();
    let datagram = vec![b'x'; 8000];
    (0..400).for_each(|_| _ = peer.send(&datagram).unwrap());
    std::fs::remove_file(agent.path("out")).unwrap();
    // The count comes with the next that gets through.
    let told = || {
        peer.send(b"last").unwrap();
        agent.log().contains("the kernel had no room for them")
    };
    assert!(until(told), "{}", agent.story());
    agent.kill();
}

#[test]
fn stress_puts_what_it_is_told_to_and_ends() {
    let source = "a1.sources.r1.type = org.apache.flume.source.StressSource\na1.sources.r1.size = 3\n\
                  a1.sources.r1.batchSize = 10\na1.sources.r1.maxTotalEvents = 25\na1.sources.r1.maxEventsPerSecond = 1000\n";
    let mut agent = Agent::new(&config(source)).with(&["--until-drained"]);
    assert!(agent.run().success(), "{}", agent.story());
    assert_eq!(out(&agent), "{} \u{7f}\u{7f}\u{7f}\n".repeat(25), "{}", agent.story());
}
