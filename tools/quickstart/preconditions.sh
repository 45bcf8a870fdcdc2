# SPDX-License-Identifier: Apache-2.0
# shellcheck shell=bash
#
# What must hold before anything is changed; each refusal is one sentence.

# MiB that must be free where things go: Python's and Ansible's files in the
# checkout, packages in /usr, Kafka in /opt, data in /var/lib.
SPACE_CHECKOUT=300
SPACE_USR=700
SPACE_OPT=500
SPACE_VAR=1500

function check_root {
    [[ "$(id -u)" == 0 ]] \
        || refuse "it installs packages and services, so run it as root:" \
            "sudo ./quickstart.sh."
}

# Held until this process and what it waits for have ended.
function be_the_only_run {
    exec 9>"$STATE/lock"
    flock --nonblock 9 \
        || refuse "another quickstart.sh is at work in $CHECKOUT: wait until" \
            "it has ended."
}

function check_distribution {
    local file=$1 ID='' VERSION_ID='' PRETTY_NAME=''
    [[ -r "$file" ]] \
        || refuse "$file does not tell which distribution this is: use" \
            "Debian 12 or 13."
    # shellcheck disable=SC1090
    source "$file"
    case $ID:$VERSION_ID in
        debian:12 | debian:13) ;;
        ubuntu:24.04) warn_untested "$PRETTY_NAME" ;;
        rhel:9* | rhel:10* | rocky:9* | rocky:10* | almalinux:9* \
            | almalinux:10* | centos:9* | centos:10*)
            warn_untested "$PRETTY_NAME" ;;
        *) refuse "${PRETTY_NAME:-This distribution} is not supported: use" \
            "Debian 12 or 13." ;;
    esac
}

function warn_untested {
    say "Note: $1 is meant to work, but nobody has tested it yet." >&2
}

function python_is_new_enough {
    "$1" -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null
}

# The newest Python there is; not one of an active virtual environment, which
# may go away. Sets PYTHON.
function find_python {
    local candidate names
    names=(/usr/bin/python3 python3 python3.13 python3.12 python3.11)
    for candidate in "${names[@]}"; do
        if candidate=$(command -v "$candidate") \
            && python_is_new_enough "$candidate"; then
            PYTHON=$candidate
            return 0
        fi
    done
    refuse "there is no Python 3.11 or newer: install one, for example the" \
        "package python3.11, and have it in PATH."
}

# Which of the ports is taken on loopback? Prints the first one.
function first_taken_port {
    "$PYTHON" - "$@" <<'PYTHON'
import errno
import socket
import sys

for port in map(int, sys.argv[1:]):
    with socket.socket() as probe:
        # As servers do: connections that have just ended do not count.
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
            probe.listen()
        except OSError as error:
            if error.errno == errno.EADDRINUSE:
                sys.exit(print(port))
PYTHON
}

# refuse_taken_port "what to do" port...
function refuse_taken_port {
    local remedy=$1 taken
    shift
    taken=$(first_taken_port "$@")
    [[ -z "$taken" ]] \
        || refuse "another program listens on TCP port $taken: stop it, or" \
            "$remedy."
}

# A port that one of our own brokers has is not taken.
function check_ports {
    recorded kafka \
        || refuse_taken_port "choose a free port with --kafka-port" \
            "$KAFKA_PORT" "$CONTROLLER_PORT"
    recorded rabbitmq || [[ "$REUSE_RABBITMQ" == yes ]] \
        || refuse_taken_port "choose a free port with --rpc-port, or, when it \
is a RabbitMQ that services may use, give --reuse-rabbitmq" "$RPC_PORT"
}

# Has the role been set up here?
function recorded {
    [[ -r "$RECORD" ]] && grep -q "\"$1\": {" "$RECORD"
}

function free_mib {
    df --output=avail -B 1M "$1" | tail -n 1 | tr -d ' '
}

function need_space {
    local directory=$1 needed=$2 free
    free=$(free_mib "$directory")
    [[ "$free" -ge "$needed" ]] \
        || refuse "$directory has $free MiB free, but $needed MiB are" \
            "needed: make room there."
}

# What is installed already needs no more room.
function check_space {
    [[ -x "$VENV/bin/ansible-playbook" ]] \
        || need_space "$CHECKOUT" "$SPACE_CHECKOUT"
    recorded kafka && return 0
    need_space /usr "$SPACE_USR"
    need_space /opt "$SPACE_OPT"
    need_space /var/lib "$SPACE_VAR"
}
