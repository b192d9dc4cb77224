//! Every component type: the list of the folders' lists.
use crate::config::Spec;
use crate::{channels, groups, interceptors, selectors, sinks, sources};

/// All component types, kind by kind.
pub fn all() -> impl Iterator<Item = &'static Spec> {
    let lists = [sources::ALL, channels::ALL, sinks::ALL, interceptors::ALL, selectors::ALL, groups::ALL];
    lists.into_iter().flatten().copied()
}
