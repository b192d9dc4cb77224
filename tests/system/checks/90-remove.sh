# Removal stops the agents and keeps what an operator may want; purge leaves nothing.
# shellcheck shell=bash

removes() {
    inside systemctl enable --now dataflowkit@web 2>/dev/null
    is_active web
    inside dpkg -r dataflowkit
    [ -z "$(inside pgrep -x dataflowkit)" ] || { echo "an agent still runs"; return 1; }
    inside test -d /var/lib/dataflowkit/web -a -f /etc/dataflowkit/web.properties
}

purges() {
    local left
    inside dpkg --purge dataflowkit
    left=$(diff <(echo "$before_install") <(files_now) || true)
    [ -z "$left" ] || { echo "$left"; return 1; }
    left=$(inside systemctl list-units --all --no-legend 'dataflowkit*')
    [ -z "$left" ] || { echo "$left"; return 1; }
    ! inside test -e /run/dataflowkit
}

netcat_instance web 5140
check "removing stops the agents and keeps state and agent files" removes
check "purging leaves nothing" purges
