//! From what the user has given to the directories and keys of a log.
use std::fs;
use std::path::{Component, Path, PathBuf};
use std::sync::Arc;

use super::LogArgs;
use crate::channels::file::{LogDirs, dirs, dirs_of, encryption, keeps_log, keys_of};
use crate::cli::place::Directories;
use crate::config::{Graph, Node, Place, Request, Spec, load_all};
use crate::store::log::{EXTENSION, KeyRing, LOCK};

/// The system's instances.
const STATES: &str = "/var/lib/dataflowkit";

/// The directories and keys; else a sentence on why there are none.
pub fn find(args: &LogArgs, specs: &[&'static Spec]) -> Result<LogDirs, String> {
    let (mut found, mut keys) = (Vec::new(), KeyRing::default());
    if let (Some(conf), Some(channel)) = (&args.conf, &args.channel) {
        (found, keys) = by_agent_file(args, conf, channel, specs)?;
    }
    if !args.dirs.is_empty() {
        found.clear();
    } else if found.is_empty() {
        return Err(
            "no directory: give that of the log, or the agent file by `--conf FILE --channel NAME`".into()
        );
    }
    for dir in &args.dirs {
        found.extend(expanded(dir, args.state_dir.as_deref())?);
    }
    for (name, path) in &args.keys {
        let key = encryption::key_file(Path::new(path)).map_err(|error| error.to_string())?;
        keys.keys.insert(name.clone(), key);
    }
    found.dedup();
    Ok(LogDirs { dirs: found, keys: Arc::new(keys) })
}

fn by_agent_file(
    args: &LogArgs,
    conf: &Path,
    channel: &str,
    specs: &[&'static Spec],
) -> Result<(Vec<PathBuf>, KeyRing), String> {
    let instance =
        conf.file_stem().map_or_else(|| "default".into(), |stem| stem.to_string_lossy().into_owned());
    let directories = Directories { state_dir: args.state_dir.clone(), ..Directories::default() };
    let place = Place { state_dir: directories.state(&instance), instance, ..Place::default() };
    let request = Request { name: args.name.clone(), place, ..Request::new(conf, specs.to_vec()) };
    let (graphs, _) = load_all(&request);
    let mut nodes: Vec<(&Graph, &Node)> = Vec::new();
    for graph in &graphs {
        nodes.extend(graph.channels.iter().filter(|node| keeps_log(node.spec)).map(|node| (graph, node)));
    }
    let all: Vec<String> =
        nodes.iter().map(|(graph, node)| format!("`{}.{}`", graph.agent, node.name)).collect();
    nodes.retain(|(_, node)| node.name == channel);
    let file = conf.display();
    match nodes[..] {
        [(graph, node)] => {
            let pulse = node.pulse();
            let at = node.at(&graph.place, &pulse);
            let keys = keys_of(&at)?;
            Ok((dirs_of(&at).into_iter().filter(|dir| dir.exists()).collect(), keys))
        }
        [] if all.is_empty() => {
            Err(format!("`{file}` has no file channel that can run; `dataflowkit check {file}` tells why"))
        }
        [] => Err(format!("`{file}` has no file channel `{channel}`; it has {}", all.join(", "))),
        _ => Err(format!("several agents of `{file}` have a channel `{channel}`: choose one by `--name`")),
    }
}

/// The directories of the log that a word of the user stands for.
fn expanded(dir: &Path, state_dir: Option<&Path>) -> Result<Vec<PathBuf>, String> {
    if let Some(list) = lists(dir, state_dir).into_iter().find(|list| list.is_file()) {
        return listed(&list);
    }
    let shown = dir.display();
    if dir.is_file() {
        return Err(format!("`{shown}` is a file; give the directory of the log"));
    }
    let entries = fs::read_dir(dir).map_err(|error| format!("cannot look into `{shown}`: {error}"))?;
    let names: Vec<String> =
        entries.flatten().filter_map(|entry| entry.file_name().into_string().ok()).collect();
    let below = dir.join("data");
    if names.iter().any(|name| name.ends_with(EXTENSION)) {
        return Ok(vec![dir.to_path_buf()]);
    }
    if dirs::has_log(&below) {
        return Ok(vec![below]);
    }
    let known = dirs::all(dir);
    match &known[..] {
        [(_, list)] => return listed(list),
        [] => {}
        many => {
            let all: Vec<String> =
                many.iter().map(|(name, _)| format!("`{}`", dir.join(name).display())).collect();
            return Err(format!("`{shown}` has the state of several channels: give {}", all.join(" or ")));
        }
    }
    if dirs::has_flume_log(dir) || dirs::has_flume_log(&below) {
        return Err(format!(
            "`{shown}` has files of Apache Flume's own file channel (log-N), whose form is another: to bring its events over, let Flume run once more until they are delivered"
        ));
    }
    if names.iter().any(|name| name == LOCK) {
        return Ok(vec![dir.to_path_buf()]);
    }
    let aside = names.iter().filter(|name| name.ends_with(".damaged")).count();
    let what = match (aside, names.is_empty()) {
        (0, true) => "is empty".to_string(),
        (0, false) => format!("has no segment of a channel's log (NNNNNNNNNN{EXTENSION})"),
        (aside, _) => format!("has {aside} segments that were set aside for their damage, and no other"),
    };
    Err(format!("`{shown}` {what}"))
}

/// Where the directories of a channel may be written down: beside its folder, or for STATE/CHANNEL and INSTANCE/CHANNEL.
fn lists(dir: &Path, state_dir: Option<&Path>) -> Vec<PathBuf> {
    let Some(name) = dir.file_name().map(|name| name.to_string_lossy().into_owned()) else {
        return Vec::new();
    };
    let parent = dir.parent().unwrap_or(Path::new(""));
    let mut lists = vec![parent.join(format!("{name}.dirs")), parent.join(format!("channel-{name}.dirs"))];
    let mut parts = parent.components();
    if let (Some(Component::Normal(instance)), None) = (parts.next(), parts.next()) {
        let own = Directories { state_dir: state_dir.map(Path::to_path_buf), ..Directories::default() };
        let states = [own.state(&instance.to_string_lossy()), Path::new(STATES).join(instance)];
        lists.extend(states.map(|state| state.join(format!("channel-{name}.dirs"))));
    }
    lists
}

fn listed(list: &Path) -> Result<Vec<PathBuf>, String> {
    let all = dirs::read(list).map_err(|error| format!("cannot read `{}`: {error}", list.display()))?;
    match all.iter().find(|dir| !dir.is_dir()) {
        Some(gone) => Err(format!("`{}`, of which `{}` tells, is not there", gone.display(), list.display())),
        None => Ok(all),
    }
}
