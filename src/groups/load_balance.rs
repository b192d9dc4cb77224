//! Hands batches to its sinks in turn or at random; the next one is tried where one fails.
//!
//! With `backoff` a sink that failed is left out for 2 s, 4 s, 8 s … up to `selector.maxTimeOut`. As in Flume a success
//! does not take that back: only an hour without a failure does. Order is not kept over several sinks.
//! Differs from Flume's: `random` with every sink left out waits for the first that is due (T17).
//! Truth: Flume 1.11 `LoadBalancingSinkProcessor`, `OrderSelector`, `RoundRobinOrderSelector`, `RandomOrderSelector`.
use std::time::Duration;

use crate::config::{At, Build, Field, GroupPlan, Refusal, Spec, Unit};
use crate::flow::{Kind, Processor};
use crate::sys::random::random;

const SELECTOR: Field = Field::text("selector")
    .default("round_robin")
    .doc("round_robin: in turn; random: in another order for each batch");
const BACKOFF: Field =
    Field::flag("backoff").default("false").doc("leave a sink out for a while after it has failed");
const MAX_TIMEOUT: Field = Field::int("selector.maxTimeOut", 0, i64::MAX)
    .unit(Unit::Millis)
    .default("30000")
    .lenient()
    .doc("the longest that a sink is left out with `backoff`; 0 means 30000");
const SINKS: Field = Field::names("sinks")
    .ignored("Flume's guide shows it here; a group names its sinks in `sinkgroups.NAME.sinks`")
    .doc("its sinks");

/// Failures within the last time-out and this count as one series.
const SERIES: Duration = Duration::from_secs(3600);
/// The time-out stops growing after so many failures, whatever its limit.
const DOUBLINGS: u32 = 16;

pub static SPEC: Spec = Spec {
    kind: Kind::SinkGroup,
    name: "load_balance",
    class: "org.apache.flume.sink.LoadBalancingSinkProcessor",
    aliases: &[],
    summary: "batches to its sinks in turn, or at random",
    fields: &[&[SELECTOR, BACKOFF, MAX_TIMEOUT, SINKS]],
    build: Build::Group(build),
};

fn build(at: &At, members: &[String]) -> Result<GroupPlan, Refusal> {
    let pick = match at.text(&SELECTOR).to_ascii_lowercase().as_str() {
        "round_robin" => Pick::InTurn { head: 0 },
        "random" => Pick::AtRandom { state: u64::from_le_bytes(random()) },
        _ => {
            let what =
                format!("selector `{}` is not known, and Java plug-ins cannot be loaded", at.text(&SELECTOR));
            return Err(Refusal::at(&SELECTOR, what).instead("use `round_robin` or `random`"));
        }
    };
    let most = at.time(&MAX_TIMEOUT);
    let most = if most.is_zero() { Duration::from_secs(30) } else { most };
    let mut plan = GroupPlan::new(LoadBalance::new(members.len(), pick, at.flag(&BACKOFF).then_some(most)));
    plan.keeps_order = members.len() < 2;
    if members.len() < 2 {
        let what = "it has one sink, so there is nothing to balance".to_string();
        plan.remarks.push(Refusal { key: None, what, instead: None });
    }
    if at.is_set(&MAX_TIMEOUT) && !at.flag(&BACKOFF) {
        let what = "it has no effect without `backoff = true`".to_string();
        plan.remarks.push(Refusal::at(&MAX_TIMEOUT, what));
    }
    Ok(plan)
}

/// Where the order of a lease begins.
#[derive(Debug)]
enum Pick {
    InTurn { head: usize },
    AtRandom { state: u64 },
}

#[derive(Clone, Debug, Default)]
struct Member {
    out: bool,
    /// In the present series.
    failures: u32,
    last: Option<Duration>,
    until: Duration,
}

struct LoadBalance {
    members: Vec<Member>,
    pick: Pick,
    /// The longest time-out; `None`: nobody is left out.
    backoff: Option<Duration>,
}

impl LoadBalance {
    fn new(count: usize, pick: Pick, backoff: Option<Duration>) -> LoadBalance {
        LoadBalance { members: vec![Member::default(); count], pick, backoff }
    }
}

fn time_out(failures: u32, most: Duration) -> Duration {
    Duration::from_secs(1 << failures.min(DOUBLINGS)).min(most)
}

impl Pick {
    fn arrange(&mut self, members: &mut [usize]) {
        match self {
            _ if members.is_empty() => {}
            Pick::InTurn { head } => {
                // There may be fewer than at the last time.
                let begin = if *head < members.len() { *head } else { 0 };
                members.rotate_left(begin);
                *head = (begin + 1) % members.len();
            }
            Pick::AtRandom { state } => {
                for last in (1..members.len()).rev() {
                    members.swap(last, (draw(state) % (last as u64 + 1)) as usize);
                }
            }
        }
    }
}

/// Truth: Steele, Lea and Flood, "Fast splittable pseudorandom number generators" (SplitMix64).
fn draw(state: &mut u64) -> u64 {
    *state = state.wrapping_add(0x9e37_79b9_7f4a_7c15);
    let mixed = (*state ^ (*state >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    mixed ^ (mixed >> 31)
}

impl Processor for LoadBalance {
    fn order(&mut self, now: Duration) -> Vec<usize> {
        let eligible =
            self.members.iter().enumerate().filter(|(_, member)| !member.out && member.until <= now);
        let mut order: Vec<usize> = eligible.map(|(index, _)| index).collect();
        self.pick.arrange(&mut order);
        order
    }

    fn succeeded(&mut self, _member: usize) {}

    fn failed(&mut self, member: usize, now: Duration) {
        let Some(most) = self.backoff else { return };
        let member = &mut self.members[member];
        let series = time_out(member.failures, most) + SERIES;
        let goes_on = member.last.is_some_and(|last| now.saturating_sub(last) < series);
        member.failures = if goes_on { (member.failures + 1).min(DOUBLINGS) } else { 1 };
        member.last = Some(now);
        member.until = now + time_out(member.failures, most);
    }

    fn out(&mut self, member: usize) {
        self.members[member].out = true;
    }

    fn due(&self) -> Option<Duration> {
        self.members.iter().filter(|member| !member.out).map(|member| member.until).min()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::{Place, Values};
    use crate::flow::Pulse;

    const S: fn(u64) -> Duration = Duration::from_secs;

    fn in_turn(count: usize, backoff: Option<Duration>) -> LoadBalance {
        LoadBalance::new(count, Pick::InTurn { head: 0 }, backoff)
    }

    fn built(written: &[(&str, &str)], members: &[&str]) -> Result<GroupPlan, Refusal> {
        let values: Values = written.iter().map(|(k, v)| (k.to_string(), v.to_string())).collect();
        let (place, pulse) = (Place::default(), Pulse::new(Kind::SinkGroup, "g1", "load_balance"));
        let at = At { name: "g1", values: &values, place: &place, pulse: &pulse, channels: &[] };
        build(&at, &members.iter().map(|name| name.to_string()).collect::<Vec<_>>())
    }

    #[test]
    fn the_head_moves_on_by_one_with_every_lease_also_after_a_failure() {
        let mut group = in_turn(3, None);
        assert_eq!(group.order(S(0)), [0, 1, 2]);
        assert_eq!(group.order(S(0)), [1, 2, 0]);
        group.failed(1, S(0));
        assert_eq!(group.order(S(0)), [2, 0, 1], "without back-off nobody is left out");
        assert_eq!(group.order(S(0)), [0, 1, 2]);
    }

    #[test]
    fn with_backoff_a_failed_sink_is_left_out_longer_each_time() {
        let mut group = in_turn(2, Some(S(30)));
        let mut now = S(100);
        for seconds in [2, 4, 8, 16, 30, 30] {
            group.failed(0, now);
            assert_eq!(group.order(now), [1]);
            now += S(seconds) - Duration::from_millis(1);
            assert_eq!(group.order(now), [1], "{seconds} s");
            now += Duration::from_millis(1);
            assert_eq!(group.order(now).len(), 2, "{seconds} s");
        }
        group.succeeded(0);
        group.failed(0, now);
        assert_eq!(group.members[0].until, now + S(30), "a success takes nothing back");
        now += S(30) + SERIES;
        group.failed(0, now);
        assert_eq!(group.members[0].until, now + S(2), "an hour without failure does");
    }

    #[test]
    fn the_rotation_goes_on_where_there_are_fewer() {
        let mut group = in_turn(3, Some(S(30)));
        group.order(S(0));
        group.order(S(0));
        group.failed(2, S(0));
        assert_eq!(group.order(S(0)), [0, 1]);
        assert_eq!(group.order(S(0)), [1, 0]);
        group.out(0);
        assert_eq!(group.order(S(0)), [1]);
        assert_eq!(group.order(S(2)), [1, 2], "its time has passed");
    }

    #[test]
    fn t17_at_random_with_everybody_left_out_it_says_when_the_first_is_due() {
        let mut group = LoadBalance::new(2, Pick::AtRandom { state: 7 }, Some(S(30)));
        group.failed(0, S(1));
        group.failed(1, S(2));
        assert!(group.order(S(2)).is_empty());
        assert_eq!(group.due(), Some(S(3)));
        group.out(0);
        assert_eq!(group.due(), Some(S(4)));
    }

    #[test]
    fn at_random_every_sink_is_first_about_as_often() {
        let mut group = LoadBalance::new(4, Pick::AtRandom { state: 7 }, None);
        let mut first = [0; 4];
        for _ in 0..4000 {
            let mut order = group.order(S(0));
            first[order[0]] += 1;
            order.sort_unstable();
            assert_eq!(order, [0, 1, 2, 3]);
        }
        assert!(first.iter().all(|count| (900..1100).contains(count)), "{first:?}");
    }

    #[test]
    fn the_time_out_saturates_however_often_a_sink_fails() {
        let mut group = in_turn(1, Some(Duration::MAX / 4));
        (0..100).for_each(|_| group.failed(0, S(0)));
        assert_eq!(group.members[0].until, S(1 << 16));
    }

    #[test]
    fn a_selector_of_somebodys_own_is_refused_by_name() {
        let refusal = built(&[("selector", "com.x.Mine")], &["k1", "k2"]).err().unwrap();
        assert_eq!(refusal.key.as_deref(), Some("selector"));
        assert_eq!(refusal.what, "selector `com.x.Mine` is not known, and Java plug-ins cannot be loaded");
        assert!(built(&[("selector", "ROUND_ROBIN")], &["k1", "k2"]).is_ok());
    }

    #[test]
    fn what_has_no_effect_is_said() {
        let remarks =
            |written: &[(&str, &str)], members: &[&str]| built(written, members).unwrap().remarks.len();
        assert_eq!(remarks(&[("backoff", "true"), ("selector.maxTimeOut", "10000")], &["k1", "k2"]), 0);
        assert_eq!(remarks(&[("selector.maxTimeOut", "10000")], &["k1", "k2"]), 1);
        assert_eq!(remarks(&[], &["k1"]), 1);
        assert!(!built(&[], &["k1", "k2"]).unwrap().keeps_order);
    }
}
