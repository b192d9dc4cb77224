//! Every component type: the list of the folders' lists, and those that are known and not built yet.
mod not_yet;

use crate::config::Spec;
use crate::{channels, groups, interceptors, selectors, sinks, sources};

/// The component types that this build can run, kind by kind.
pub fn built() -> impl Iterator<Item = &'static Spec> {
    let lists = [sources::ALL, channels::ALL, sinks::ALL, interceptors::ALL, selectors::ALL, groups::ALL];
    lists.into_iter().flatten().copied()
}

/// All component types that have a name; those that can run come first.
pub fn all() -> impl Iterator<Item = &'static Spec> {
    built().chain(not_yet::ALL)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::resolve;

    #[test]
    fn what_is_built_does_not_stand_among_what_is_not() {
        for spec in built() {
            let same = |later: &&Spec| later.kind == spec.kind && later.name.eq_ignore_ascii_case(spec.name);
            let twice = not_yet::ALL.iter().find(same);
            assert!(twice.is_none(), "{spec:?} is built: remove it from registry/not_yet.rs");
        }
    }

    #[test]
    fn every_name_and_class_finds_its_component() {
        let specs: Vec<&'static Spec> = all().collect();
        for spec in &specs {
            for name in std::iter::once(&spec.name).chain([&spec.class]).chain(spec.aliases) {
                if name.is_empty() || name.ends_with('*') {
                    continue;
                }
                let found =
                    resolve(spec.kind, name, &specs).unwrap_or_else(|_| panic!("{spec:?} by `{name}`"));
                assert_eq!(found.spec.name, spec.name, "`{name}`");
            }
        }
    }
}
