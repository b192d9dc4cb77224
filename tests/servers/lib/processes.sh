# Ports and processes of servers that run in the foreground of a script.
# shellcheck shell=bash
#
# Sourced. The script is the parent of what it starts, and waits for it: it learns of an end at once. A child dies with
# its script (`setpriv --pdeathsig`), so that nothing is left of a test that was killed.

say() { printf '%s: %s\n' "${me:?}" "$*" >&2; }

# free_port: one that nobody listens on. Below those that the kernel gives to clients: a client's connection could take
# it while its server is down, or meet itself there.
free_port() {
	local first=10240 last port
	read -r last _ < /proc/sys/net/ipv4/ip_local_port_range
	[ "$last" -gt $((first + 1000)) ] || last=32768
	while :; do
		port=$((first + (RANDOM * 32768 + RANDOM) % (last - first)))
		accepts "$port" || { echo "$port"; return; }
	done
}

# accepts PORT: whether somebody listens there
accepts() { (: < "/dev/tcp/127.0.0.1/$1") 2> /dev/null; }

# child LOG COMMAND…: starts it beside us, in `started`; its output goes to the end of LOG
child() {
	local log=$1
	shift
	setpriv --pdeathsig KILL "$@" < /dev/null >> "$log" 2>&1 &
	# shellcheck disable=SC2034 # for the caller
	started=$!
}

runs() { kill -0 "$1" 2> /dev/null; }

# waits_for SECONDS COMMAND…: looks until the command succeeds; false when the time is over
waits_for() {
	local end=$((SECONDS + $1))
	shift
	until "$@"; do
		[ "$SECONDS" -lt "$end" ] || return 1
		sleep 0.05
	done
}

# ends PID NAME: SIGTERM, and its end; what does not obey is killed
ends() {
	runs "$1" || return 0
	kill -TERM "$1"
	waits_for 30 has_ended "$1" || {
		say "$2 does not end: killed"
		kill -KILL "$1"
	}
	wait "$1" 2> /dev/null || true
}

has_ended() { ! runs "$1"; }
accepts_or_ended() { accepts "$1" || has_ended "$2"; }
