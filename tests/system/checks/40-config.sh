# A bad agent file: said once, with its place, and not tried again.
# shellcheck shell=bash

refused() {
    stage bad
    put /etc/dataflowkit/bad.properties <<'END'
bad.sources = s
bad.channels = c
bad.sources.s.type = no_such_source
bad.sources.s.channels = c
bad.channels.c.type = memory
END
    if inside systemctl start dataflowkit@bad 2>/dev/null; then
        echo "it started"
        return 1
    fi
    is bad ExecMainStatus 78 && is bad ActiveState failed
}

stays_failed() {
    stays_true 5 is bad ActiveState failed
    is bad NRestarts 0
}

place_is_told() {
    inside journalctl -q -u dataflowkit@bad -o cat | grep -m 1 -E 'bad.properties:3:' ||
        { inside journalctl -q -u dataflowkit@bad -o cat; return 1; }
}

starts_when_mended() {
    shipping bad
    inside systemctl start dataflowkit@bad
    is_active bad
    inside systemctl stop dataflowkit@bad
}

check "a bad config fails with status 78" refused
check "it is not restarted" stays_failed
check "the journal tells the place" place_is_told
check "mended, it starts" starts_when_mended
