//! Every event goes to every channel; those named `optional` get it where they have room.
//!
//! Differs from Flume's: an optional name that is no channel of the source is refused at load, where Flume fails at
//! every event. Truth: Flume 1.11 `ReplicatingChannelSelector`.
use super::names::bits;
use crate::config::{At, Build, Field, Refusal, Spec};
use crate::event::EventRef;
use crate::flow::{Kind, Routes, Selector};

const OPTIONAL: Field = Field::names("optional").doc("channels that may miss events when they are full");

pub static SPEC: Spec = Spec {
    kind: Kind::Selector,
    name: "replicating",
    class: "org.apache.flume.channel.ReplicatingChannelSelector",
    aliases: &[],
    summary: "every event to every channel",
    fields: &[&[OPTIONAL]],
    build: Build::Selector(build),
};

fn build(at: &At) -> Result<Box<dyn Selector>, Refusal> {
    let optional = bits(&at.names(&OPTIONAL).join(" "), at.channels, OPTIONAL.key)?;
    let all = at.channels.iter().enumerate().fold(0, |all, (index, _)| all | 1 << index);
    Ok(Box::new(Replicating(Routes { required: all & !optional, optional })))
}

struct Replicating(Routes);

impl Selector for Replicating {
    fn route(&self, _event: EventRef<'_>) -> Routes {
        self.0
    }

    fn constant(&self) -> Option<Routes> {
        Some(self.0)
    }

    fn required(&self) -> u64 {
        self.0.required
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::{Place, Values};
    use crate::flow::Pulse;

    fn selector(optional: &str) -> Result<Box<dyn Selector>, Refusal> {
        let values = Values::from([("optional".to_string(), optional.to_string())]);
        let channels = ["c1".to_string(), "c2".into(), "c3".into()];
        let (pulse, place) = (Pulse::new(Kind::Source, "r1", "seq"), Place::default());
        build(&At { name: "r1", values: &values, place: &place, pulse: &pulse, channels: &channels })
    }

    #[test]
    fn optional_channels_are_not_required() {
        let routes = |optional| selector(optional).unwrap().constant().unwrap();
        assert_eq!(routes(""), Routes { required: 0b111, optional: 0 });
        assert_eq!(routes("c3 c1"), Routes { required: 0b010, optional: 0b101 });
        assert_eq!(selector("c1 c2 c3").unwrap().required(), 0);
        assert!(selector("c4").is_err());
    }
}
