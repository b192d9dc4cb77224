# Named checks, and waiting for conditions.
# shellcheck shell=bash

passed=0 failed=0 skipped=0

# check SENTENCE COMMAND…: prints ok or FAIL, the last line of what the command said, and all of it where it failed.
check() {
    local sentence=$1 said status
    shift
    # Not as the condition of an `if`: there the shell would go on after a failed step of a check.
    set +e
    said=$(set -e; "$@" 2>&1)
    status=$?
    set -e
    if [ "$status" -eq 0 ]; then
        passed=$((passed + 1))
        printf 'ok    %s%s\n' "$sentence" "${said:+ ($(tail -n 1 <<<"$said"))}"
    else
        failed=$((failed + 1))
        printf 'FAIL  %s\n' "$sentence"
        indented "$said"
        indented "$("${on_failure:-true}")"
    fi
}

indented() { [ -z "$1" ] || while IFS= read -r line; do printf '      %s\n' "$line"; done <<<"$1"; }

skip() {
    skipped=$((skipped + 1))
    printf 'skip  %s: %s\n' "$1" "$2"
}

# until_true SECONDS COMMAND…: tries it until it succeeds.
until_true() {
    local end=$((SECONDS + $1))
    shift
    until "$@"; do
        [ "$SECONDS" -lt "$end" ] || return 1
        sleep 0.1
    done
}

# stays_true SECONDS COMMAND…: it holds all the time.
stays_true() {
    local end=$((SECONDS + $1))
    shift
    while [ "$SECONDS" -lt "$end" ]; do
        "$@" || return 1
        sleep 0.2
    done
}

summary() {
    printf '%s: ran %d, passed %d, failed %d, skipped %d\n' "$1" $((passed + failed)) "$passed" "$failed" "$skipped"
    [ "$failed" -eq 0 ]
}
