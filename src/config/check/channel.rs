//! Channels against each other: each keeps its log in directories of its own.
use std::path::{Component, Path, PathBuf};

use super::Cx;
use crate::config::graph::Node;
use crate::diag::Diagnostic;
use crate::flow::Kind;

/// Keys that name directories of a log.
const DIRECTORIES: &[&str] = &["checkpointDir", "dataDirs"];

impl Cx<'_> {
    /// The later of two channels that share a directory is left out: one log cannot have two owners. (Flume starts the
    /// first and tries the second for ever.)
    pub(super) fn shared_directories(&mut self, channels: &mut Vec<Node>) {
        let mut taken: Vec<(PathBuf, String)> = Vec::new();
        let mut kept = Vec::new();
        for channel in channels.drain(..) {
            let own = self.directories(&channel);
            let shared = own.iter().find_map(|(key, dir)| {
                let other = taken.iter().find(|(known, _)| known == dir).map(|(_, name)| name.clone());
                other.map(|other| (*key, dir.clone(), other))
            });
            let Some((key, dir, other)) = shared else {
                taken.extend(own.into_iter().map(|(_, dir)| (dir, channel.name.clone())));
                kept.push(channel);
                continue;
            };
            let why = format!("it shares the directory `{}` with channel `{other}`", dir.display());
            let what =
                format!("channels `{other}` and `{}` share the directory `{}`", channel.name, dir.display());
            let problem = Diagnostic::error("shared-directory", what).maybe_at(self.key_span(&channel, key));
            self.report.push(problem.hint(format!("give channel `{}` directories of its own", channel.name)));
            self.drop(Kind::Channel, &channel.name, why);
        }
        *channels = kept;
    }

    fn directories(&self, channel: &Node) -> Vec<(&'static str, PathBuf)> {
        let mut all = Vec::new();
        for key in DIRECTORIES.iter().filter(|key| channel.spec.fields().any(|field| field.key == **key)) {
            let text = channel.values.get(*key).map(String::as_str).unwrap_or_default();
            let names = text.split(',').map(str::trim).filter(|name| !name.is_empty());
            all.extend(names.map(|name| (*key, plain(&self.place.config_dir.join(name)))));
        }
        all
    }
}

/// The path without `.`, `..` and doubled slashes, so that two spellings of one directory are seen as one.
fn plain(path: &Path) -> PathBuf {
    let mut plain = PathBuf::new();
    for part in path.components() {
        match part {
            Component::CurDir => {}
            Component::ParentDir => _ = plain.pop(),
            part => plain.push(part),
        }
    }
    plain
}
