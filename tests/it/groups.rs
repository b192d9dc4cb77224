//! Sink groups whose members go away for a while, and channels that share a source's events: under load, through
//! kill -9, nothing lost, and nothing twice where the records tell.
use std::fs;
use std::thread;
use std::time::Duration;

use crate::kills::{Blocked, append};
use crate::rotation::writer::Random;
use crate::support::{Agent, count, rolled, until};

/// A file that is followed → a file channel → a group of two directories.
const GROUP: &str = "
a1.sources = r1
a1.channels = c1
a1.sinks = k1 k2
a1.sinkgroups = g1
a1.sources.r1.type = TAILDIR
a1.sources.r1.filegroups = g
a1.sources.r1.filegroups.g = @DIR@/in/.*\\\\.log
a1.sources.r1.batchSize = 50
a1.sources.r1.channels = c1
a1.channels.c1.type = file
a1.channels.c1.dataDirs = @DIR@/fc/data
a1.channels.c1.checkpointDir = @DIR@/fc/checkpoint
a1.sinks.k1.type = file_roll
a1.sinks.k1.channel = c1
a1.sinks.k1.sink.directory = @DIR@/out1
a1.sinks.k1.sink.rollInterval = 0
a1.sinks.k1.retryDelay = 20
a1.sinks.k1.syncInterval = 30
a1.sinks.k2.type = file_roll
a1.sinks.k2.channel = c1
a1.sinks.k2.sink.directory = @DIR@/out2
a1.sinks.k2.sink.rollInterval = 0
a1.sinks.k2.retryDelay = 20
a1.sinks.k2.syncInterval = 30
a1.sinkgroups.g1.sinks = k1 k2
";

const FAILOVER: &str = "a1.sinkgroups.g1.processor.type = failover
a1.sinkgroups.g1.processor.priority.k1 = 2
a1.sinkgroups.g1.processor.priority.k2 = 1
a1.sinkgroups.g1.processor.maxpenalty = 30
";

const IN_TURN: &str = "a1.sinkgroups.g1.processor.type = load_balance
a1.sinkgroups.g1.processor.backoff = true
a1.sinkgroups.g1.processor.selector.maxTimeOut = 30
";

const EXACTLY_ONCE: &str = "a1.sinkgroups.g1.delivery = exactly-once\n";

/// An agent, a writer, and all that has arrived in its two directories.
struct Run {
    agent: Agent,
    random: Random,
    written: u32,
    blocked: Option<Blocked>,
}

impl Run {
    fn new(config: &str, seed: u64) -> Run {
        let mut agent = Agent::new(config);
        fs::create_dir(agent.path("in")).unwrap();
        agent.start();
        Run { agent, random: Random::new(seed), written: 0, blocked: None }
    }

    fn write(&mut self, count: u32) {
        let lines: String = (self.written..self.written + count).map(|n| format!("line {n}\n")).collect();
        append(&self.agent.path("in/a.log"), lines.as_bytes());
        self.written += count;
    }

    fn block(&mut self, dir: &str) {
        self.blocked = Some(Blocked::new(self.agent.path(dir)));
    }

    fn lift(&mut self) {
        self.blocked.take().into_iter().for_each(Blocked::lift);
    }

    /// Writes until more has arrived. In a directory that vanishes the open file takes some still, until a sync finds out.
    fn writes_until(&mut self, count: impl Fn(&Run) -> usize) {
        let before = count(self);
        let more = until(|| {
            self.write(50);
            count(self) > before
        });
        assert!(more, "{}", self.agent.story());
    }

    /// After a kill the group waits for both to tell what they have; what arrives then says that they did.
    fn both_have_told(&mut self) {
        self.writes_until(|run| run.lines("out1") + run.lines("out2"));
    }

    fn again(&mut self) {
        self.agent.kill();
        self.agent.start();
    }

    fn pause(&mut self) {
        thread::park_timeout(Duration::from_millis(self.random.below(60)));
    }

    /// Lines that have arrived, while more may be coming.
    fn lines(&self, dir: &str) -> usize {
        rolled(&self.agent.path(dir)).iter().filter(|byte| **byte == b'\n').count()
    }

    fn of(&self, dir: &str) -> Vec<u32> {
        let text = String::from_utf8(rolled(&self.agent.path(dir))).unwrap();
        text.lines().map(|line| line.strip_prefix("line ").expect("whole lines").parse().unwrap()).collect()
    }

    /// All that has arrived, in order of the numbers.
    fn arrived(&self) -> Vec<u32> {
        let mut all = [self.of("out1"), self.of("out2")].concat();
        all.sort_unstable();
        all
    }

    /// Waits until as much has arrived as was written, stops, and compares.
    fn ends(mut self) -> Run {
        self.lift();
        until(|| self.lines("out1") + self.lines("out2") >= self.written as usize);
        self.agent.stop();
        let (arrived, expected) = (self.arrived(), (0..self.written).collect::<Vec<_>>());
        let mut once = arrived.clone();
        once.dedup();
        let (lost, twice) = (expected.len() - once.len(), arrived.len() - once.len());
        assert_eq!((lost, twice), (0, 0), "lost, twice\n{}", self.agent.story());
        assert_eq!(arrived, expected);
        self
    }
}

/// Kills and vanished directories at any moment.
fn at_any_moment(config: &str, seed: u64) {
    let mut run = Run::new(config, seed);
    for step in 0..40 {
        if step == 20 {
            run.lift();
            run.both_have_told();
            run.block("out1");
            run.writes_until(|run| run.lines("out2"));
        }
        let lines = 20 + run.random.below(400) as u32;
        run.write(lines);
        match run.random.below(8) {
            0 => run.again(),
            1 if run.blocked.is_none() => {
                let dir = ["out1", "out2"][run.random.below(2) as usize];
                run.block(dir);
            }
            2 | 3 => run.lift(),
            _ => run.pause(),
        }
    }
    let run = run.ends();
    assert!(!run.of("out1").is_empty() && !run.of("out2").is_empty(), "{}", run.agent.story());
}

#[test]
fn d2_with_exactly_once_nothing_is_lost_or_twice_whenever_members_vanish_and_the_agent_is_killed() {
    for seed in 0..count(2, 40) {
        for processor in [FAILOVER, IN_TURN] {
            at_any_moment(&format!("{GROUP}{processor}{EXACTLY_ONCE}"), seed);
        }
    }
}

#[test]
fn a_failover_group_moves_on_and_comes_back_and_records_tell_after_a_kill() {
    for processor in [FAILOVER, IN_TURN] {
        let mut run = Run::new(&format!("{GROUP}{processor}"), 1);
        for _ in 0..3 {
            run.write(500);
            run.pause();
            run.again();
            run.both_have_told();
            run.block("out1");
            run.writes_until(|run| run.lines("out2"));
            run.lift();
            run.write(500);
            run.pause();
        }
        let run = run.ends();
        assert!(!run.of("out1").is_empty(), "{}", run.agent.story());
    }
}

#[test]
fn s3_after_a_kill_a_group_waits_only_so_long_for_a_member_that_is_away() {
    let waits = "a1.sinks.k1.reportTimeout = 100\na1.sinks.k2.reportTimeout = 100\n";
    let mut run = Run::new(&format!("{GROUP}{FAILOVER}{waits}"), 1);
    run.write(500);
    assert!(until(|| run.lines("out1") == 500), "{}", run.agent.story());
    // All of it is settled, and the settlement written, before the first member vanishes.
    run.agent.stop();
    run.block("out1");
    run.agent.start();
    run.write(500);
    assert!(until(|| run.lines("out2") == 500), "{}", run.agent.story());
    let log = run.agent.log();
    assert!(log.contains("sink `k1` goes on without knowing what its destination has"), "{log}");
    let status = run.agent.status(&[]);
    for line in
        ["sink group g1 (failover): ", "sink k1 (file_roll): waiting for events (g1)", "    failing: "]
    {
        assert!(status.contains(line), "{status}");
    }
    run.lift();
    // Before it is used again it is asked, and its own part is known.
    run.write(500);
    run.ends();
}

/// A file that is followed → two channels that share its lines → two directories.
const SHARED: &str = "
a1.sources = r1
a1.channels = c1 c2
a1.sinks = k1 k2
a1.sources.r1.type = TAILDIR
a1.sources.r1.filegroups = g
a1.sources.r1.filegroups.g = @DIR@/in/.*\\\\.log
a1.sources.r1.batchSize = 50
a1.sources.r1.channels = c1 c2
a1.sources.r1.selector.type = load_balancing
a1.channels.c1.type = memory
a1.channels.c2.type = memory
a1.sinks.k1.type = file_roll
a1.sinks.k1.channel = c1
a1.sinks.k1.sink.directory = @DIR@/out1
a1.sinks.k1.sink.rollInterval = 0
a1.sinks.k1.retryDelay = 20
a1.sinks.k2.type = file_roll
a1.sinks.k2.channel = c2
a1.sinks.k2.sink.directory = @DIR@/out2
a1.sinks.k2.sink.rollInterval = 0
a1.sinks.k2.retryDelay = 20
";

#[test]
fn p6_channels_that_share_events_get_the_same_ones_again_after_a_kill() {
    for policy in ["", "a1.sources.r1.selector.policy = random\n"] {
        let mut run = Run::new(&format!("{SHARED}{policy}"), 3);
        for _ in 0..6 {
            run.write(700);
            run.pause();
            run.again();
        }
        let run = run.ends();
        let (one, other) = (run.of("out1").len() as f64, run.of("out2").len() as f64);
        assert!((0.8..1.25).contains(&(one / other)), "{one} and {other}");
    }
}
