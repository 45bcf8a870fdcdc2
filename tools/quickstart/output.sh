# SPDX-License-Identifier: Apache-2.0
# shellcheck shell=bash
#
# What quickstart.sh says, and that it shows it is alive.

# Seconds without news after which a long step says that it goes on.
HEARTBEAT=15

function say {
    printf '%s\n' "$*"
}

function heading {
    printf '\n== %s\n' "$*"
}

# The one sentence that an unusable machine or option gets.
function refuse {
    printf 'quickstart.sh: %s\n' "$*" >&2
    exit 1
}

# Run a command with its output in the log, and say now and then that it runs.
# It ends with us: the shell lets it ignore what a terminal interrupts.
# with_heartbeat "what is done" command...
function with_heartbeat {
    local what=$1
    shift
    say "  $what"
    "$@" >>"$LOG" 2>&1 </dev/null &
    local pid=$! waited=0
    # shellcheck disable=SC2064  # the pid of now
    trap "kill $pid 2>/dev/null || true" EXIT
    while kill -0 "$pid" 2>/dev/null; do
        sleep 0.5
        waited=$((waited + 1))
        if ((waited % (2 * HEARTBEAT) == 0)); then
            say "    still at it, $((waited / 2)) s"
        fi
    done
    trap - EXIT
    wait "$pid"
}
