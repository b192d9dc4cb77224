//! From what `type` says to a component: aliases in any case, class names, class names cut at a page edge.
//!
//! Truth: Flume's `ComponentConfigurationFactory` (aliases are enum names, matched in any case; else a class name);
//! the cut names are those that the DataFlowKit manual prints.
use super::spec::{Build, Spec};
use crate::diag::nearest;
use crate::flow::Kind;

/// The platform whose manual cuts long class names.
const KIT: &str = "com.cmos.bomc.dataflowkit.";

/// A type that is known.
#[derive(Debug)]
pub struct Found {
    pub spec: &'static Spec,
    /// The class name that a cut one was taken for.
    pub cut_from: Option<&'static str>,
}

/// Why a type is not known.
#[derive(Debug)]
pub enum Unknown {
    /// It is a component of another kind.
    OtherKind(&'static Spec),
    /// A Java class of somebody's own.
    JavaClass {
        nearest: Option<&'static str>,
    },
    /// A cut class name that fits several.
    Ambiguous(Vec<&'static str>),
    Word {
        nearest: Option<&'static str>,
    },
}

/// Finds the component that a `type` names.
pub fn resolve(kind: Kind, text: &str, specs: &[&'static Spec]) -> Result<Found, Unknown> {
    let (own, others): (Vec<&'static Spec>, Vec<&'static Spec>) =
        specs.iter().partition(|spec| spec.kind == kind);
    match lookup(text, &own)? {
        Some(found) => Ok(found),
        None => Err(match lookup(text, &others)? {
            Some(found) => Unknown::OtherKind(found.spec),
            None => unknown(text, &own),
        }),
    }
}

fn lookup(text: &str, specs: &[&'static Spec]) -> Result<Option<Found>, Unknown> {
    let by_name = specs.iter().find(|spec| spec.class == text || is_named(spec, text));
    if let Some(spec) = by_name {
        return Ok(Some(Found { spec, cut_from: None }));
    }
    let short = |text: &str| text.starts_with(KIT) && text.len() > KIT.len();
    if !short(text) {
        return Ok(None);
    }
    let mut fits: Vec<(&'static Spec, &'static str)> = Vec::new();
    for spec in specs {
        let classes = classes(spec).find(|class| class.starts_with(text));
        fits.extend(classes.map(|class| (*spec, class)));
    }
    match fits.as_slice() {
        [] => Ok(None),
        [(spec, class)] => Ok(Some(Found { spec, cut_from: Some(class) })),
        several => Err(Unknown::Ambiguous(several.iter().map(|(_, class)| *class).collect())),
    }
}

/// By name, class or alias, in any case; interceptors with or without `$Builder`; an alias that ends in `*` fits all
/// that begins so. Built components come before those that are only known.
fn is_named(spec: &Spec, text: &str) -> bool {
    let bare = |name: &str| name.strip_suffix("$Builder").unwrap_or(name).to_ascii_lowercase();
    let text = bare(text);
    let fits = |name: &str| match bare(name).strip_suffix('*') {
        Some(start) => text.starts_with(start),
        None => text == bare(name),
    };
    fits(spec.name) || classes(spec).any(fits)
}

fn classes(spec: &Spec) -> impl Iterator<Item = &'static str> + use<> {
    std::iter::once(spec.class).filter(|class| !class.is_empty()).chain(spec.aliases.iter().copied())
}

fn unknown(text: &str, own: &[&'static Spec]) -> Unknown {
    let is_class = text.contains('.') && !text.contains(char::is_whitespace);
    if is_class {
        let last = |class: &'static str| class.rsplit('.').next().unwrap_or(class);
        let near = own
            .iter()
            .find(|spec| classes(spec).any(|class| last(class) == text.rsplit('.').next().unwrap_or(text)));
        return Unknown::JavaClass { nearest: near.map(|spec| spec.name) };
    }
    let built = own.iter().filter(|spec| !matches!(spec.build, Build::NotYet(_)));
    let names = built.map(|spec| spec.name).chain(own.iter().map(|spec| spec.name));
    Unknown::Word { nearest: nearest(text, names) }
}
