#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
#
# DevStack plugin: notifications on Apache Kafka, RPC on RabbitMQ.
#
# DevStack sources this file with a mode and, for "stack", a phase:
#
# - stack pre-install: refuse what cannot work; install and start the broker,
#   before Keystone sends its first notification
# - stack install: install the driver into the services' environment
# - unstack: stop the broker
# - clean: remove the broker, its data and everything else of the plugin
#
# Variables, with their defaults in devstack/settings:
#
# - KAFKA_VERSION, KAFKA_BASEURL, KAFKA_INSTALL_SOURCE, KAFKA_ARCHIVE_FILE,
#   KAFKA_ARCHIVE_SHA512, SCALA_VERSION, SCALA_BASEURL, SCALA_ARCHIVE_SHA256,
#   KAFKA_SCALA_TOOLS
# - RPC_SERVICE, RPC_HOST, RPC_PORT, RPC_USERNAME, RPC_PASSWORD
# - NOTIFY_SERVICE, NOTIFY_HOST, NOTIFY_PORT, NOTIFY_USERNAME,
#   NOTIFY_PASSWORD, NOTIFY_SECURITY_PROTOCOL, NOTIFY_SASL_MECHANISM,
#   NOTIFY_SSL_CAFILE, NOTIFY_DRIVER, KAFKA_SCHEME
# - KAFKA_HEAP, KAFKA_CONTROLLER_PORT, KAFKA_TOPICS, KAFKA_DIR,
#   KAFKA_CACHE_DIR, KAFKA_LOG_DIR

# Save trace setting
_XTRACE_KAFKA=$(set +o | grep xtrace)
set +o xtrace

# The plugin's own directory, whatever name the user gave the plugin.
KAFKA_PLUGIN_DIR=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)

# shellcheck source=devstack/lib/urls
source "$KAFKA_PLUGIN_DIR/lib/urls"
# shellcheck source=devstack/lib/checks
source "$KAFKA_PLUGIN_DIR/lib/checks"
# shellcheck source=devstack/lib/ansible
source "$KAFKA_PLUGIN_DIR/lib/ansible"
# shellcheck source=devstack/lib/kafka
source "$KAFKA_PLUGIN_DIR/lib/kafka"
# shellcheck source=devstack/lib/scala
source "$KAFKA_PLUGIN_DIR/lib/scala"

# unstack.sh has no functions of lib/rpc_backend to override.
if [[ "${1:-}" == stack ]]; then
    # shellcheck source=devstack/lib/messaging
    source "$KAFKA_PLUGIN_DIR/lib/messaging"
fi

# kafka_phase() - Run a function and say how long it took
function kafka_phase {
    local name=$1 start=$SECONDS
    shift
    "$@"
    echo_summary "Kafka plugin: $name took $((SECONDS - start)) s"
}

function kafka_pre_install {
    check_kafka_settings
    if [[ "$NOTIFY_SERVICE" != kafka ]]; then
        return 0
    fi
    if is_service_enabled kafka; then
        install_kafka
        start_kafka
        init_kafka
        if [[ "$KAFKA_SCALA_TOOLS" == True ]]; then
            install_scala
        fi
    else
        check_kafka_reachable
    fi
}

function kafka_install {
    add_rpc_user
    if [[ "$NOTIFY_SERVICE" == kafka ]]; then
        install_kafka_driver
    fi
}

case "${1:-} ${2:-}" in
    "stack pre-install")
        kafka_phase pre-install kafka_pre_install
        ;;
    "stack install")
        kafka_phase install kafka_install
        ;;
    "unstack "*)
        stop_kafka
        ;;
    "clean "*)
        cleanup_kafka
        ;;
esac

# Restore xtrace
$_XTRACE_KAFKA
