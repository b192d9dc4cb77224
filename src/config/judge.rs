//! One value against the type of its field: Flume's rules, said aloud.
//!
//! Numbers are decimal with an optional sign; a flag is true for `true` in any case and false for all else; a note
//! after the value is cut off where the value cannot be read with it.
use super::agent::Prop;
use super::note;
use super::spec::{Field, Type};
use super::tail_command::followed;
use crate::diag::{Diagnostic, Report, nearest};

/// How a value misses its type.
pub struct Misfit {
    pub code: &'static str,
    pub text: String,
    pub hint: Option<String>,
}

impl Misfit {
    fn new(code: &'static str, text: String) -> Misfit {
        Misfit { code, text, hint: None }
    }
}

/// The value as its component will read it.
pub fn judge(field: &Field, prop: &Prop, report: &mut Report) -> Result<String, Misfit> {
    if field.secret {
        secret(prop, report);
    }
    let text = by_type(field, prop, report)?;
    if let Some(found) = field.lint.and_then(|lint| lint(&prop.key.text, &text)) {
        report.push(found.at(prop.value.span));
    }
    Ok(text)
}

/// A secret is shown nowhere, and is better kept elsewhere.
fn secret(prop: &Prop, report: &mut Report) {
    report.keep_secret(&prop.value.text);
    if !prop.secret {
        let what = format!("`{}` stands in this file for everybody who may read it", prop.key.text);
        let hint = "write `${credential:NAME}` or `${file:PATH}`";
        report.push(Diagnostic::note("plain-secret", what).at(prop.key.span).hint(hint));
    }
}

fn by_type(field: &Field, prop: &Prop, report: &mut Report) -> Result<String, Misfit> {
    match field.ty {
        Type::Int { least, most } => int(field, prop, (least, most), report),
        Type::Choice(words) => choice(prop, words, report),
        Type::Word => Ok(note::cut_if(prop, |_| true, report).unwrap_or_else(|| prop.value.text.clone())),
        Type::Flag => Ok(flag(prop, report)),
        Type::Names => Ok(note::cut_if(prop, |_| true, report).unwrap_or_else(|| prop.value.text.clone())),
        Type::Text if HOSTS.contains(&field.key) => {
            Ok(note::cut_if(prop, |_| true, report).unwrap_or_else(|| prop.value.text.clone()))
        }
        Type::Path => {
            note::mention(prop, report);
            relative(prop, report);
            Ok(prop.value.text.clone())
        }
        Type::Text | Type::Regex | Type::Charset | Type::Prefix => {
            if !field.secret {
                note::mention(prop, report);
            }
            if field.key == "dataDirs" {
                relative(prop, report);
            }
            if field.key == "ignorePattern" {
                broad(prop, report);
            }
            if field.key == "command" {
                tail(prop, report);
            }
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
    let absolute = |path: &str| path.starts_with('/') || path.contains(':');
    if !prop.value.text.split(',').map(str::trim).all(|path| path.is_empty() || absolute(path)) {
        let what = format!("`{}` is relative: it starts at the directory of the agent file", prop.key.text);
        let home = prop.value.text.split(',').any(|path| path.trim().starts_with("~/"));
        let hint =
            home.then(|| "`~` is no home directory here, as in Flume: write the path in full".to_string());
        report.push(Diagnostic::note("relative-path", what).at(prop.value.span).maybe_hint(hint));
    }
}

/// A pattern of names to leave out that leaves out every name with a dot, which nobody means. Patterns that only Java
/// understands are not looked at.
fn broad(prop: &Prop, report: &mut Report) {
    const NAMES: [&str; 5] = ["x.json", "app.log", "data-1.csv", "a.b.txt", "b.1"];
    let Ok(pattern) = regex::Regex::new(&format!("^(?:{})$", prop.value.text)) else { return };
    if NAMES.iter().all(|name| pattern.is_match(name)) {
        let what =
            format!("`{}` leaves out every file whose name has a dot, such as `x.json`", prop.key.text);
        report.push(Diagnostic::note("broad-pattern", what).at(prop.value.span));
    }
}

/// A command that follows a file begins anew at every start, which loses some lines and repeats others.
fn tail(prop: &Prop, report: &mut Report) {
    let files = followed(&prop.value.text);
    let Some(file) = files.first() else { return };
    let what = format!("`tail` forgets where it was in `{file}`: a restart loses lines and repeats others");
    let hint = format!(
        "`type = TAILDIR`, `filegroups = f1`, `filegroups.f1 = {file}` reads the same and goes on where it was; `dfk_rollfile` where the file is rolled"
    );
    report.push(Diagnostic::note("tail-command", what).at(prop.value.span).hint(hint));
}
