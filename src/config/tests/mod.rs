//! Whole files through [`load`], against components that do nothing.
mod catalogs;
mod fakes;
mod filters;
mod graphs;
mod mistakes;
mod sources;

use std::fs;

use super::{Loaded, Request, load};
use crate::diag::text;

/// A directory with one agent file.
struct Case {
    dir: tempfile::TempDir,
    request: Request,
}

impl Case {
    fn new(content: &str) -> Case {
        Case::named("agent.properties", content)
    }

    fn named(name: &str, content: &str) -> Case {
        let dir = tempfile::tempdir().unwrap();
        let file = dir.path().join(name);
        fs::write(&file, content).unwrap();
        let request = Request { file, specs: fakes::ALL.to_vec(), ..Request::default() };
        Case { dir, request }
    }

    fn strict(mut self) -> Case {
        self.request.strict = true;
        self
    }

    fn load(&self) -> Loaded {
        load(&self.request)
    }

    /// All that is reported, the directory taken out.
    fn clean(&self, loaded: &Loaded) -> String {
        text(&loaded.report).replace(&format!("{}/", self.dir.path().display()), "")
    }
}

/// A file that has nothing wrong with it.
const GOOD: &str = "\
a1.sources = r1
a1.channels = c1
a1.sinks = k1
a1.sources.r1.type = netcat
a1.sources.r1.bind = 127.0.0.1
a1.sources.r1.port = 44444
a1.sources.r1.channels = c1
a1.channels.c1.type = memory
a1.sinks.k1.type = logger
a1.sinks.k1.channel = c1
";
