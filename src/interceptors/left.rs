//! Events that an interceptor can make nothing of: they pass as they are, are counted, and the first is told of.
use std::fmt::Display;
use std::sync::Arc;

use crate::config::At;
use crate::flow::{Counter, Pulse};

/// Counts them for one interceptor.
#[derive(Debug)]
pub struct LeftAsIs {
    name: String,
    pulse: Arc<Pulse>,
    told: bool,
}

impl LeftAsIs {
    pub fn new(at: &At<'_>) -> LeftAsIs {
        LeftAsIs { name: at.name.into(), pulse: at.pulse.clone(), told: false }
    }

    /// One more, and why.
    pub fn one(&mut self, why: impl Display) {
        self.pulse.add(Counter::LeftAsIs, 1);
        if !std::mem::replace(&mut self.told, true) {
            let (owner, name) = (&*self.pulse.name, &self.name);
            log::warn!(component = owner; "interceptor `{name}` leaves an event of `{owner}` as it is: {why}; further ones are counted only (left_as_is_total)");
        }
    }

    /// The outcome of a match; `left`, where the pattern takes too long.
    pub fn or<T>(&mut self, outcome: Result<T, impl Display>, left: T) -> T {
        outcome.unwrap_or_else(|why| {
            self.one(why);
            left
        })
    }
}

#[cfg(test)]
pub mod tests {
    use super::*;
    use crate::config::{Build, Refusal, Spec, Values};
    use crate::flow::{Interceptor, Kind};

    /// An interceptor built from keys, and the pulse it counts on.
    pub fn built(spec: &Spec, keys: &[(&str, &str)]) -> (Result<Box<dyn Interceptor>, Refusal>, Arc<Pulse>) {
        let values: Values = keys.iter().map(|(key, value)| (key.to_string(), value.to_string())).collect();
        let pulse = Pulse::new(Kind::Source, "r1", "seq");
        let Build::Interceptor(build) = spec.build else { panic!("{spec:?} is no interceptor") };
        let place = Default::default();
        (build(&At { name: "i1", values: &values, place: &place, pulse: &pulse, channels: &[] }), pulse)
    }

    /// The same, where the keys are right.
    pub fn working(spec: &Spec, keys: &[(&str, &str)]) -> (Box<dyn Interceptor>, Arc<Pulse>) {
        let (built, pulse) = built(spec, keys);
        (built.unwrap_or_else(|refusal| panic!("{refusal:?}")), pulse)
    }

    /// What is wrong with the keys.
    pub fn refused(spec: &Spec, keys: &[(&str, &str)]) -> String {
        built(spec, keys).0.err().expect("the keys are refused").what
    }

    #[test]
    fn what_was_left_is_counted() {
        let pulse = Pulse::new(Kind::Source, "r1", "seq");
        let mut left = LeftAsIs { name: "i1".into(), pulse: pulse.clone(), told: false };
        left.one("a");
        assert!(!left.or(Err("b"), false) && left.or(Ok::<_, &str>(true), false));
        assert_eq!(pulse.get(Counter::LeftAsIs), 2);
    }
}
