# Instances that ship numbered lines of a rolling log into files, and the count at the far end.
# shellcheck shell=bash

# Directories of an instance in the container, which its agent may write to: stage NAME
stage() { inside sh -c "mkdir -p /srv/$1/in /srv/$1/out && chown dataflowkit: /srv/$1/in /srv/$1/out"; }

# The agent file: roll-file source → memory channel → file_roll. shipping NAME [OUT], into the container
shipping() {
    stage "$1"
    put "/etc/dataflowkit/$1.properties" <<END
$1.sources = app
$1.channels = memory
$1.sinks = files
$1.sources.app.type = com.cmos.bomc.dataflowkit.cmcconline.flume.source.spooldirectorytailfile.SpoolDirectoryTailFileSource
$1.sources.app.channels = memory
$1.sources.app.spoolDir = /srv/$1/in
$1.sources.app.targetPattern = app-(\\\\d)+.log
$1.sources.app.rollModule = next
$1.channels.memory.type = memory
$1.channels.memory.capacity = 10000
$1.channels.memory.transactionCapacity = 1000
$1.sinks.files.type = file_roll
$1.sinks.files.channel = memory
$1.sinks.files.sink.directory = ${2:-/srv/$1/out}
$1.sinks.files.sink.rollInterval = 5
END
}

# Appends lines FROM to TO in steps of 100, a new file every 5000: write_lines NAME FROM TO [PAUSE]
write_lines() {
    inside bash -c '
        for ((line = $2; line <= $3; line += 100)); do
            last=$((line + 99 < $3 ? line + 99 : $3))
            seq -f "line %09.0f of a log that rolls, as long as lines of logs usually are, which is about this" \
                "$line" "$last" >>"/srv/$1/in/app-$(printf %04d $((line / 5000))).log"
            sleep "$4"
        done' write_lines "$1" "$2" "$3" "${4:-0.02}"
}

delivered() { inside sh -c "cat /srv/$1/out/[0-9]* 2>/dev/null | cut -d ' ' -f 2"; }
has_delivered() { [ "$(delivered "$1" | wc -l)" -ge "$2" ]; }

# Lines 1 to LAST arrived, each once: arrived NAME LAST
arrived() {
    local lost twice
    until_true 60 has_delivered "$1" "$2" || true
    lost=$(comm -23 <(seq -f %09.0f 1 "$2") <(delivered "$1" | sort -u) | wc -l)
    twice=$(delivered "$1" | sort | uniq -d | wc -l)
    echo "written $2, delivered $(delivered "$1" | wc -l), lost $lost, twice $twice"
    [ "$lost" -eq 0 ] && [ "$twice" -eq 0 ]
}

# One property of an instance's unit: unit NAME PROPERTY
unit() { inside systemctl show "dataflowkit@$1" --property="$2" --value; }
is() { [ "$(unit "$1" "$2")" = "$3" ] || { echo "$2 is $(unit "$1" "$2"), not $3"; return 1; }; }
is_active() { is "$1" ActiveState active; }

# It runs, as another process than PID: came_back NAME PID
came_back() {
    local now
    now=$(inside systemctl show "dataflowkit@$1" --property=ActiveState,MainPID | sort | tr '\n' ' ')
    [[ $now == "ActiveState=active MainPID="[1-9]* && $now != *"MainPID=$2 " ]]
}

# The process of an instance, as this host numbers it.
host_pid() {
    local inner
    inner=$(unit "$1" MainPID)
    grep -lE "^NSpid:.*[[:space:]]$inner\$" /proc/[0-9]*/status 2>/dev/null | while IFS=/ read -r _ _ pid _; do
        [ "$(readlink "/proc/$pid/ns/pid")" = "$(readlink "/proc/$leader/ns/pid")" ] && echo "$pid"
    done | head -n 1
}
