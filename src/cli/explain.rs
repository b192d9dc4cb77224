//! `dataflowkit explain [KIND [TYPE [KEY]]]`: the reference, from the field declarations.
//!
//! Exit status: 0 found, 2 no such kind, type or key (with the nearest name on the error output).
use std::io::{self, Write};

use clap::Args;

use crate::config::catalog;
use crate::config::{Build, Field, Spec, State, Type, Unknown, common, resolve};
use crate::diag::nearest;
use crate::flow::Kind;

/// Prints what component types there are, and what their keys mean
#[derive(Args, Clone, Debug)]
pub struct ExplainArgs {
    /// source, channel, sink, interceptor, selector, group or catalog
    pub kind: Option<String>,
    /// A type, by name or Java class
    #[arg(value_name = "TYPE")]
    pub name: Option<String>,
    /// One key
    pub key: Option<String>,
}

const KINDS: [(&str, Kind); 6] = [
    ("source", Kind::Source),
    ("channel", Kind::Channel),
    ("sink", Kind::Sink),
    ("interceptor", Kind::Interceptor),
    ("selector", Kind::Selector),
    ("group", Kind::SinkGroup),
];

pub fn run(
    args: &ExplainArgs,
    specs: &[&'static Spec],
    out: &mut dyn Write,
    err: &mut dyn Write,
) -> io::Result<u8> {
    let Some(word) = &args.kind else {
        for (word, kind) in KINDS {
            list(word, kind, specs, out)?;
            writeln!(out)?;
        }
        list_catalogs(out)?;
        writeln!(out, "\n`dataflowkit explain KIND TYPE` tells all keys of a type")?;
        return Ok(0);
    };
    let plain = word.trim_end_matches('s').to_ascii_lowercase();
    let plain = if plain == "sinkgroup" || plain == "processor" { "group" } else { &plain };
    if plain == "catalog" {
        return catalogs(args, out, err);
    }
    let Some((word, kind)) = KINDS.into_iter().find(|(known, _)| *known == plain) else {
        let near = nearest(plain, KINDS.iter().map(|(known, _)| *known).chain(["catalog"]));
        return missing(&format!("there is no kind `{word}`"), near, err);
    };
    match &args.name {
        None => list(word, kind, specs, out).map(|()| 0),
        Some(name) => one(kind, name, args.key.as_deref(), specs, out, err),
    }
}

fn list_catalogs(out: &mut dyn Write) -> io::Result<()> {
    writeln!(out, "catalog types")?;
    catalog::ALL.iter().try_for_each(|kind| writeln!(out, "  {:<20} {}", kind.name, kind.summary))
}

/// The keys of an entry of the env catalogs.
fn catalogs(args: &ExplainArgs, out: &mut dyn Write, err: &mut dyn Write) -> io::Result<u8> {
    let Some(name) = &args.name else { return list_catalogs(out).map(|()| 0) };
    let Some(kind) = catalog::kind(&name.to_ascii_lowercase()) else {
        let near = nearest(name, catalog::ALL.map(|kind| kind.name));
        return missing(&format!("there is no catalog of type `{name}`"), near, err);
    };
    let own: Vec<&Field> = kind.fields.iter().collect();
    match &args.key {
        None => {
            writeln!(out, "catalog `{}`: {}", kind.name, kind.summary)?;
            own.into_iter().try_for_each(|field| writeln!(out).and_then(|()| tell(field, out)))?;
            Ok(0)
        }
        Some(key) => one_key(key, &own, &format!("catalog `{}`", kind.name), out, err),
    }
}

fn missing(what: &str, near: Option<&str>, err: &mut dyn Write) -> io::Result<u8> {
    match near {
        Some(near) => writeln!(err, "{what}; did you mean `{near}`?")?,
        None => writeln!(err, "{what}")?,
    }
    Ok(2)
}

fn list(word: &str, kind: Kind, specs: &[&'static Spec], out: &mut dyn Write) -> io::Result<()> {
    writeln!(out, "{word} types")?;
    for spec in specs.iter().filter(|spec| spec.kind == kind) {
        let later = if matches!(spec.build, Build::NotYet(_)) { " (not in this version yet)" } else { "" };
        writeln!(out, "  {:<20} {}{later}", spec.name, spec.summary)?;
    }
    Ok(())
}

fn one(
    kind: Kind,
    name: &str,
    key: Option<&str>,
    specs: &[&'static Spec],
    out: &mut dyn Write,
    err: &mut dyn Write,
) -> io::Result<u8> {
    let spec = match resolve(kind, name, specs) {
        Ok(found) => found.spec,
        Err(unknown) => {
            let near = match unknown {
                Unknown::Word { nearest } | Unknown::JavaClass { nearest } => nearest,
                Unknown::OtherKind(_) | Unknown::Ambiguous(_) => None,
            };
            return missing(&format!("there is no {} of type `{name}`", kind.word()), near, err);
        }
    };
    let own: Vec<&Field> = fields(spec);
    let Some(key) = key else { return whole(spec, &own, out).map(|()| 0) };
    let fields: Vec<&Field> = own.into_iter().chain(of_group(kind)).collect();
    one_key(key, &fields, &format!("{} `{}`", kind.word(), spec.name), out, err)
}

fn one_key(
    key: &str,
    fields: &[&Field],
    owner: &str,
    out: &mut dyn Write,
    err: &mut dyn Write,
) -> io::Result<u8> {
    let exact = fields.iter().find(|field| field.key == key || field.aliases.contains(&key));
    let is_under = |field: &&&Field| {
        let mut spellings = std::iter::once(&field.key).chain(field.aliases);
        matches!(field.ty, Type::Prefix) && spellings.any(|start| key.starts_with(start))
    };
    match exact.or_else(|| fields.iter().find(is_under)) {
        Some(field) => tell(field, out).map(|()| 0),
        None => {
            let what = format!("{owner} has no key `{key}`");
            missing(&what, nearest(key, fields.iter().map(|field| field.key)), err)
        }
    }
}

/// The keys that stand in the group itself, beside those of its processor.
fn of_group(kind: Kind) -> impl Iterator<Item = &'static Field> {
    let group = if kind == Kind::SinkGroup { common::GROUP } else { &[] };
    group.iter().filter(|field| !matches!(field.ty, Type::Prefix))
}

/// A component's own fields first, then those of its kind.
pub fn fields(spec: &'static Spec) -> Vec<&'static Field> {
    let mut all: Vec<&'static Field> = spec.fields().collect();
    for field in common::of(spec.kind) {
        if !all.iter().any(|own| own.key == field.key) {
            all.push(field);
        }
    }
    all
}

fn whole(spec: &'static Spec, fields: &[&Field], out: &mut dyn Write) -> io::Result<()> {
    writeln!(out, "{} `{}`: {}", spec.kind.word(), spec.name, spec.summary)?;
    if !spec.class.is_empty() {
        writeln!(out, "class {}", spec.class)?;
    }
    for alias in spec.aliases {
        writeln!(out, "also  {alias}")?;
    }
    if let Build::NotYet(instead) = spec.build {
        return writeln!(out, "\nnot in this version yet; {instead}");
    }
    if spec.kind == Kind::SinkGroup {
        writeln!(out, "\nthese keys follow `sinkgroups.NAME.processor.`:")?;
    }
    for field in fields {
        writeln!(out)?;
        tell(field, out)?;
    }
    for (at, field) in of_group(spec.kind).enumerate() {
        if at == 0 {
            writeln!(out, "\nthese follow `sinkgroups.NAME.`:")?;
        }
        writeln!(out)?;
        tell(field, out)?;
    }
    Ok(())
}

fn tell(field: &Field, out: &mut dyn Write) -> io::Result<()> {
    let key =
        if matches!(field.ty, Type::Prefix) { format!("{}*", field.key) } else { field.key.to_string() };
    writeln!(out, "{key}  {}", facts(field))?;
    if !field.doc.is_empty() {
        writeln!(out, "    {}", field.doc)?;
    }
    if !field.aliases.is_empty() {
        writeln!(out, "    also spelt {}", field.aliases.join(", "))?;
    }
    match field.state {
        State::Honoured => Ok(()),
        State::Ignored(reason) => writeln!(out, "    accepted, without effect: {reason}"),
        State::Refused(instead) => writeln!(out, "    refused: {instead}"),
    }
}

/// Type, unit, range and default in one line.
pub fn facts(field: &Field) -> String {
    let mut parts = vec![type_word(field)];
    if field.unit.word() != "" {
        parts.push(format!("in {}", field.unit.word()));
    }
    match field.default {
        Some("") => parts.push("default empty".to_string()),
        Some(default) => parts.push(format!("default {default}")),
        None if field.required => parts.push("required".to_string()),
        None => {}
    }
    parts.join(", ")
}

fn type_word(field: &Field) -> String {
    match field.ty {
        Type::Int { least: i64::MIN, most: i64::MAX } => "number".to_string(),
        Type::Int { least, most: i64::MAX } => format!("number from {least}"),
        Type::Int { least, most } => format!("number from {least} to {most}"),
        Type::Flag => "true or false".to_string(),
        Type::Text => "text".to_string(),
        Type::Word => "a word".to_string(),
        Type::Path => "path".to_string(),
        Type::Choice(words) => format!("one of {}", words.join(", ")),
        Type::Regex => "regular expression".to_string(),
        Type::Charset => "charset".to_string(),
        Type::Names => "names, separated by blanks".to_string(),
        Type::Prefix => "keys that begin so".to_string(),
    }
}
