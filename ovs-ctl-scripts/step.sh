# SPDX-License-Identifier: Apache-2.0
# shellcheck shell=bash
#
# Long commands, one after another, with their output in files of 'logs'.

# shellcheck source=common.sh
. "${share:?}/common.sh"

step_pid=

# Ends a step with everything that it started.
step_end() {
    [ -z "$step_pid" ] || kill -- "-$step_pid" 2> /dev/null || :
}

# step LOG TEXT COMMAND...: runs COMMAND with its output in build/log/LOG.log,
# and prints TEXT, a dot every five seconds, and how long it took.
step() {
    local log=${logs:?}/$1.log text=$2 status=0
    local started=$SECONDS dotted=$SECONDS
    shift 2
    mkdir -p "$logs"
    printf '%s ' "$text"
    # A process group of its own, to be ended as a whole.
    set -m
    "$@" > "$log" 2>&1 < /dev/null &
    step_pid=$!
    set +m
    trap 'echo; step_end; exit 1' INT TERM HUP
    while kill -0 "$step_pid" 2> /dev/null; do
        sleep 0.1
        ((SECONDS - dotted >= 5)) || continue
        dotted=$SECONDS
        printf .
    done
    wait "$step_pid" || status=$?
    trap - INT TERM HUP
    step_pid=
    if [ "$status" -ne 0 ]; then
        say " failed:"
        tail -n 30 "$log" >&2
        die "'$text' failed; the whole log is $log"
    fi
    say " $((SECONDS - started)) s"
}
