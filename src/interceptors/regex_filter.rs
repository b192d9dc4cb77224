//! Keeps the events whose body a pattern is found in, or drops them.
//!
//! Bodies are read as UTF-8 (Flume: the platform's charset). An event on which the pattern takes too long stays.
//! Truth: Flume 1.11 `RegexFilteringInterceptor`.
use super::left::LeftAsIs;
use crate::codec::java_regex::{self, Pattern};
use crate::config::{At, Build, Field, Refusal, Spec};
use crate::event::Batch;
use crate::flow::{Interceptor, Kind};

const REGEX: Field =
    Field::regex("regex").lint(java_regex::lint).default(".*").doc("looked for anywhere in the body");
const EXCLUDE: Field =
    Field::flag("excludeEvents").default("false").doc("false: events that match stay; true: they go");

pub static SPEC: Spec = Spec {
    kind: Kind::Interceptor,
    name: "regex_filter",
    class: "org.apache.flume.interceptor.RegexFilteringInterceptor$Builder",
    aliases: &["org.apache.flume.interceptor.RegexFilteringInterceptor"],
    summary: "keeps or drops events whose body matches",
    fields: &[&[REGEX, EXCLUDE]],
    build: Build::Interceptor(build),
};

fn build(at: &At) -> Result<Box<dyn Interceptor>, Refusal> {
    let pattern = java_regex::find(at.text(&REGEX)).map_err(|what| Refusal::at(&REGEX, what))?;
    Ok(Box::new(RegexFilter { pattern, exclude: at.flag(&EXCLUDE), left: LeftAsIs::new(at) }))
}

struct RegexFilter {
    pattern: Pattern,
    exclude: bool,
    left: LeftAsIs,
}

impl Interceptor for RegexFilter {
    fn apply(&mut self, batch: &mut Batch) {
        let RegexFilter { pattern, exclude, left } = self;
        batch.retain(|event| {
            let stays = pattern.matches(event.body()).map(|matches| matches != *exclude);
            left.or(stays, true)
        });
    }
}

#[cfg(test)]
mod tests {
    use super::super::left::tests::working;
    use super::*;
    use crate::event::Builder;
    use crate::flow::Counter;

    fn left(regex: &str, exclude: &str) -> Vec<String> {
        let mut batch = Builder::default();
        batch.push(b"an ERROR", 0..0).push(b"a warning\r", 0..0).push(b"", 0..0).push(b"\xff", 0..0);
        let mut batch = batch.finish(None);
        working(&SPEC, &[("regex", regex), ("excludeEvents", exclude)]).0.apply(&mut batch);
        batch.events().map(|e| String::from_utf8_lossy(e.body()).into_owned()).collect()
    }

    #[test]
    fn matching_events_stay_or_go() {
        assert_eq!(left("ERROR", "false"), ["an ERROR"]);
        assert_eq!(left("ERROR", "true"), ["a warning\r", "", "\u{fffd}"]);
        assert_eq!(left("warning$", "false"), ["a warning\r"], "`$` is before a last line end too");
        assert_eq!(left(".*", "false").len(), 4);
        assert_eq!(left("^$", "true").len(), 3);
        assert_eq!(left("a(?=r)", "false"), ["a warning\r"]);
    }

    #[test]
    fn an_event_that_takes_too_long_stays_and_is_counted() {
        let (mut filter, pulse) = working(&SPEC, &[("regex", r"^(a|aa)+(?=b)$")]);
        let mut batch = Builder::default().push("a".repeat(200).as_bytes(), 0..0).finish(None);
        filter.apply(&mut batch);
        assert_eq!((batch.len(), pulse.get(Counter::LeftAsIs)), (1, 1));
    }
}
