//! Properties of Java's clients that have no effect here, and why.

const SERIALIZED: &str = "bodies are sent as they are, keys as UTF-8";
const ZOOKEEPER: &str = "clients ask the brokers; ZooKeeper is not used";
const OPENSSL: &str = "OpenSSL speaks TLS here, and negotiates the version";
const REPORTS: &str = "every delivery report is waited for";
const FLUSHED: &str = "every delivery ends with a flush, so no message waits for company longer than that";
const COUNTERS: &str = "`dataflowkit status` has the counters";
const SPREAD: &str = "messages without a key are spread over all partitions";
const STORES: &str = "a store tells itself of what type it is";
const KERBEROS: &str = "`sasl.kerberos.min.time.before.relogin` says how often a ticket is renewed";
const NO_TOKENS: &str = "tokens are made by `sasl.jaas.config` and renewed before they end";

const NAMES: &[(&str, &str)] = &[
    ("serializer.class", SERIALIZED),
    ("key.serializer.class", SERIALIZED),
    ("key.serializer", SERIALIZED),
    ("value.serializer", SERIALIZED),
    ("key.deserializer", SERIALIZED),
    ("value.deserializer", SERIALIZED),
    ("producer.type", REPORTS),
    // Flume 1.6 writes `kafka.producer.type` and `kafka.consumer.timeout.ms`.
    ("type", REPORTS),
    ("timeout.ms", "`batchDurationMillis` ends a batch, and brokers are waited for"),
    ("queue.enqueue.timeout.ms", REPORTS),
    ("max.block.ms", REPORTS),
    ("block.on.buffer.full", REPORTS),
    ("metadata.fetch.timeout.ms", REPORTS),
    ("delivery.report.only.error", REPORTS),
    ("linger.ms", FLUSHED),
    ("queue.buffering.max.ms", FLUSHED),
    ("partitioner.adaptive.partitioning.enable", SPREAD),
    ("partitioner.availability.timeout.ms", SPREAD),
    ("transaction.two.phase.commit.enable", "transactions are the sink's own"),
    ("metadata.max.idle.ms", "`metadata.max.age.ms` says how long what is known of a topic counts"),
    ("compressed.topics", "`compression.type` is for all topics of the sink"),
    ("consumer.timeout.ms", "`batchDurationMillis` ends a batch"),
    ("queued.max.message.chunks", "`queued.max.messages.kbytes` bounds what is read ahead"),
    ("max.poll.records", "`batchSize` ends a batch"),
    ("exclude.internal.topics", "patterns match no topic whose name begins with `__`"),
    ("num.consumer.fetchers", "the client decides how it fetches"),
    ("refresh.leader.backoff.ms", "the client looks for leaders as often as it needs one"),
    ("allow.auto.create.topics", "reading makes no topic, and a producer's brokers decide it"),
    ("internal.leave.group.on.close", "partitions are given back at a stop"),
    ("consumer.id", "the brokers name members"),
    ("dual.commit.enabled", ZOOKEEPER),
    ("default.api.timeout.ms", "brokers are waited for, however long, and `status` says since when"),
    ("socket.connection.setup.timeout.max.ms", "`socket.connection.setup.timeout.ms` bounds every attempt"),
    ("interceptor.classes", "there is no Java here; agents have interceptors of their own"),
    ("security.providers", "there is no Java here; OpenSSL has the ciphers"),
    ("ssl.protocol", OPENSSL),
    ("ssl.enabled.protocols", OPENSSL),
    ("ssl.provider", OPENSSL),
    ("ssl.keymanager.algorithm", OPENSSL),
    ("ssl.trustmanager.algorithm", OPENSSL),
    ("ssl.secure.random.implementation", OPENSSL),
    ("ssl.truststore.type", STORES),
    ("ssl.keystore.type", STORES),
    ("sasl.kerberos.ticket.renew.jitter", KERBEROS),
    ("sasl.kerberos.ticket.renew.window.factor", KERBEROS),
    ("sasl.oauthbearer.clock.skew.seconds", NO_TOKENS),
    ("sasl.oauthbearer.expected.audience", NO_TOKENS),
    ("sasl.oauthbearer.expected.issuer", NO_TOKENS),
    ("sasl.oauthbearer.scope.claim.name", NO_TOKENS),
    ("sasl.oauthbearer.sub.claim.name", NO_TOKENS),
    ("metric.reporters", COUNTERS),
    ("auto.include.jmx.reporter", COUNTERS),
];

/// By their beginning.
const FAMILIES: &[(&str, &str)] = &[
    ("zookeeper.", ZOOKEEPER),
    ("rebalance.", "the brokers lead a rebalance"),
    ("offsets.", "offsets are kept by the brokers"),
    ("metrics.", COUNTERS),
    ("sasl.login.refresh.", NO_TOKENS),
    ("sasl.login.retry.", NO_TOKENS),
    ("sasl.login.connect.", NO_TOKENS),
    ("sasl.login.read.", NO_TOKENS),
    ("sasl.oauthbearer.jwks.", NO_TOKENS),
];

pub fn why(name: &str) -> Option<&'static str> {
    let named = NAMES.iter().find(|(known, _)| *known == name);
    named.or_else(|| FAMILIES.iter().find(|(start, _)| name.starts_with(start))).map(|(_, why)| *why)
}

pub fn names() -> impl Iterator<Item = &'static str> {
    NAMES.iter().map(|(name, _)| *name)
}
