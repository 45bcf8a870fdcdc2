#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
#
# A stand-in for what DevStack offers to a plugin: the functions and variables
# that the plugin uses, made for tests. To be sourced, with STANDIN naming a
# scratch directory. What the plugin asked for is written to $STANDIN/calls.
# With STANDIN_MACHINE=True packages and units are the machine's own.

: "${STANDIN:?names a scratch directory}"

# -- variables, as stackrc and stack.sh set them -------------------------------

DEST=${DEST:-$STANDIN/dest}
DATA_DIR=${DATA_DIR:-$DEST/data}
LOGDIR=${LOGDIR:-$DEST/logs}
REQUIREMENTS_DIR=${REQUIREMENTS_DIR:-$DEST/requirements}
DEVSTACK_VENV=${DEVSTACK_VENV:-$DATA_DIR/venv}
GLOBAL_VENV=${GLOBAL_VENV:-True}
OFFLINE=${OFFLINE:-False}
HOST_IP=${HOST_IP:-127.0.0.1}
HOST_IPV6=${HOST_IPV6:-}
SERVICE_HOST=${SERVICE_HOST:-$HOST_IP}
STACK_USER=${STACK_USER:-$(id -un)}
ENABLED_SERVICES=${ENABLED_SERVICES:-key,mysql,rabbit}
if [[ "${STANDIN_MACHINE:-False}" == True ]]; then
    SYSTEMD_DIR=/etc/systemd/system
    SYSTEMCTL="sudo systemctl"
else
    SYSTEMD_DIR=${SYSTEMD_DIR:-$STANDIN/units}
    STANDIN_SYSTEMCTL=$(dirname "${BASH_SOURCE[0]}")/systemctl
    # The plugin leaves the variable to be split, as DevStack does.
    SYSTEMCTL=standin_systemctl
fi
export STANDIN SYSTEMD_DIR SYSTEMCTL

function standin_systemctl {
    "$STANDIN_SYSTEMCTL" "$@"
}

mkdir -p "$STANDIN" "$DEST" "$DATA_DIR" "$SYSTEMD_DIR"

function standin_called {
    echo "$*" >>"$STANDIN/calls"
}

# -- functions-common -----------------------------------------------------------

function die {
    set +o xtrace
    shift
    echo "[ERROR] $*" >&2
    exit 1
}

# Only one text, unlike die.
function warn {
    echo "[WARNING] $2"
}

function echo_summary {
    echo "$*"
}

function define_plugin {
    standin_called "define_plugin $1"
}

function is_service_enabled {
    [[ ",$ENABLED_SERVICES," == *",$1,"* ]]
}

function enable_service {
    if ! is_service_enabled "$1"; then
        ENABLED_SERVICES+=",$1"
    fi
}

function is_fedora {
    [[ "${STANDIN_FEDORA:-False}" == True ]]
}

function is_package_installed {
    dpkg-query --show "$1" >/dev/null 2>&1
}

function install_package {
    standin_called "install_package $*"
    if [[ "${STANDIN_MACHINE:-False}" == True && "$OFFLINE" != True ]]; then
        sudo env DEBIAN_FRONTEND=noninteractive apt-get install --quiet=2 \
            --yes --no-install-recommends "$@"
    fi
}

function pip_install_gr {
    standin_called "pip_install_gr $*"
    if [[ "$OFFLINE" != True && -x "$DEVSTACK_VENV/bin/pip" ]]; then
        "$DEVSTACK_VENV/bin/pip" --disable-pip-version-check install --quiet \
            "$@"
    fi
}

function sudo {
    if [[ "$1" == rabbitmqctl ]]; then
        shift
        standin_rabbitmqctl "$@"
    elif [[ "${STANDIN_MACHINE:-False}" == True ]]; then
        command sudo "$@"
    else
        "$@"
    fi
}

# iniset [-sudo] FILE SECTION OPTION VALUE
function iniset {
    local xtrace
    local -a python=(python3)
    xtrace=$(set +o | grep xtrace)
    set +o xtrace
    if [[ "$1" == -sudo ]]; then
        python=(sudo python3)
        shift
    fi
    "${python[@]}" - "$@" <<'END'
import configparser
import sys

path, section, option, *values = sys.argv[1:]
config = configparser.RawConfigParser(strict=False)
config.optionxform = str
config.read(path)
if section != "DEFAULT" and not config.has_section(section):
    config.add_section(section)
config.set(section, option, " ".join(values))
with open(path, "w", encoding="utf-8") as stream:
    config.write(stream)
END
    $xtrace
}

# inidelete FILE SECTION OPTION
function inidelete {
    # sed, with which DevStack does it, wants a file.
    if [[ ! -e "$1" ]]; then
        return 2
    fi
    python3 - "$@" <<'END'
import configparser
import sys

path, section, option = sys.argv[1:]
config = configparser.RawConfigParser(strict=False)
config.optionxform = str
config.read(path)
if config.has_section(section):
    config.remove_option(section, option)
with open(path, "w", encoding="utf-8") as stream:
    config.write(stream)
END
}

function write_user_unit_file {
    local unit=$SYSTEMD_DIR/$1
    iniset -sudo "$unit" Unit Description "Devstack $1"
    iniset -sudo "$unit" Service Environment "\"PATH=$PATH\""
    iniset -sudo "$unit" Service ExecStart "$2"
    iniset -sudo "$unit" Service User "$4"
    iniset -sudo "$unit" Service KillMode process
    iniset -sudo "$unit" Install WantedBy multi-user.target
}

# -- lib/rpc_backend ------------------------------------------------------------

# unstack.sh does not source it.
# shellcheck disable=SC2329  # the plugin takes the place of these, or calls them
function standin_source_rpc_backend {
    RABBIT_USERID=${RABBIT_USERID:-stackrabbit}
    if is_service_enabled rabbit; then
        RABBIT_HOST=${RABBIT_HOST:-$SERVICE_HOST}
    fi

    function get_transport_url {
        echo original
    }
    function get_notification_url {
        echo original
    }
    function rpc_backend_add_vhost {
        standin_called "original rpc_backend_add_vhost $1"
    }
    function iniset_rpc_backend {
        standin_called "original iniset_rpc_backend $*"
    }
}

function standin_rabbitmqctl {
    standin_called "rabbitmqctl $*"
    case "$1" in
        list_vhosts)
            echo /
            ;;
    esac
    return "${STANDIN_RABBITMQCTL_FAILS:-0}"
}

function rabbit_setuser {
    standin_called "rabbit_setuser $1"
}
