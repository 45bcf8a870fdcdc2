#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0

load helper

@test "settings ask for the service kafka on the host of the broker" {
    run devstack stack 'echo "$ENABLED_SERVICES"'
    [[ "${lines[0]}" == key,mysql,rabbit,kafka ]]
}

@test "settings say nothing and work in unstack without errexit" {
    run devstack unstack
    [[ "$status" -eq 0 ]]
    [[ "$output" == "reached the end" ]]
}

@test "settings leave the service kafka out for another host's broker" {
    NOTIFY_HOST=192.0.2.7 run devstack stack 'echo "$ENABLED_SERVICES"'
    [[ "${lines[0]}" == key,mysql,rabbit ]]
}

@test "settings leave the service kafka out on a sub-node" {
    export HOST_IP=192.0.2.8 SERVICE_HOST=192.0.2.7
    run devstack stack 'echo "$ENABLED_SERVICES $NOTIFY_HOST"'
    [[ "${lines[0]}" == "key,mysql,rabbit 192.0.2.7" ]]
}

@test "settings know this host by its IPv6 address in brackets" {
    export HOST_IPV6=2001:db8::1 SERVICE_HOST='[2001:db8::1]'
    run devstack stack 'echo "$ENABLED_SERVICES"'
    [[ "${lines[0]}" == *,kafka ]]
}

@test "settings know this host by each of its names and addresses" {
    local name
    # shellcheck disable=SC2046  # words
    for name in localhost 127.0.0.1 127.0.1.1 ::1 '[::1]' "$(hostname)" \
        "$(hostname -f)" $(hostname -I) LOCALHOST "$(hostname | tr a-z A-Z)" \
        127.0.0.1:9092 '[::1]:9092' Localhost:1; do
        HOST_IP=192.0.2.8 NOTIFY_HOST=$name \
            run devstack stack 'echo "$ENABLED_SERVICES"'
        [[ "${lines[0]}" == *,kafka ]]
    done
}

@test "settings take a cluster or another name for another host's" {
    local name
    for name in 127.0.0.1,127.0.0.2 localhost,other 127.evil.example.org \
        2001:db8::9 '[2001:db8::9]' 'localhost *' '*' 192.0.2.7:9092 \
        '[2001:db8::9]:9092'; do
        HOST_IP=192.0.2.8 NOTIFY_HOST=$name \
            run devstack stack 'echo "$ENABLED_SERVICES"'
        [[ "${lines[0]}" == key,mysql,rabbit ]]
    done
}

@test "settings take an empty variable for one that is not set" {
    local dump='declare -p "${!KAFKA_@}" "${!NOTIFY_@}" "${!RPC_@}" \
        "${!SCALA_@}" ENABLED_SERVICES | sed "s/^declare -[-x]* //"'
    local -a names
    mapfile -t names < <(sed -n 's/^\([A-Z_0-9]*\)=\${.*/\1/p' "$PLUGIN/settings")
    [[ "${#names[@]}" -gt 25 ]]
    run devstack stack "$dump"
    local expected=$output
    export "${names[@]/%/=}"
    run devstack stack "$dump"
    [[ "$output" == "$expected" ]]
}

@test "settings only set defaults" {
    # Beside comments, tracing, the name and the service.
    run sed -e '/^#/d' -e '/^$/d' -e '/^ /d' \
        -e '/^\([A-Z_0-9]*\)=\${\1:-.*}$/d' "$PLUGIN/settings"
    [[ "$output" == '_XTRACE_KAFKA_SETTINGS=$(set +o | grep xtrace)
set +o xtrace
define_plugin kafka
_KAFKA_THIS_HOST=" localhost ::1 $HOST_IP ${HOST_IPV6:-} $HOSTNAME \
$({ hostname -f; hostname -I; } 2>/dev/null | tr '"'\n' ' '"') "
_KAFKA_THIS_HOST=${_KAFKA_THIS_HOST,,}
_KAFKA_NOTIFY_HOST=${NOTIFY_HOST,,}
if [[ "$_KAFKA_NOTIFY_HOST" =~ ^(\[.*\]|[^:]+):[0-9]+$ ]]; then
fi
if [[ "$NOTIFY_SERVICE" == kafka && "$NOTIFY_HOST" != *,* ]]; then
fi
$_XTRACE_KAFKA_SETTINGS' ]]
}

@test "settings leave the service kafka out for notifications on RabbitMQ" {
    NOTIFY_SERVICE=rabbit run devstack stack 'echo "$ENABLED_SERVICES"'
    [[ "${lines[0]}" == key,mysql,rabbit ]]
}

@test "settings take the variables of local.conf before their own" {
    export KAFKA_VERSION=4.2.1 NOTIFY_PORT=19999 KAFKA_HEAP=1g
    run devstack stack 'echo "$KAFKA_VERSION $NOTIFY_PORT $KAFKA_HEAP"'
    [[ "${lines[0]}" == "4.2.1 19999 1g" ]]
}

@test "the default version is the role's" {
    run devstack stack 'echo "$KAFKA_VERSION"'
    grep -qx "kafka_version: ${lines[0]}" \
        "$CHECKOUT/roles/kafka/defaults/main.yml"
}
