#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# Run one of Kafka's Java programs: kafka-run-class.sh MAIN-CLASS [ARGUMENT...]
#
# Reads the variables that Kafka's own launcher reads: JAVA_HOME, CLASSPATH,
# LOG_DIR, JMX_PORT, KAFKA_HEAP_OPTS, KAFKA_JVM_PERFORMANCE_OPTS,
# KAFKA_GC_LOG_OPTS, KAFKA_JMX_OPTS, KAFKA_LOG4J_OPTS and KAFKA_OPTS.
set -eu

# "current" is a link that an upgrade moves: stay in the directory it names now.
home=$(cd "$(dirname "$0")/.." && pwd -P)

if [ -n "${JAVA_HOME:-}" ]; then
    java=$JAVA_HOME/bin/java
else
    java=java
fi
if ! command -v "$java" >/dev/null 2>&1; then
    echo "$0: no Java at '$java': set JAVA_HOME to a Java runtime" >&2
    exit 1
fi

log_dir=${LOG_DIR:-$home/logs}
if [ -z "${KAFKA_LOG4J_OPTS:-}" ]; then
    # A tool: warnings to standard error, results alone on standard output.
    if [ -e "$home/config/tools-log4j2.yaml" ]; then
        log4j=-Dlog4j2.configurationFile=$home/config/tools-log4j2.yaml
    else
        log4j=-Dlog4j.configuration=file:$home/config/tools-log4j.properties
    fi
else
    log4j=$KAFKA_LOG4J_OPTS
    mkdir -p "$log_dir"
fi

jmx=${KAFKA_JMX_OPTS:-}
if [ -n "${JMX_PORT:-}" ]; then
    # Loopback only: a remote JMX port without a password runs anybody's code.
    jmx="${jmx:--Dcom.sun.management.jmxremote.host=127.0.0.1 \
        -Djava.rmi.server.hostname=127.0.0.1 \
        -Dcom.sun.management.jmxremote.authenticate=false \
        -Dcom.sun.management.jmxremote.ssl=false} \
        -Dcom.sun.management.jmxremote.port=$JMX_PORT \
        -Dcom.sun.management.jmxremote.rmi.port=$JMX_PORT"
fi

tuning=${KAFKA_JVM_PERFORMANCE_OPTS:--server -XX:+UseG1GC \
    -XX:MaxGCPauseMillis=20 -XX:+ExplicitGCInvokesConcurrent \
    -Djava.awt.headless=true}

# shellcheck disable=SC2086  # each of these holds several options
exec "$java" ${KAFKA_HEAP_OPTS:--Xmx256m} $tuning ${KAFKA_GC_LOG_OPTS:-} \
    $jmx "-Dkafka.logs.dir=$log_dir" $log4j ${KAFKA_OPTS:-} \
    -cp "${CLASSPATH:+$CLASSPATH:}$home/libs/*" "$@"
