//! One sink does the work until it fails; then the one with the next lower priority.
//!
//! A sink that failed is left out for 2 s, 4 s, 8 s … up to `maxpenalty`, then it gets the next events before the
//! active one, and is in its old place again if it takes them.
//! Differs from Flume's: penalties do not overflow (T17); a recovered sink is tried with events, never with an empty
//! channel (T18); of two sinks with the same priority both are used; sinks without one come in listed order.
//! Truth: Flume 1.11 `FailoverSinkProcessor`.
use std::time::Duration;

use crate::config::{At, Build, Field, GroupPlan, Refusal, Spec, Unit};
use crate::flow::{Kind, Processor};

const PRIORITY: Field = Field::prefix("priority.")
    .doc("`priority.SINK`: the larger comes first; sinks without one get -1, -2 … in listed order");
const MAX_PENALTY: Field = Field::int("maxpenalty", 0, i32::MAX as i64)
    .unit(Unit::Millis)
    .default("30000")
    .lenient()
    .doc("the longest that a sink that has failed is left out");

pub static SPEC: Spec = Spec {
    kind: Kind::SinkGroup,
    name: "failover",
    class: "org.apache.flume.sink.FailoverSinkProcessor",
    aliases: &[],
    summary: "one sink until it fails, then the next",
    fields: &[&[PRIORITY, MAX_PENALTY]],
    build: Build::Group(build),
};

fn build(at: &At, members: &[String]) -> Result<GroupPlan, Refusal> {
    let (priorities, remarks) = priorities(&at.under(&PRIORITY), members);
    let mut plan = GroupPlan::new(Failover::new(&priorities, at.time(&MAX_PENALTY)));
    plan.remarks = remarks;
    Ok(plan)
}

/// The members' priorities in listed order, and what was not as it was meant to be.
fn priorities(written: &[(&str, &str)], members: &[String]) -> (Vec<i32>, Vec<Refusal>) {
    let remark = |sink: &str, what: String| Refusal {
        key: Some(format!("{}{sink}", PRIORITY.key)),
        what,
        instead: None,
    };
    let strangers = written.iter().filter(|(sink, _)| !members.iter().any(|member| member == sink));
    let mut remarks: Vec<Refusal> = strangers
        .map(|(sink, _)| {
            remark(sink, format!("`{sink}` is no sink of the group, so its priority has no effect"))
        })
        .collect();
    let (mut all, mut next): (Vec<i32>, i32) = (Vec::new(), 0);
    for (index, member) in members.iter().enumerate() {
        let text = written.iter().find(|(sink, _)| sink == member).map(|(_, text)| text.trim());
        let priority = text.and_then(|text| text.parse().ok()).unwrap_or_else(|| {
            next -= 1;
            next
        });
        if let Some(text) = text.filter(|text| text.parse::<i32>().is_err()) {
            remarks.push(remark(
                member,
                format!("a priority is a whole number, not `{text}`; {priority} is used"),
            ));
        }
        if let Some(same) = all.iter().position(|known| *known == priority) {
            let what = format!(
                "`{}` and `{member}` both have priority {priority}; `{}` comes first, as it is listed first",
                members[same], members[same]
            );
            remarks.push(remark(&members[if text.is_some() { index } else { same }], what));
        }
        all.push(priority);
    }
    (all, remarks)
}

struct Failover {
    /// The place of each member by priority: 0 is the best.
    ranks: Vec<usize>,
    /// Members that are trusted, the best first.
    live: Vec<usize>,
    failed: Vec<Failed>,
    most: Duration,
}

#[derive(Debug)]
struct Failed {
    member: usize,
    failures: u32,
    until: Duration,
}

impl Failover {
    fn new(priorities: &[i32], most: Duration) -> Failover {
        let mut live: Vec<usize> = (0..priorities.len()).collect();
        // Stable: those with the same priority stay in listed order.
        live.sort_by_key(|member| std::cmp::Reverse(priorities[*member]));
        let rank =
            |member| live.iter().position(|other| *other == member).expect("all members are live at first");
        Failover { ranks: (0..priorities.len()).map(rank).collect(), live, failed: Vec::new(), most }
    }

    fn penalty(&self, failures: u32) -> Duration {
        let seconds = 1u64.checked_shl(failures).unwrap_or(u64::MAX);
        Duration::from_secs(seconds).min(self.most)
    }
}

impl Processor for Failover {
    fn order(&mut self, now: Duration) -> Vec<usize> {
        let mut due: Vec<&Failed> = self.failed.iter().filter(|failed| failed.until <= now).collect();
        due.sort_by_key(|failed| failed.until);
        due.into_iter().map(|failed| failed.member).chain(self.live.iter().copied()).collect()
    }

    fn succeeded(&mut self, member: usize) {
        let Some(at) = self.failed.iter().position(|failed| failed.member == member) else { return };
        self.failed.remove(at);
        let at = self.live.partition_point(|other| self.ranks[*other] < self.ranks[member]);
        self.live.insert(at, member);
    }

    fn failed(&mut self, member: usize, now: Duration) {
        let known = self.failed.iter().position(|failed| failed.member == member);
        let failures = known.map_or(1, |at| self.failed.remove(at).failures.saturating_add(1));
        self.live.retain(|other| *other != member);
        self.failed.push(Failed { member, failures, until: now + self.penalty(failures) });
    }

    fn out(&mut self, member: usize) {
        self.live.retain(|other| *other != member);
        self.failed.retain(|failed| failed.member != member);
    }

    fn due(&self) -> Option<Duration> {
        self.failed.iter().map(|failed| failed.until).min()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const S: fn(u64) -> Duration = Duration::from_secs;

    fn names(count: usize) -> Vec<String> {
        (1..=count).map(|number| format!("k{number}")).collect()
    }

    fn of(priorities: &[i32]) -> Failover {
        Failover::new(priorities, S(30))
    }

    #[test]
    fn the_larger_priority_comes_first_and_those_without_one_in_listed_order() {
        type Row = (&'static [(&'static str, &'static str)], [i32; 3], [usize; 3]);
        let tables: [Row; 5] = [
            (&[("k1", "5"), ("k2", "10"), ("k3", "1")], [5, 10, 1], [1, 0, 2]),
            (&[], [-1, -2, -3], [0, 1, 2]),
            (&[("k2", "0")], [-1, 0, -2], [1, 0, 2]),
            (&[("k1", "-7"), ("k2", "high"), ("k3", "")], [-7, -1, -2], [1, 2, 0]),
            (&[("k1", "5"), ("k2", "9"), ("k3", "9")], [5, 9, 9], [1, 2, 0]),
        ];
        for (written, expected, order) in tables {
            let (priorities, _) = priorities(written, &names(3));
            assert_eq!(priorities, expected, "{written:?}");
            assert_eq!(of(&priorities).order(S(0)), order, "{written:?}");
        }
    }

    #[test]
    fn what_was_not_meant_so_is_said_at_its_key() {
        let said = |written: &[(&str, &str)]| -> Vec<(String, String)> {
            let (_, remarks) = priorities(written, &names(2));
            remarks.into_iter().map(|remark| (remark.key.unwrap(), remark.what)).collect()
        };
        assert!(said(&[("k1", "5"), ("k2", "10")]).is_empty());
        let stranger = "`k9` is no sink of the group, so its priority has no effect";
        assert_eq!(said(&[("k9", "5")]), [("priority.k9".to_string(), stranger.to_string())]);
        let word = "a priority is a whole number, not `high`; -1 is used";
        assert_eq!(said(&[("k1", "high")]), [("priority.k1".to_string(), word.to_string())]);
        let same = "`k1` and `k2` both have priority 5; `k1` comes first, as it is listed first";
        assert_eq!(said(&[("k1", "5"), ("k2", "5")]), [("priority.k2".to_string(), same.to_string())]);
        let (key, what) = said(&[("k1", "-1")]).remove(0);
        assert_eq!(key, "priority.k1", "the second has no key to point at");
        assert!(what.contains("both have priority -1"), "{what}");
    }

    #[test]
    fn a_failed_sink_is_left_out_until_its_time_has_passed_and_then_comes_first() {
        let mut group = of(&[3, 2, 1]);
        group.failed(0, S(10));
        assert_eq!(group.order(S(10)), [1, 2]);
        assert_eq!(group.order(S(11)), [1, 2]);
        assert_eq!(group.order(S(12)), [0, 1, 2], "2 s later it gets events before the active one");
        group.failed(0, S(12));
        assert_eq!(group.order(S(15)), [1, 2], "the second time it is 4 s");
        assert_eq!(group.order(S(16)), [0, 1, 2]);
        group.succeeded(0);
        assert_eq!(group.order(S(16)), [0, 1, 2]);
        group.failed(0, S(20));
        assert_eq!(group.order(S(22)), [0, 1, 2], "a success forgets what was before it");
    }

    #[test]
    fn a_recovered_sink_is_in_its_old_place_again() {
        let mut group = of(&[3, 2, 1]);
        group.failed(0, S(0));
        group.failed(1, S(1));
        assert_eq!(group.order(S(1)), [2]);
        assert_eq!(group.order(S(5)), [0, 1, 2], "the one that is due sooner is tried sooner");
        group.succeeded(1);
        assert_eq!(group.order(S(5)), [0, 1, 2]);
        group.failed(0, S(5));
        assert_eq!(group.order(S(6)), [1, 2]);
        group.succeeded(1);
        assert_eq!(group.order(S(6)), [1, 2], "a success of a live one changes nothing");
    }

    #[test]
    fn with_nobody_left_it_says_when_the_first_is_due() {
        let mut group = of(&[2, 1]);
        assert_eq!(group.due(), None);
        group.failed(0, S(1));
        group.failed(1, S(2));
        assert!(group.order(S(2)).is_empty());
        assert_eq!(group.due(), Some(S(3)));
        group.out(0);
        assert_eq!(group.due(), Some(S(4)));
        assert_eq!(group.order(S(9)), [1], "who is out stands in no order");
    }

    #[test]
    fn t17_the_penalty_saturates_however_often_a_sink_fails() {
        let mut group = of(&[1]);
        let mut penalties = Vec::new();
        for _ in 0..70 {
            group.failed(0, S(0));
            penalties.push(group.due().unwrap().as_secs());
        }
        assert_eq!(&penalties[..6], [2, 4, 8, 16, 30, 30]);
        assert!(penalties[5..].iter().all(|seconds| *seconds == 30), "{penalties:?}");
        let mut unlimited = Failover::new(&[1], Duration::from_millis(i32::MAX as u64));
        (0..70).for_each(|_| unlimited.failed(0, S(0)));
        assert_eq!(unlimited.due(), Some(Duration::from_millis(i32::MAX as u64)));
    }
}
