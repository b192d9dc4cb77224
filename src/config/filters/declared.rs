//! What a document says of filters, checked as components are: list, type, keys.
use super::external::{CHARSET, COMMAND, External};
use super::{Filter, Filters, LIST, Works};
use crate::config::agent::{Prop, Section, split};
use crate::config::document::Document;
use crate::config::fields::{self, Owner};
use crate::config::note;
use crate::config::spec::{Field, Values};
use crate::config::{common, text::Text};
use crate::diag::{Diagnostic, Report, nearest};

/// Alias, class, fields; `None`: refused.
type Type = (&'static str, &'static str, Option<&'static [&'static Field]>);

const TYPES: [Type; 3] = [
    ("env", "org.apache.flume.configfilter.EnvironmentVariableConfigFilter", Some(&[&common::TYPE])),
    (
        "external",
        "org.apache.flume.configfilter.ExternalProcessConfigFilter",
        Some(&[&common::TYPE, &COMMAND, &CHARSET]),
    ),
    ("hadoop", "org.apache.flume.configfilter.HadoopCredentialStoreConfigFilter", None),
];

impl Filters {
    /// The filters of these agents; what is wrong with them is reported.
    pub fn read(document: &Document, agents: &[String], report: &mut Report) -> Filters {
        let mut filters = Filters::default();
        for agent in agents {
            let names = listed(document, agent, report);
            for name in &names {
                let section = section(document, agent, &name.text);
                let works = works(name, &section, report);
                filters.all.push(Filter { agent: agent.clone(), name: name.text.clone(), works });
            }
            unlisted(document, agent, &names, report);
        }
        filters
    }
}

/// The names in the list, each once.
fn listed(document: &Document, agent: &str, report: &mut Report) -> Vec<Text> {
    let key = format!("{agent}.{LIST}");
    let Some(entry) = document.get(&key) else { return Vec::new() };
    let mut value = entry.value.clone();
    if let Some((names, range)) = note::find(&value.text) {
        report.push(note::repair(&key, &value, range));
        value = value.slice(0..names.len());
    }
    let mut names: Vec<Text> = Vec::new();
    for word in value.words() {
        if !names.iter().any(|known| known.text == word.text) {
            names.push(word);
        }
    }
    names
}

/// The keys of one filter.
fn section(document: &Document, agent: &str, name: &str) -> Section {
    let prefix = format!("{agent}.{LIST}.{name}.");
    let of_it = document.entries.iter().filter(|entry| entry.key.text.len() > prefix.len());
    let of_it = of_it.filter(|entry| entry.key.text.starts_with(&prefix));
    let prop = |entry| Prop::of(entry, prefix.len());
    Section { props: of_it.map(prop).collect() }
}

fn works(name: &Text, section: &Section, report: &mut Report) -> Works {
    let title = format!("config filter `{}`", name.text);
    if section.props.is_empty() {
        let what = format!("{title} is listed and has no keys");
        report.push(Diagnostic::error("not-configured", what).at(name.span));
        return Works::Not;
    }
    let Some(prop) = section.get("type") else {
        let problem = Diagnostic::error("missing-type", format!("{title} has no `type`"));
        report.push(problem.maybe_at(section.first()).hint("the types are `env` and `external`"));
        return Works::Not;
    };
    let Some((alias, fields)) = resolve(&title, prop, report) else { return Works::Not };
    let keys: Vec<String> = fields.iter().map(|field| format!("`{}`", field.key)).collect();
    let lists = format!("the keys of `{alias}` are {}", keys.join(", "));
    let owner = Owner { title, type_name: alias, span: Some(prop.value.span), lists };
    match fields::values(&owner, fields, section, report) {
        None => Works::Not,
        Some(_) if alias == "env" => Works::Env,
        Some(values) => external(&owner.title, &values, section, report),
    }
}

fn external(title: &str, values: &Values, section: &Section, report: &mut Report) -> Works {
    match External::new(values) {
        Ok(external) => Works::External(external),
        Err(what) => {
            let at = section.get(CHARSET.key).map(|prop| prop.value.span);
            let problem = Diagnostic::error("refused-value", format!("{title} (external): {what}"));
            report.push(problem.maybe_at(at).hint("write `UTF-8`, `ISO-8859-1`, `GBK`, …, or leave it out"));
            Works::Not
        }
    }
}

/// What `type` names, by alias or class, in any case.
fn resolve(
    title: &str,
    prop: &Prop,
    report: &mut Report,
) -> Option<(&'static str, &'static [&'static Field])> {
    let find = |text: &str| {
        let named =
            |(alias, class, _): &&Type| alias.eq_ignore_ascii_case(text) || class.eq_ignore_ascii_case(text);
        TYPES.iter().find(named)
    };
    let cut = note::cut_if(prop, |text| find(text).is_some(), report);
    let text = cut.as_deref().unwrap_or(&prop.value.text);
    let problem = match find(text) {
        _ if prop.broken => return None,
        Some((alias, _, Some(fields))) => return Some((alias, fields)),
        Some((alias, ..)) => {
            let what = format!("{title}: Hadoop's credential stores (`{alias}`) are not read");
            let problem = Diagnostic::error("refused-value", what)
                .hint("keep the secret as a systemd credential and write `${credential:NAME}`");
            problem.hint("or let a program print it: `type = external`, `command = PROGRAM`")
        }
        None => unknown(title, prop.shown()),
    };
    report.push(problem.at(prop.value.span));
    None
}

fn unknown(title: &str, text: &str) -> Diagnostic {
    if text.contains('.') {
        let what = format!("{title}: Java class `{text}` is not known, and Java plug-ins cannot be loaded");
        let hint = "rewrite it as a program in any language that prints the value: `type = external`, `command = PROGRAM`";
        return Diagnostic::error("java-class", what).hint(hint);
    }
    let near = nearest(text, TYPES.map(|(alias, ..)| alias));
    let problem =
        Diagnostic::error("unknown-type", format!("{title}: there is no config filter of type `{text}`"));
    problem.hint(match near {
        Some(near) => format!("did you mean `{near}`?"),
        None => "the types are `env` and `external`".to_string(),
    })
}

/// Filters with keys that the list does not name: they do nothing, as in Flume.
fn unlisted(document: &Document, agent: &str, listed: &[Text], report: &mut Report) {
    let mut told: Vec<String> = Vec::new();
    for entry in &document.entries {
        let (Some(of), rest) = split(&entry.key.text) else { continue };
        let Some(rest) = rest.strip_prefix(LIST).and_then(|rest| rest.strip_prefix('.')) else { continue };
        let Some((name, _)) = rest.split_once('.').filter(|(name, key)| !name.is_empty() && !key.is_empty())
        else {
            continue;
        };
        let known = listed.iter().any(|word| word.text == name) || told.iter().any(|known| known == name);
        if of != agent || known {
            continue;
        }
        told.push(name.to_string());
        let what = format!("config filter `{name}` is not listed in `{agent}.{LIST}` and gives no values");
        let start = agent.len() + LIST.len() + 2;
        let at = entry.key.at(start..start + name.len());
        let near = nearest(name, listed.iter().map(|word| word.text.as_str()));
        let hint = match near {
            Some(near) => format!("did you mean `{near}`?"),
            None => format!("add it: `{agent}.{LIST} = … {name}`"),
        };
        report.push(Diagnostic::warning("unlisted", what).at(at).hint(hint));
    }
}
