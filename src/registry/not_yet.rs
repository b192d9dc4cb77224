//! Component types that configs of Flume and DataFlowKit name and this version does not run: each with what to do
//! meanwhile, so that an error can say more than "unknown". Their keys are not judged.
//!
//! A component that is built leaves this table; a test holds that.
use crate::config::{Build, Spec};
use crate::flow::Kind;

const fn later(
    kind: Kind,
    name: &'static str,
    class: &'static str,
    what: &'static str,
    instead: &'static str,
) -> Spec {
    Spec { kind, name, class, aliases: &[], summary: what, fields: &[], build: Build::NotYet(instead) }
}

const fn also(mut spec: Spec, aliases: &'static [&'static str]) -> Spec {
    spec.aliases = aliases;
    spec
}

const READ_FILES: &str = "meanwhile let the program write a file, and read it by `taildir`";
const BY_FILE: &str = "meanwhile write files by `file_roll`, and send them on by other means";
const TCP_LINES: &str = "meanwhile send lines to `netcat`, or write a file and read it by `taildir`";
const DERBY: &str = "not planned: use `file`, which keeps events on disk too";
const GONE: &str = "not planned: nothing of it is left to talk to; write files by `file_roll`";
const NO_JAVA: &str = "not planned: its commands are Java classes; `regex_extractor`, `search_replace`, `regex_filter`, `json` and `redact` do the usual ones";

pub static ALL: &[Spec] = &[
    // sources
    later(
        Kind::Source,
        "avro",
        "org.apache.flume.source.AvroSource",
        "events from Flume's Avro senders",
        TCP_LINES,
    ),
    later(
        Kind::Source,
        "thrift",
        "org.apache.flume.source.ThriftSource",
        "events from Thrift senders",
        TCP_LINES,
    ),
    later(Kind::Source, "http", "org.apache.flume.source.http.HTTPSource", "events by HTTP", TCP_LINES),
    later(Kind::Source, "syslogtcp", "org.apache.flume.source.SyslogTcpSource", "syslog by TCP", READ_FILES),
    later(
        Kind::Source,
        "multiport_syslogtcp",
        "org.apache.flume.source.MultiportSyslogTCPSource",
        "syslog by TCP on several ports",
        READ_FILES,
    ),
    later(Kind::Source, "syslogudp", "org.apache.flume.source.SyslogUDPSource", "syslog by UDP", READ_FILES),
    later(
        Kind::Source,
        "jms",
        "org.apache.flume.source.jms.JMSSource",
        "messages of a JMS broker",
        READ_FILES,
    ),
    later(
        Kind::Source,
        "dfk_jms",
        "com.cmos.bomc.dataflowkit.cmcconline.flume.source.jms.JMSSource",
        "messages of a JMS broker, by catalog",
        READ_FILES,
    ),
    also(
        later(
            Kind::Source,
            "redis",
            "com.chiwanpark.flume.plugins.RedisListDrivenSource",
            "a Redis list",
            READ_FILES,
        ),
        &[
            "com.cmos.bomc.dataflowkit.cmcconline.flume.source.redis.*",
            "com.chiwanpark.flume.plugins.RedisSubscribeDrivenSource",
            "com.github.vitalibo.flume.plugin.redis.source.RedisListSource",
            "com.github.vitalibo.flume.plugin.redis.source.RedisSubscribeSource",
        ],
    ),
    also(
        later(
            Kind::Source,
            "sql",
            "org.keedio.flume.source.SQLSource",
            "rows of a database table",
            READ_FILES,
        ),
        &["com.atguigu.source.SQLSource"],
    ),
    later(Kind::Source, "journald", "", "the journal of systemd", READ_FILES),
    later(Kind::Source, "twitter", "org.apache.flume.source.twitter.TwitterSource", "tweets", GONE),
    later(Kind::Source, "scribe", "org.apache.flume.source.scribe.ScribeSource", "Scribe clients", GONE),
    later(
        Kind::Source,
        "avrolegacy",
        "org.apache.flume.source.avroLegacy.AvroLegacySource",
        "Flume OG",
        GONE,
    ),
    later(
        Kind::Source,
        "thriftlegacy",
        "org.apache.flume.source.thriftLegacy.ThriftLegacySource",
        "Flume OG",
        GONE,
    ),
    // channels
    later(Kind::Channel, "jdbc", "org.apache.flume.channel.jdbc.JdbcChannel", "events in Derby", DERBY),
    // sinks
    later(Kind::Sink, "avro", "org.apache.flume.sink.AvroSink", "to another agent", BY_FILE),
    later(Kind::Sink, "thrift", "org.apache.flume.sink.ThriftSink", "to another agent, by Thrift", BY_FILE),
    also(
        later(
            Kind::Sink,
            "hdfs",
            "org.apache.flume.sink.hdfs.HDFSEventSink",
            "files by time and header",
            BY_FILE,
        ),
        &["com.cmos.bomc.dataflowkit.cmcconline.flume.sink.hdfs.HDFSEventSink"],
    ),
    later(Kind::Sink, "irc", "org.apache.flume.sink.irc.IRCSink", "an IRC channel", BY_FILE),
    later(
        Kind::Sink,
        "elasticsearch",
        "org.apache.flume.sink.elasticsearch.ElasticSearchSink",
        "an Elasticsearch index",
        BY_FILE,
    ),
    later(Kind::Sink, "hbase", "org.apache.flume.sink.hbase.HBaseSink", "an HBase table", BY_FILE),
    later(Kind::Sink, "hbase2", "org.apache.flume.sink.hbase2.HBase2Sink", "an HBase 2 table", BY_FILE),
    later(Kind::Sink, "asynchbase", "org.apache.flume.sink.hbase.AsyncHBaseSink", "an HBase table", BY_FILE),
    later(
        Kind::Sink,
        "morphline_solr",
        "org.apache.flume.sink.solr.morphline.MorphlineSolrSink",
        "a Solr index",
        BY_FILE,
    ),
    later(Kind::Sink, "hive", "org.apache.flume.sink.hive.HiveSink", "a Hive table", BY_FILE),
    later(Kind::Sink, "http", "org.apache.flume.sink.http.HttpSink", "an HTTP server", BY_FILE),
    later(Kind::Sink, "dataset", "org.apache.flume.sink.kite.DatasetSink", "a Kite data set", GONE),
    later(
        Kind::Sink,
        "dfk_jms",
        "com.cmos.bomc.dataflowkit.cmcconline.flume.sink.jms.JMSSink",
        "a JMS broker, by catalog",
        BY_FILE,
    ),
    later(
        Kind::Sink,
        "redis",
        "com.cmos.bomc.dataflowkit.cmcconline.flume.sink.redis.RedisSplitSetSink",
        "Redis keys made from fields",
        BY_FILE,
    ),
    also(
        later(
            Kind::Sink,
            "dfk_syslog",
            "com.cmos.bomc.dataflowkit.cmcconline.flume.sink.syslog.SystlogPushSink",
            "a syslog server",
            BY_FILE,
        ),
        &["com.cmos.bomc.dataflowkit.cmcconline.flume.sink.syslog.SyslogPushSink", "syslog"],
    ),
    // interceptors
    later(
        Kind::Interceptor,
        "morphline",
        "org.apache.flume.sink.solr.morphline.MorphlineInterceptor$Builder",
        "runs a morphline",
        NO_JAVA,
    ),
];
