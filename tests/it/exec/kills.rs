//! `tail -F` through kills of what it consists of, and of the agent: what best effort (G0) comes to, in four numbers.
//!
//! What holds: each time it recovers by itself, nothing arrives out of order, a line is torn only where a kill hit its
//! write, and no process is left of a killed agent. What does not: lines are lost and repeated, as `tail` knows no place.
use std::fs::OpenOptions;
use std::io::Write;
use std::thread;
use std::time::Duration;

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;

use super::{Process, started_by};
use crate::rotation::writer::Random;
use crate::support::lines::{Counted, line};
use crate::support::{Agent, count, rolled, until};

const CONFIG: &str = "
a1.sources = r1
a1.channels = c1
a1.sinks = k1
a1.sources.r1.type = exec
a1.sources.r1.shell = /bin/sh -c
a1.sources.r1.command = tail -F @DIR@/in.log 2>/dev/null | cat
a1.sources.r1.restart = true
a1.sources.r1.restartThrottle = 20
a1.sources.r1.batchTimeout = 20
a1.sources.r1.channels = c1
a1.channels.c1.type = file
a1.channels.c1.dataDirs = @DIR@/fc/data
a1.channels.c1.checkpointDir = @DIR@/fc/checkpoint
a1.sinks.k1.type = file_roll
a1.sinks.k1.channel = c1
a1.sinks.k1.sink.directory = @DIR@/out
a1.sinks.k1.sink.rollInterval = 0
a1.sinks.k1.retryDelay = 20
a1.sinks.k1.syncInterval = 20
";

/// One run: an agent, a file that grows, and what was done.
struct Run {
    agent: Agent,
    random: Random,
    written: u64,
    orphans: usize,
}

impl Run {
    fn write(&mut self, count: u64) {
        let mut text = Vec::new();
        for number in self.written..self.written + count {
            text.extend(line(1, number, 20 + self.random.below(150) as usize));
            text.push(b'\n');
        }
        let mut file = OpenOptions::new().create(true).append(true).open(self.agent.path("in.log")).unwrap();
        file.write_all(&text).unwrap();
        self.written += count;
    }

    /// What is written now arrives: everything has recovered.
    fn arrives(&mut self) {
        self.write(5);
        let mut last = line(1, self.written - 1, 0);
        last.truncate(last.iter().rposition(|byte| *byte == b' ').unwrap());
        let out = self.agent.path("out");
        let there = || {
            let arrived = rolled(&out);
            let lines = arrived.split(|byte| *byte == b'\n');
            lines.into_iter().any(|line| line.starts_with(&last))
        };
        assert!(until(there), "line {} does not arrive\n{}", self.written - 1, self.agent.story());
    }

    /// Kills one of the command's processes: the shell, `tail`, `cat`, or the guard.
    fn kill_one(&mut self) -> bool {
        let all: Vec<Process> = started_by(&self.agent, self.agent.pid());
        let Some(victim) = all.get(self.random.below(all.len().max(1) as u64) as usize) else { return false };
        kill(Pid::from_raw(victim.pid), Signal::SIGKILL).is_ok()
    }

    fn kill_agent(&mut self) {
        let pid = self.agent.pid();
        self.agent.kill();
        // The guard needs a moment to see it.
        until(|| started_by(&self.agent, pid).is_empty());
        self.orphans += started_by(&self.agent, pid).len();
        self.agent.start();
    }
}

#[test]
fn g0_tail_recovers_from_kills_of_the_command_and_of_the_agent_and_leaves_no_process() {
    let kills = count(10, 100);
    let mut run = Run { agent: Agent::new(CONFIG), random: Random::new(5), written: 0, orphans: 0 };
    run.write(5);
    run.agent.start();
    let mut of_command = 0;
    for round in 0..kills {
        run.arrives();
        let burst = run.random.below(200);
        run.write(burst);
        thread::park_timeout(Duration::from_millis(run.random.below(40)));
        if round % 2 == 0 {
            of_command += u64::from(run.kill_one());
        } else {
            run.kill_agent();
        }
    }
    run.arrives();
    let pid = run.agent.pid();
    run.agent.stop();
    let left = started_by(&run.agent, pid);
    let counted = Counted::of(run.written, &rolled(&run.agent.path("out")));
    println!(
        "exec: {of_command} kill -9 of the command's processes, {} of the agent, {} processes left, {counted}",
        kills / 2,
        run.orphans
    );
    assert!(left.is_empty() && run.orphans == 0, "left: {left:?}, {}", run.agent.story());
    assert_eq!(of_command, kills.div_ceil(2), "{}", run.agent.story());
    let torn_by_kills = counted.torn <= 2 * kills;
    assert!(counted.disordered == 0 && torn_by_kills, "{counted}\n{}", counted.examples.join("\n"));
}
