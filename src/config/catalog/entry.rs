//! What a file says, key by key, against the fields of its kind.
//!
//! Every key is honoured, ignored with a reason, refused, or handed to the client as it is, with a note.
use std::fmt;
use std::path::{Path, PathBuf};

use super::kinds::Kind;
use super::secret::{Secret, is_secret, secret_parts, veiled};
use crate::config::agent::Prop;
use crate::config::fields;
use crate::config::judge::judge;
use crate::config::spec::{At, Field, State, Type};
use crate::config::text::Text;
use crate::diag::{Diagnostic, Report, Severity, Spot, nearest};

/// One key as a file has it.
#[derive(Clone, Debug)]
pub(super) struct Raw {
    pub key: Text,
    pub value: Text,
    /// The value says where a secret is, in this way.
    pub outside: Option<Outside>,
    /// What the file says about it.
    pub doc: Option<String>,
}

/// How a value refers to a secret.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Outside {
    Credential,
    Env,
    File,
}

/// A value, or where it is kept.
#[derive(Clone, PartialEq, Eq)]
pub enum Content {
    Plain(String),
    Secret(Secret),
}

impl fmt::Debug for Content {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.shown())
    }
}

impl Content {
    /// For people, on one line: no secret, and none inside an address.
    pub fn shown(&self) -> String {
        match self {
            Content::Plain(text) => veiled(text).replace(char::is_control, " "),
            Content::Secret(_) => "(secret)".to_string(),
        }
    }

    /// Whether who may read the file can read a secret.
    pub fn is_exposed(&self) -> bool {
        match self {
            Content::Plain(text) => !secret_parts(text).is_empty(),
            Content::Secret(secret) => matches!(secret, Secret::Inline(_)),
        }
    }
}

/// A key of an entry with its checked value.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Value {
    /// In this form's spelling.
    pub key: String,
    pub content: Content,
    /// Where in the entry's file the value stands.
    pub at: Spot,
    /// What the file says about it.
    pub doc: Option<String>,
}

/// A cluster or broker by name.
#[derive(Clone, Debug, PartialEq)]
pub struct Entry {
    pub kind: &'static Kind,
    pub name: String,
    pub file: PathBuf,
    /// In the order of the file.
    pub values: Vec<Value>,
}

impl Entry {
    /// The value of a key.
    pub fn get(&self, key: &str) -> Option<&Content> {
        self.values.iter().find(|value| value.key == key).map(|value| &value.content)
    }

    /// A number or a choice: as written, else its default. Texts may be kept elsewhere: [`super::Catalogs::text`].
    pub fn setting(&self, field: &Field) -> Option<&str> {
        debug_assert!(!may_be_elsewhere(field), "`{}` is a text", field.key);
        match self.get(field.key) {
            Some(Content::Plain(text)) => Some(text),
            Some(Content::Secret(_)) => None,
            None => field.default,
        }
    }

    /// All keys under a prefix field, the prefix stripped, in the order of the file.
    pub fn under(&self, field: &Field) -> Vec<(&str, &Content)> {
        let inside = self.values.iter();
        inside.filter_map(|value| Some((value.key.strip_prefix(field.key)?, &value.content))).collect()
    }
}

impl At<'_> {
    /// A number or a choice that an entry can have too: the component's own key, else the entry's, else the component's default.
    pub fn ranked<'a>(&'a self, own: &Field, entry: Option<&'a Entry>, theirs: &Field) -> Option<&'a str> {
        let of_entry = || entry.and_then(|entry| entry.setting(theirs));
        let written = self.is_set(own).then(|| self.opt(own)).flatten();
        written.or_else(of_entry).or(own.default)
    }
}

/// Texts can come from a credential, the environment or a file; what is checked here cannot.
fn may_be_elsewhere(field: &Field) -> bool {
    matches!(field.ty, Type::Text | Type::Word | Type::Prefix)
}

/// Shows nowhere from here on what nobody may read: the whole value of such a key, a password inside of any other.
pub(super) fn hide(key: &str, value: &Text, report: &mut Report) {
    if is_secret(key) {
        report.files.mask(value.span);
        report.keep_secret(&value.text);
        return;
    }
    for part in secret_parts(&value.text) {
        report.files.mask(value.at(part.clone()));
        report.keep_secret(&value.text[part]);
    }
}

/// Whose keys are checked.
pub(super) struct Subject<'a> {
    pub kind: &'static Kind,
    pub name: &'a str,
    pub file: &'a Path,
    /// The older form: its spellings are right.
    pub is_xml: bool,
}

impl Subject<'_> {
    pub fn title(&self) -> String {
        format!("{} entry `{}`", self.kind.name, self.name)
    }
}

/// The entry that these keys are. `None`: they are wrong, which has been reported.
pub(super) fn checked(subject: &Subject<'_>, raws: Vec<Raw>, report: &mut Report) -> Option<Entry> {
    let before = report.count(Severity::Error);
    let mut run = Run { subject, report, seen: Vec::new(), values: Vec::new() };
    raws.iter().for_each(|raw| run.raw(raw));
    run.required();
    let values = run.values;
    let (kind, name, file) = (subject.kind, subject.name.to_string(), subject.file.to_path_buf());
    (report.count(Severity::Error) == before).then_some(Entry { kind, name, file, values })
}

struct Run<'a> {
    subject: &'a Subject<'a>,
    report: &'a mut Report,
    /// Canonical keys, and where they were first written.
    seen: Vec<(String, Text)>,
    values: Vec<Value>,
}

impl Run<'_> {
    fn raw(&mut self, raw: &Raw) {
        let fields: Vec<&'static Field> = self.subject.kind.fields.iter().collect();
        let known = fields::find(&fields, &raw.key.text);
        let is_known = known.is_some();
        let (field, key) = match known {
            Some((field, key)) => (Some(field), key),
            None => self.unknown(raw, &fields),
        };
        if self.is_second(&key, raw) {
            return;
        }
        if !self.subject.is_xml && is_known && key != raw.key.text {
            let what = format!("`{}` is the older spelling of `{key}`", raw.key.text);
            self.report.push(Diagnostic::note("alias", what).at(raw.key.span));
        }
        match field.map(|field| field.state) {
            None | Some(State::Honoured) => self.value(field, key, raw),
            Some(State::Ignored(reason)) => {
                let what = format!("`{}` has no effect: {reason}", raw.key.text);
                self.report.push(Diagnostic::note("ignored-key", what).at(raw.key.span));
                self.keep(key, Content::Plain(raw.value.text.clone()), raw);
            }
            Some(State::Refused(instead)) => {
                let what = format!("{} cannot have `{}`", self.subject.title(), raw.key.text);
                self.report.push(Diagnostic::error("refused-key", what).at(raw.key.span).hint(instead));
            }
        }
    }

    /// A key that no field has: the client's, or nobody's.
    fn unknown(&mut self, raw: &Raw, fields: &[&'static Field]) -> (Option<&'static Field>, String) {
        let (title, key) = (self.subject.title(), &raw.key.text);
        let spellings = fields.iter().filter(|field| !matches!(field.ty, Type::Prefix));
        let spellings =
            spellings.flat_map(|field| std::iter::once(field.key).chain(field.aliases.iter().copied()));
        let near = nearest(key, spellings).map(|near| format!("did you mean `{near}`?"));
        if let Some(prefix) = self.subject.kind.rest {
            let what = format!("{title} has no key `{key}`; it is handed to the client as it is");
            let table = format!("write it below `[{}]`", prefix.trim_end_matches('.'));
            let hint = near.or((!self.subject.is_xml).then_some(table));
            self.report.push(Diagnostic::note("unknown-key", what).at(raw.key.span).maybe_hint(hint));
            let key = format!("{prefix}{key}");
            return (fields::find(fields, &key).map(|(field, _)| field), key);
        }
        let what = format!("{title} has no key `{key}`, which has no effect");
        self.report.push(Diagnostic::warning("unknown-key", what).at(raw.key.span).maybe_hint(near));
        (None, key.clone())
    }

    fn is_second(&mut self, key: &str, raw: &Raw) -> bool {
        let Some((_, first)) = self.seen.iter().find(|(known, _)| known == key) else {
            self.seen.push((key.to_string(), raw.key.clone()));
            return false;
        };
        let what = format!("{} says `{key}` twice", self.subject.title());
        let problem = Diagnostic::error("duplicate-key", what).at(raw.key.span);
        let problem = problem.label(first.span, format!("`{}` says it first", first.text));
        self.report.push(problem.hint("keep one of them"));
        true
    }

    fn value(&mut self, field: Option<&'static Field>, key: String, raw: &Raw) {
        if let Some(outside) = raw.outside {
            return self.outside(field, key, raw, outside);
        }
        if field.is_some_and(|field| field.secret) || is_secret(&key) {
            self.report.files.mask(raw.value.span);
            self.report.keep_secret(&raw.value.text);
            let secret = Secret::Inline(raw.value.text.clone());
            return self.keep(key, Content::Secret(secret), raw);
        }
        let Some(field) = field else {
            return self.keep(key, Content::Plain(raw.value.text.clone()), raw);
        };
        let value = renamed(self.subject.kind, field, &raw.value);
        if let Some(text) = self.fitting(field, &key, raw, value) {
            self.keep(key, Content::Plain(text), raw);
        }
    }

    /// The value as it will be read, if it fits the type.
    fn fitting(&mut self, field: &'static Field, key: &str, raw: &Raw, value: Text) -> Option<String> {
        // Free text is taken as it is: `#` begins no note in these files.
        if may_be_elsewhere(field) {
            let name = if matches!(field.ty, Type::Prefix) { key } else { &raw.key.text };
            let found = field.lint.and_then(|lint| lint(name, &value.text));
            found.into_iter().for_each(|found| self.report.push(found.at(value.span)));
            return Some(value.text);
        }
        let prop = Prop { key: raw.key.clone(), value, secret: false, broken: false, undated: None };
        match judge(field, &prop, self.report) {
            Ok(text) => match field.ty {
                Type::Choice(words) => {
                    words.iter().find(|word| word.eq_ignore_ascii_case(&text)).map(|word| word.to_string())
                }
                _ => Some(text),
            },
            Err(misfit) => {
                let what = format!("{}: `{}` {}", self.subject.title(), raw.key.text, misfit.text);
                let problem = Diagnostic::error(misfit.code, what).at(raw.value.span);
                self.report.push(problem.maybe_hint(misfit.hint));
                None
            }
        }
    }

    /// `{ credential = "…" }` and its like: for texts only, since numbers and choices are checked here.
    fn outside(&mut self, field: Option<&'static Field>, key: String, raw: &Raw, outside: Outside) {
        if !field.is_none_or(may_be_elsewhere) {
            let what = format!("{}: `{}` must stand in the file itself", self.subject.title(), raw.key.text);
            let hint = "only texts can come from a credential, the environment or a file";
            return self
                .report
                .push(Diagnostic::error("misplaced-secret", what).at(raw.value.span).hint(hint));
        }
        let name = raw.value.text.clone();
        let secret = match outside {
            Outside::Credential => Secret::Credential(name),
            Outside::Env => Secret::Env(name),
            Outside::File => Secret::File(self.subject.file.parent().unwrap_or(Path::new("")).join(name)),
        };
        self.keep(key, Content::Secret(secret), raw);
    }

    fn keep(&mut self, key: String, content: Content, raw: &Raw) {
        let at = self.report.files.spot(raw.value.span.file, raw.value.span.start);
        self.values.push(Value { key, content, at, doc: raw.doc.clone() });
    }

    fn required(&mut self) {
        for field in self.subject.kind.fields.iter().filter(|field| field.required) {
            if !self.seen.iter().any(|(key, _)| key == field.key) {
                let what = format!("{} has no `{}`: {}", self.subject.title(), field.key, field.doc);
                let hint = format!("who names it needs `{}` of its own", self.subject.kind.address);
                self.report.push(Diagnostic::warning("missing-key", what).hint(hint));
            }
        }
    }
}

/// The value in this form's words.
fn renamed(kind: &Kind, field: &Field, value: &Text) -> Text {
    let row = kind.renamed.iter().find(|(key, old, _)| *key == field.key && *old == value.text);
    row.map_or_else(|| value.clone(), |(_, _, new)| Text::computed(*new, value.span))
}
