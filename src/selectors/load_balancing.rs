//! Each event to one channel, so that several channels share the load.
//!
//! P6: an event with a position goes where its position says, by a hash of stream and position that spreads evenly:
//! read again after a crash, it goes the same way, so `policy` makes no difference to it. By turn would not do: the
//! turns begin anew with the process, and what one channel has would be put into another.
//! An event without a position goes by turn or at random, which is safe: nothing of it is recorded but in the channel
//! that takes it, its channel is chosen once per put, for all channels at once, and a put that finds no room has put
//! nothing (P2). A peer that sends it again after a failure sends a new event, under any selector.
//! Differs from Flume's (since 1.10): `round_robin` is by position where there is one. As there, a full channel holds
//! the source back; no other one steps in. Truth: Flume 1.11 `LoadBalancingChannelSelector`.
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};

use xxhash_rust::xxh3::xxh3_64;

use crate::config::{At, Build, Field, Refusal, Spec};
use crate::event::{EventRef, StreamId};
use crate::flow::{Kind, Routes, Selector};
use crate::sys::random::random;

const RANDOM: &str = "random";
const POLICY: Field = Field::choice("policy", &["round_robin", RANDOM]).default("round_robin").doc(
    "round_robin: in turn; random: at random. An event that can be read again goes by its position in both",
);

pub static SPEC: Spec = Spec {
    kind: Kind::Selector,
    name: "load_balancing",
    class: "org.apache.flume.channel.LoadBalancingChannelSelector",
    aliases: &[],
    summary: "each event to one channel, evenly",
    fields: &[&[POLICY]],
    build: Build::Selector(build),
};

fn build(at: &At) -> Result<Box<dyn Selector>, Refusal> {
    let seed = (at.choice(&POLICY) == RANDOM).then(|| u64::from_le_bytes(random()));
    Ok(Box::new(LoadBalancing { channels: at.channels.len() as u64, seed, turn: AtomicU64::new(0) }))
}

struct LoadBalancing {
    channels: u64,
    /// Of the events without a position that go at random.
    seed: Option<u64>,
    /// Of the next event without a position.
    turn: AtomicU64,
}

/// The same in every version, as events are read again by a newer one; and in every generation of a stream.
fn spread(stream: StreamId, position: u64) -> u64 {
    let mut bytes = [0; 24];
    bytes[..16].copy_from_slice(&stream.family().to_le_bytes());
    bytes[16..].copy_from_slice(&position.to_le_bytes());
    xxh3_64(&bytes)
}

impl LoadBalancing {
    fn number(&self, event: EventRef<'_>) -> u64 {
        if let Some(stream) = event.stream() {
            return spread(stream, event.range().start);
        }
        let turn = self.turn.fetch_add(1, Relaxed);
        self.seed.map_or(turn, |seed| spread(StreamId(u128::from(seed) << 64), turn))
    }
}

impl Selector for LoadBalancing {
    fn route(&self, event: EventRef<'_>) -> Routes {
        Routes { required: 1 << (self.number(event) % self.channels), optional: 0 }
    }

    fn required(&self) -> u64 {
        (0..self.channels).fold(0, |all, index| all | 1 << index)
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;
    use crate::config::{Place, Values};
    use crate::event::{Attributes, Batch, Builder, Span, Stream};
    use crate::flow::Pulse;

    fn selector(policy: &str, channels: usize) -> Box<dyn Selector> {
        let values = Values::from([("policy".to_string(), policy.to_string())]);
        let channels: Vec<String> = (1..=channels).map(|number| format!("c{number}")).collect();
        let (pulse, place) = (Pulse::new(Kind::Source, "r1", "seq"), Place::default());
        build(&At { name: "r1", values: &values, place: &place, pulse: &pulse, channels: &channels }).unwrap()
    }

    /// Lines of `length` bytes from `from` on.
    fn lines(stream: &Arc<Stream>, from: u64, count: u64, length: u64) -> Batch {
        let mut builder = Builder::default();
        for index in 0..count {
            builder.push(b"x", from + index * length..from + (index + 1) * length);
        }
        builder.finish(Some(Span::new(stream.clone(), from, from + count * length)))
    }

    fn routes(selector: &dyn Selector, batch: &Batch) -> Vec<u64> {
        batch.events().map(|event| selector.route(event).required).collect()
    }

    #[test]
    fn p6_read_again_in_other_batches_by_another_process_every_event_goes_the_same_way() {
        let stream = Stream::mint("s", Attributes::default());
        let first = routes(&*selector("round_robin", 3), &lines(&stream, 0, 100, 10));
        let again = selector("random", 3);
        let mut parts = routes(&*again, &lines(&stream, 70, 93, 10));
        parts.truncate(93);
        assert_eq!(parts, first[7..]);
        let renewed = Stream::of(stream.id.renewed(), "s".into(), Attributes::default());
        assert_eq!(routes(&*again, &lines(&renewed, 0, 100, 10)), first);
    }

    #[test]
    fn p6_the_way_of_a_position_never_changes() {
        let ways = [0, 1, 100, u64::MAX].map(|position| spread(StreamId(7 << 32), position) % 1000);
        assert_eq!(ways, [45, 156, 807, 260]);
    }

    #[test]
    fn positions_spread_evenly_whatever_the_length_of_the_records() {
        for (channels, length) in [(2, 1), (2, 2), (2, 100), (3, 3), (4, 64), (5, 1000)] {
            let selector = selector("round_robin", channels);
            let stream = Stream::mint("s", Attributes::default());
            let routes = routes(&*selector, &lines(&stream, 0, 6000, length));
            let expected = 6000 / channels;
            for channel in 0..channels {
                let count = routes.iter().filter(|route| **route == 1 << channel).count();
                let even = expected * 9 / 10..expected * 11 / 10;
                assert!(even.contains(&count), "{count} of 6000 by {channels}, records of {length}");
            }
        }
    }

    #[test]
    fn without_positions_events_go_in_turn_or_at_random() {
        let mut builder = Builder::default();
        (0..6000).for_each(|_| _ = builder.push(b"x", 0..0));
        let batch = builder.finish(None);
        let turns = routes(&*selector("ROUND_ROBIN", 3), &batch);
        assert_eq!(turns[..7], [1, 2, 4, 1, 2, 4, 1]);
        let random = routes(&*selector("random", 3), &batch);
        assert_ne!(random, turns);
        for channel in [1, 2, 4] {
            let count = random.iter().filter(|route| **route == channel).count();
            assert!((1800..2200).contains(&count), "{count}");
        }
    }

    #[test]
    fn every_channel_is_required() {
        assert_eq!(selector("random", 3).required(), 0b111);
        assert!(selector("random", 3).constant().is_none());
    }
}
