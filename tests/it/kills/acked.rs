//! Lines from sockets, each answered once the channel holds it: through kills, what was answered arrives once, and what
//! was not arrives at most once.
use std::collections::HashSet;
use std::io::{Read, Write};
use std::net::TcpStream;
use std::thread;
use std::time::Duration;

use crate::rotation::writer::Random;
use crate::support::lines::{line, parse};
use crate::support::{Agent, count, rolled, until};

const CONFIG: &str = "
a1.sources = r1
a1.channels = c1
a1.sinks = k1
a1.sources.r1.type = netcat
a1.sources.r1.bind = 127.0.0.1
a1.sources.r1.port = 0
a1.sources.r1.ack-every-event = true
a1.sources.r1.channels = c1
a1.channels.c1.type = file
a1.channels.c1.dataDirs = @DIR@/fc/data
a1.channels.c1.checkpointDir = @DIR@/fc/checkpoint
a1.sinks.k1.type = file_roll
a1.sinks.k1.channel = c1
a1.sinks.k1.sink.directory = @DIR@/out
a1.sinks.k1.sink.rollInterval = 1
a1.sinks.k1.syncInterval = 20
a1.sinks.k1.retryDelay = 20
";

/// Connections at a time.
const PEERS: u32 = 4;
/// Lines are numbered apart by connection.
const APART: u64 = 1_000_000;

/// One connection until it breaks: the number of lines it sent, and of those that were answered.
fn talk(mut peer: TcpStream, file: u32, first: u64, mut random: Random) -> (u64, u64) {
    let (mut sent, mut answered) = (0, 0);
    loop {
        let mut text = Vec::new();
        let burst = 1 + random.below(20);
        for number in first + sent..first + sent + burst {
            text.extend(line(file, number, 20 + random.below(100) as usize));
            text.push(b'\n');
        }
        // What a broken connection took along may have been read in part.
        sent += burst;
        if peer.write_all(&text).is_err() {
            return (sent, answered);
        }
        while answered < sent {
            let mut answer = [0; 3];
            if peer.read_exact(&mut answer).is_err() {
                return (sent, answered);
            }
            assert_eq!(&answer, b"OK\n");
            answered += 1;
        }
    }
}

#[test]
fn p4_what_netcat_answered_arrives_once_through_kills_and_the_rest_at_most_once() {
    let (mut random, lives) = (Random::new(9), count(8, 60));
    let mut agent = Agent::new(CONFIG);
    let (mut answered, mut sent) = (HashSet::new(), 0);
    for life in 0..lives {
        agent.start();
        let peers: Vec<TcpStream> = (0..PEERS).map(|_| agent.connect()).collect();
        let time = Duration::from_millis(50 + random.below(300));
        thread::scope(|scope| {
            let talks: Vec<_> = (0..)
                .zip(peers)
                .map(|(n, peer)| {
                    let (file, random) = (life as u32 * PEERS + n, Random::new(random.below(u64::MAX)));
                    (file, scope.spawn(move || talk(peer, file, u64::from(file) * APART, random)))
                })
                .collect();
            thread::park_timeout(time);
            agent.kill();
            for (file, talk) in talks {
                let first = u64::from(file) * APART;
                let (all, held) = talk.join().unwrap();
                answered.extend(first..first + held);
                sent += all;
            }
        });
    }
    agent.start();
    let out = agent.path("out");
    let arrived = || rolled(&out);
    until(|| {
        let lines = arrived().split(|byte| *byte == b'\n').filter(|line| !line.is_empty()).count();
        lines >= answered.len() && super::depth(&agent) == 0
    });
    agent.stop();
    let (mut seen, mut twice, mut torn) = (HashSet::new(), 0, 0);
    for line in arrived().split(|byte| *byte == b'\n').filter(|line| !line.is_empty()) {
        match parse(line) {
            Some((_, number)) if !seen.insert(number) => twice += 1,
            Some(_) => {}
            None => torn += 1,
        }
    }
    let lost = answered.difference(&seen).count();
    println!(
        "acked: {lives} kill -9, {sent} sent, {} answered, {} delivered, lost {lost}, twice {twice}, torn {torn}",
        answered.len(),
        seen.len()
    );
    assert!(!answered.is_empty() && lost + twice + torn == 0, "{}", agent.story());
}
