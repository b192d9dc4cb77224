//! Takes headers away: one, those of a list, or those whose whole name a pattern matches.
//!
//! A name on which the pattern takes too long stays. Truth: Flume 1.11 `RemoveHeaderInterceptor`.
use std::collections::HashMap;

use super::left::LeftAsIs;
use crate::codec::java_regex::{self, Pattern};
use crate::config::{At, Build, Field, Refusal, Spec};
use crate::event::Batch;
use crate::flow::{Interceptor, Kind};

const NAME: Field = Field::text("withName").doc("a header to take away");
const LIST: Field = Field::text("fromList").doc("names of headers to take away");
const SEPARATOR: Field = Field::regex("fromListSeparator")
    .lint(java_regex::lint)
    .default(r"\s*,\s*")
    .doc("stands between those names");
const MATCHING: Field =
    Field::regex("matching").lint(java_regex::lint).doc("headers to take away, by their whole names");

pub static SPEC: Spec = Spec {
    kind: Kind::Interceptor,
    name: "remove_header",
    class: "org.apache.flume.interceptor.RemoveHeaderInterceptor$Builder",
    aliases: &["org.apache.flume.interceptor.RemoveHeaderInterceptor"],
    summary: "takes headers away",
    fields: &[&[NAME, LIST, SEPARATOR, MATCHING]],
    build: Build::Interceptor(build),
};

/// Verdicts that are kept; names of headers are few, unless somebody makes them up.
const MOST_NAMES: usize = 1000;

fn build(at: &At) -> Result<Box<dyn Interceptor>, Refusal> {
    let mut names: Vec<String> = at.opt(&NAME).map(str::to_string).into_iter().collect();
    if let Some(list) = at.opt(&LIST) {
        let refuse = |what: String| Refusal::at(&SEPARATOR, what);
        let separator = java_regex::find(at.text(&SEPARATOR)).map_err(refuse)?;
        let more = separator.split(list).map_err(|gave_up| refuse(gave_up.to_string()))?;
        names.extend(more.into_iter().map(str::to_string));
    }
    let matching = at.opt(&MATCHING).map(java_regex::full_match).transpose();
    let matching = matching.map_err(|what| Refusal::at(&MATCHING, what))?;
    Ok(Box::new(RemoveHeader { names, matching, verdicts: HashMap::new(), left: LeftAsIs::new(at) }))
}

struct RemoveHeader {
    names: Vec<String>,
    matching: Option<Pattern>,
    /// What the pattern says of names seen before.
    verdicts: HashMap<String, bool>,
    left: LeftAsIs,
}

impl RemoveHeader {
    fn goes(&mut self, name: &str) -> bool {
        let Some(pattern) = self.matching.as_ref().filter(|_| !self.names.iter().any(|known| known == name))
        else {
            return self.names.iter().any(|known| known == name);
        };
        if let Some(verdict) = self.verdicts.get(name) {
            return *verdict;
        }
        let verdict = self.left.or(pattern.matches(name.as_bytes()), false);
        if self.verdicts.len() >= MOST_NAMES {
            self.verdicts.clear();
        }
        self.verdicts.insert(name.to_string(), verdict);
        verdict
    }
}

impl Interceptor for RemoveHeader {
    fn apply(&mut self, batch: &mut Batch) {
        batch.remove_headers(|name| self.goes(name));
    }
}

#[cfg(test)]
mod tests {
    use super::super::left::tests::working;
    use super::*;
    use crate::event::{Builder, Headers};

    fn left(keys: &[(&str, &str)]) -> String {
        let shared: Headers = [("file", "f"), ("keep", "k")].into_iter().collect();
        let mut batch = Builder::shared(shared).push(b"a", 0..0).header("own", "o").finish(None);
        working(&SPEC, keys).0.apply(&mut batch);
        batch.event(0).headers().iter().map(|(name, _)| format!("{name} ")).collect()
    }

    #[test]
    fn headers_go_by_name_by_list_and_by_pattern() {
        assert_eq!(left(&[]), "file keep own ");
        assert_eq!(left(&[("withName", "own")]), "file keep ");
        assert_eq!(left(&[("fromList", "file , own,none")]), "keep ");
        assert_eq!(left(&[("fromList", "file;own"), ("fromListSeparator", ";")]), "keep ");
        assert_eq!(left(&[("matching", "(?i)F.*|o")]), "keep own ", "the whole name");
        assert_eq!(left(&[("matching", "f.*"), ("withName", "own")]), "keep ");
    }
}
