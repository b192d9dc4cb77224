//! The small ends, told by the binary: netcat's answers, filters and selectors, a full disk, the logger's words.
use std::fs;
use std::io::{Read, Write};
use std::net::TcpStream;

use crate::support::{Agent, Tiny, rolled, until};

const NETCAT: &str = "
a1.sources = r1
a1.channels = c1
a1.sinks = k1
a1.sources.r1.type = netcat
a1.sources.r1.bind = 127.0.0.1
a1.sources.r1.port = 0
a1.sources.r1.channels = c1
a1.channels.c1.type = memory
a1.sinks.k1.type = file_roll
a1.sinks.k1.channel = c1
a1.sinks.k1.sink.directory = @DIR@/out
";

fn started(config: &str) -> (Agent, TcpStream) {
    let mut agent = Agent::new(config);
    agent.start();
    let peer = agent.connect();
    (agent, peer)
}

/// Sends, and expects exactly this answer.
fn ask(peer: &mut TcpStream, text: &[u8], answer: &str) {
    peer.write_all(text).unwrap();
    let mut got = vec![0; answer.len()];
    peer.read_exact(&mut got).unwrap();
    assert_eq!(String::from_utf8_lossy(&got), answer);
}

fn rest_of(peer: &mut TcpStream) -> String {
    let mut rest = String::new();
    let _ = peer.read_to_string(&mut rest);
    rest
}

fn out(agent: &Agent) -> String {
    String::from_utf8(rolled(&agent.path("out"))).unwrap()
}

#[test]
fn p4_netcat_answers_each_line_once_the_channel_holds_it() {
    let (mut agent, mut peer) = started(NETCAT);
    ask(&mut peer, b"one\r\n\ntwo", "OK\nOK\n");
    ask(&mut peer, b"!\nb\xffd\nleft over", "OK\nOK\n");
    drop(peer);
    let expected = "one\r\n\ntwo!\nb\u{fffd}d\n";
    assert!(until(|| out(&agent) == expected), "{:?}\n{}", out(&agent), agent.story());
    agent.kill();
}

#[test]
fn a_line_that_is_too_long_is_refused_and_ends_the_connection() {
    let (mut agent, mut peer) = started(&format!("{NETCAT}\na1.sources.r1.max-line-length = 20\n"));
    let text = format!("{}\n{}\nlost\n", "x".repeat(19), "y".repeat(20));
    ask(
        &mut peer,
        text.as_bytes(),
        "OK\nFAILED: Event exceeds the maximum length (20 chars, including newline)\n",
    );
    assert_eq!(rest_of(&mut peer), "");
    let mut other = agent.connect();
    ask(&mut other, b"goes on\n", "OK\n");
    agent.kill();
}

#[test]
fn a_full_channel_fails_line_by_line_and_the_connection_goes_on() {
    let config = format!(
        "{NETCAT}\na1.channels.c1.capacity = 5\na1.channels.c1.transactionCapacity = 5\n\
         a1.channels.c1.keep-alive = 0\na1.sinks.k1.retryDelay = 20\na1.sinks.k1.reportTimeout = 50\n"
    );
    let mut agent = Agent::new(&config);
    // A file where the directory should be: the sink can deliver nothing.
    fs::write(agent.path("out"), "").unwrap();
    agent.spawn();
    let mut peer = agent.connect();
    let full = "FAILED: Space for commit to queue couldn't be acquired. Sinks are likely not keeping up with sources, or the buffer size is too tight\n";
    let answer = format!("{}{}", "OK\n".repeat(5), full.repeat(3));
    ask(&mut peer, b"1\n2\n3\n4\n5\n6\n7\n8\n", &answer);
    ask(&mut peer, b"9\n", full);
    fs::remove_file(agent.path("out")).unwrap();
    assert!(until(|| agent.path("out").is_dir() && out(&agent) == "1\n2\n3\n4\n5\n"), "{}", agent.story());
    ask(&mut peer, b"10\n", "OK\n");
    assert!(until(|| out(&agent) == "1\n2\n3\n4\n5\n10\n"), "{}", agent.story());
    agent.kill();
}

#[test]
fn without_acks_only_failures_are_answered() {
    let config =
        format!("{NETCAT}\na1.sources.r1.ack-every-event = false\na1.sources.r1.max-line-length = 10\n");
    let (mut agent, mut peer) = started(&config);
    ask(
        &mut peer,
        b"one\n0123456789",
        "FAILED: Event exceeds the maximum length (10 chars, including newline)\n",
    );
    assert!(until(|| out(&agent) == "one\n"), "{}", agent.story());
    agent.kill();
}

#[test]
fn filtered_and_unrouted_lines_are_answered_ok_and_routes_hold() {
    let config = format!(
        "{NETCAT}
a1.channels = c1 c2
a1.sinks = k1 k2
a1.sources.r1.channels = c1 c2
a1.sources.r1.interceptors = i1 i2
a1.sources.r1.interceptors.i1.type = regex_filter
a1.sources.r1.interceptors.i1.regex = DEBUG
a1.sources.r1.interceptors.i1.excludeEvents = true
a1.sources.r1.interceptors.i2.type = org.apache.flume.interceptor.StaticInterceptor$Builder
a1.sources.r1.interceptors.i2.key = state
a1.sources.r1.interceptors.i2.value = CZ
a1.sources.r1.selector.type = multiplexing
a1.sources.r1.selector.header = state
a1.sources.r1.selector.mapping.CZ = c2
a1.sources.r1.selector.default = c1
a1.channels.c2.type = memory
a1.sinks.k2.type = file_roll
a1.sinks.k2.channel = c2
a1.sinks.k2.sink.directory = @DIR@/second
a1.sinks.k2.sink.serializer = header_and_text
"
    );
    let (mut agent, mut peer) = started(&config);
    ask(&mut peer, b"a\nDEBUG b\nc\n", "OK\nOK\nOK\n");
    let second = || String::from_utf8(rolled(&agent.path("second"))).unwrap();
    assert!(until(|| second() == "{state=CZ} a\n{state=CZ} c\n"), "{}\n{}", second(), agent.story());
    assert_eq!(out(&agent), "");
    agent.kill();
}

#[test]
fn a_port_in_use_is_said_and_tried_again() {
    let taken = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let port = taken.local_addr().unwrap().port();
    let mut agent = Agent::new(&NETCAT.replace("port = 0", &format!("port = {port}")));
    agent.spawn();
    let sentence = format!("cannot listen on `127.0.0.1:{port}`: Address already in use");
    assert!(until(|| agent.log().contains(&sentence)), "{}", agent.story());
    drop(taken);
    ask(&mut agent.connect(), b"at last\n", "OK\n");
    agent.kill();
}

#[test]
fn seq_counts_into_files_and_ends_when_drained() {
    let seq = "
a1.sources = r1
a1.channels = c1
a1.sinks = k1
a1.sources.r1.type = org.apache.flume.source.SequenceGeneratorSource
a1.sources.r1.totalEvents = 1000
a1.sources.r1.batchSize = 7
a1.sources.r1.channels = c1
a1.channels.c1.type = memory
a1.sinks.k1.type = file_roll
a1.sinks.k1.channel = c1
a1.sinks.k1.sink.directory = @DIR@/out
";
    let mut agent = Agent::new(seq).with(&["--until-drained"]);
    assert!(agent.run().success(), "{}", agent.story());
    let expected: String = (0..1000).map(|n| format!("{n}\n")).collect();
    assert_eq!(out(&agent), expected);
}

#[test]
fn the_logger_writes_flumes_words_to_the_log() {
    let config = NETCAT
        .lines()
        .filter(|line| !line.contains("sink.directory"))
        .map(|line| line.replace("file_roll", "logger") + "\n")
        .collect::<String>();
    let (mut agent, mut peer) = started(&config);
    ask(&mut peer, b"Hello world!\r\n", "OK\n");
    let words = "Event: { headers:{} body: 48 65 6C 6C 6F 20 77 6F 72 6C 64 21 0D          Hello world!. }";
    assert!(until(|| agent.log().contains(words)), "{}", agent.story());
    agent.kill();
}

#[test]
fn a_full_disk_is_said_and_nothing_is_lost_or_twice_when_there_is_room_again() {
    let mut agent =
        Agent::new(&format!("{NETCAT}\na1.sinks.k1.retryDelay = 20\na1.sinks.k1.syncInterval = 20\n"));
    let Some(tiny) = Tiny::mount(agent.path("out"), "64k") else {
        eprintln!("SKIPPED a_full_disk…: no right to mount a small tmpfs");
        return;
    };
    let ballast = tiny.0.join(".ballast");
    fs::write(&ballast, vec![0; 32 << 10]).unwrap();
    agent.start();
    let mut peer = agent.connect();
    let lines: String = (0..80).map(|n| format!("{n:0>399}\n")).collect();
    ask(&mut peer, lines.as_bytes(), &"OK\n".repeat(80));
    assert!(until(|| agent.log().contains("No space left on device")), "{}", agent.story());
    fs::remove_file(&ballast).unwrap();
    assert!(until(|| out(&agent).len() == lines.len()), "{} bytes\n{}", out(&agent).len(), agent.story());
    assert_eq!(out(&agent), lines);
    agent.kill();
}
