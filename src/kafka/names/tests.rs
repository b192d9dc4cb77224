use super::*;

fn set(name: &str, value: &str) -> Known {
    Known::one(name, value)
}

#[test]
fn properties_of_old_and_java_clients_mean_the_same_here() {
    assert_eq!(known("request.required.acks", "-1"), set("acks", "-1"));
    assert_eq!(known("compression.codec", "2"), set("compression.type", "snappy"));
    assert_eq!(known("max.request.size", "2097152"), set("message.max.bytes", "2097152"));
    assert_eq!(known("buffer.memory", "33554432"), set("queue.buffering.max.kbytes", "32768"));
    assert_eq!(known("send.buffer.bytes", "-1"), set("socket.send.buffer.bytes", "0"));
    assert_eq!(known("batch.num.messages", "500"), set("batch.num.messages", "500"));
    assert_eq!(known("fetch.max.wait.ms", "9"), set("fetch.wait.max.ms", "9"));
    assert_eq!(known("partitioner.ignore.keys", "true"), set("partitioner", "random"));
    assert!(matches!(known("transactional.id", "mine"), Known::Refused(_)));
    assert_eq!(known("compresion.type", "lz4"), Known::Unknown);
    let any = set("ssl.endpoint.identification.algorithm", "none");
    assert_eq!(known("ssl.disableTLSHostnameVerification", "true"), any);
    assert_eq!(known("ssl.endpoint.identification.algorithm", ""), any);
}

#[test]
fn what_goes_too_far_or_is_not_to_be_had_is_taken_as_the_nearest_and_said() {
    let near = |name: &str, value: &str| {
        let what = format!("it is taken as {value}: further the client does not go");
        Known::Near(vec![(name.to_string(), value.to_string())], what)
    };
    assert_eq!(known("request.timeout.ms", "2147483647"), near("request.timeout.ms", "900000"));
    assert_eq!(known("compression.zstd.level", "22"), near("compression.zstd.level", "12"));
    assert!(matches!(known("compression.gzip.level", "best"), Known::Refused(_)));
    let strategy = "partition.assignment.strategy";
    let classes = "org.apache.kafka.clients.consumer.RangeAssignor, roundrobin";
    assert_eq!(known(strategy, classes), set(strategy, "range,roundrobin"));
    let sticky = known(strategy, "org.apache.kafka.clients.consumer.StickyAssignor");
    assert!(matches!(sticky, Known::Near(properties, _) if properties[0].1 == "roundrobin"));
    assert!(matches!(known(strategy, "a.b.OwnAssignor"), Known::Refused(_)));
}

/// Every property of the clients of Kafka 0.8 and 3.9, as people set it.
const JAVA: &str = "acks=all batch.size=16384 buffer.memory=33554432 compression.type=zstd compression.gzip.level=-1 \
    compression.lz4.level=9 compression.zstd.level=3 delivery.timeout.ms=120000 enable.idempotence=true \
    key.serializer=a.B linger.ms=5 max.block.ms=60000 max.in.flight.requests.per.connection=5 \
    max.request.size=1048576 metadata.max.idle.ms=300000 partitioner.adaptive.partitioning.enable=true \
    partitioner.availability.timeout.ms=0 partitioner.ignore.keys=false transaction.timeout.ms=60000 \
    value.serializer=a.B block.on.buffer.full=true timeout.ms=30000 metadata.fetch.timeout.ms=60000 \
    client.dns.lookup=use_all_dns_ips client.id=x client.rack=r connections.max.idle.ms=540000 \
    metadata.max.age.ms=300000 metadata.recovery.strategy=rebootstrap \
    metadata.recovery.rebootstrap.trigger.ms=300000 metric.reporters=a.B metrics.num.samples=2 \
    metrics.recording.level=INFO metrics.sample.window.ms=30000 enable.metrics.push=true \
    auto.include.jmx.reporter=true receive.buffer.bytes=65536 send.buffer.bytes=131072 reconnect.backoff.ms=50 \
    reconnect.backoff.max.ms=1000 request.timeout.ms=30000 retries=2147483647 retry.backoff.ms=100 \
    retry.backoff.max.ms=1000 security.protocol=SASL_SSL security.providers=a.B \
    socket.connection.setup.timeout.ms=10000 socket.connection.setup.timeout.max.ms=30000 \
    default.api.timeout.ms=60000 interceptor.classes=a.B sasl.kerberos.kinit.cmd=/usr/bin/kinit \
    sasl.kerberos.min.time.before.relogin=60000 sasl.kerberos.service.name=kafka \
    sasl.kerberos.ticket.renew.jitter=0.05 sasl.kerberos.ticket.renew.window.factor=0.8 \
    sasl.login.connect.timeout.ms=1 sasl.login.read.timeout.ms=1 sasl.login.refresh.buffer.seconds=300 \
    sasl.login.refresh.min.period.seconds=60 sasl.login.refresh.window.factor=0.8 \
    sasl.login.refresh.window.jitter=0.05 sasl.login.retry.backoff.max.ms=10000 sasl.login.retry.backoff.ms=100 \
    sasl.mechanism=GSSAPI sasl.oauthbearer.clock.skew.seconds=30 sasl.oauthbearer.expected.audience=a \
    sasl.oauthbearer.expected.issuer=b sasl.oauthbearer.jwks.endpoint.refresh.ms=1 \
    sasl.oauthbearer.scope.claim.name=scope sasl.oauthbearer.sub.claim.name=sub \
    ssl.cipher.suites=TLS_ECDHE_RSA_WITH_AES_256_GCM_SHA384 ssl.enabled.protocols=TLSv1.2,TLSv1.3 \
    ssl.endpoint.identification.algorithm=https ssl.key.password=x ssl.keymanager.algorithm=SunX509 \
    ssl.keystore.location=/a/k.jks ssl.keystore.password=x ssl.keystore.type=JKS ssl.protocol=TLSv1.3 \
    ssl.provider=a ssl.secure.random.implementation=x ssl.trustmanager.algorithm=PKIX \
    ssl.truststore.location=/a/t.jks ssl.truststore.password=x ssl.truststore.type=JKS \
    allow.auto.create.topics=true auto.commit.interval.ms=5000 auto.offset.reset=earliest check.crcs=true \
    enable.auto.commit=true exclude.internal.topics=true fetch.max.bytes=52428800 fetch.max.wait.ms=500 \
    fetch.min.bytes=1 group.instance.id=a group.protocol=classic group.remote.assignor=uniform \
    heartbeat.interval.ms=3000 isolation.level=read_uncommitted key.deserializer=a.B \
    max.partition.fetch.bytes=1048576 max.poll.interval.ms=300000 max.poll.records=500 session.timeout.ms=45000 \
    value.deserializer=a.B internal.leave.group.on.close=true consumer.timeout.ms=100 zookeeper.connect=z:2181 \
    zookeeper.session.timeout.ms=400 fetch.message.max.bytes=1048576 num.consumer.fetchers=1 \
    queued.max.message.chunks=2 rebalance.max.retries=4 rebalance.backoff.ms=2000 refresh.leader.backoff.ms=200 \
    socket.timeout.ms=30000 socket.receive.buffer.bytes=65536 consumer.id=a offsets.storage=kafka \
    dual.commit.enabled=false offsets.channel.backoff.ms=1 offsets.commit.max.retries=5 producer.type=sync \
    request.required.acks=1 compressed.topics=a message.send.max.retries=3 \
    topic.metadata.refresh.interval.ms=600000 queue.buffering.max.ms=5000 queue.buffering.max.messages=10000 \
    queue.enqueue.timeout.ms=-1 batch.num.messages=200 key.serializer.class=a.B serializer.class=a.B";

#[test]
fn all_that_javas_clients_take_runs_here_too() {
    for property in JAVA.split_whitespace() {
        let (name, value) = property.split_once('=').unwrap();
        let found = known(name, value);
        assert!(!matches!(found, Known::Unknown | Known::Refused(_)), "{property}: {found:?}");
    }
}
