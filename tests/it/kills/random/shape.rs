//! What a random run is made of: sources, channel and sinks, by its seed.
use std::fs;

use crate::rotation::source;
use crate::rotation::writer::{Kind, Writer};
use crate::support::Agent;

/// What is special about the graph.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Special {
    Nothing,
    TwoSinks,
    TwoSources,
    Sealed(&'static str),
    /// Memory first, with so little of it that it spills.
    Spillable,
    TwoDirectories,
}

/// One run's shape.
#[derive(Clone, Copy, Debug)]
pub struct Shape {
    seed: u64,
    kind: Kind,
    special: Special,
}

const SOURCES_APART: u32 = 1_000_000;

impl Shape {
    pub fn of(seed: u64) -> Shape {
        let special = match seed % 6 {
            0 => Special::Nothing,
            1 => Special::TwoSinks,
            2 => Special::TwoSources,
            3 => Special::Sealed(if seed % 12 == 3 { "lz4" } else { "zstd" }),
            4 => Special::Spillable,
            _ => Special::TwoDirectories,
        };
        Shape { seed, kind: Kind::ALL[(seed + seed / 12) as usize % Kind::ALL.len()], special }
    }

    /// A third of them, of every special kind.
    pub fn is_blocked(&self) -> bool {
        (self.seed / 6 + self.seed).is_multiple_of(3)
    }

    /// Lines that arrive before anything else happens; finished files have none yet.
    pub fn early(&self) -> usize {
        if self.kind == Kind::Spooldir { 0 } else { self.sources() }
    }

    fn sources(&self) -> usize {
        if self.special == Special::TwoSources { 2 } else { 1 }
    }

    pub fn outputs(&self) -> &'static [&'static str] {
        if self.special == Special::TwoSinks { &["out1", "out2"] } else { &["out1"] }
    }

    pub fn writers(&self, agent: &Agent) -> Vec<Writer> {
        let one = |at: usize| {
            let dir = agent.path(&format!("in{}", at + 1));
            Writer::from(self.kind, dir, at as u32 * SOURCES_APART)
        };
        (0..self.sources()).map(one).collect()
    }

    /// The keys of a sealed channel, older ones first.
    pub fn write_keys(&self, agent: &Agent) {
        fs::write(agent.path("key-1"), [7; 16]).unwrap();
        fs::write(agent.path("key-2"), "0123456789abcdef".repeat(4)).unwrap();
    }

    pub fn config(&self) -> String {
        let names = |of: &str, count: usize| -> String { (1..=count).map(|n| format!(" {of}{n}")).collect() };
        let (sources, sinks) = (self.sources(), self.outputs().len());
        let mut text = format!(
            "a1.sources ={}\na1.channels = c1\na1.sinks ={}\n",
            names("r", sources),
            names("k", sinks)
        );
        for n in 1..=sources {
            text += &source(self.kind)
                .replace("@DIR@/in", &format!("@DIR@/in{n}"))
                .replace(
                    "a1.sources.r1.batchSize = 7",
                    &format!("a1.sources.r1.batchSize = {}", [7, 100, 1000][self.seed as usize / 2 % 3]),
                )
                .replace(".r1.", &format!(".r{n}."));
            text += &format!("a1.sources.r{n}.channels = c1\na1.sources.r{n}.drainQuiet = 400\n");
        }
        for n in 1..=sinks {
            let keys = "type = file_roll,channel = c1,sink.directory = @DIR@/outN,sink.rollInterval = 1,\
                        syncInterval = 20,retryDelay = 20,reportTimeout = 50";
            keys.split(',').for_each(|key| {
                text += &format!("a1.sinks.k{n}.{}\n", key.replace("outN", &format!("out{n}")));
            });
        }
        self.channel().iter().for_each(|key| text += &format!("a1.channels.c1.{key}\n"));
        text
    }

    fn channel(&self) -> Vec<String> {
        let mut keys = vec!["checkpointDir = @DIR@/fc/checkpoint".to_string()];
        let mut add = |more: &[&str]| keys.extend(more.iter().map(|key| key.to_string()));
        match self.special {
            Special::Spillable => add(&[
                "type = SPILLABLEMEMORY",
                "dataDirs = @DIR@/fc/data",
                "memoryCapacity = 50",
                "overflowTimeout = 0",
            ]),
            Special::TwoDirectories => add(&[
                "type = file",
                "dataDirs = @DIR@/fc/one, @DIR@/fc/two",
                // Many segments.
                "maxFileSize = 65536",
            ]),
            Special::Sealed(packing) => add(&[
                "type = file",
                "dataDirs = @DIR@/fc/data",
                &format!("compression = {packing}"),
                "encryption.cipherProvider = AESGCM",
                "encryption.keyProvider = KEYFILE",
                "encryption.keyProvider.keys = a b",
                "encryption.keyProvider.keys.a.file = @DIR@/key-1",
                "encryption.keyProvider.keys.b.file = @DIR@/key-2",
                if self.seed % 4 == 3 { "encryption.activeKey = a" } else { "encryption.activeKey = b" },
            ]),
            _ => add(&["type = file", "dataDirs = @DIR@/fc/data"]),
        }
        keys
    }
}
