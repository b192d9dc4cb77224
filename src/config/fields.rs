//! The keys of one component against its declared fields.
//!
//! Every key is honoured, ignored with a reason, refused, or unknown (with the nearest name). Errors are for what
//! cannot be read; what Flume forgives becomes the default and a warning.
use std::collections::BTreeMap;

use super::agent::{Prop, Section};
use super::common;
use super::judge::{Misfit, judge};
use super::spec::{Field, State, Type, Values};
use crate::diag::{Diagnostic, Report, Span, nearest};
use crate::flow::Kind;

/// Whose keys they are, for messages.
pub struct Owner<'a> {
    /// Where its keys are listed, as a hint.
    pub lists: String,
    /// `source `r1``, `interceptor `i1` of source `r1``.
    pub title: String,
    /// Its `type`, as `explain` knows it.
    pub type_name: &'a str,
    /// Where to point when something is missing.
    pub span: Option<Span>,
}

/// The checked values. `None`: the component cannot run with these keys.
pub fn values(
    owner: &Owner<'_>,
    fields: &[&'static Field],
    section: &Section,
    report: &mut Report,
) -> Option<Values> {
    let mut run = Run { owner, fields, report, seen: BTreeMap::new(), values: Values::new(), bad: false };
    for prop in &section.props {
        run.prop(prop);
    }
    run.required();
    (!run.bad).then_some(run.values)
}

/// The field that a key belongs to and its canonical spelling.
pub fn find(fields: &[&'static Field], key: &str) -> Option<(&'static Field, String)> {
    let exact = fields.iter().find(|f| f.key == key && !matches!(f.ty, Type::Prefix));
    if let Some(field) = exact.or_else(|| fields.iter().find(|f| f.aliases.contains(&key))) {
        return Some((field, field.key.to_string()));
    }
    let starts = |field: &&'static Field| {
        let spellings = std::iter::once(&field.key).chain(field.aliases);
        let fits = spellings.copied().filter(|start| key.starts_with(start) && key.len() > start.len());
        fits.max_by_key(|start| start.len()).map(|start| (*field, start))
    };
    let prefixes = fields.iter().filter(|f| matches!(f.ty, Type::Prefix)).filter_map(starts);
    let (field, start) = prefixes.max_by_key(|(_, start)| start.len())?;
    Some((field, format!("{}{}", field.key, &key[start.len()..])))
}

struct Run<'a> {
    owner: &'a Owner<'a>,
    fields: &'a [&'static Field],
    report: &'a mut Report,
    /// Canonical key to the property that set it.
    seen: BTreeMap<String, Prop>,
    values: Values,
    bad: bool,
}

impl Run<'_> {
    fn prop(&mut self, prop: &Prop) {
        let Some((field, key)) = find(self.fields, &prop.key.text) else {
            return self.unknown(prop);
        };
        if let Some(other) = self.seen.get(&key) {
            return self.twice(&key, &other.clone(), prop);
        }
        // Families are written with each generation's own prefix; a note for every member would drown the others.
        if key != prop.key.text && !matches!(field.ty, Type::Prefix) {
            let what = format!("`{}` is another spelling of `{key}`", prop.key.text);
            self.report.push(Diagnostic::note("alias", what).at(prop.key.span));
        }
        self.seen.insert(key.clone(), prop.clone());
        match field.state {
            _ if prop.broken => self.bad = true,
            _ if common::is_structure(field) => {}
            State::Honoured => self.value(field, key, prop),
            State::Ignored(reason) => {
                let what = format!("`{}` has no effect: {reason}", prop.key.text);
                self.report.push(Diagnostic::note("ignored-key", what).at(prop.key.span));
                // What a component lacks may be said better with it.
                self.values.insert(key, prop.value.text.clone());
            }
            State::Refused(instead) => {
                let what = format!("{} cannot have `{}`", self.title(), prop.key.text);
                self.error(Diagnostic::error("refused-key", what).at(prop.key.span).hint(instead));
            }
        }
    }

    fn value(&mut self, field: &'static Field, key: String, prop: &Prop) {
        match judge(field, prop, self.report) {
            Ok(text) => {
                self.values.insert(key, text);
            }
            Err(what) => self.misfit(field, prop, what),
        }
    }

    /// A value that does not fit: the default where Flume is as lenient, else an error.
    fn misfit(&mut self, field: &Field, prop: &Prop, what: Misfit) {
        let message = format!("{}: `{}` {}", self.title(), prop.key.text, what.text);
        if field.lenient && field.default.is_some() {
            let default = field.default.unwrap_or_default();
            let problem = Diagnostic::warning(what.code, format!("{message}; {default} is used"));
            self.report.push(problem.at(prop.value.span).maybe_hint(what.hint));
        } else {
            self.error(Diagnostic::error(what.code, message).at(prop.value.span).maybe_hint(what.hint));
        }
    }

    fn twice(&mut self, key: &str, first: &Prop, second: &Prop) {
        if first.value.text == second.value.text {
            return;
        }
        let what = format!("{} is told two different values for `{key}`", self.title());
        self.error(
            Diagnostic::error("conflicting-spellings", what)
                .at(second.key.span)
                .label(first.key.span, format!("`{}` says something else here", first.key.text))
                .hint("both spellings mean the same key; keep one"),
        );
    }

    fn unknown(&mut self, prop: &Prop) {
        let key = &prop.key.text;
        let open = self.fields.iter().filter(|f| !matches!(f.ty, Type::Prefix));
        let near = nearest(key, open.flat_map(|f| std::iter::once(f.key).chain(f.aliases.iter().copied())));
        let problem = Diagnostic::warning("unknown-key", format!("{} has no key `{key}`", self.title()));
        let hint = near.map(|near| match near.eq_ignore_ascii_case(key) {
            true => format!("keys are case-sensitive; did you mean `{near}`?"),
            false => format!("did you mean `{near}`?"),
        });
        self.report.push(problem.at(prop.key.span).maybe_hint(hint).hint(&self.owner.lists));
    }

    fn required(&mut self) {
        for field in self.fields.iter().filter(|f| f.required && f.default.is_none()) {
            if !self.seen.contains_key(field.key) {
                let what = format!("{} needs `{}`: {}", self.title(), field.key, field.doc);
                self.error(Diagnostic::error("missing-key", what).maybe_at(self.owner.span));
            }
        }
    }

    fn title(&self) -> String {
        format!("{} ({})", self.owner.title, self.owner.type_name)
    }

    fn error(&mut self, problem: Diagnostic) {
        self.bad = true;
        self.report.push(problem);
    }
}

/// The hint that tells where the keys of a type are listed.
pub fn explained(kind: Kind, type_name: &str) -> String {
    format!("`dataflowkit explain {} {type_name}` lists its keys", kind_word(kind))
}

/// The kind as one word of the command line.
pub fn kind_word(kind: Kind) -> &'static str {
    if kind == Kind::SinkGroup { "group" } else { kind.word() }
}
