//! Components that do nothing, with keys of every type.
use std::sync::Arc;
use std::time::Duration;

use crate::config::catalog::{KAFKA, addressed, kafka};
use crate::config::{At, Build, Field, GroupPlan, Refusal, Spec, Unit};
use crate::event::{Batch, EventRef};
use crate::flow::{
    DeliverError, Destination, Fatal, Input, Interceptor, Kind, Outlet, Processor, Routes, Selector, Sink,
    Source, Stop,
};

struct Idle;

impl Source for Idle {
    fn run(&mut self, _: &Outlet, _: &Stop) -> Result<(), Fatal> {
        Ok(())
    }
}

/// A source of files: they are still there after a crash.
struct Again;

impl Source for Again {
    fn run(&mut self, _: &Outlet, _: &Stop) -> Result<(), Fatal> {
        Ok(())
    }
    fn input(&self) -> Input {
        Input::Again
    }
}

impl Interceptor for Idle {
    fn apply(&mut self, _: &mut Batch) {}
}

impl Selector for Idle {
    fn route(&self, _: EventRef<'_>) -> Routes {
        Routes::default()
    }
    fn required(&self) -> u64 {
        0
    }
}

impl Processor for Idle {
    fn order(&mut self, _: Duration) -> Vec<usize> {
        vec![0]
    }
    fn succeeded(&mut self, _: usize) {}
    fn failed(&mut self, _: usize, _: Duration) {}
    fn out(&mut self, _: usize) {}
    fn due(&self) -> Option<Duration> {
        None
    }
}

struct End {
    keeps_record: bool,
}

impl Sink for End {
    fn destination(&self) -> Option<Destination> {
        self.keeps_record.then(|| Destination("fake:/".into()))
    }
    fn deliver(&mut self, _: &[Batch], _: &Stop) -> Result<(), DeliverError> {
        Ok(())
    }
}

const BIND: Field = Field::text("bind").required().doc("the address to listen on");
const PORT: Field = Field::int("port", 0, 65_535).required().doc("the port to listen on");
const ACK: Field = Field::flag("ack-every-event").default("true").doc("answers each line");
const LENGTH: Field =
    Field::int("max-line-length", 1, 1 << 20).unit(Unit::Bytes).default("512").doc("longest line");
const LEGACY: Field = Field::text("threads").ignored("JVM only").doc("threads");
const CIPHER: Field = Field::text("cipher").refused("use `tls = true`").doc("cipher");
const PASSWORD: Field = Field::int("password", 0, 9).doc("a secret");
const BATCH: Field =
    Field::int("batchSize", 1, 100_000).unit(Unit::Events).default("100").doc("events per put");
const DIR: Field = Field::path("spoolDir").required().also(&["directory"]).doc("the directory");
const ORDER: Field =
    Field::choice("consumeOrder", &["oldest", "youngest", "random"]).default("oldest").doc("which first");
const PATTERN: Field = Field::regex("ignorePattern").default("^$").doc("names to leave");
const CAPACITY: Field =
    Field::int("capacity", 1, i32::MAX as i64).lenient().default("100").doc("most events");
const TRANSACTION: Field = Field::int("transactionCapacity", 1, i32::MAX as i64)
    .lenient()
    .default("100")
    .doc("most events at a time");
const CLUSTER_NAME: Field = Field::word("kafka_name").doc("the cluster");
const TOPICS: Field = Field::text("topics").required().doc("the topics");
const BROKERS: Field = Field::text("brokerList").doc("the cluster, without a catalog");
const OUT: Field = Field::path("sink.directory").required().doc("where files go");
const SUB: Field = Field::prefix("sink.serializer.").also(&["serializer."]).doc("keys of the serializer");

pub static NETCAT: Spec = Spec {
    kind: Kind::Source,
    name: "netcat",
    class: "org.apache.flume.source.NetcatSource",
    aliases: &[],
    summary: "lines from TCP clients",
    fields: &[&[BIND, PORT, ACK, LENGTH, LEGACY, CIPHER, PASSWORD]],
    build: Build::Source(|_| Ok(Box::new(Idle))),
};
pub static SPOOL: Spec = Spec {
    kind: Kind::Source,
    name: "spooldir",
    class: "com.cmos.bomc.dataflowkit.cmcconline.flume.source.spooldir.SpoolDirectorySource",
    aliases: &["com.cmos.bomc.dataflowkit.cmcconline.flume.source.redis.*"],
    summary: "files of a directory",
    fields: &[&[DIR, BATCH, ORDER, PATTERN]],
    build: Build::Source(|at: &At<'_>| match at.text(&PATTERN) {
        "[" => Err(Refusal::at(&PATTERN, "`[` is no pattern").instead("close the bracket")),
        _ => Ok(Box::new(Again)),
    }),
};
pub static AVRO: Spec = Spec {
    kind: Kind::Source,
    name: "avro",
    class: "org.apache.flume.source.AvroSource",
    aliases: &[],
    summary: "events from Flume",
    fields: &[],
    build: Build::NotYet("use `netcat`"),
};
pub static MEMORY: Spec = Spec {
    kind: Kind::Channel,
    name: "memory",
    class: "org.apache.flume.channel.MemoryChannel",
    aliases: &[],
    summary: "in memory",
    fields: &[&[CAPACITY, TRANSACTION]],
    build: Build::Channel(|at: &At<'_>| {
        if at.int(&TRANSACTION) > at.int(&CAPACITY) {
            let what = format!("{} events do not fit in {}", at.int(&TRANSACTION), at.int(&CAPACITY));
            return Err(Refusal::at(&TRANSACTION, what).instead("raise `capacity`"));
        }
        Ok(Box::new(|_, _: Arc<_>| unreachable!("a check opens nothing")))
    }),
};
pub static LOGGER: Spec = Spec {
    kind: Kind::Sink,
    name: "logger",
    class: "org.apache.flume.sink.LoggerSink",
    aliases: &[],
    summary: "into the log",
    fields: &[],
    build: Build::Sink(|_| Ok(Box::new(End { keeps_record: false }))),
};
pub static ROLL: Spec = Spec {
    kind: Kind::Sink,
    name: "file_roll",
    class: "org.apache.flume.sink.RollingFileSink",
    aliases: &[],
    summary: "into files",
    fields: &[&[OUT, SUB, BATCH]],
    build: Build::Sink(|_| Ok(Box::new(End { keeps_record: true }))),
};
/// Names a cluster, as components of brokers do.
pub static CLUSTER: Spec = Spec {
    kind: Kind::Sink,
    name: "cluster",
    class: "",
    aliases: &[],
    summary: "to a cluster",
    fields: &[&[CLUSTER_NAME, TOPICS, BROKERS, BATCH]],
    build: Build::Sink(|at| {
        let (named, own) = (at.opt(&CLUSTER_NAME), at.is_set(&BROKERS));
        let key = if named.is_some() { CLUSTER_NAME } else { TOPICS };
        let found = addressed(&at.place.catalogs, &KAFKA, at.text(&TOPICS), named, own);
        let found = found.map_err(|trouble| trouble.at(&key))?;
        // What has the last word on a value that both may have shows in whether a record is kept.
        let batch = at.ranked(&BATCH, found.entry.as_deref(), &kafka::BATCH_SIZE);
        Ok(Box::new(End { keeps_record: batch == Some("7") }))
    }),
};
pub static HOST: Spec = Spec {
    kind: Kind::Interceptor,
    name: "host",
    class: "org.apache.flume.interceptor.HostInterceptor$Builder",
    aliases: &[],
    summary: "adds the host",
    fields: &[&[Field::flag("useIP").default("true").doc("the address")]],
    build: Build::Interceptor(|_| Ok(Box::new(Idle))),
};
pub static REPLICATING: Spec = Spec {
    kind: Kind::Selector,
    name: "replicating",
    class: "org.apache.flume.channel.ReplicatingChannelSelector",
    aliases: &[],
    summary: "to all",
    fields: &[&[Field::names("optional").doc("channels that may fail")]],
    build: Build::Selector(|_| Ok(Box::new(Idle))),
};
pub static MULTIPLEXING: Spec = Spec {
    kind: Kind::Selector,
    name: "multiplexing",
    class: "org.apache.flume.channel.MultiplexingChannelSelector",
    aliases: &[],
    summary: "by a header",
    fields: &[&[
        Field::text("header").default("flume.selector.header").doc("the header"),
        Field::names("default").doc("for all others"),
        Field::prefix("mapping.").doc("by value"),
        Field::prefix("optional.").doc("by value, may fail"),
    ]],
    build: Build::Selector(|_| Ok(Box::new(Idle))),
};
pub static DEFAULT: Spec = Spec {
    kind: Kind::SinkGroup,
    name: "default",
    class: "org.apache.flume.sink.DefaultSinkProcessor",
    aliases: &[],
    summary: "one sink",
    fields: &[],
    build: Build::Group(|_, members| match members.len() {
        1 => Ok(GroupPlan::new(Idle)),
        _ => Err(Refusal {
            key: None,
            what: "it drives one sink".into(),
            instead: Some("use one sink".into()),
        }),
    }),
};
pub static FAILOVER: Spec = Spec {
    kind: Kind::SinkGroup,
    name: "failover",
    class: "org.apache.flume.sink.FailoverSinkProcessor",
    aliases: &[],
    summary: "the next when one fails",
    fields: &[],
    build: Build::NotYet("use one sink"),
};

pub static ALL: &[&Spec] = &[
    &NETCAT,
    &SPOOL,
    &AVRO,
    &MEMORY,
    &LOGGER,
    &ROLL,
    &CLUSTER,
    &HOST,
    &REPLICATING,
    &MULTIPLEXING,
    &DEFAULT,
    &FAILOVER,
];
