//! The keys of one component against its declared fields.
//!
//! Every key is honoured, ignored with a reason, refused, or unknown (with the nearest name). Errors are for what
//! cannot be read; what Flume forgives becomes the default and a warning.
use std::collections::BTreeMap;

use super::agent::{Prop, Section};
use super::note;
use super::spec::{Field, State, Type, Values};
use crate::diag::{Diagnostic, Report, Span, nearest};
use crate::flow::Kind;

/// Whose keys they are, for messages.
pub struct Owner<'a> {
    pub kind: Kind,
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
        if key != prop.key.text {
            let what = format!("`{}` is another spelling of `{key}`", prop.key.text);
            self.report.push(Diagnostic::note("alias", what).at(prop.key.span));
        }
        if let Some(other) = self.seen.get(&key) {
            return self.twice(&key, &other.clone(), prop);
        }
        self.seen.insert(key.clone(), prop.clone());
        match field.state {
            State::Honoured => self.value(field, key, prop),
            State::Ignored(reason) => {
                let what = format!("`{}` has no effect: {reason}", prop.key.text);
                self.report.push(Diagnostic::note("ignored-key", what).at(prop.key.span));
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
        let explain = format!(
            "`dataflowkit explain {} {}` lists its keys",
            kind_word(self.owner.kind),
            self.owner.type_name
        );
        self.report.push(problem.at(prop.key.span).maybe_hint(hint).hint(explain));
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

/// The kind as one word of the command line.
pub fn kind_word(kind: Kind) -> &'static str {
    if kind == Kind::SinkGroup { "group" } else { kind.word() }
}

/// How a value misses its type.
struct Misfit {
    code: &'static str,
    text: String,
    hint: Option<String>,
}

impl Misfit {
    fn new(code: &'static str, text: String) -> Misfit {
        Misfit { code, text, hint: None }
    }
}

/// The value as its component will read it.
fn judge(field: &Field, prop: &Prop, report: &mut Report) -> Result<String, Misfit> {
    match field.ty {
        Type::Int { least, most } => int(field, prop, (least, most), report),
        Type::Choice(words) => choice(prop, words, report),
        Type::Word => Ok(note::cut_if(prop, |_| true, report).unwrap_or_else(|| prop.value.text.clone())),
        Type::Flag => Ok(flag(prop, report)),
        Type::Names => Ok(prop.value.text.clone()),
        Type::Text if HOSTS.contains(&field.key) => {
            Ok(note::cut_if(prop, |_| true, report).unwrap_or_else(|| prop.value.text.clone()))
        }
        Type::Path => {
            note::mention(prop, report);
            relative(prop, report);
            Ok(prop.value.text.clone())
        }
        Type::Text | Type::Regex | Type::Charset | Type::Prefix => {
            note::mention(prop, report);
            Ok(prop.value.text.clone())
        }
    }
}

/// Keys that can hold nothing but a host.
const HOSTS: &[&str] = &["bind", "host", "hostname"];

fn int(field: &Field, prop: &Prop, bounds: (i64, i64), report: &mut Report) -> Result<String, Misfit> {
    let parse = |text: &str| text.trim().parse::<i64>().ok();
    let text = match parse(&prop.value.text) {
        Some(_) => prop.value.text.clone(),
        None => note::cut_if(prop, |text| parse(text).is_some(), report)
            .unwrap_or_else(|| prop.value.text.clone()),
    };
    let range = match bounds {
        (i64::MIN, i64::MAX) => "a number".to_string(),
        (least, i64::MAX) => format!("a number from {least}"),
        (i64::MIN, most) => format!("a number up to {most}"),
        (least, most) => format!("a number from {least} to {most}"),
    };
    match parse(&text) {
        Some(number) if (bounds.0..=bounds.1).contains(&number) => Ok(text),
        Some(_) => Err(Misfit::new("out-of-range", format!("must be {range}, not {}", prop.shown()))),
        None => {
            let mut misfit = Misfit::new("bad-number", format!("must be {range}, not `{}`", prop.shown()));
            misfit.hint = unit_hint(field, &text);
            Err(misfit)
        }
    }
}

/// `10MB`, `5s`: Flume knows no units.
fn unit_hint(field: &Field, text: &str) -> Option<String> {
    let digits = text.trim_end_matches(|c: char| c.is_ascii_alphabetic());
    let with_unit =
        !digits.is_empty() && digits.len() < text.len() && digits.bytes().all(|b| b.is_ascii_digit());
    with_unit.then(|| match field.unit.word() {
        "" => "write digits only".to_string(),
        unit => format!("write digits only; the unit is {unit}"),
    })
}

fn choice(prop: &Prop, words: &[&str], report: &mut Report) -> Result<String, Misfit> {
    let fits = |text: &str| words.iter().any(|word| word.eq_ignore_ascii_case(text));
    if fits(&prop.value.text) {
        return Ok(prop.value.text.clone());
    }
    note::cut_if(prop, fits, report).ok_or_else(|| {
        let all = words.iter().map(|word| format!("`{word}`")).collect::<Vec<_>>().join(", ");
        let mut misfit = Misfit::new("bad-choice", format!("must be one of {all}, not `{}`", prop.shown()));
        misfit.hint =
            nearest(&prop.value.text, words.iter().copied()).map(|near| format!("did you mean `{near}`?"));
        misfit
    })
}

/// Flume reads everything but `true` as false, in silence.
fn flag(prop: &Prop, report: &mut Report) -> String {
    let text = &prop.value.text;
    if !text.eq_ignore_ascii_case("true") && !text.eq_ignore_ascii_case("false") {
        let what = format!("`{}` is `{}`, which counts as false", prop.key.text, prop.shown());
        report.push(Diagnostic::warning("odd-flag", what).at(prop.value.span).hint("only `true` is true"));
    }
    text.clone()
}

fn relative(prop: &Prop, report: &mut Report) {
    let text = &prop.value.text;
    if !text.starts_with('/') && !text.contains(':') {
        let what = format!("`{}` is relative: it starts at the directory of the agent file", prop.key.text);
        report.push(Diagnostic::note("relative-path", what).at(prop.value.span));
    }
}
