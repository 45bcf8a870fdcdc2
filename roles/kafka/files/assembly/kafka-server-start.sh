#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# Run a broker in the foreground:
# kafka-server-start.sh server.properties [--override KEY=VALUE]...
set -eu

home=$(cd "$(dirname "$0")/.." && pwd -P)

if [ -z "${KAFKA_LOG4J_OPTS:-}" ]; then
    if [ -e "$home/config/log4j2.yaml" ]; then
        KAFKA_LOG4J_OPTS=-Dlog4j2.configurationFile=$home/config/log4j2.yaml
    else
        KAFKA_LOG4J_OPTS=-Dlog4j.configuration=file:$home/config/log4j.properties
    fi
fi
KAFKA_HEAP_OPTS=${KAFKA_HEAP_OPTS:--Xms1g -Xmx1g}
export KAFKA_LOG4J_OPTS KAFKA_HEAP_OPTS
exec "$home/bin/kafka-run-class.sh" kafka.Kafka "$@"
