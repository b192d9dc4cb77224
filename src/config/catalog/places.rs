//! Where entries are looked for, in order.
//!
//! Shape, for kind K and each directory B of agent files (that of the agent file, then `/etc/dataflowkit`):
//! 1. `$DATAFLOWKIT_ENV_ROOT`: `K`, and the older layouts `env/common/K`, `common/K`, `evn/common/K`
//! 2. `B/INSTANCE.d/env/K`: this instance's own
//! 3. `B/env/K`, then `B/env_root` in the older layouts: the host's
//! 4. `/usr/lib/dataflowkit/env/K`: what packages bring; a file of that name under `/etc` replaces it
//!
//! Invariant: a folder stands once, at its first place. Nothing is looked at here.
use std::path::{Path, PathBuf};

/// The directory of agent files.
pub const ETC: &str = "/etc/dataflowkit";
/// Where packages put entries.
const VENDOR: &str = "/usr/lib/dataflowkit/env";
/// The layouts of the older platform; its manual prints all three.
const LAYOUTS: [&str; 3] = ["env/common", "common", "evn/common"];

/// Whose entries a folder has; earlier ones replace later ones.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Rank {
    Given,
    Instance,
    Host,
    Vendor,
}

/// One folder of entries of one kind.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Folder {
    pub dir: PathBuf,
    pub rank: Rank,
}

/// What the order of folders follows from.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Places {
    /// `$DATAFLOWKIT_ENV_ROOT`, or `--env-root`.
    pub env_root: Option<PathBuf>,
    /// The directory of the agent file.
    pub config_dir: PathBuf,
    pub instance: String,
}

impl Places {
    /// The folders of a kind, the first to look into first.
    pub fn folders(&self, kind: &str) -> Vec<Folder> {
        let mut out: Vec<Folder> = Vec::new();
        let mut add = |dir: PathBuf, rank| {
            if !out.iter().any(|known| known.dir == dir) {
                out.push(Folder { dir, rank });
            }
        };
        if let Some(root) = &self.env_root {
            add(root.join(kind), Rank::Given);
            legacy(root, kind).for_each(|dir| add(dir, Rank::Given));
        }
        let own = self.bases().filter(|_| !self.instance.is_empty());
        own.for_each(|base| add(base.join(format!("{}.d/env", self.instance)).join(kind), Rank::Instance));
        for base in self.bases() {
            add(base.join("env").join(kind), Rank::Host);
            legacy(&base.join("env_root"), kind).for_each(|dir| add(dir, Rank::Host));
        }
        add(Path::new(VENDOR).join(kind), Rank::Vendor);
        out
    }

    fn bases(&self) -> impl Iterator<Item = &Path> {
        let own = Some(self.config_dir.as_path()).filter(|dir| !dir.as_os_str().is_empty());
        own.into_iter().chain([Path::new(ETC)])
    }

    /// The folders as a hint names them: the older layouts of one root in one word.
    pub fn shown(&self, kind: &str) -> String {
        let all = self.folders(kind);
        let mut words: Vec<String> = Vec::new();
        for Folder { dir, .. } in &all {
            let layout = LAYOUTS.iter().find_map(|layout| {
                let root = dir.to_str()?.strip_suffix(&format!("/{layout}/{kind}"))?;
                // `env/common/K` ends in `common/K` too: the longer layout is listed first, and its root is the shorter.
                let whole = LAYOUTS.iter().all(|other| {
                    let dir = Path::new(root).join(other).join(kind);
                    all.iter().any(|folder| folder.dir == dir)
                });
                whole.then(|| format!("`{root}/{{{}}}/{kind}`", LAYOUTS.join(",")))
            });
            let word = layout.unwrap_or_else(|| format!("`{}`", dir.display()));
            if !words.contains(&word) {
                words.push(word);
            }
        }
        words.join(", ")
    }
}

/// The folders of a kind in the older layouts of a root.
pub fn legacy(root: &Path, kind: &str) -> impl Iterator<Item = PathBuf> {
    let (root, kind) = (root.to_path_buf(), kind.to_string());
    LAYOUTS.into_iter().map(move |layout| root.join(layout).join(&kind))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn folders_stand_in_order_and_once() {
        let places = Places {
            env_root: Some("/srv/env".into()),
            config_dir: "/home/me/conf".into(),
            instance: "orders".into(),
        };
        let told: Vec<String> = places.folders("kafka").iter().map(|f| f.dir.display().to_string()).collect();
        assert_eq!(
            told,
            [
                "/srv/env/kafka",
                "/srv/env/env/common/kafka",
                "/srv/env/common/kafka",
                "/srv/env/evn/common/kafka",
                "/home/me/conf/orders.d/env/kafka",
                "/etc/dataflowkit/orders.d/env/kafka",
                "/home/me/conf/env/kafka",
                "/home/me/conf/env_root/env/common/kafka",
                "/home/me/conf/env_root/common/kafka",
                "/home/me/conf/env_root/evn/common/kafka",
                "/etc/dataflowkit/env/kafka",
                "/etc/dataflowkit/env_root/env/common/kafka",
                "/etc/dataflowkit/env_root/common/kafka",
                "/etc/dataflowkit/env_root/evn/common/kafka",
                "/usr/lib/dataflowkit/env/kafka",
            ]
        );
    }

    #[test]
    fn the_usual_directories_are_few_and_shown_in_few_words() {
        let places = Places { config_dir: ETC.into(), instance: "orders".into(), env_root: None };
        assert_eq!(
            places.shown("jms"),
            "`/etc/dataflowkit/orders.d/env/jms`, `/etc/dataflowkit/env/jms`, \
             `/etc/dataflowkit/env_root/{env/common,common,evn/common}/jms`, `/usr/lib/dataflowkit/env/jms`"
        );
    }
}
