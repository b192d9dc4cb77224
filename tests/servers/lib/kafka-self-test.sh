# Whether `kafka start` keeps its word: each version is started, used by a foreign client (kcat), killed, restarted and
# stopped. Prints a line per step; ends with 1 if one failed.
# shellcheck shell=bash disable=SC2154 # the variables of `kafka`
#
# Sourced by `kafka`. KRaft versions are started with all listeners and the authorizer, 0.10 with what it has.

self_test() {
	local failures=0 version
	[ $# -gt 0 ] || set -- 4.4.0 4.3.1 3.9.2 0.10.2.2
	work=$(mktemp -d)
	trap 'kill "${serving:-}" 2> /dev/null; wait; rm -rf "$work"' EXIT
	mkfifo "$work/pipe"
	for version; do
		mkdir "$work/$version"
		step jars "$servers/kafka" install "$version"
		listeners=(--sasl --tls --acl)
		! has_kdc || listeners+=(--gssapi)
		[[ $version != 0.* ]] || listeners=()
		try_version --partitions 3 "${listeners[@]}"
	done
	[ "$failures" -eq 0 ]
}

# step NAME COMMAND…
step() {
	if "${@:2}" > "$work/step.log" 2>&1; then
		echo "ok $version $1"
	else
		echo "FAIL $version $1"
		sed 's/^/  | /' "$work/step.log"
		failures=$((failures + 1))
	fi
}

# serve OPTION…: starts it beside us, and reads what it prints
serve() {
	: > "$work/told"
	"$servers/kafka" start "$version" "$work/$version" "$@" > "$work/told" 2> "$work/said" &
	serving=$!
	waits_for 120 told_or_ended && grep -q '^ready=yes' "$work/told" || { cat "$work/said"; return 1; }
}

told_or_ended() { grep -q '^ready=yes' "$work/told" || has_ended "$serving"; }
told() { sed -n "s/^$1=//p" "$work/told"; }

try_version() {
	local plain first pids
	step start serve "$@"
	plain=$(told plaintext)
	[ -n "$plain" ] || { kill "$serving" && wait "$serving"; return 0; }
	first=$(told startup_ms)
	step lines lines_come_back
	step partitions has_partitions
	case $version in 0.*) ;; *) try_transactions; try_security ;; esac
	pids="$(told pid) $(told zookeeper_pid) $(told kdc_pid)"
	step kill killed
	step restart serve "$@"
	step same_port test "$(told plaintext)" = "$plain"
	step same_data same_lines
	echo "   $version started in $first ms, after kill -9 in $(told startup_ms) ms; memory $(memory) KiB"
	pids+=" $(told pid) $(told zookeeper_pid) $(told kdc_pid)"
	step stop stopped
	step nothing_left all_ended
}

# Idempotent, since without that a retried batch may come after its successor; not so where that is not known.
produce() {
	local order=enable.idempotence=true
	[[ $version != 0.* ]] || order=max.in.flight=1
	kcat -b "$plain" -P -X "$order" "$@"
}
consume() { kcat -b "$plain" -C -e -q -o beginning "$@"; }

lines_come_back() {
	seq 1000 | produce -t lines -p 0
	same_lines
}
same_lines() { consume -t lines -p 0 | cmp - <(seq 1000); }
has_partitions() { kcat -b "$plain" -L -t lines | grep -F 'topic "lines" with 3 partitions'; }

try_transactions() {
	step commit committed
	step open_transaction unfinished
}

committed() {
	seq 100 | produce -t transactions -p 0 -X transactional.id=first
	consume -t transactions -p 0 -X isolation.level=read_committed | cmp - <(seq 100)
}

# What a producer wrote that died before it committed is there, and is not read. It gets more than kcat waits for.
unfinished() {
	local producer status=0
	kcat -b "$plain" -P -t transactions -p 0 -X transactional.id=second < "$work/pipe" &
	producer=$!
	exec 8> "$work/pipe"
	seq 101 2000 >&8
	waits_for 20 has_more_lines 100 || status=1
	kill -KILL "$producer"
	exec 8>&-
	wait "$producer" 2> /dev/null || true
	consume -t transactions -p 0 -X isolation.level=read_committed | cmp - <(seq 100) && return "$status"
}
has_more_lines() { [ "$(consume -t transactions -p 0 -X isolation.level=read_uncommitted | grep -c .)" -gt "$1" ]; }

try_security() {
	local mechanism over_tls=PLAIN
	step PLAIN writes "$(told sasl_plaintext)" SASL_PLAINTEXT "${alice[@]}" -X sasl.mechanism=PLAIN
	! knows_scram || over_tls=SCRAM-SHA-512
	for mechanism in SCRAM-SHA-256 SCRAM-SHA-512; do
		knows_scram || { echo "skip  $version $mechanism: kcat's librdkafka is older than 2.6.1"; continue; }
		step "$mechanism" writes "$(told sasl_plaintext)" SASL_PLAINTEXT "${alice[@]}" -X "sasl.mechanism=$mechanism"
	done
	step OAUTHBEARER writes "$(told sasl_plaintext)" SASL_PLAINTEXT -X sasl.mechanism=OAUTHBEARER \
		-X enable.sasl.oauthbearer.unsecure.jwt=true -X sasl.oauthbearer.config=principal=alice
	step wrong_password refused 'Authentication failed' "$(told sasl_plaintext)" SASL_PLAINTEXT -X sasl.mechanism=PLAIN \
		-X sasl.username=alice -X sasl.password=wrong
	local ca=(-X "ssl.ca.location=$(told tls)/ca.pem")
	local client=(-X "ssl.certificate.location=$(told tls)/client.pem" -X "ssl.key.location=$(told tls)/client.key")
	step tls writes "$(told ssl)" SSL "${ca[@]}"
	step client_certificate writes "$(told ssl)" SSL "${ca[@]}" "${client[@]}"
	step unknown_authority refused 'certificate verify failed' "$(told ssl)" SSL
	step sasl_over_tls writes "$(told sasl_ssl)" SASL_SSL "${ca[@]}" "${alice[@]}" -X "sasl.mechanism=$over_tls"
	if has_kdc; then
		step gssapi by_kerberos
	else
		echo "skip  $version gssapi: no KDC here"
	fi
	step bob writes "$(told sasl_plaintext)" SASL_PLAINTEXT "${bob[@]}"
	step bob_without_transactions refused 'Transactional Id authorization failed' "$(told sasl_plaintext)" SASL_PLAINTEXT \
		"${bob[@]}" -X transactional.id=bobs
	step carol refused 'Topic authorization failed' "$(told sasl_plaintext)" SASL_PLAINTEXT -X sasl.mechanism=PLAIN \
		-X sasl.username=carol -X sasl.password=carol-secret
}

# Until 2.6.1 librdkafka sends a nonce that Kafka 4 refuses.
knows_scram() {
	[[ $version != 4.* ]] || printf '%s\n' 2.6.1 "$(kcat -V | sed -n 's/.*librdkafka \([0-9.]*\).*/\1/p')" | sort -CV
}

alice=(-X sasl.username=alice -X sasl.password=alice-secret)
bob=(-X sasl.mechanism=PLAIN -X sasl.username=bob -X sasl.password=bob-secret)

# writes ADDRESS PROTOCOL OPTION…: whether a message arrives
writes() {
	echo "$*" > "$work/message"
	timeout 30 kcat -b "$1" -P -t lines -p 1 -X "security.protocol=$2" -X message.timeout.ms=20000 "${@:3}" < "$work/message"
	consume -t lines -p 1 | tail -n 1 | cmp - "$work/message"
}

by_kerberos() {
	KRB5_CONFIG=$(told kerberos)/krb5.conf writes "$(told gssapi)" SASL_PLAINTEXT -X sasl.mechanism=GSSAPI \
		-X sasl.kerberos.service.name=kafka -X sasl.kerberos.principal=flume@TEST.LOCAL \
		-X "sasl.kerberos.keytab=$(told kerberos)/test.keytab"
}

# refused MESSAGE ADDRESS PROTOCOL OPTION…
refused() {
	! timeout 30 kcat -b "$2" -P -t lines -p 1 -X "security.protocol=$3" -X message.timeout.ms=5000 "${@:4}" \
		< "$work/message" > "$work/refused" 2>&1 || return 1
	cat "$work/refused"
	grep -q "$1" "$work/refused"
}

killed() {
	kill -KILL "$(told pid)"
	! wait "$serving"
}

stopped() {
	kill -TERM "$serving"
	wait "$serving"
}

all_ended() {
	local pid
	for pid in $pids; do ! runs "$pid" || { echo "$pid still runs"; return 1; }; done
}

# Of the JVMs, together.
memory() {
	cat "/proc/$(told pid)/status" "/proc/$(told zookeeper_pid)/status" 2> /dev/null | awk '/^VmRSS/ { sum += $2 } END { print sum }'
}
