//! Config filters: `${FILTER['key']}` in the values of an agent's components, as Flume 1.9 and later have it.
//!
//! Shape: `AGENT.configfilters = f1 …` and `AGENT.configfilters.f1.type = env | external`; a reference is `${f1['key']}`,
//! `${f1["key"]}` or `${f1[key]}`. `env` looks into the environment, `external` runs a program with the key as its last
//! argument. `hadoop` is refused: its credential stores are read by Java classes.
//! Invariants: a filter is asked once for a key, and only for keys that a value refers to; what it answers is a secret.
//! Whoever loads a file asks, `check` included: without the values it could not say what is wrong with them.
//! Differences: what a filter answers is not searched for references again; Flume lets other filters do so, in the order
//! of a hash map. A filter that cannot work breaks what refers to it, where Flume runs components with the reference
//! itself for a password. A default (`${f1['key']:-text}`) is for a key that is not there, and not for a program that
//! fails; Flume 1.10 and later always take the default.
//! Truth: Flume's `FlumeConfiguration.runFiltersThroughConfigs`, `ExternalProcessConfigFilter`.
mod declared;
mod external;

use std::cell::RefCell;
use std::collections::{BTreeMap, HashMap};

use super::agent::{LISTS, split};
use crate::diag::nearest;

/// The word of their list.
pub const LIST: &str = "configfilters";

#[derive(Debug)]
enum Works {
    Env,
    External(external::External),
    /// Why it cannot work has been reported.
    Not,
}

#[derive(Debug)]
struct Filter {
    agent: String,
    name: String,
    works: Works,
}

/// What a filter says to a key.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Answer {
    /// A value, and what is odd about it.
    Value(String, Option<String>),
    /// There is no such value; the reference stays as it is written.
    Nothing(String),
    /// It cannot be known: nothing runs with this value. A sentence, and a cure.
    Failed(String, Option<String>),
    /// The agent has no such filter. What to write instead.
    NoFilter(String),
}

/// The filters of all agents of a document.
#[derive(Debug, Default)]
pub struct Filters {
    all: Vec<Filter>,
    /// By the filter's place in `all`, and the key.
    answers: RefCell<HashMap<(usize, String), Answer>>,
}

impl Filters {
    /// Asks a filter of an agent.
    pub fn ask(&self, agent: &str, name: &str, key: &str, env: &BTreeMap<String, String>) -> Answer {
        let is_it = |filter: &Filter| filter.agent == agent && filter.name == name;
        let Some(at) = self.all.iter().position(is_it) else {
            return Answer::NoFilter(self.instead(agent, name));
        };
        let known = (at, key.to_string());
        if let Some(answer) = self.answers.borrow().get(&known) {
            return answer.clone();
        }
        let answer = self.all[at].answer(key, env);
        self.answers.borrow_mut().insert(known, answer.clone());
        answer
    }

    fn instead(&self, agent: &str, name: &str) -> String {
        let own = self.all.iter().filter(|filter| filter.agent == agent).map(|filter| filter.name.as_str());
        match nearest(name, own) {
            Some(near) => format!("did you mean `{near}`?"),
            None => {
                format!("`{agent}.{LIST} = {name}` and `{agent}.{LIST}.{name}.type = env` would declare it")
            }
        }
    }
}

impl Filter {
    fn answer(&self, key: &str, env: &BTreeMap<String, String>) -> Answer {
        let Filter { name, works, .. } = self;
        match works {
            Works::Env => match env.get(key) {
                Some(value) => Answer::Value(value.clone(), None),
                None => Answer::Nothing(format!(
                    "config filter `{name}` (env): the environment has no variable `{key}`"
                )),
            },
            Works::External(external) => external.answer(&format!("config filter `{name}` (external)"), key),
            Works::Not => {
                Answer::Failed(format!("config filter `{name}` cannot work, and this value needs it"), None)
            }
        }
    }
}

/// A reference to a filter, its name and its key; `None`: it is none. Keys are made of letters, digits, `-` and `_`.
pub fn reference(inner: &str) -> Option<(&str, &str)> {
    let (name, rest) = inner.split_once('[')?;
    let key = rest.strip_suffix(']')?;
    let quoted = |quote: char| key.strip_prefix(quote).and_then(|key| key.strip_suffix(quote));
    let key = quoted('\'').or_else(|| quoted('"')).unwrap_or(key);
    let legal = |c: char| c.is_ascii_alphanumeric() || c == '-' || c == '_';
    (!name.is_empty() && !key.is_empty() && key.chars().all(legal)).then_some((name, key))
}

/// The agent whose filters give values to this key: one of a component. Lists and the filters' own keys get none.
pub fn scope(key: &str) -> Option<&str> {
    let (agent, rest) = split(key);
    let (kind, rest) = rest.split_once('.')?;
    agent.filter(|_| rest.contains('.') && LISTS.iter().any(|(list, _)| *list == kind))
}

/// Whether a key is an agent's, of a component or of a list.
pub fn is_of_agent(key: &str) -> bool {
    let word = split(key).1.split('.').next();
    is_declaration(key) || key.contains('.') && LISTS.iter().any(|(list, _)| word == Some(*list))
}

/// Whether a key declares a filter, or the list of them.
pub fn is_declaration(key: &str) -> bool {
    let (agent, rest) = split(key);
    agent.is_some() && rest.split('.').next() == Some(LIST)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_reference_has_a_name_and_a_key_in_quotes_of_either_kind_or_none() {
        for text in ["f1['a-B_1']", "f1[\"a-B_1\"]", "f1[a-B_1]"] {
            assert_eq!(reference(text), Some(("f1", "a-B_1")), "{text}");
        }
        for text in
            ["f1", "f1[]", "f1['']", "f1['a]", "f1['a\"]", "f1[a.b]", "arr[@]", "[a]", "f1[a]x", "f1[a b]"]
        {
            assert_eq!(reference(text), None, "{text}");
        }
    }

    #[test]
    fn filters_give_values_to_keys_of_components_only() {
        assert_eq!(scope("a1.sources.r1.selector.type"), Some("a1"));
        assert_eq!(scope("a1.sinkgroups.g.sinks"), Some("a1"));
        for key in
            ["a1.sources", "a1.sources.r1", "a1.configfilters.f1.command", "variable", "a1.sorces.r1.x"]
        {
            assert_eq!(scope(key), None, "{key}");
        }
    }
}
