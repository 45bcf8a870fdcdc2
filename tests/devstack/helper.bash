# SPDX-License-Identifier: Apache-2.0
# shellcheck shell=bash
#
# What the bats tests share: a scratch DevStack in which Ansible and systemd
# only write down what they were asked for.

CHECKOUT=$(cd "$BATS_TEST_DIRNAME/../.." && pwd)
PLUGIN=$CHECKOUT/devstack

function setup {
    # Nothing of the caller's own DevStack or pip.
    unset "${!KAFKA_@}" "${!NOTIFY_@}" "${!RPC_@}" "${!SCALA_@}" \
        "${!RABBIT_@}" NOVA_NOTIFICATION_FORMAT PYTHON3_VERSION
    export STANDIN=$BATS_TEST_TMPDIR/standin
    export STANDIN_UNITS=none
    export RABBIT_PASSWORD=s3cr3t-rabbit
    KAFKA_DIR=$STANDIN/dest/data/kafka-bus
    CONF=$STANDIN/service.conf
    mkdir -p "$KAFKA_DIR/venv/bin" "$STANDIN/dest/requirements"
    echo "oslo.messaging===18.2.0" \
        >"$STANDIN/dest/requirements/upper-constraints.txt"
    ln -s "$(type -P python3)" "$KAFKA_DIR/venv/bin/python"
    cat >"$KAFKA_DIR/venv/bin/ansible-playbook" <<'END'
#!/bin/bash
playbook=$(basename "${@: -1}")
echo "playbook $playbook" >>"$STANDIN/calls"
for argument; do
    if [[ "$argument" == @* ]]; then
        cp -p "${argument#@}" "$STANDIN/$playbook.json"
    fi
done
exit "${STANDIN_PLAYBOOK_FAILS:-0}"
END
    chmod +x "$KAFKA_DIR/venv/bin/ansible-playbook"
    sed -n 's/^KAFKA_ANSIBLE="\(.*\)"/\1/p' "$PLUGIN/lib/ansible" \
        >"$KAFKA_DIR/venv/kafka-bus.stamp"
}

# devstack SCRIPT [COMMAND...]: what the script of DevStack does, each in a
# shell of its own: source its functions and the settings, then COMMAND.
function devstack {
    local script=$1
    shift
    bash -c '
        script=$1 checkout=$2
        shift 2
        source "$checkout/tests/devstack/standin.sh"
        if [[ $script == stack ]]; then
            set -o errexit
        fi
        if [[ $script != unstack ]]; then
            standin_source_rpc_backend
        fi
        source "$checkout/devstack/settings"
        # No broker runs here that would be worth waiting for.
        function sleep { :; }
        function phase { source "$checkout/devstack/plugin.sh" "$@"; }
        for command; do
            eval "$command"
        done
        echo "reached the end"
    ' - "$script" "$CHECKOUT" "$@"
}

# own_checkout: from now on work with a copy, for what depends on no file being
# edited during a test, and is in a folder with a space in its name
function own_checkout {
    local copy="$BATS_TEST_TMPDIR/own checkout"
    mkdir -p "$copy/tests"
    cp -R "$CHECKOUT"/{devstack,roles,plugins,kafka_driver,setup.cfg} "$copy"
    cp -R "$CHECKOUT/tests/devstack" "$copy/tests"
    CHECKOUT=$copy
}

# value FILE SECTION OPTION: print an option of a service's file
function value {
    python3 -c '
import configparser, sys
config = configparser.RawConfigParser()
config.read(sys.argv[1])
print(config.get(sys.argv[2], sys.argv[3], fallback="(none)"))
' "$@"
}

# role_var PLAYBOOK NAME: print a variable that the playbook was given
function role_var {
    python3 -c '
import json, sys
print(json.dumps(json.load(open(sys.argv[1]))[sys.argv[2]]))
' "$STANDIN/$1.yml.json" "$2"
}

function called {
    grep -qxF -- "$1" "$STANDIN/calls"
}

# Not "! called": bats does not see a "!" that fails.
function uncalled {
    if called "$1"; then
        return 1
    fi
}

# uncalled_like PATTERN: nothing like it was asked for
function uncalled_like {
    if grep -E -- "$1" "$STANDIN/calls"; then
        return 1
    fi
}

# refused TEXT: the run ended with one sentence that has TEXT, and nothing
# was installed
function refused {
    [[ "$status" -eq 1 ]]
    [[ "$(grep -c '\[ERROR\]' <<<"$output")" -eq 1 ]]
    [[ "$output" == *"$1"* ]]
    uncalled_like '^(playbook|install_package|systemctl)'
}
