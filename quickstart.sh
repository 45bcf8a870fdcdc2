#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
#
# From a fresh machine to a running hybrid message bus: RPC on RabbitMQ,
# notifications on Apache Kafka, and both tried out. See --help.
#
# The functions are in tools/quickstart/, one file for each concern.

set -euo pipefail

CHECKOUT=$(CDPATH='' cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)

# shellcheck source=tools/home.sh
source "$CHECKOUT/tools/home.sh"
# shellcheck source=tools/python.sh
source "$CHECKOUT/tools/python.sh"
# shellcheck source=tools/quickstart/output.sh
source "$CHECKOUT/tools/quickstart/output.sh"
# shellcheck source=tools/quickstart/options.sh
source "$CHECKOUT/tools/quickstart/options.sh"
# shellcheck source=tools/quickstart/preconditions.sh
source "$CHECKOUT/tools/quickstart/preconditions.sh"
# shellcheck source=tools/quickstart/packages.sh
source "$CHECKOUT/tools/quickstart/packages.sh"
# shellcheck source=tools/quickstart/environment.sh
source "$CHECKOUT/tools/quickstart/environment.sh"
# shellcheck source=tools/quickstart/ansible.sh
source "$CHECKOUT/tools/quickstart/ansible.sh"

function install_bus {
    announce_install
    check_ports
    check_space
    prepare_environment
    install_maven_if_needed
    make_secrets
    run_playbook "Setting up the bus" site.yml
    [[ "$CHECK" == no ]] || return 0
    run_playbook "Trying the bus out" verify.yml \
        -e "{kafka_bus_report: \"$STATE/report.txt\"}"
    show_summary
}

function remove_bus {
    # A run that was broken off may have packages that are not on record yet.
    if [[ ! -e "$RECORD" && ! -s "$NEW_PACKAGES" ]]; then
        say "Nothing of kafka-bus is recorded in $RECORD: nothing to remove."
        return 0
    fi
    announce_removal
    prepare_environment
    run_playbook "Removing" remove.yml -e "remove_purge=$PURGE"
    [[ "$CHECK" == no ]] || return 0
    forget_secrets_and_downloads
    say "Removed. Delete $STATE, the tools of this script, as you like."
}

function main {
    parse_options "$@"
    check_root
    check_distribution /etc/os-release
    find_python
    mkdir -p "$STATE"
    be_the_only_run
    if [[ "$ACTION" == remove ]]; then
        remove_bus
    else
        install_bus
    fi
}

if [[ "${BASH_SOURCE[0]}" == "$0" ]]; then
    main "$@"
fi
