//! Chooses channels by the value of one header.
//!
//! A value that is mapped goes to its channels; one that is not, an empty and a missing one go to `default`, and without
//! a default nowhere, which is counted. `optional.VALUE` adds channels that get the event where they have room.
//! Differs from Flume's: lists may be separated by any white space. Truth: Flume 1.11 `MultiplexingChannelSelector`.
use std::collections::HashMap;

use super::names::bits;
use crate::config::{At, Build, Field, Refusal, Spec};
use crate::event::EventRef;
use crate::flow::{Kind, Routes, Selector};

const HEADER: Field = Field::text("header").default("flume.selector.header").doc("the header that decides");
const MAPPING: Field = Field::prefix("mapping.").doc("channels for exactly this value");
const DEFAULT: Field =
    Field::names("default").doc("channels for all other events; without it they are discarded, and counted");
const OPTIONAL: Field = Field::prefix("optional.").doc("more channels for this value, where they have room");

pub static SPEC: Spec = Spec {
    kind: Kind::Selector,
    name: "multiplexing",
    class: "org.apache.flume.channel.MultiplexingChannelSelector",
    aliases: &[],
    summary: "chooses channels by the value of one header",
    fields: &[&[HEADER, MAPPING, DEFAULT, OPTIONAL]],
    build: Build::Selector(build),
};

fn build(at: &At) -> Result<Box<dyn Selector>, Refusal> {
    let lists = |field: &Field| -> Result<HashMap<Box<str>, u64>, Refusal> {
        let list = |(value, list): (&str, &str)| {
            Ok((value.into(), bits(list, at.channels, &format!("{}{value}", field.key))?))
        };
        at.under(field).into_iter().map(list).collect()
    };
    let (mapping, extra) = (lists(&MAPPING)?, lists(&OPTIONAL)?);
    let default = bits(&at.names(&DEFAULT).join(" "), at.channels, DEFAULT.key)?;
    Ok(Box::new(Multiplexing::new(at.text(&HEADER), mapping, default, extra)))
}

struct Multiplexing {
    header: String,
    /// Values that are mapped, or have optional channels.
    routes: HashMap<Box<str>, Routes>,
    default: Routes,
}

impl Multiplexing {
    fn new(
        header: &str,
        mapping: HashMap<Box<str>, u64>,
        default: u64,
        extra: HashMap<Box<str>, u64>,
    ) -> Multiplexing {
        let mut routes: HashMap<Box<str>, Routes> =
            mapping.into_iter().map(|(value, required)| (value, Routes { required, optional: 0 })).collect();
        let default = Routes { required: default, optional: 0 };
        for (value, optional) in extra {
            let route = routes.entry(value).or_insert(default);
            // A channel that must have the event needs no second chance.
            route.optional = optional & !route.required;
        }
        Multiplexing { header: header.into(), routes, default }
    }
}

impl Selector for Multiplexing {
    fn route(&self, event: EventRef<'_>) -> Routes {
        let value = event.header(&self.header).filter(|value| !value.trim().is_empty());
        value.and_then(|value| self.routes.get(value)).copied().unwrap_or(self.default)
    }

    fn required(&self) -> u64 {
        self.routes.values().fold(self.default.required, |all, routes| all | routes.required)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::{Place, Values};
    use crate::event::Builder;
    use crate::flow::Pulse;

    fn selector(written: &[(&str, &str)]) -> Result<Box<dyn Selector>, Refusal> {
        let values: Values = written.iter().map(|(k, v)| (k.to_string(), v.to_string())).collect();
        let channels = ["c1".to_string(), "c2".into(), "c3".into()];
        let pulse = Pulse::new(Kind::Source, "r1", "seq");
        let place = Place::default();
        build(&At { name: "r1", values: &values, place: &place, pulse: &pulse, channels: &channels })
    }

    fn route(selector: &dyn Selector, value: Option<&str>) -> (u64, u64) {
        let mut builder = Builder::default();
        builder.push(b"x", 0..0);
        value.into_iter().for_each(|value| {
            builder.header("state", value);
        });
        let batch = builder.finish(None);
        let routes = selector.route(batch.event(0));
        (routes.required, routes.optional)
    }

    #[test]
    fn the_value_of_the_header_decides() {
        let selector = selector(&[
            ("header", "state"),
            ("mapping.CZ", "c1"),
            ("mapping.New York", "c1 \t c2"),
            ("optional.CZ", "c1 c3"),
            ("optional.XX", "c3 c2"),
            ("default", "c2"),
        ]);
        let selector = selector.unwrap();
        assert_eq!(route(&*selector, Some("CZ")), (0b001, 0b100), "what is required is not optional too");
        assert_eq!(route(&*selector, Some("New York")), (0b011, 0));
        assert_eq!(
            route(&*selector, Some("XX")),
            (0b010, 0b100),
            "not mapped: the default, and the optional"
        );
        for other in [None, Some(""), Some(" "), Some("cz"), Some("CZ ")] {
            assert_eq!(route(&*selector, other), (0b010, 0), "{other:?}");
        }
        assert_eq!(selector.required(), 0b011);
        assert!(selector.constant().is_none());
    }

    #[test]
    fn t8_without_a_default_other_events_go_nowhere() {
        let selector = selector(&[("header", "state"), ("mapping.CZ", "c1")]).unwrap();
        assert_eq!(route(&*selector, Some("XX")), (0, 0));
    }

    #[test]
    fn a_channel_that_is_not_the_sources_is_refused_at_its_key() {
        let refused = selector(&[("mapping.CZ", "c1 c9")]).err().unwrap();
        assert_eq!(refused.key.as_deref(), Some("mapping.CZ"));
        assert_eq!(refused.what, "channel `c9` is not one of the source's channels");
        assert_eq!(refused.instead.as_deref(), Some("one of: c1 c2 c3"));
    }
}
