//! Name lists: what is listed and configured, and what is only one of both.
use super::Cx;
use crate::config::agent::LISTS;
use crate::config::note;
use crate::config::text::Text;
use crate::diag::{Diagnostic, nearest};
use crate::flow::Kind;

/// The word of a kind's list.
pub(super) fn list_word(kind: Kind) -> &'static str {
    LISTS.iter().find(|(_, known)| *known == kind).map_or("", |(word, _)| word)
}

impl Cx<'_> {
    /// The names in an agent's list of a kind that are configured, in order, each once.
    pub(super) fn listed(&mut self, kind: Kind) -> Vec<String> {
        let Some(entry) = self.agent.list(kind).cloned() else { return Vec::new() };
        let agent = self.agent;
        let words = self.names(&entry.key.text, &entry.value, |name| agent.section(kind, name).is_some());
        let mut names = Vec::new();
        for word in words {
            if self.agent.section(kind, &word.text).is_some() {
                names.push(word.text);
            } else {
                self.not_configured(kind, &word);
            }
        }
        names
    }

    /// The words of a list, each once; a note after them is cut off where its words are no names.
    pub(super) fn names(&mut self, key: &str, value: &Text, known: impl Fn(&str) -> bool) -> Vec<Text> {
        let mut words = value.words();
        let note = words.iter().skip(1).position(|word| word.text.starts_with('#')).map(|at| at + 1);
        if let Some(at) = note.filter(|at| words[*at..].iter().any(|word| !known(&word.text)))
            && let Some((_, range)) = note::find(&value.text)
        {
            self.report.push(note::repair(key, value, range));
            words.truncate(at);
        }
        let mut once: Vec<Text> = Vec::new();
        for word in words {
            if !once.iter().any(|known| known.text == word.text) {
                once.push(word);
            }
        }
        once
    }

    fn not_configured(&mut self, kind: Kind, word: &Text) {
        let comma = word.text.contains(',');
        let parts = word.text.split(',').filter(|name| comma && self.agent.section(kind, name).is_some());
        let listed = self.agent.list(kind).map(|entry| entry.value.words()).unwrap_or_default();
        let loose = self.agent.of(kind).map(|(name, _)| name);
        let loose = loose.filter(|name| !listed.iter().any(|word| word.text == *name));
        let near = nearest(&word.text, loose).filter(|_| !comma);
        self.meant.extend(parts.chain(near).map(|name| (kind, name.to_string())));
        let hint = match comma {
            true => Some("names are separated by blanks, not by commas".to_string()),
            false => near.map(|near| format!("did you mean `{near}`?")),
        };
        let what = format!("{} `{}` is listed and has no keys", kind.word(), word.text);
        self.report.push(Diagnostic::error("not-configured", what).at(word.span).maybe_hint(hint));
        self.drop(kind, &word.text, "it is listed and has no keys");
    }

    /// Components with keys that no list names.
    pub(super) fn unlisted(&mut self, kind: Kind, listed: &[String]) {
        let (agent, list) = (&self.agent.name, list_word(kind));
        let is_named = |name: &str| listed.iter().any(|known| known == name);
        let is_meant = |name: &str| self.meant.iter().any(|(known, meant)| *known == kind && meant == name);
        for (name, section) in self.agent.of(kind).filter(|(name, _)| !is_named(name) && !is_meant(name)) {
            let what = format!("{} `{name}` is not listed in `{agent}.{list}` and does not run", kind.word());
            let hint = match self.agent.list(kind) {
                Some(entry) => format!("`{agent}.{list} = {} {name}` lists it", entry.value.text),
                None => format!("add a line `{agent}.{list} = {name}`"),
            };
            self.report.push(Diagnostic::warning("unlisted", what).maybe_at(section.first()).hint(hint));
        }
    }
}
