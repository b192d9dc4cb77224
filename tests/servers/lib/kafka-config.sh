# What a Kafka broker of the tests is told: its jars, its properties, its users, its certificates.
# shellcheck shell=bash disable=SC2154 # the variables of `kafka`
#
# Sourced by `kafka`. The properties are written anew at each start from its arguments and the ports in DIR/ports.

dependencies() {
	# Not in the public repository for 4.4.0, and needed by no broker.
	local missing='<exclusions><exclusion><groupId>org.apache.kafka</groupId><artifactId>kafka-tools-api</artifactId></exclusion></exclusions>'
	case $version in
	0.*)
		dependency org.apache.kafka kafka_2.11 "$version"
		# A package that Java has not had since 11.
		dependency javax.xml.bind jaxb-api 2.3.1
		;;
	*)
		dependency org.apache.kafka kafka_2.13 "$version" "$missing"
		dependency org.slf4j slf4j-simple 1.7.36
		;;
	esac
}

# port NAME: the port of that name in this directory, the same at every start
port() {
	local found
	found=$(sed -n "s/^$1=//p" "$dir/ports" 2> /dev/null)
	if [ -z "$found" ]; then
		found=$(free_port)
		echo "$1=$found" >> "$dir/ports"
	fi
	echo "$found"
}

# listener NAME PROTOCOL [HOST [ADVERTISED]]
listener() {
	local at
	at=${3:-127.0.0.1}:$(port "${1,,}")
	listeners+=("$1://$at")
	advertised+=("$1://${4:-$at}")
	protocols+=("$1:$2")
	addresses+=("${1,,}=$at")
}

joined() { local IFS=,; echo "$*"; }

# The listeners of this start, in `listeners`, `advertised`, `protocols`; what to print of them in `addresses`.
set_listeners() {
	listeners=() advertised=() protocols=() addresses=()
	listener PLAINTEXT PLAINTEXT
	[ -z "$proxy" ] || listener PROXIED PLAINTEXT 127.0.0.1 "$proxy"
	[ -z "$sasl" ] || listener SASL_PLAINTEXT SASL_PLAINTEXT
	# The name in its principal is the name that clients ask for.
	[ -z "$gssapi" ] || listener GSSAPI SASL_PLAINTEXT localhost
	[ -z "$tls" ] || listener SSL SSL
	[ -z "$sasl" ] || [ -z "$tls" ] || listener SASL_SSL SASL_SSL
}

common_properties() {
	cat <<-PROPERTIES
		log.dirs=$dir/data
		num.partitions=$partitions
		offsets.topic.num.partitions=1
		offsets.topic.replication.factor=1
		# By default 128 MB, of which a broker with a small heap dies.
		log.cleaner.dedupe.buffer.size=2097152
		advertised.listeners=$(joined "${advertised[@]}")
	PROPERTIES
}

# One node that is broker and controller.
kraft_properties() {
	local controller
	controller=127.0.0.1:$(port controller)
	cat <<-PROPERTIES
		process.roles=broker,controller
		node.id=1
		controller.quorum.voters=1@$controller
		controller.listener.names=CONTROLLER
		listeners=$(joined "${listeners[@]}" "CONTROLLER://$controller")
		listener.security.protocol.map=$(joined "${protocols[@]}" CONTROLLER:PLAINTEXT)
		transaction.state.log.num.partitions=1
		transaction.state.log.replication.factor=1
		transaction.state.log.min.isr=1
		# How late a transaction may be aborted whose time is over.
		transaction.abort.timed.out.transaction.cleanup.interval.ms=1000
		share.coordinator.state.topic.num.partitions=1
		share.coordinator.state.topic.replication.factor=1
		share.coordinator.state.topic.min.isr=1
		group.initial.rebalance.delay.ms=0
		# By default 9 s, which a restart after kill -9 takes longer. Less, and a busy machine loses its broker.
		broker.session.timeout.ms=3000
		broker.heartbeat.interval.ms=500
	PROPERTIES
}

zookeeper_properties() {
	cat <<-PROPERTIES
		broker.id=1
		listeners=$(joined "${listeners[@]}")
		listener.security.protocol.map=$(joined "${protocols[@]}")
		zookeeper.connect=127.0.0.1:$(port zookeeper)
		zookeeper.session.timeout.ms=2000
		# librdkafka asks for 45 s.
		group.max.session.timeout.ms=300000
	PROPERTIES
}

# Users: alice may do all, bob all but transactions, carol nothing. Passwords are NAME-secret.
sasl_properties() {
	local plain=org.apache.kafka.common.security.plain.PlainLoginModule
	local scram=org.apache.kafka.common.security.scram.ScramLoginModule
	local bearer=org.apache.kafka.common.security.oauthbearer.OAuthBearerLoginModule
	local name
	echo sasl.enabled.mechanisms=PLAIN,SCRAM-SHA-256,SCRAM-SHA-512,OAUTHBEARER
	for name in sasl_plaintext ${tls:+sasl_ssl}; do
		cat <<-PROPERTIES
			listener.name.$name.plain.sasl.jaas.config=$plain required user_alice="alice-secret" user_bob="bob-secret" user_carol="carol-secret";
			listener.name.$name.scram-sha-256.sasl.jaas.config=$scram required;
			listener.name.$name.scram-sha-512.sasl.jaas.config=$scram required;
			listener.name.$name.oauthbearer.sasl.jaas.config=$bearer required unsecuredLoginStringClaim_sub="kafka";
		PROPERTIES
	done
}

# The arguments of `format` for the same users.
scram_users() {
	local user mechanism
	for user in alice bob carol; do
		for mechanism in SCRAM-SHA-256 SCRAM-SHA-512; do
			printf '%s\n' --add-scram "$mechanism=[name=$user,password=$user-secret]"
		done
	done
}

gssapi_properties() {
	cat <<-PROPERTIES
		sasl.kerberos.service.name=kafka
		listener.name.gssapi.sasl.enabled.mechanisms=GSSAPI
		listener.name.gssapi.gssapi.sasl.jaas.config=com.sun.security.auth.module.Krb5LoginModule required useKeyTab=true storeKey=true keyTab="$dir/kerberos/test.keytab" principal="kafka/localhost@TEST.LOCAL";
	PROPERTIES
}

tls_properties() {
	cat <<-PROPERTIES
		ssl.keystore.type=PEM
		ssl.keystore.location=$dir/tls/server.pem
		ssl.truststore.type=PEM
		ssl.truststore.location=$dir/tls/ca.pem
		ssl.client.auth=$tls
	PROPERTIES
}

# Who comes without a name is the controller's listener too, so it may do all.
acl_properties() {
	cat <<-PROPERTIES
		authorizer.class.name=org.apache.kafka.metadata.authorizer.StandardAuthorizer
		super.users=User:ANONYMOUS;User:alice;User:flume;User:CN=client
		allow.everyone.if.no.acl.found=false
	PROPERTIES
}

write_properties() {
	set_listeners
	{
		common_properties
		if [ -n "$zookeeper" ]; then zookeeper_properties; else kraft_properties; fi
		[ -z "$sasl" ] || sasl_properties
		[ -z "$gssapi" ] || gssapi_properties
		[ -z "$tls" ] || tls_properties
		[ -z "$acl" ] || acl_properties
		printf '%s\n' "${settings[@]}"
	} > "$dir/server.properties"
}

write_zookeeper_properties() {
	cat > "$dir/zookeeper.properties" <<-PROPERTIES
		dataDir=$dir/zookeeper
		clientPort=$(port zookeeper)
		clientPortAddress=127.0.0.1
		tickTime=500
		maxClientCnxns=0
	PROPERTIES
}

# What bob may do: all to topics, groups and the cluster; the right to transactional ids is another. By the command of
# 3.9.2, the last that has it in the same jar as the broker.
grant() (
	of 3.9.2
	install
	java "${java[@]}" -cp "$classpath" kafka.admin.AclCommand --bootstrap-server "$bootstrap" --add --allow-principal User:bob \
		--operation All --topic '*' --group '*' --cluster >> "$dir/tools.log" 2>&1
)
