# SPDX-License-Identifier: Apache-2.0
# shellcheck shell=bash
#
# Runs Ansible, and shows of it what a person wants to see.

function announce_install {
    say "A hybrid message bus on this machine ($(uname -n)):"
    say "  RPC            RabbitMQ on 127.0.0.1 port $RPC_PORT"
    say "  Notifications  Apache Kafka${KAFKA_VERSION:+ $KAFKA_VERSION} on" \
        "127.0.0.1 port $KAFKA_PORT"
    say "  Program files  /opt/kafka, /opt/kafka-bus, /usr/local/bin"
    say "  Settings       /etc/kafka, /etc/rabbitmq, /etc/kafka-bus"
    say "  Data, logs     /var/lib and /var/log: kafka, rabbitmq"
    say "  Ansible        $VENV, log $LOG"
    say "What is installed is recorded in $RECORD."
    [[ "$CHECK" == no ]] || say "Only a check: none of this is changed."
}

function announce_removal {
    say "Removing what $RECORD lists, and nothing else."
    if [[ "$PURGE" == true ]]; then
        say "Data, secrets and downloads are deleted, too."
    else
        say "Data stays; --purge deletes it."
    fi
}

function ansible_environment {
    # Settings of the caller's own Ansible must not leak in: tags that leave
    # everything out, or another form of what is read here.
    local name unset=()
    for name in "${!ANSIBLE_@}"; do
        case $name in
            ANSIBLE_HOME | ANSIBLE_*_TEMP | ANSIBLE_VAULT_*) ;;
            *) unset+=(-u "$name") ;;
        esac
    done
    env "${unset[@]}" \
        ANSIBLE_CONFIG="$CHECKOUT/ansible.cfg" \
        ANSIBLE_COLLECTIONS_PATH="$STATE" \
        ANSIBLE_CALLBACK_RESULT_FORMAT=json \
        ANSIBLE_NOCOLOR=1 \
        ANSIBLE_FORCE_COLOR=0 \
        ANSIBLE_DEPRECATION_WARNINGS=0 \
        ANSIBLE_LOCALHOST_WARNING=0 \
        ANSIBLE_INVENTORY_UNPARSED_WARNING=0 \
        PATH="$VENV/bin:$PATH" \
        LC_ALL=C.UTF-8 \
        "$@"
}

function playbook_command {
    local playbook=$1
    shift
    collect_variables
    local options=(-i "$CHECKOUT/inventories/localhost" "${VARIABLES[@]}" "$@")
    [[ "$CHECK" == no ]] || options+=(--check --diff)
    ansible_environment "$VENV/bin/ansible-playbook" "${options[@]}" \
        "$CHECKOUT/playbooks/$playbook" 2>&1 </dev/null
}

# Show which tasks change something, and every now and then what is going on.
function follow {
    local line='' piece task='' shown='' waited=0 status
    while true; do
        status=0
        IFS= read -r -t "$HEARTBEAT" piece || status=$?
        line+=$piece
        if [[ "$status" -gt 128 ]]; then
            waited=$((waited + HEARTBEAT))
            say "    still at it, $waited s: $task"
            continue
        fi
        [[ "$status" == 0 || -n "$line" ]] || break
        waited=0
        case $line in
            'TASK ['*)
                task=${line#TASK [}
                task=${task%%]*}
                # The name of the role is enough.
                task=${task#kafka_bus.openstack.}
                ;;
            'changed: '*)
                [[ "$task" == "$shown" ]] || say "  changed: $task"
                shown=$task
                ;;
            *' : ok='*' changed='*)
                say "  ${line##* : }"
                ;;
        esac
        line=''
    done
}

# With --verbose and --check everything is worth seeing.
function follow_as_asked {
    if [[ "$VERBOSE" == yes || "$CHECK" == yes ]]; then
        cat
    else
        follow
    fi
}

# The sentence in which the last failed task said what is wrong.
function last_failure {
    "$PYTHON" "$CHECKOUT/tools/quickstart/last_failure.py" "$LOG"
}

# run_playbook "what is done" playbook option...
function run_playbook {
    local what=$1 playbook=$2 started=$SECONDS
    shift 2
    heading "$what"
    if ! playbook_command "$playbook" "$@" | tee -a "$LOG" | follow_as_asked
    then
        refuse "$(last_failure) (Log: $LOG)"
    fi
    say "  done in $((SECONDS - started)) s"
}

# Put the names of the packages that this script has installed on record.
function record_new_packages {
    [[ -s "$NEW_PACKAGES" ]] || return 0
    local names
    names=$(sort -u "$NEW_PACKAGES" | paste -s -d, -)
    ansible_environment "$VENV/bin/ansible" localhost -c local -i localhost, \
        -e "ansible_python_interpreter=$PYTHON" \
        -m kafka_bus.openstack.install_record \
        -a "file=$RECORD role=quickstart packages=$names" \
        >>"$LOG" 2>&1 </dev/null \
        || refuse "the installed packages $names cannot be recorded in" \
            "$RECORD ($LOG tells more)."
    rm -f "$NEW_PACKAGES"
}

function show_summary {
    heading "The bus is running"
    cat "$STATE/report.txt"
    [[ "$REUSE_RABBITMQ" == yes ]] \
        || say "Password       of the RPC account in $SECRETS"
    cat <<SUMMARY

Done in $SECONDS s. Try next, in two terminals:
  kafka-driver tail --config-file /etc/kafka-bus/service.conf
  kafka-driver send --config-file /etc/kafka-bus/service.conf
SUMMARY
}
