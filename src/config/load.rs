//! From a request to a graph: read, merge, override, interpolate, choose the agent, check.
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use jiff::Zoned;

use super::agent::{self, Agent};
use super::catalog::{Catalogs, Places};
use super::check::check;
use super::document::Document;
use super::graph::{Graph, Loaded, Logging};
use super::interpolate::{Lookup, interpolate};
use super::spec::{Place, Spec};
use crate::diag::{Diagnostic, Report, nearest};

/// What to load, and where names are looked up.
#[derive(Clone, Debug, Default)]
pub struct Request {
    pub file: PathBuf,
    /// `-n`.
    pub name: Option<String>,
    /// `-Dk=v`, in order.
    pub defines: Vec<(String, String)>,
    pub strict: bool,
    /// Where the agent lives; `config_dir` is filled in.
    pub place: Place,
    /// The environment.
    pub env: BTreeMap<String, String>,
    /// All component types.
    pub specs: Vec<&'static Spec>,
}

impl Request {
    /// A request with the environment of this process.
    pub fn new(file: impl Into<PathBuf>, specs: Vec<&'static Spec>) -> Request {
        let text = |text: std::ffi::OsString| text.into_string().ok();
        let env = std::env::vars_os().filter_map(|(key, value)| Some((text(key)?, text(value)?))).collect();
        Request { file: file.into(), specs, env, ..Request::default() }
    }
}

/// Loads one agent of a file.
pub fn load(request: &Request) -> Loaded {
    let mut report = Report::new(request.strict);
    let logging = logging(&request.defines);
    let place = place(request);
    let graph = prepare(request, &mut report).and_then(|(document, agents)| {
        let name = choose(request, &agents, &mut report)?;
        Some(one(request, &place, &document, &name, &mut report)).flatten()
    });
    place.catalogs.tell(&mut report);
    Loaded { graph, report, logging }
}

/// Loads every agent of a file, or the one that is named: for `check`.
pub fn load_all(request: &Request) -> (Vec<Graph>, Report) {
    let mut report = Report::new(request.strict);
    let mut graphs = Vec::new();
    let place = place(request);
    if let Some((document, agents)) = prepare(request, &mut report) {
        let names = match &request.name {
            Some(_) => choose(request, &agents, &mut report).into_iter().collect(),
            None => agents,
        };
        graphs.extend(names.iter().filter_map(|name| one(request, &place, &document, name, &mut report)));
    }
    place.catalogs.tell(&mut report);
    (graphs, report)
}

/// The document, ready to be checked, and the names of its agents.
fn prepare(request: &Request, report: &mut Report) -> Option<(Document, Vec<String>)> {
    let mut document = Document::read(&request.file, report)?;
    overrides(&mut document, &request.defines, report);
    let dir = config_dir(&request.file);
    let lookup = Lookup { env: &request.env, defines: &request.defines, dir: &dir, now: &Zoned::now() };
    let agents = agent::names(&document);
    interpolate(&mut document, &agents, &lookup, report);
    let agents = agent::names(&document);
    if agents.is_empty() {
        let what = format!("`{}` has no agent in it", request.file.display());
        let hint = "an agent file has lines such as `a1.sources = r1`";
        report.push(Diagnostic::error("no-agent", what).hint(hint));
        return None;
    }
    agent::strays(&document, &agents, report);
    Some((document, agents))
}

fn one(
    request: &Request,
    place: &Place,
    document: &Document,
    name: &str,
    report: &mut Report,
) -> Option<Graph> {
    let agent = Agent::read(name, document, report);
    check(&agent, &request.specs, place, &request.file, report)
}

/// The place of the agent, with the catalogs that its components may name; nothing of them has been read.
fn place(request: &Request) -> Place {
    let config_dir = config_dir(&request.file);
    let stem =
        || request.file.file_stem().map(|stem| stem.to_string_lossy().into_owned()).unwrap_or_default();
    let instance = request.place.instance.clone();
    let given = request.env.get("DATAFLOWKIT_ENV_ROOT").filter(|root| !root.is_empty()).map(PathBuf::from);
    let places = Places {
        env_root: request.place.env_root.clone().or(given),
        config_dir: config_dir.clone(),
        instance: if instance.is_empty() { stem() } else { instance },
    };
    let catalogs = Catalogs::new(places, request.env.clone());
    Place { config_dir, catalogs, ..request.place.clone() }
}

fn config_dir(file: &Path) -> PathBuf {
    let file = std::path::absolute(file).unwrap_or_else(|_| file.to_path_buf());
    file.parent().map(Path::to_path_buf).unwrap_or_default()
}

/// The agent named by `-n`, else the one named like the instance, else `AGENT_NAME`, else the only one.
fn choose(request: &Request, agents: &[String], report: &mut Report) -> Option<String> {
    let has = |name: &str| agents.iter().any(|agent| agent == name);
    let all = || agents.iter().map(|name| format!("`{name}`")).collect::<Vec<_>>().join(", ");
    let file = request.file.display();
    if let Some(name) = &request.name {
        if !has(name) {
            let near = nearest(name, agents.iter().map(String::as_str));
            let problem = Diagnostic::error(
                "unknown-agent",
                format!("`{file}` has no agent `{name}`; it has {}", all()),
            );
            report.push(problem.maybe_hint(near.map(|near| format!("did you mean `-n {near}`?"))));
            return None;
        }
        return Some(name.clone());
    }
    let instance = Some(request.place.instance.as_str()).filter(|name| has(name));
    let by_env = request.env.get("AGENT_NAME").map(String::as_str).filter(|name| has(name));
    let only = (agents.len() == 1).then(|| agents[0].as_str());
    let chosen = instance.or(by_env).or(only).map(str::to_string);
    if chosen.is_none() {
        let what = format!("`{file}` has several agents ({}) and none was chosen", all());
        let hint = "choose one by `-n NAME`, by AGENT_NAME, or by the name of the instance";
        report.push(Diagnostic::error("which-agent", what).hint(hint));
    }
    chosen
}

/// `-Dk=v` beats the file where `k` begins with an agent's name.
fn overrides(document: &mut Document, defines: &[(String, String)], report: &mut Report) {
    let agents = agent::names(document);
    for (key, value) in defines {
        let is_agent = agent::split(key).0.is_some_and(|name| agents.iter().any(|agent| agent == name));
        if is_agent {
            document.define(key, value, report);
        }
    }
}

/// `-Dflume.root.logger=DEBUG,console`, also with two equals signs as tutorials print it.
fn logging(defines: &[(String, String)]) -> Logging {
    let mut logging = Logging::default();
    for (_, value) in defines.iter().filter(|(key, _)| key == "flume.root.logger") {
        for word in value.trim_start_matches('=').split(',').map(str::trim) {
            match word.to_ascii_uppercase().as_str() {
                "ALL" | "TRACE" => logging.level = Some(log::LevelFilter::Trace),
                "DEBUG" => logging.level = Some(log::LevelFilter::Debug),
                "INFO" => logging.level = Some(log::LevelFilter::Info),
                "WARN" => logging.level = Some(log::LevelFilter::Warn),
                "ERROR" | "FATAL" => logging.level = Some(log::LevelFilter::Error),
                "OFF" => logging.level = Some(log::LevelFilter::Off),
                "CONSOLE" => logging.console = true,
                _ => {}
            }
        }
    }
    logging
}
