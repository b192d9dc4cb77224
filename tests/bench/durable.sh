# shellcheck shell=bash
# shellcheck disable=SC2034,SC2154 # variables of the script that reads this: here work input results peers batches pairs …
# The cases of tests/bench/run that have a file channel, or a peer's disk queue, in the middle.

# Peers with something durable in the middle, each a line of its own: durable_peers CASE
durable_peers() {
	local peer
	for peer in $peers; do
		case $1/$peer in
		*/flume) echo flume ;;
		file-filechannel-null/* | latency/* | restart/*) ;; # no null sink to compare with, no answer after a sync
		*/rsyslog) echo rsyslog rsyslog-unsynced ;;
		*/syslog-ng) echo syslog-ng ;;
		esac
	done
}

# Input bytes for a peer: a slow one gets less, and MB/s are of what it got.
size_for() {
	local most=$size
	case $1 in
	rsyslog) most=4 ;;
	rsyslog-unsynced | flume) most=100 ;;
	esac
	echo $(((size < most ? size : most) * 1000000))
}

# The far side of a peer that buffers on disk for sockets only: receiver_for PEER DIR
receiver_for() {
	[ "$1" = syslog-ng ] || return 0
	"$here/receiver" "$2/port" "$2/out/received" &
	receiving=$!
	until [ -e "$2/port" ]; do sleep 0.05; done
}

no_receiver() {
	[ -n "${receiving:-}" ] || return 0
	kill "$receiving" 2> /dev/null || true
	wait "$receiving" 2> /dev/null || true
	receiving=
}

# What the disk can do, just before what we do with it.
disk_baseline() {
	make_input
	local every dir
	for every in 1 4; do
		dir=$(fresh disk)
		printf '{"case": "disk-baseline", "peer": "%s MiB", "batch": 0, "bytes": %s, "why": "", "figures": %s}\n' \
			"$every" "$bytes" "$("$here/disk" copy "$input" "$dir/out" "$every")" > "$dir/result"
		keep "$dir"
		tail -n 1 "$results" | "$here/report" line
	done
}

# through CASE PEER BATCH: the whole input through something durable; the output, where there is one, held against it.
through() {
	local dir found='' bytes
	bytes=$(size_for "$2")
	make_input
	dir=$(fresh copy)
	ln "$input" "$dir/in/input.log"
	if [ "$flow" = file-filechannel-null ]; then
		one "$1" "$2" "$3" log "$bytes" "$dir" --limit "$limit" --expect "processed $((bytes / 250)) events"
	else
		receiver_for "$2" "$dir"
		one "$1" "$2" "$3" bytes "$bytes" "$dir" --limit "$limit"
		no_receiver
		held_against_input "$1" "$2" "$dir"
	fi
	keep "$dir" "$found"
	tail -n 1 "$results" | "$here/report" line
}

# held_against_input CASE PEER DIR: sets `found`.
held_against_input() {
	if found=$("$here/input" check "$input" "$3/out"); then return; fi
	echo "$1, $2: void: $found" >&2
	[ "$2" != dataflowkit ] || void=1
}

# What one waiting line costs, so that the table can tell a start from the work.
start_through() {
	local dir bytes=250
	dir=$(fresh first)
	"$here/input" quiet "$dir/in" 1
	if [ "$flow" = file-filechannel-null ]; then
		one "start-$flow" "$1" 100 log 250 "$dir" --limit 30 --expect "processed 1 events"
	else
		receiver_for "$1" "$dir"
		one "start-$flow" "$1" 100 first 250 "$dir" --limit 30
		no_receiver
	fi
	keep "$dir"
}

file_filechannel() {
	flow=$1
	local peer batch pair those
	those=$(durable_peers "$1")
	for peer in dataflowkit $those; do
		for pair in 1 2 3; do start_through "$peer"; done
	done
	for batch in $batches; do
		for peer in ${those:-nobody}; do
			for ((pair = 0; pair < pairs; pair++)); do
				disk_baseline
				through "$1" dataflowkit "$batch"
				[ "$peer" = nobody ] || through "$1" "$peer" "$batch"
			done
		done
	done
}

# add CASE PEER FOUND FIGURES: a result that no `measure` made.
add() {
	printf '{"case": "%s", "peer": "%s", "batch": 100, "bytes": 0, "why": "", "figures": %s, "found": "%s"}\n' "$1" "$2" "$4" "$3" >> "$results"
}

crash_all() {
	local peer found
	for peer in dataflowkit $(durable_peers crash); do
		found=$("$here/crash" "$peer" "$kills" "$((size < 100 ? size : 100))") || [ "$peer" != dataflowkit ] || void=1
		add crash "$peer" "$found" null
		echo "crash, $peer: $found"
	done
}

latency_all() {
	flow=netcat-filechannel-null
	local peer pair dir port how
	for ((pair = 0; pair < pairs; pair++)); do
		dir=$(fresh disk)
		for how in growing written; do
			add latency "the disk alone, file $how" "" "$("$here/disk" trips "$dir/out" "$trips" "$how")"
		done
		for peer in dataflowkit $(durable_peers latency); do
			dir=$(fresh latency)
			port=$(python3 -c 'import socket; print(socket.create_server(("127.0.0.1", 0)).getsockname()[1])')
			echo "$port" > "$dir/port"
			one latency "$peer" 100 client 0 "$dir" --limit 120 --client "'$here/latency' $port $trips"
			keep "$dir"
			tail -n 1 "$results" | "$here/report" line
		done
	done
}

# restart PEER TERM|KILL: fills a channel that has no sink, ends the program, starts it again with a sink. After KILL the
# channel's files are taken out of the page cache too, as after a boot.
restart() {
	local dir found bytes=$((backlog * 1000000)) name="stopped, cached"
	[ "$1" != flume ] || [ "$backlog" -le 250 ] || bytes=250000000
	make_input
	dir=$(fresh restart)
	ln "$input" "$dir/in/input.log"
	export CAPACITY=10000000
	flow=file-filechannel
	one fill "$1" 1000 quiet "$bytes" "$dir" --out "$dir/channel/data" --least "$bytes" --settle 5 --limit 300 --stop-by "$2"
	[ "$2" = TERM ] || { "$here/disk" evict "$dir/channel/data"; name="killed, not cached"; }
	flow=file-filechannel-file
	one "restart" "$1" 1000 bytes "$bytes" "$dir" --limit 300
	unset CAPACITY
	held_against_input restart "$1" "$dir"
	sed -i "s/\"case\": \"restart\"/&, \"how\": \"$name\"/" "$dir/result"
	keep "$dir" "$found"
	tail -n 1 "$results" | "$here/report" line
}

restart_all() {
	local peer how
	for how in TERM KILL; do
		for peer in dataflowkit $(durable_peers restart); do restart "$peer" "$how"; done
	done
}

# A taste of each, ourselves only: whether they run, not how fast.
durable_smoke() {
	size=20 backlog=20 kills=1 trips=100 pairs=1 peers=
	for flow in file-filechannel-null file-filechannel-file; do through "$flow" dataflowkit 1000; done
	SETTLE=2 crash_all
	latency_all
	restart dataflowkit KILL
}
