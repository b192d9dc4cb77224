# The watchdog ends an agent of which one component hangs, and no other.
# shellcheck shell=bash

quick_watchdog() {
    put /run/systemd/system/dataflowkit@.service.d/quick.conf <<<"[Service]
WatchdogSec=4"
    inside systemctl daemon-reload
}

undisturbed() { [ "$(unit "$1" MainPID)" = "$2" ] && is "$1" NRestarts 0; }

# NAME stays the same process for three times the watchdog's limit.
is_left_alone() {
    local pid
    pid=$(unit "$1" MainPID)
    is "$1" WatchdogUSec 4s
    stays_true 13 undisturbed "$1" "$pid"
    echo "13 s with WatchdogSec=4"
}

# A file system of 300 kB takes some of 10000 lines, then refuses: the agent waits, alive, and goes on when it may.
survives_a_full_disk() {
    shipping full
    inside mount -t tmpfs -o size=300k,mode=0777 tmpfs /srv/full/out
    inside systemctl start dataflowkit@full
    write_lines full 1 10000 0
    until_true 10 journal_tells full 'No space left' || { echo "it does not tell of the full disk"; return 1; }
    is_left_alone full
    inside mount -o remount,size=64m /srv/full/out
    arrived full 10000
}

journal_tells() { inside journalctl -q -u "dataflowkit@$1" -o cat | grep -qi "$2"; }

# A write that hangs in the kernel, as on a dead network disk: a frozen file system.
survives_a_frozen_disk() {
    shipping frozen
    inside chown dataflowkit: /srv/frozen/out
    inside systemctl start dataflowkit@frozen
    write_lines frozen 1 1000 0
    arrived frozen 1000
    inside fsfreeze --freeze /srv/frozen/out
    write_lines frozen 1001 10000 0
    is_left_alone frozen || { inside fsfreeze --unfreeze /srv/frozen/out; return 1; }
    inside fsfreeze --unfreeze /srv/frozen/out
    arrived frozen 10000
}

busy_instance() {
    put /etc/dataflowkit/busy.properties <<'END'
busy.sources = numbers
busy.channels = memory
busy.sinks = away
busy.sources.numbers.type = seq
busy.sources.numbers.channels = memory
busy.channels.memory.type = memory
busy.sinks.away.type = null
busy.sinks.away.channel = memory
busy.sinks.away.logEveryNEvents = 1000000000
END
    inside systemctl start dataflowkit@busy
}

# The thread of a component, as this host numbers it: thread_of PID NAME
thread_of() { grep -lxF "$2" "/proc/$1"/task/*/comm | cut -d / -f 5 | head -n 1; }

# Which state a component was caught in: a declared wait is no stall, so try until it is caught at work.
state_of() { inside dataflowkit status busy --json | tr -d '\n ' | grep -oE "\"name\":\"$1\",\"type\":\"[a-z_]*\",\"state\":\"[a-z]*\"" | sed 's/.*:"\([a-z]*\)"/\1/'; }

# Holds the source's thread, again until it is caught at work; lets it go when the watchdog has fired, since a process of
# which one thread is traced cannot end.
stalls() {
    local pid thread tries staller fired
    pid=$(host_pid busy)
    thread=$(thread_of "$pid" src-numbers)
    [ -n "$thread" ] || { cat "/proc/$pid"/task/*/comm; return 1; }
    for ((tries = 1; tries <= 40; tries++)); do
        tests/system/lib/stall "$thread" >/dev/null 2>&1 &
        staller=$!
        sleep 0.3
        # At work, or no answer at all, since it was caught with a lock in its hands.
        [ "$(state_of numbers 2>/dev/null)" = waiting ] || break
        kill "$staller"
        wait "$staller" || true
    done
    fired=0
    until_true 20 journal_tells busy 'watchdog timeout' || fired=$?
    kill "$staller" 2>/dev/null || true
    [ "$fired" -eq 0 ] || { state_of numbers; return 1; }
    until_true 20 came_back busy "$(unit busy ExecMainPID)" || is_active busy
    is busy NRestarts 1
    echo "src-numbers held on try $tries: $(inside journalctl -q -u dataflowkit@busy -o cat | grep -i 'watchdog timeout')"
}

quick_watchdog
shipping idle
inside systemctl start dataflowkit@idle
check "an idle agent is left alone" is_left_alone idle
inside systemctl stop dataflowkit@idle
check "one blocked by a full disk is left alone, and loses nothing" survives_a_full_disk
inside systemctl stop dataflowkit@full || true
if inside mountpoint -q /srv/frozen/out; then
    check "one blocked by a disk that hangs is left alone, and loses nothing" survives_a_frozen_disk
    inside systemctl stop dataflowkit@frozen || true
else
    skip "one blocked by a disk that hangs" "this kernel gives no loop device"
fi
busy_instance
check "one busy component that hangs trips the watchdog" stalls
inside systemctl stop dataflowkit@busy
inside rm -r /run/systemd/system/dataflowkit@.service.d
