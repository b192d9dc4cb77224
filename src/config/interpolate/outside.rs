//! What references name that is in no agent file.
use std::path::PathBuf;

use super::Run;
use crate::config::dates;
use crate::config::filters::{Answer, is_of_agent, scope};
use crate::diag::Diagnostic;

impl Run<'_> {
    /// A value from outside is a secret.
    pub(super) fn outside(&mut self, value: Option<String>) -> Option<String> {
        if let Some(value) = &value {
            self.found.secret = true;
            self.report.keep_secret(value);
        }
        value
    }

    pub(super) fn credential(&mut self, name: &str, default: Option<&str>) -> Option<String> {
        let Some(dir) = self.lookup.env.get("CREDENTIALS_DIRECTORY") else {
            if default.is_some() {
                return default.map(str::to_string);
            }
            let what = format!("cannot read credential `{name}`: the service was given none");
            let hint = format!("add `LoadCredential={name}:PATH` to the unit, or set CREDENTIALS_DIRECTORY");
            self.tell(Diagnostic::error("missing-credential", what).at(self.entry.value.span).hint(hint));
            return None;
        };
        self.file(PathBuf::from(dir).join(name), default)
    }

    pub(super) fn file(&mut self, path: PathBuf, default: Option<&str>) -> Option<String> {
        match std::fs::read_to_string(&path) {
            Ok(text) => {
                let text = text.strip_suffix('\n').unwrap_or(&text);
                self.outside(Some(text.strip_suffix('\r').unwrap_or(text).to_string()))
            }
            Err(_) if default.is_some() => default.map(str::to_string),
            Err(cause) => {
                let what = format!("cannot read `{}`: {cause}", path.display());
                self.tell(Diagnostic::error("unreadable", what).at(self.entry.value.span));
                None
            }
        }
    }

    pub(super) fn date(&mut self, pattern: &str) -> Option<String> {
        self.found.dated = true;
        if self.keep_dates {
            return None;
        }
        match dates::render(pattern, self.lookup.now) {
            Ok(text) => Some(text),
            Err(what) => {
                let what = format!("`${{date:{pattern}}}` has no date pattern: {what}");
                let hint = "a pattern is Java's: `yyyy-MM-dd'T'HH:mm:ss`";
                self.tell(Diagnostic::error("bad-date", what).at(self.entry.value.span).hint(hint));
                None
            }
        }
    }

    pub(super) fn no_java(&mut self, name: &str) -> Option<String> {
        let what = format!("there is no Java to tell about: `${{{name}}}` stays as it is written");
        let problem = Diagnostic::warning("no-java", what).at(self.entry.value.span);
        let hint = format!("write the text itself, or `${{{name}:-text}}`, which Flume reads as before");
        self.tell(problem.hint(hint));
        None
    }

    /// What a config filter says to a key.
    pub(super) fn filtered(
        &mut self,
        reference: &str,
        (filter, key): (&str, &str),
        default: Option<&str>,
    ) -> Option<String> {
        let (lookup, at) = (self.lookup, self.entry.value.span);
        let stays = format!("`${{{reference}}}` stays as it is written");
        let within = self.entry.key.text.clone();
        let asked = self
            .filters
            .zip(scope(&within))
            .map(|(all, agent)| (all.ask(agent, filter, key, lookup.env), agent));
        let Some((answer, agent)) = asked else { return self.out_of_scope(&within, stays, default) };
        let problem = match answer {
            Answer::Value(value, odd) => {
                if let Some(odd) = odd {
                    self.tell(Diagnostic::warning("config-filter", odd).at(at));
                }
                return self.outside(Some(value));
            }
            Answer::Failed(what, hint) => Diagnostic::error("config-filter", what).at(at).maybe_hint(hint),
            Answer::Nothing(_) if default.is_some() => return default.map(str::to_string),
            Answer::Nothing(what) => Diagnostic::warning("unresolved-reference", format!("{what}; {stays}"))
                .at(at)
                .hint(format!("`${{{reference}:-value}}` gives a value for that case")),
            Answer::NoFilter(hint) => {
                let outcome = default.map_or(stays, |_| format!("`${{{reference}}}` is its default"));
                let what = format!("agent `{agent}` has no config filter `{filter}`: {outcome}");
                let problem = Diagnostic::warning("unknown-filter", what).at(at).hint(hint);
                self.tell(problem.hint("`$${` stands for `${`"));
                return default.map(str::to_string);
            }
        };
        self.tell(problem);
        None
    }

    /// A property that is no key of a component: a variable, which is judged where it is used, or a list.
    fn out_of_scope(&mut self, key: &str, stays: String, default: Option<&str>) -> Option<String> {
        if default.is_none() && is_of_agent(key) {
            let what = format!("config filters give values to keys of components, not to `{key}`: {stays}");
            let problem = Diagnostic::warning("unresolved-reference", what).at(self.entry.value.span);
            self.tell(problem.hint("write `${env:NAME}`, `${file:PATH}` or `${credential:NAME}` here"));
        }
        default.map(str::to_string)
    }
}
