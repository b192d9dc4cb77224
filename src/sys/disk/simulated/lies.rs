//! Deliberate bugs of the disk: a test that passes on a lying disk tests nothing.

/// One thing that the disk does otherwise than it says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Lie {
    /// `sync` of a file returns and does nothing.
    SyncDoesNothing,
    /// The same for files whose name has this pattern, in which `*` stands for anything.
    SyncSkips(&'static str),
    /// `sync` makes durable only what was written before the previous sync of that file.
    SyncIsOneBehind,
    /// `sync` does not keep what was written past the durable length.
    SyncForgetsAppends,
    /// A sync that fails says that it did not.
    SyncHidesErrors,
    /// `sync_dir` returns and does nothing.
    SyncDirectoryDoesNothing,
    /// What `allocate` adds is not zeros, but what a removed file left there, or noise.
    AllocateGivesGarbage,
    /// A removal is durable at once, and the syncs called just before it may come after it.
    RemoveOvertakesSyncs,
    /// A rename reaches the disk in three steps: the target's removal, the new name, the old name's removal.
    RenameIsTorn,
    /// A write that did only a part says that it did all.
    ShortWritesAreHidden,
    /// A lock is given to all who ask.
    LockIsShared,
}

impl Lie {
    /// All that need no pattern.
    pub const ALL: [Lie; 10] = [
        Lie::SyncDoesNothing,
        Lie::SyncIsOneBehind,
        Lie::SyncForgetsAppends,
        Lie::SyncHidesErrors,
        Lie::SyncDirectoryDoesNothing,
        Lie::AllocateGivesGarbage,
        Lie::RemoveOvertakesSyncs,
        Lie::RenameIsTorn,
        Lie::ShortWritesAreHidden,
        Lie::LockIsShared,
    ];

    /// Whether a sync of a file of that name does nothing.
    pub(super) fn skips_sync_of(self, name: &str) -> bool {
        match self {
            Lie::SyncDoesNothing => true,
            Lie::SyncSkips(pattern) => matches(pattern, name),
            _ => false,
        }
    }
}

fn matches(pattern: &str, name: &str) -> bool {
    match pattern.split_once('*') {
        None => pattern == name,
        Some((head, rest)) => name
            .strip_prefix(head)
            .is_some_and(|tail| (0..=tail.len()).any(|at| tail.get(at..).is_some_and(|t| matches(rest, t)))),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_pattern_has_stars() {
        for (pattern, name, same) in [
            ("*.dfklog", "0000000001.dfklog", true),
            ("*.dfklog", "0000000001.dfklog.bad", false),
            ("0*1*", "0000000001.dfklog", true),
            ("lock", "lock", true),
            ("lock", "locks", false),
            ("*", "", true),
        ] {
            assert_eq!(matches(pattern, name), same, "{pattern} {name}");
        }
    }
}
