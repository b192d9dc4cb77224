# Two instances run beside each other and tell how they are.
# shellcheck shell=bash

netcat_instance() {
    stage "$1"
    put "/etc/dataflowkit/$1.properties" <<END
$1.sources = in
$1.channels = memory
$1.sinks = files
$1.sources.in.type = netcat
$1.sources.in.bind = 127.0.0.1
$1.sources.in.port = $2
$1.sources.in.channels = memory
$1.channels.memory.type = memory
$1.sinks.files.type = file_roll
$1.sinks.files.channel = memory
$1.sinks.files.sink.directory = /srv/$1/out
END
}

# Once `start` has returned, nothing is still starting, and the port answers.
started_is_running() {
    inside systemctl start dataflowkit@web
    inside bash -c 'exec 3<>/dev/tcp/127.0.0.1/5140 && echo "hello from the start" >&3 && read -r -t 5 answer <&3 && echo "answer: $answer" && test "$answer" = OK'
    ! inside dataflowkit status web --json | grep -E '"state": *"(starting|stopped)"'
}

# As long as the agent file cannot be read to its end, the unit is starting and not active.
not_ready_before_it_runs() {
    netcat_instance slow 5141
    inside sh -c 'cd /etc/dataflowkit && mv slow.properties /root/slow && mkfifo slow.properties'
    inside systemctl start --no-block dataflowkit@slow
    until_true 10 is slow ActiveState activating >/dev/null
    stays_true 2 is slow ActiveState activating
    inside timeout 10 sh -c 'cat /root/slow >/etc/dataflowkit/slow.properties'
    until_true 10 is_active slow >/dev/null || is_active slow
    inside systemctl stop dataflowkit@slow
}

# ours NAME FIELD: the last entry of the agent itself with that field, its fields for the report.
ours() {
    inside journalctl -q -u "dataflowkit@$1" SYSLOG_IDENTIFIER=dataflowkit -o json | grep -F "\"$2\":\"" | tail -n 1 |
        grep -oE '"(INSTANCE|COMPONENT|MESSAGE_ID|PRIORITY|MESSAGE)":"[^"]*"' | sort | tr '\n' ' '
}
ours_has() { ours "$1" "$2" | grep -E "\"INSTANCE\":\"$1\".*" | grep -q "\"$2\":\"$3"; }

ready_is_told() {
    until_true 5 ours_has orders MESSAGE_ID '[0-9a-f]\{32\}"' || return 1
    ours orders MESSAGE_ID
}

# A failure of one component carries its name.
component_is_named() {
    until_true 10 ours_has nowhere COMPONENT 'files"' || return 1
    ours nowhere COMPONENT
}

tells_figures() { unit orders StatusText | grep -q '[1-9][0-9]* delivered'; }

status_text() {
    until_true 10 tells_figures || { unit orders StatusText; return 1; }
    inside systemctl status --no-pager dataflowkit@orders | grep 'Status:'
}

both_are_active() { is_active orders && is_active web; }

plain_name_is_the_default_instance() {
    netcat_instance default 5142
    inside systemctl start dataflowkit
    is_active default
    local before
    before=$(unit default MainPID)
    inside systemctl restart dataflowkit
    is_active default
    [ "$before" != "$(unit default MainPID)" ] || { echo "restart left the process"; return 1; }
    inside systemctl stop dataflowkit
    # Its own stop job is done before the one it passes on.
    until_true 10 is default ActiveState inactive >/dev/null || is default ActiveState inactive
}

# FILE.env picks the agent where the file holds several.
env_picks_the_agent() {
    netcat_instance one 5143
    inside sh -c 'sed s/^one/two/ /etc/dataflowkit/one.properties | sed s/5143/5144/ >/etc/dataflowkit/both.properties
        cat /etc/dataflowkit/one.properties >>/etc/dataflowkit/both.properties
        rm /etc/dataflowkit/one.properties
        echo AGENT_NAME=two >/etc/dataflowkit/both.env'
    inside systemctl start dataflowkit@both
    inside bash -c 'exec 3<>/dev/tcp/127.0.0.1/5144'
    inside systemctl stop dataflowkit@both
}

shipping orders
netcat_instance web 5140
check "a first instance starts" inside systemctl start dataflowkit@orders
check "a second starts, and is ready only when it serves" started_is_running
check "both are active" both_are_active
check "an agent that cannot run yet is not ready" not_ready_before_it_runs
write_lines orders 1 1000
check "what it reads arrives" arrived orders 1000
check "the journal has the instance and the message id" ready_is_told
check "systemctl status shows live figures" status_text
shipping nowhere /proc/nowhere
inside systemctl start dataflowkit@nowhere || true
write_lines nowhere 1 100
check "a failure in the journal has its component" component_is_named
inside systemctl stop dataflowkit@nowhere
check "dataflowkit.service stands for dataflowkit@default" plain_name_is_the_default_instance
check "NAME.env picks the agent" env_picks_the_agent
check "the agent's own commands call systemctl" inside sh -c 'dataflowkit restart web && dataflowkit status web >/dev/null'
