# shellcheck shell=bash
# shellcheck disable=SC2034,SC2154 # variables of the script that reads this: here work input results peers batches pairs …
# The cases of tests/bench/run with a Kafka broker at the far end: a real one on loopback, on the same processors.

broker_version=3.9.2 broker=

# One broker for all runs, with all of Java's compilers, as in a service.
need_broker() {
	[ -z "$broker" ] || return 0
	local server=$here/../servers/kafka
	export KAFKA_CACHE=${KAFKA_CACHE:-$target/servers/kafka}
	"$server" install "$broker_version" > "$work/broker.install" 2>&1 || { tail -n 1 "$work/broker.install" >&2; exit 1; }
	"$server" start "$broker_version" "$work/broker" --measured --heap 512m > "$work/broker.told" 2> "$work/broker.said" &
	broker=$!
	until grep -q '^ready=yes' "$work/broker.told"; do
		kill -0 "$broker" 2> /dev/null || { tail -n 3 "$work/broker.said" >&2; exit 1; }
		sleep 0.2
	done
	export BROKERS
	BROKERS=$(sed -n 's/^plaintext=//p' "$work/broker.told")
}

no_broker() {
	[ -n "$broker" ] || return 0
	kill "$broker" 2> /dev/null || true
	wait "$broker" 2> /dev/null || true
	broker=
}

# A topic of one partition that nobody has used: sets TOPIC.
new_topic() {
	export TOPIC=bench-$((topics += 1))
	until kcat -L -b "$BROKERS" -t "$TOPIC" 2> /dev/null | grep -q 'partition 0, leader 1'; do sleep 0.1; done
}
topics=0

# to_kafka PEER BATCH: the whole input into a topic; what a read-committed reader finds there held against it.
to_kafka() {
	local dir found end=(quiet --settle 1)
	dir=$(fresh topic)
	new_topic
	ln "$input" "$dir/in/input.log"
	rmdir "$dir/out"
	ln -s "$work/broker/data/$TOPIC-0" "$dir/out"
	[ "$1" != kcat ] || end=(end)
	one file-kafka "$1" "$2" "${end[0]}" "$bytes" "$dir" --limit "$limit" --least "$bytes" "${end[@]:1}"
	mkdir "$dir/got"
	kcat -C -e -q -o beginning -X isolation.level=read_committed -b "$BROKERS" -t "$TOPIC" -p 0 > "$dir/got/0"
	if found=$("$here/input" check "$input" "$dir/got"); then :; else
		echo "file-kafka, $1: void: $found" >&2
		case $1 in dataflowkit*) void=1 ;; esac
	fi
	keep "$dir" "$found"
	tail -n 1 "$results" | "$here/report" line
}

file_kafka() {
	need_broker
	make_input
	flow=file-kafka
	local peer batch pair beside=
	for peer in $peers; do
		case $peer in kcat | flume) beside="$beside $peer" ;; esac
	done
	about dataflowkit-at-least-once
	# The broker's compilers get warm before anybody is measured, and Flume's share is not the first.
	to_kafka dataflowkit 1000 > /dev/null
	sed -i '$d' "$results"
	for batch in $batches; do
		for ((pair = 0; pair < pairs; pair++)); do
			for peer in dataflowkit dataflowkit-at-least-once $beside; do to_kafka "$peer" "$batch"; done
		done
	done
}

# How long a line takes from the file to a reader of the topic, while half of what was the most flows.
kafka_latency() {
	need_broker
	local dir pair rate
	flow=file-kafka
	rate=$("$here/report" half < "$results")
	for ((pair = 0; pair < pairs; pair++)); do
		for peer in dataflowkit dataflowkit-at-least-once; do
			dir=$(fresh latency)
			new_topic
			one kafka-latency "$peer" 1000 client 0 "$dir" --limit 120 --client "'$here/kafka-latency' $BROKERS $TOPIC $dir/in/input.log $rate 10"
			keep "$dir"
			tail -n 1 "$results" | "$here/report" line
		done
	done
}
