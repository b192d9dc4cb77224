# The package goes in, starts nothing, and brings what the units need.
# shellcheck shell=bash

# Without what the machine itself writes; dpkg copies its lists to /var/backups at midnight.
files_now() {
    inside find / -xdev \( -path /run -o -path /tmp -o -path /srv -o -path /var/log -o -path /var/cache -o -path /root \
        -o -path /var/lib/dpkg -o -path /var/lib/apt -o -path /var/backups -o -path '/etc/*-' \) -prune -o -print | sort
    inside cat /etc/passwd /etc/group
}

exposure() {
    local figure
    figure=$(inside systemd-analyze security --no-pager "dataflowkit@$1" 2>/dev/null |
        sed -n 's/.*Overall exposure level for [^:]*: \([0-9.]*\).*/\1/p')
    echo "systemd-analyze security: $figure"
    awk -v figure="$figure" 'BEGIN { exit !(figure != "" && figure <= 2.0) }'
}

# What stands against it is in debian/dataflowkit.lintian-overrides, with the reasons.
lintian_is_clean() {
    local found
    found=$(lintian --allow-root --display-info --fail-on none target/deb/dataflowkit.changes 2>&1 | grep -v '^N:' || true)
    echo "lintian: ${found:-no tags}"
    [ -z "$found" ]
}

groups_of_user() {
    local groups
    groups=$(inside id -nG dataflowkit)
    echo "$groups"
    [[ " $groups " == *" adm "* && " $groups " == *" systemd-journal "* ]]
}

nothing_started() { [ -z "$(inside systemctl list-units --no-legend 'dataflowkit*')" ]; }

before_install=$(files_now)
inside mkdir -p /root/debs
inside sh -c 'cat >/root/debs/dataflowkit.deb' <"$deb"
check "lintian finds nothing" lintian_is_clean
check "the package installs" inside dpkg -i /root/debs/dataflowkit.deb
check "its user may read logs" groups_of_user
check "installing starts no agent" nothing_started
check "samples, catalogs and README are under /etc/dataflowkit" inside sh -c 'cd /etc/dataflowkit && ls samples | wc -l &&
    test -s README -a -s env/kafka/README -a -s env/jms/README'
check "the units have no mistakes" inside sh -c '! systemd-analyze verify --man=no dataflowkit@x.service dataflowkit.service 2>&1 | grep -v "RestartSteps\|RestartMaxDelaySec"'
check "the exposure is at most 2.0" exposure x
