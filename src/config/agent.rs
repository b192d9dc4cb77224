//! One agent's part of a document: its name lists and the keys of each component.
//!
//! Shape: `AGENT.KINDS = names` and `AGENT.KINDS.NAME.KEY = value`; no other key belongs to an agent, and each that
//! looks like one is named with what was most likely meant.
//! Truth: Flume's `FlumeConfiguration` (which ignores such keys).
use std::collections::HashMap;

use super::document::{Document, Entry};
use super::filters;
use super::text::Text;
use crate::diag::{Diagnostic, Report, Span, nearest};
use crate::flow::Kind;

/// The kinds as keys spell them.
pub const LISTS: [(&str, Kind); 4] = [
    ("channels", Kind::Channel),
    ("sources", Kind::Source),
    ("sinks", Kind::Sink),
    ("sinkgroups", Kind::SinkGroup),
];

/// One key of a component: what follows the component's name.
#[derive(Clone, Debug)]
pub struct Prop {
    pub key: Text,
    pub value: Text,
    pub secret: bool,
    /// The value could not be found out, which has been reported.
    pub broken: bool,
    /// The value with its dates as they are written, where it has some.
    pub undated: Option<String>,
}

impl Prop {
    /// A property whose key begins with the name of its component, so many bytes long.
    pub fn of(entry: &Entry, prefix: usize) -> Prop {
        Prop {
            key: entry.key.slice(prefix..entry.key.text.len()),
            value: entry.value.clone(),
            secret: entry.secret,
            broken: entry.broken,
            undated: entry.undated.clone(),
        }
    }

    /// The value as messages may show it.
    pub fn shown(&self) -> &str {
        if self.secret { "****" } else { &self.value.text }
    }
}

/// The keys of one component.
#[derive(Clone, Debug, Default)]
pub struct Section {
    pub props: Vec<Prop>,
}

impl Section {
    pub fn get(&self, key: &str) -> Option<&Prop> {
        self.props.iter().find(|prop| prop.key.text == key)
    }

    /// The keys under a prefix, the prefix stripped.
    pub fn under(&self, prefix: &str) -> Section {
        let inside =
            self.props.iter().filter(|p| p.key.text.len() > prefix.len() && p.key.text.starts_with(prefix));
        let strip = |p: &Prop| Prop { key: p.key.slice(prefix.len()..p.key.text.len()), ..p.clone() };
        Section { props: inside.map(strip).collect() }
    }

    /// Where the component is first mentioned.
    pub fn first(&self) -> Option<Span> {
        self.props.first().map(|prop| prop.key.span)
    }
}

/// What a document says about one agent.
#[derive(Debug)]
pub struct Agent {
    pub name: String,
    lists: HashMap<Kind, Entry>,
    /// In the order of first mention.
    sections: Vec<(Kind, String, Section)>,
}

impl Agent {
    pub fn list(&self, kind: Kind) -> Option<&Entry> {
        self.lists.get(&kind)
    }

    pub fn section(&self, kind: Kind, name: &str) -> Option<&Section> {
        self.of(kind).find(|(known, _)| *known == name).map(|(_, section)| section)
    }

    /// All configured components of a kind.
    pub fn of(&self, kind: Kind) -> impl Iterator<Item = (&str, &Section)> {
        let same = self.sections.iter().filter(move |(known, _, _)| *known == kind);
        same.map(|(_, name, section)| (name.as_str(), section))
    }

    /// Collects the keys of one agent and reports those that belong nowhere.
    pub fn read(name: &str, document: &Document, report: &mut Report) -> Agent {
        let mut agent = Agent { name: name.to_string(), lists: HashMap::new(), sections: Vec::new() };
        for entry in &document.entries {
            let prefix = name.len() + 1;
            if entry.key.text.len() > prefix && split(&entry.key.text).0 == Some(name) {
                agent.add(entry, &entry.key.slice(prefix..entry.key.text.len()), document, report);
            }
        }
        agent
    }

    fn add(&mut self, entry: &Entry, rest: &Text, document: &Document, report: &mut Report) {
        let (word, after) = rest.text.split_once('.').unwrap_or((&rest.text, ""));
        if word == filters::LIST {
            let whole = |(name, key): (&str, &str)| !name.is_empty() && !key.is_empty();
            if rest.text.len() > word.len() && !after.split_once('.').is_some_and(whole) {
                report.push(no_component(&self.name, after, rest, word.len() + 1, document));
            }
            return;
        }
        let Some((_, kind)) = LISTS.iter().find(|(list, _)| *list == word) else {
            report.push(unknown_kind(&self.name, word, rest));
            return;
        };
        if rest.text.len() == word.len() {
            self.lists.insert(*kind, entry.clone());
            return;
        }
        let start = word.len() + 1;
        match after.split_once('.') {
            Some((name, key)) if !name.is_empty() && !key.is_empty() => {
                let prop = Prop::of(entry, self.name.len() + 1 + start + name.len() + 1);
                self.section_mut(*kind, name).props.push(prop);
            }
            _ => report.push(no_component(&self.name, after, rest, start, document)),
        }
    }

    fn section_mut(&mut self, kind: Kind, name: &str) -> &mut Section {
        let known = self.sections.iter().position(|(k, n, _)| *k == kind && n == name);
        let at = known.unwrap_or_else(|| {
            self.sections.push((kind, name.to_string(), Section::default()));
            self.sections.len() - 1
        });
        &mut self.sections[at].2
    }
}

/// The agent that a key belongs to, and the rest of it.
pub fn split(key: &str) -> (Option<&str>, &str) {
    match key.split_once('.') {
        Some((agent, rest)) if !agent.is_empty() && !rest.is_empty() => (Some(agent), rest),
        _ => (None, key),
    }
}

/// The agents of a document: those that have a name list; if none has, all that keys begin with.
pub fn names(document: &Document) -> Vec<String> {
    let is_list = |rest: &str| LISTS.iter().any(|(list, _)| *list == rest);
    let collect = |wanted: &dyn Fn(&str) -> bool| {
        let mut names: Vec<String> = Vec::new();
        for entry in &document.entries {
            if let (Some(agent), rest) = split(&entry.key.text)
                && wanted(rest)
                && !names.iter().any(|name| name == agent)
            {
                names.push(agent.to_string());
            }
        }
        names
    };
    let listed = collect(&is_list);
    if listed.is_empty() { collect(&|_| true) } else { listed }
}

/// Reports keys that belong to no agent of the document.
pub fn strays(document: &Document, agents: &[String], report: &mut Report) {
    for entry in &document.entries {
        let key = &entry.key;
        match split(&key.text) {
            (None, _) if document.is_referenced(&key.text) => {}
            (None, _) => {
                let what = format!("`{}` belongs to no agent and has no effect", key.text);
                let hint = "keys begin with the agent's name and a dot".to_string();
                report.push(Diagnostic::warning("no-agent", what).at(key.span).hint(hint));
            }
            (Some(agent), _) if agents.iter().any(|name| name == agent) => {}
            (Some(agent), _) => {
                let what = format!("agent `{agent}` has no name lists, so this key has no effect");
                let near = nearest(agent, agents.iter().map(String::as_str));
                let hint = near.map(|name| format!("did you mean `{name}`?"));
                report.push(
                    Diagnostic::warning("unknown-agent", what).at(key.at(0..agent.len())).maybe_hint(hint),
                );
            }
        }
    }
}

fn unknown_kind(agent: &str, word: &str, rest: &Text) -> Diagnostic {
    let at = rest.at(0..word.len());
    let near = nearest(word, LISTS.map(|(list, _)| list).into_iter().chain([filters::LIST]));
    Diagnostic::warning("unknown-kind", format!("agent `{agent}` has no `{word}`, so this key has no effect"))
        .at(at)
        .hint(match near {
            Some(list) => format!("did you mean `{agent}.{list}`?"),
            None => "an agent has sources, channels, sinks and sinkgroups".to_string(),
        })
}

/// `a1.sinks.channels = c1`: a list word, or a name without a key, where `NAME.KEY` belongs.
fn no_component(agent: &str, after: &str, rest: &Text, start: usize, document: &Document) -> Diagnostic {
    let at = rest.at(start.min(rest.text.len())..rest.text.len());
    let what = format!("`{agent}.{}` names no key of a component and has no effect", rest.text);
    let list = LISTS.iter().find(|(list, _)| *list == after);
    let missing = list.is_some_and(|(list, _)| document.get(&format!("{agent}.{list}")).is_none());
    let problem = match missing {
        true => Diagnostic::error("misplaced-list", what),
        false => Diagnostic::warning("misplaced-list", what),
    };
    problem.at(at).hint(match list {
        Some((list, _)) => format!("did you mean `{agent}.{list}`?"),
        None => format!("write `{agent}.{}.KEY = value`", rest.text.trim_end_matches('.')),
    })
}
