# SPDX-License-Identifier: Apache-2.0
# shellcheck shell=bash
#
# The checkout's own virtual environment with Ansible, the collection's link
# and the secrets.

# The roles need nothing but Ansible's core.
REQUIREMENT='ansible-core>=2.16,<2.20'
STAMP=$VENV/kafka-bus.stamp
COLLECTION=$STATE/ansible_collections/kafka_bus/openstack

function prepare_environment {
    : >"$LOG"
    if ! environment_is_whole; then
        heading "Getting Ansible into $VENV"
        make_environment
    fi
    link_collection
    record_new_packages
}

# Its programs name the folder that it was made in, and its packages are those
# of one Python: either may be another by now.
function environment_is_whole {
    [[ "$(cat "$STAMP" 2>/dev/null)" == "$REQUIREMENT in $VENV" ]] \
        && "$VENV/bin/python" -c 'import ansible' 2>/dev/null
}

function make_environment {
    "$PYTHON" -c 'import ensurepip' 2>/dev/null || install_venv_package
    with_heartbeat "making the virtual environment" \
        "$PYTHON" -m venv --clear "$VENV" \
        || refuse "$PYTHON cannot make a virtual environment in $VENV" \
            "($LOG tells more)."
    with_heartbeat "installing Ansible" \
        "$VENV/bin/pip" --disable-pip-version-check install --quiet \
        --retries 2 --timeout 20 "$REQUIREMENT" \
        || refuse "Ansible cannot be installed: see to the network and to" \
            "pip's settings for its package index ($LOG tells more)."
    # Last, so that an environment that was broken off is made again.
    printf '%s\n' "$REQUIREMENT in $VENV" >"$STAMP"
}

function link_collection {
    mkdir -p "$(dirname "$COLLECTION")"
    ln -sfn "$CHECKOUT" "$COLLECTION"
}

# The password of the services' RabbitMQ account; made once.
function make_secrets {
    [[ ! -e "$SECRETS" ]] || return 0
    local password
    password=$("$PYTHON" -c 'import secrets; print(secrets.token_urlsafe(24))')
    # In place only when it is whole.
    (
        umask 077
        {
            printf '# Made by quickstart.sh; keep it to yourself.\n---\n'
            printf 'rabbitmq_password: "%s"\n' "$password"
        } >"$SECRETS.new"
    )
    mv "$SECRETS.new" "$SECRETS"
}

function forget_secrets_and_downloads {
    [[ "$PURGE" == true ]] || return 0
    rm -f "$SECRETS" "$STATE/report.txt"
    rm -rf "${XDG_CACHE_HOME:-$HOME/.cache}/kafka-bus"
}
