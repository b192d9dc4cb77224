//! The processor of a lone sink: everything goes to it.
//!
//! Differs from Flume's: it is what a group of one sink has without `processor.type`, where Flume removes the group
//! with its sink (T15). Truth: Flume 1.11 `DefaultSinkProcessor`, which takes exactly one sink.
use std::time::Duration;

use crate::config::{At, Build, GroupPlan, Refusal, Spec};
use crate::flow::{Kind, Processor};

pub static SPEC: Spec = Spec {
    kind: Kind::SinkGroup,
    name: "default",
    class: "org.apache.flume.sink.DefaultSinkProcessor",
    aliases: &[],
    summary: "hands everything to its only sink",
    fields: &[],
    build: Build::Group(build),
};

fn build(_: &At, members: &[String]) -> Result<GroupPlan, Refusal> {
    if let [_, _, ..] = members {
        let what = format!("it drives one sink, and the group has {}", members.len());
        let instead = "set `processor.type` to `failover` (one sink until it fails) or `load_balance` (all in turn); \
                       sinks that stand in no group run side by side";
        return Err(Refusal { key: None, what, instead: Some(instead.to_string()) });
    }
    Ok(GroupPlan::new(Only::default()))
}

/// Hands everything to member 0.
#[derive(Debug, Default)]
pub struct Only {
    out: bool,
}

impl Processor for Only {
    fn order(&mut self, _now: Duration) -> Vec<usize> {
        if self.out { Vec::new() } else { vec![0] }
    }

    fn succeeded(&mut self, _member: usize) {}

    fn failed(&mut self, _member: usize, _now: Duration) {}

    fn out(&mut self, _member: usize) {
        self.out = true;
    }

    fn due(&self) -> Option<Duration> {
        None
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::{Place, Values};
    use crate::flow::Pulse;

    fn refused(members: &[&str]) -> Option<Refusal> {
        let (values, place, pulse) =
            (Values::new(), Place::default(), Pulse::new(Kind::SinkGroup, "g1", "default"));
        let at = At { name: "g1", values: &values, place: &place, pulse: &pulse, channels: &[] };
        let members: Vec<String> = members.iter().map(|name| name.to_string()).collect();
        build(&at, &members).err()
    }

    #[test]
    fn t15_with_more_sinks_than_one_it_says_what_to_write() {
        assert_eq!(refused(&["k1"]), None);
        let refusal = refused(&["k1", "k2"]).unwrap();
        assert_eq!(refusal.what, "it drives one sink, and the group has 2");
        assert!(refusal.instead.unwrap().contains("`failover`"));
    }

    #[test]
    fn a_lone_sink_is_tried_whatever_has_failed() {
        let mut only = Only::default();
        only.failed(0, Duration::ZERO);
        assert_eq!(only.order(Duration::ZERO), [0]);
        only.out(0);
        assert!(only.order(Duration::ZERO).is_empty());
    }
}
