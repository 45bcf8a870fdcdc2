#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0

load helper

NOTIFY=oslo_messaging_notifications

@test "a service gets RPC on RabbitMQ and notifications on Kafka" {
    run devstack stack 'phase stack post-config' \
        "iniset_rpc_backend cinder $CONF"
    [[ "$(value "$CONF" DEFAULT transport_url)" == \
        rabbit://stackrabbit:s3cr3t-rabbit@127.0.0.1:5672/ ]]
    [[ "$(value "$CONF" $NOTIFY transport_url)" == \
        kafka-driver://127.0.0.1:9092/ ]]
    [[ "$(value "$CONF" $NOTIFY driver)" == messagingv2 ]]
}

@test "a cell's virtual host is in RPC's URL and not in Kafka's" {
    run devstack stack 'phase stack post-config' \
        "iniset_rpc_backend nova $CONF DEFAULT nova_cell1"
    [[ "$(value "$CONF" DEFAULT transport_url)" == *:5672/nova_cell1 ]]
    [[ "$(value "$CONF" $NOTIFY transport_url)" == *:9092/ ]]
}

@test "Keystone gets notifications, switched on, and no RPC" {
    run devstack stack 'phase stack post-config' \
        "iniset_rpc_backend keystone $CONF $NOTIFY"
    [[ "$(value "$CONF" DEFAULT transport_url)" == "(none)" ]]
    [[ "$(value "$CONF" $NOTIFY transport_url)" == kafka-driver://* ]]
    [[ "$(value "$CONF" $NOTIFY driver)" == messagingv2 ]]
}

@test "NOTIFY_DRIVER keep leaves the notification driver alone" {
    NOTIFY_DRIVER=keep run devstack stack 'phase stack post-config' \
        "iniset_rpc_backend keystone $CONF $NOTIFY"
    [[ "$(value "$CONF" $NOTIFY driver)" == "(none)" ]]
}

@test "the heartbeat options of DevStack are kept" {
    export RABBIT_HEARTBEAT_TIMEOUT_THRESHOLD=7 RABBIT_HEARTBEAT_RATE=3
    run devstack stack 'phase stack post-config' \
        "iniset_rpc_backend cinder $CONF"
    [[ "$(value "$CONF" oslo_messaging_rabbit \
        heartbeat_timeout_threshold)" == 7 ]]
    [[ "$(value "$CONF" oslo_messaging_rabbit heartbeat_rate)" == 3 ]]
}

@test "ceilometer listens for one exchange, other services are not touched" {
    run devstack stack 'phase stack post-config' \
        "iniset_rpc_backend ceilometer $CONF"
    [[ "$(value "$CONF" notification notification_control_exchanges)" == nova ]]
    run devstack stack 'phase stack post-config' \
        "iniset_rpc_backend cinder $CONF.cinder"
    [[ "$(value "$CONF.cinder" notification \
        notification_control_exchanges)" == "(none)" ]]
}

@test "notifications on RabbitMQ keep the virtual host" {
    NOTIFY_SERVICE=rabbit run devstack stack 'phase stack post-config' \
        "iniset_rpc_backend nova $CONF DEFAULT nova_cell1"
    [[ "$(value "$CONF" $NOTIFY transport_url)" == \
        rabbit://stackrabbit:s3cr3t-rabbit@127.0.0.1:5672/nova_cell1 ]]
}

@test "oslo.messaging's own driver is one setting away" {
    KAFKA_SCHEME=kafka run devstack stack 'phase stack post-config' \
        get_notification_url
    [[ "${lines[0]}" == kafka://127.0.0.1:9092/ ]]
}

@test "RPC_HOST and its companions are in the URL" {
    export RPC_HOST=192.0.2.5 RPC_PORT=5673 RPC_USERNAME=me RPC_PASSWORD='a/b'
    ENABLED_SERVICES=key run devstack stack 'phase stack post-config' \
        'get_transport_url v'
    [[ "${lines[0]}" == rabbit://me:a%2Fb@192.0.2.5:5673/v ]]
}

@test "an account of a remote broker comes with the options that use it" {
    export NOTIFY_HOST=192.0.2.5 NOTIFY_USERNAME=me NOTIFY_PASSWORD='p@ss'
    run devstack stack 'phase stack post-config' \
        "iniset_rpc_backend cinder $CONF"
    [[ "$(value "$CONF" $NOTIFY transport_url)" == \
        kafka-driver://me:p%40ss@192.0.2.5:9092/ ]]
    [[ "$(value "$CONF" oslo_messaging_kafka security_protocol)" == SASL_SSL ]]
    [[ "$(value "$CONF" oslo_messaging_kafka sasl_mechanism)" == \
        SCRAM-SHA-512 ]]
}

@test "a remote broker with TLS and no account gets its options" {
    export NOTIFY_HOST=192.0.2.5 NOTIFY_SECURITY_PROTOCOL=SSL
    NOTIFY_SSL_CAFILE=$CHECKOUT/setup.cfg run devstack stack \
        'phase stack nothing' check_kafka_settings \
        "iniset_rpc_backend cinder $CONF"
    [[ "$status" -eq 0 ]]
    [[ "$(value "$CONF" oslo_messaging_kafka security_protocol)" == SSL ]]
    [[ "$(value "$CONF" oslo_messaging_kafka ssl_cafile)" == */setup.cfg ]]
    [[ "$(value "$CONF" oslo_messaging_kafka sasl_mechanism)" == "(none)" ]]
}

@test "an account of this DevStack's broker needs no certificate" {
    export NOTIFY_USERNAME=me NOTIFY_PASSWORD=s3cr3t-notify
    run devstack stack 'phase stack nothing' "iniset_rpc_backend nova $CONF"
    [[ "$(value "$CONF" oslo_messaging_kafka security_protocol)" == \
        SASL_PLAINTEXT ]]
    # The same on a sub-node, whose broker is the controller's.
    SERVICE_HOST=192.0.2.7 run devstack stack 'phase stack nothing' \
        "iniset_rpc_backend nova $CONF.2"
    [[ "$(value "$CONF.2" oslo_messaging_kafka security_protocol)" == \
        SASL_PLAINTEXT ]]
    [[ "$(value "$CONF.2" oslo_messaging_kafka sasl_mechanism)" == \
        SCRAM-SHA-512 ]]
}

@test "an account that is given up leaves no options behind" {
    NOTIFY_USERNAME=me NOTIFY_PASSWORD=s3cr3t-notify \
        run devstack stack 'phase stack nothing' \
        "iniset_rpc_backend keystone $CONF oslo_messaging_notifications"
    [[ "$(value "$CONF" oslo_messaging_kafka sasl_mechanism)" != "(none)" ]]
    run devstack stack 'phase stack nothing' \
        "iniset_rpc_backend keystone $CONF oslo_messaging_notifications"
    [[ "$status" -eq 0 ]]
    [[ "$(value "$CONF" oslo_messaging_kafka sasl_mechanism)" == "(none)" ]]
    [[ "$(value "$CONF" oslo_messaging_kafka security_protocol)" == "(none)" ]]
}

@test "a virtual host is made once, and a failure is not hidden" {
    run devstack stack 'phase stack post-config' \
        'rpc_backend_add_vhost nova_cell1'
    called "rabbitmqctl add_vhost nova_cell1"
    called "rabbitmqctl set_permissions -p nova_cell1 stackrabbit .* .* .*"
    STANDIN_RABBITMQCTL_FAILS=1 run devstack stack 'phase stack post-config' \
        'rpc_backend_add_vhost nova_cell1'
    [[ "$status" -ne 0 ]]
}

@test "a virtual host of somebody else's RabbitMQ is no reason to fail" {
    ENABLED_SERVICES=key RPC_HOST=192.0.2.5 run devstack stack \
        'phase stack post-config' 'rpc_backend_add_vhost nova_cell1'
    [[ "$status" -eq 0 ]]
    [[ "$output" == *"192.0.2.5 must have the virtual host nova_cell1."* ]]
}

@test "a virtual host that oslo.messaging cuts is refused" {
    local vhost
    for vhost in 'a#b' 'a?b' 'a%41' 'a;b'; do
        run devstack stack 'phase stack nothing' \
            "iniset_rpc_backend nova $CONF DEFAULT '$vhost'"
        refused "\"$vhost\" contains one of # ? % ;"
        run devstack stack 'phase stack nothing' \
            "rpc_backend_add_vhost '$vhost'"
        refused "\"$vhost\" contains one of # ? % ;"
    done
    uncalled_like rabbitmqctl
}

@test "install makes the account that RPC_USERNAME names" {
    export RPC_USERNAME=me RPC_PASSWORD=pw
    run devstack stack 'phase stack install'
    called "rabbit_setuser me"
}

@test "no password gets into the trace" {
    export RPC_USERNAME=me RPC_PASSWORD=s3cr3t-rpc
    export NOTIFY_HOST=localhost,192.0.2.9 NOTIFY_PORT=9
    export NOTIFY_USERNAME=me NOTIFY_PASSWORD=s3cr3t-notify
    run bash -xc '
        source "$1/tests/devstack/standin.sh"
        standin_source_rpc_backend
        source "$1/devstack/settings"
        function check_kafka_reachable { :; }
        source "$1/devstack/plugin.sh" stack install
        check_kafka_settings
        iniset_rpc_backend nova "$2" DEFAULT cell
    ' - "$CHECKOUT" "$CONF"
    [[ "$status" -eq 0 ]]
    [[ "$output" == *"iniset_rpc_backend nova"* ]]
    [[ "$(value "$CONF" DEFAULT transport_url)" == *s3cr3t-rpc* ]]
    # The stand-in's own environment is no part of the plugin.
    [[ "$output" != *s3cr3t-rpc* ]]
    [[ "$output" != *s3cr3t-notify* ]]
    [[ "$output" != *s3cr3t-rabbit* ]]
}
