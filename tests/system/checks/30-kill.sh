# kill -9, stop and upgrade: systemd brings the agent back, and every line arrives once.
# shellcheck shell=bash

# kills COUNT while lines are written
killed() {
    local times=$1 lines=$2 writer before
    shipping killed
    inside systemctl start dataflowkit@killed
    write_lines killed 1 "$lines" 0.02 &
    writer=$!
    for ((kill = 1; kill <= times; kill++)); do
        sleep 0.7
        before=$(unit killed MainPID)
        inside systemctl kill --signal=KILL dataflowkit@killed
        until_true 20 came_back killed "$before" || { echo "did not come back"; return 1; }
    done
    wait "$writer"
    arrived killed "$lines" || return 1
    echo "$(arrived killed "$lines"), killed $times, restarts $(unit killed NRestarts)"
    is killed NRestarts "$times"
}

stops_in_order() {
    write_lines killed "$1" "$2" 0
    inside systemctl stop dataflowkit@killed
    is killed Result success && is killed ActiveState inactive
    inside systemctl start dataflowkit@killed
    arrived killed "$2"
}

# Running instances get the new binary, stopped ones stay stopped.
upgrades() {
    local before
    before=$(unit killed MainPID)
    inside systemctl stop dataflowkit@web
    inside dpkg -i /root/debs/dataflowkit.deb
    is_active killed && is web ActiveState inactive
    [ "$(unit killed MainPID)" != "$before" ] || { echo "still the old process"; return 1; }
    write_lines killed $(($1 + 1)) $(($1 + 1000)) 0
    arrived killed $(($1 + 1000))
}

kills=5 lines=40000
[ -n "$long" ] && kills=20 lines=200000
check "killed by -9, it comes back by itself and loses nothing" killed "$kills" "$lines"
check "a stop settles, a start goes on" stops_in_order $((lines + 1)) $((lines + 10000))
check "an upgrade restarts what runs, without loss" upgrades $((lines + 10000))
inside systemctl stop dataflowkit@killed
