#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
# Refusals: one sentence, and nothing has changed.

load helper

# refuses TEXT: pre-install refuses with TEXT
function refuses {
    run devstack stack 'phase stack pre-install'
    refused "$1"
}

@test "a misspelt RPC_SERVICE or NOTIFY_SERVICE is refused" {
    RPC_SERVICE=rabit refuses 'RPC_SERVICE is "rabit": set it to one of'
    NOTIFY_SERVICE=kafak refuses 'NOTIFY_SERVICE is "kafak": set it to one of'
    KAFKA_SCHEME=kafk refuses 'KAFKA_SCHEME is "kafk": set it to one of'
    KAFKA_INSTALL_SOURCE=web refuses 'KAFKA_INSTALL_SOURCE is "web"'
}

@test "RPC_SERVICE amqp is refused with oslo.messaging 15 and newer" {
    RPC_SERVICE=amqp refuses "no AMQP 1.0 driver since 15.0.0 and 18.2.0 is"
}

@test "RPC_SERVICE amqp is refused with an older oslo.messaging too" {
    echo "oslo.messaging===14.9.1" \
        >"$STANDIN/dest/requirements/upper-constraints.txt"
    RPC_SERVICE=amqp refuses "which this plugin does not set up"
}

@test "the example of OpenStack's guide is understood, and 2.0.0 refused" {
    export KAFKA_VERSION=2.0.0 SCALA_VERSION=2.12
    export KAFKA_BASEURL=http://www.apache.org/dist/kafka
    export SCALA_BASEURL=http://www.scala-lang.org/riles/archive
    refuses "KAFKA_VERSION is 2.0.0, and the oldest Kafka that this plugin \
sets up, without ZooKeeper, is 3.9: set KAFKA_VERSION to one of 4.3.1,"
    [[ "$(grep -c '\[WARNING\]' <<<"$output")" -eq 1 ]]
    [[ "$output" == *"http://www.scala-lang.org/files/archive is meant; it \
counts only with KAFKA_SCALA_TOOLS=True."* ]]
}

@test "a patch release of Scala means the build of its binary version" {
    SCALA_VERSION=2.13.16 KAFKA_BASEURL=http://www.apache.org/dist/kafka \
        run devstack stack 'phase stack pre-install'
    [[ "$status" -eq 0 ]]
    [[ "$(role_var broker kafka_scala_version)" == '"2.13"' ]]
    [[ "$(role_var broker kafka_mirror_url)" == \
        '"http://www.apache.org/dist/kafka"' ]]
    # The role's second place, Apache's archive, is left as it is.
    [[ "$(cat "$STANDIN/broker.yml.json")" != *kafka_archive_url* ]]
}

@test "Kafka 4 is refused for Scala 2.12" {
    SCALA_VERSION=2.12 refuses "exists for Scala 2.13 only: set SCALA_VERSION"
}

@test "a known version is refused for a build without a known digest" {
    KAFKA_VERSION=3.9.1 SCALA_VERSION=2.12 \
        refuses "Kafka 3.9.1 is known for Scala 2.13 only: set SCALA_VERSION"
    local digest
    digest=$(sha512sum </dev/null | cut -d " " -f 1)
    KAFKA_VERSION=3.9.1 SCALA_VERSION=2.12 KAFKA_ARCHIVE_SHA512=$digest \
        run devstack stack 'phase stack pre-install'
    [[ "$status" -eq 0 ]]
}

@test "an unknown version needs a digest" {
    KAFKA_VERSION=4.99.0 refuses "or set KAFKA_ARCHIVE_SHA512"
    KAFKA_VERSION=4.99.0 KAFKA_ARCHIVE_SHA512=abc \
        refuses "write the 128 hexadecimal digits"
    local digest
    digest=$(sha512sum </dev/null | cut -d " " -f 1)
    KAFKA_VERSION=4.99.0 KAFKA_ARCHIVE_SHA512=$digest \
        run devstack stack 'phase stack pre-install'
    [[ "$status" -eq 0 ]]
    [[ "$(role_var broker kafka_archive_sha512)" == "\"$digest\"" ]]
    rm "$STANDIN/calls"
    # It would need ZooKeeper, whatever its digest.
    KAFKA_VERSION=2.8.1 KAFKA_ARCHIVE_SHA512=$digest \
        refuses "KAFKA_VERSION is 2.8.1, and the oldest Kafka that this plugin"
    local version
    for version in 4.1 08.0.0 4.3.; do
        KAFKA_VERSION=$version KAFKA_ARCHIVE_SHA512=$digest \
            refuses "KAFKA_VERSION is \"$version\": write all numbers of a"
    done
}

@test "a version older than the one that wrote the data is refused" {
    mkdir -p "$KAFKA_DIR/install"
    ln -s kafka_2.13-4.3.1 "$KAFKA_DIR/install/current"
    KAFKA_VERSION=4.2.1 refuses "holds data of Kafka 4.3.1: run clean.sh"
    KAFKA_VERSION=4.3.1 run devstack stack 'phase stack pre-install'
    [[ "$status" -eq 0 ]]
}

@test "a newer version than the installed one is taken" {
    mkdir -p "$KAFKA_DIR/install"
    ln -s kafka_2.13-4.1.2 "$KAFKA_DIR/install/current"
    run devstack stack 'phase stack pre-install'
    [[ "$status" -eq 0 ]]
}

@test "half of an account is refused, and the password not shown" {
    NOTIFY_USERNAME=me refuses "NOTIFY_PASSWORD is not: set both."
    RPC_USERNAME=me refuses "RPC_PASSWORD is not: set both."
    NOTIFY_PASSWORD=s3cr3t refuses "NOTIFY_USERNAME is not: set both."
    [[ "$output" != *s3cr3t* ]]
    RPC_PASSWORD=s3cr3t refuses "RPC_USERNAME is not: set both"
    [[ "$output" != *s3cr3t* ]]
}

@test "an account that would have no effect is refused" {
    RPC_USERNAME=stackrabbit RPC_PASSWORD=s3cr3t-rpc \
        refuses "DevStack gives RABBIT_PASSWORD, and RPC_PASSWORD is another"
    [[ "$output" != *s3cr3t* ]]
    RPC_USERNAME=stackrabbit RPC_PASSWORD=s3cr3t-rabbit \
        run devstack stack 'phase stack none' check_kafka_settings
    [[ "$status" -eq 0 ]]
    NOTIFY_SERVICE=rabbit NOTIFY_USERNAME=me NOTIFY_PASSWORD=s3cr3t-notify \
        refuses "NOTIFY_SERVICE is rabbit, where notifications have the account"
    [[ "$output" != *s3cr3t* ]]
}

@test "an account that the broker on this host cannot have is refused" {
    export NOTIFY_USERNAME=me NOTIFY_PASSWORD=s3cr3t-notify
    NOTIFY_SECURITY_PROTOCOL=SASL_SSL \
        refuses "the broker that this plugin sets up has no certificate"
    NOTIFY_SSL_CAFILE=/etc/passwd refuses "services do not speak TLS"
    NOTIFY_HOST=192.0.2.5 NOTIFY_SSL_CAFILE=/nowhere \
        refuses "NOTIFY_SSL_CAFILE is /nowhere, which cannot be read"
    cd "$CHECKOUT"
    NOTIFY_HOST=192.0.2.5 NOTIFY_SSL_CAFILE=setup.cfg \
        refuses "write the absolute path of the certificates"
    NOTIFY_USERNAME='' NOTIFY_PASSWORD='' NOTIFY_SECURITY_PROTOCOL=SASL_SSL \
        refuses 'NOTIFY_SECURITY_PROTOCOL is "SASL_SSL": set it to one of'
    NOTIFY_USERNAME='' NOTIFY_PASSWORD='' NOTIFY_SECURITY_PROTOCOL=SSL \
        refuses "the broker that this plugin sets up has no certificate"
    NOTIFY_SECURITY_PROTOCOL=SSL refuses 'NOTIFY_SECURITY_PROTOCOL is "SSL"'
    NOTIFY_SASL_MECHANISM=MD5 refuses 'NOTIFY_SASL_MECHANISM is "MD5"'
    NOTIFY_USERNAME='m e' refuses 'NOTIFY_USERNAME is "m e": write letters'
    NOTIFY_USERNAME=admin refuses "NOTIFY_USERNAME is admin, which the broker"
    NOTIFY_PASSWORD=s3cr3t refuses "NOTIFY_PASSWORD is too short"
    [[ "$output" != *s3cr3t* ]]
}

@test "an account is refused for data that was made without one" {
    export NOTIFY_USERNAME=me NOTIFY_PASSWORD=s3cr3t-notify
    mkdir -p "$KAFKA_DIR"/{config,data}
    touch "$KAFKA_DIR/data/meta.properties"
    echo "listeners=PLAINTEXT://127.0.0.1:9092" \
        >"$KAFKA_DIR/config/server.properties"
    refuses "run clean.sh first, or set NOTIFY_SASL_MECHANISM to PLAIN."
    NOTIFY_SASL_MECHANISM=PLAIN run devstack stack 'phase stack pre-install'
    [[ "$status" -eq 0 ]]
    echo "sasl.enabled.mechanisms=SCRAM-SHA-512" \
        >>"$KAFKA_DIR/config/server.properties"
    run devstack stack 'phase stack pre-install'
    [[ "$status" -eq 0 ]]
    rm "$STANDIN/calls"
    NOTIFY_SASL_MECHANISM=SCRAM-SHA-256 \
        refuses "made without SCRAM-SHA-256: run clean.sh first"
}

@test "another port than DevStack's own RabbitMQ has is refused" {
    RPC_PORT=5673 refuses "RPC_PORT is 5673, but the RabbitMQ that DevStack"
}

@test "another host for RPC than DevStack's own RabbitMQ has is refused" {
    RPC_HOST=192.0.2.5 refuses "RPC_HOST is 192.0.2.5, but DevStack installs"
    RPC_HOST=127.evil.example.org refuses "but DevStack installs a RabbitMQ"
    local host
    for host in localhost Localhost 127.0.0.1 '[::1]' "$(hostname)" 192.0.2.6
    do
        RPC_HOST=$host SERVICE_HOST=192.0.2.6 NOTIFY_HOST=127.0.0.1 \
            run devstack stack 'phase stack none' check_kafka_settings
        [[ "$status" -eq 0 ]]
    done
    ENABLED_SERVICES=key RPC_HOST=192.0.2.5 \
        run devstack stack 'phase stack none' check_kafka_settings
    [[ "$status" -eq 0 ]]
}

@test "a Python that is too old is refused" {
    PYTHON3_VERSION=3.9 refuses "PYTHON3_VERSION is 3.9, and notifications on"
    PYTHON3_VERSION=3.10 refuses "need Python 3.11 or newer"
    PYTHON3_VERSION=3.9 KAFKA_SCHEME=kafka refuses "need Python 3.10 or newer"
    local version
    for version in 3 3.11 3.13 ''; do
        PYTHON3_VERSION=$version \
            run devstack stack 'phase stack none' check_kafka_settings
        [[ "$status" -eq 0 ]]
    done
    PYTHON3_VERSION=3.10 KAFKA_SCHEME=kafka \
        run devstack stack 'phase stack none' check_kafka_settings
    [[ "$status" -eq 0 ]]
}

@test "values that the role would refuse later are refused in its place" {
    NOTIFY_PORT=kafka refuses 'NOTIFY_PORT is "kafka": write a port'
    NOTIFY_HOST=a,,b refuses "NOTIFY_HOST is \"a,,b\": write a host's name"
    NOTIFY_PORT=99999 refuses 'NOTIFY_PORT is 99999: write a port'
    NOTIFY_PORT=09092 refuses 'NOTIFY_PORT is "09092": write a port'
    NOTIFY_PORT=9093 refuses 'NOTIFY_PORT and KAFKA_CONTROLLER_PORT are both'
    KAFKA_INSTALL_SOURCE=file refuses 'KAFKA_ARCHIVE_FILE is "": write the path'
    KAFKA_HEAP=lots refuses 'KAFKA_HEAP is "lots": write a number and a unit'
    KAFKA_TOPICS=a/b refuses 'KAFKA_TOPICS is "a/b": write topics of'
    KAFKA_TOPICS=' ' refuses 'KAFKA_TOPICS is " ": write topics of'
    KAFKA_VERSION=latest refuses 'KAFKA_VERSION is "latest": write all num'
    KAFKA_LOG_DIR=/var refuses 'KAFKA_LOG_DIR is "/var": write an absolute'
    KAFKA_HEAP=0m refuses 'KAFKA_HEAP is 0m, in which Kafka does not start: set'
    KAFKA_HEAP=1k refuses 'KAFKA_HEAP is 1k, in which Kafka does not start: set'
    KAFKA_HEAP=99999g refuses 'KAFKA_HEAP is 99999g, and the machine has'
    NOTIFY_HOST=127.0.0.300 refuses "NOTIFY_HOST is 127.0.0.300, and \
127.0.0.300 is no address: write four numbers from 0 to 255"
    NOTIFY_HOST=kafka1,192.0.2:9092 refuses "and 192.0.2 is no address: write"
    RPC_HOST=127.0.0.256 refuses "and 127.0.0.256 is no address: write four"
    NOTIFY_HOST=kafka1,kafka2:99999 refuses "and kafka2:99999 is no host: write"
    RPC_HOST=rabbit:amqp refuses "RPC_HOST is rabbit:amqp, and rabbit:amqp is no"
    RPC_HOST=192.0.2.7: refuses "and 192.0.2.7: is no host: write HOST, HOST:"
    RPC_HOST='[::1]:' refuses "and [::1]: is no host: write HOST, HOST:PORT"
    RPC_HOST='[rabbit]' refuses "and [rabbit] is no host: write HOST, HOST:PORT"
    NOTIFY_DRIVER=kafka refuses 'NOTIFY_DRIVER is "kafka": set it to one of mes'
    KAFKA_BASEURL='not a url' refuses 'KAFKA_BASEURL is "not a url": write an'
    KAFKA_BASEURL=/srv/kafka refuses 'or file:// and the absolute path of'
}

@test "a cache that is no directory of anybody's is refused" {
    local folder
    for folder in / // /. cache ./cache; do
        KAFKA_CACHE_DIR=$folder refuses "KAFKA_CACHE_DIR is \"$folder\": write"
        NOTIFY_HOST=192.0.2.5 KAFKA_CACHE_DIR=$folder \
            refuses "KAFKA_CACHE_DIR is \"$folder\": write"
    done
    for folder in /cache '/srv/the cache'; do
        KAFKA_CACHE_DIR=$folder \
            run devstack stack 'phase stack none' check_kafka_settings
        [[ "$status" -eq 0 ]]
    done
}

@test "a port of DevStack's own RabbitMQ is refused for the broker" {
    local port name
    for port in 4369 5672 25672; do
        for name in NOTIFY_PORT KAFKA_CONTROLLER_PORT; do
            export "$name=$port"
            refuses "$name is $port, which the RabbitMQ that DevStack installs"
            # Another host's broker is not in its way, nor is no RabbitMQ.
            NOTIFY_HOST=192.0.2.5 \
                run devstack stack 'phase stack none' check_kafka_settings
            [[ "$status" -eq 0 ]]
            ENABLED_SERVICES=key \
                run devstack stack 'phase stack none' check_kafka_settings
            [[ "$status" -eq 0 ]]
            unset "$name"
        done
    done
}

@test "every address of IPv4 and every driver of notifications is taken" {
    local host driver
    for host in 255.249.199.99 10.0.0.1 9.kafka.example.org kafka1:9,10.1.1.1:9
    do
        NOTIFY_HOST=$host \
            run devstack stack 'phase stack none' check_kafka_settings
        [[ "$status" -eq 0 ]]
    done
    for driver in messagingv2 messaging log noop routing test keep; do
        NOTIFY_DRIVER=$driver \
            run devstack stack 'phase stack none' check_kafka_settings
        [[ "$status" -eq 0 ]]
    done
}

@test "a remote broker that does not answer is refused" {
    # Port 9 of this host: nobody has the discard service.
    NOTIFY_HOST=localhost,127.0.0.1 NOTIFY_PORT=9 \
        refuses "answers at localhost:9, 127.0.0.1:9: start it first"
    NOTIFY_HOST=127.0.0.1:8,LOCALHOST NOTIFY_PORT=9 \
        refuses "no broker answers at 127.0.0.1:8, LOCALHOST:9: start it first"
}

@test "a remote broker that answers is all that pre-install asks for" {
    python3 -c '
import socket, sys
server = socket.create_server(("127.0.0.1", 0))
print(server.getsockname()[1], flush=True)
server.accept()
' >"$BATS_TEST_TMPDIR/port" 3>&- &
    until [[ -s "$BATS_TEST_TMPDIR/port" ]]; do sleep 0.05; done
    NOTIFY_HOST=192.0.2.1:9,127.0.0.1 \
        NOTIFY_PORT=$(cat "$BATS_TEST_TMPDIR/port") \
        run devstack stack 'function timeout { shift; "$@"; }' \
        'function bash { [[ "$4" == 127.* ]] && command bash "$@"; }' \
        'phase stack pre-install'
    [[ "$status" -eq 0 ]]
    uncalled_like '^(playbook|systemctl|install_package)'
}

@test "an account that oslo.messaging cuts at its slash is refused" {
    RABBIT_PASSWORD=a/s3cr3t refuses "RABBIT_PASSWORD contains a slash"
    [[ "$output" != *s3cr3t* ]]
    RABBIT_USERID=a/b refuses "RABBIT_USERID contains a slash"
    RPC_USERNAME=a RPC_PASSWORD=s3/cr3t refuses "RPC_PASSWORD contains a slash"
    RPC_USERNAME=a/b RPC_PASSWORD=c refuses "RPC_USERNAME contains a slash"
    # The account that is used counts, and a broker's may have slashes.
    RABBIT_PASSWORD=a/b RPC_USERNAME=a RPC_PASSWORD=b \
        run devstack stack 'phase stack pre-install'
    [[ "$status" -eq 0 ]]
}

@test "a broker on this host has one name, and its port in NOTIFY_PORT" {
    NOTIFY_HOST=127.0.0.1:9092 refuses "set up on this host: name this host \
alone there, and the port in NOTIFY_PORT."
    NOTIFY_HOST=LOCALHOST run devstack stack 'phase stack pre-install'
    [[ "$status" -eq 0 ]]
    called "playbook broker.yml"
    rm "$STANDIN/calls"
    export ENABLED_SERVICES=key,kafka
    NOTIFY_HOST=127.0.0.1:9095 refuses "name this host alone there"
    NOTIFY_HOST=127.0.0.1,127.0.0.2 refuses "name this host alone there"
    NOTIFY_HOST='[::1]:9095' refuses "name this host alone there"
    NOTIFY_HOST=::1 run devstack stack 'phase stack pre-install'
    [[ "$status" -eq 0 ]]
    [[ "$(role_var broker kafka_listen_address)" == '"::1"' ]]
}

@test "a folder that holds more than the broker's files is refused" {
    KAFKA_LOG_DIR=$STANDIN/dest/logs refuses "name a folder of its own"
    KAFKA_LOG_DIR=$STANDIN/dest/logs/../data refuses "name a folder of its own"
    KAFKA_LOG_DIR=$STANDIN refuses "KAFKA_LOG_DIR is $STANDIN, which holds"
    KAFKA_LOG_DIR="/srv/a b" refuses 'without blanks'
}

@test "a folder whose name the broker's files cannot hold is refused" {
    local data=$STANDIN/dest/data folder
    for folder in "$data/a\"b" "$data/dät" "$data/a:b" "$data/x/../b"; do
        KAFKA_DIR=$folder refuses "write a path of letters, digits and the signs"
    done
    KAFKA_LOG_DIR="$data/a\"b" refuses "write a path of letters, digits and"
    KAFKA_LOG_DIR="$data/.log-1:2@3~" \
        run devstack stack 'phase stack none' check_kafka_settings
    [[ "$status" -eq 0 ]]
    # The role sets up no broker there.
    NOTIFY_HOST=192.0.2.5 KAFKA_DIR="$data/dät" \
        run devstack stack 'phase stack none' check_kafka_settings
    [[ "$status" -eq 0 ]]
}

@test "a password in an address is not told" {
    KAFKA_BASEURL='https://me:s3cr3t@m.example/a b' \
        refuses 'KAFKA_BASEURL is "https://m.example/a b": write an address'
    [[ "$output" != *s3cr3t* ]]
    KAFKA_SCALA_TOOLS=True SCALA_BASEURL='me:s3cr3t@m.example' \
        refuses 'SCALA_BASEURL is "m.example": write an address, like'
    NOTIFY_HOST=me:s3cr3t@k.example \
        refuses "NOTIFY_HOST is \"k.example\": write a host's name or address"
}

@test "a folder that the machine needs is refused, wherever the broker is" {
    local folder
    ln -s /var/log "$STANDIN/link"
    for folder in /var/log /etc/ssl /proc/1 "$STANDIN/link"; do
        KAFKA_LOG_DIR=$folder refuses "KAFKA_LOG_DIR is $folder, which holds"
    done
    for folder in /var/lib /usr/local; do
        KAFKA_DIR=$folder refuses "KAFKA_DIR is $folder, which holds more"
        NOTIFY_HOST=192.0.2.5 KAFKA_DIR=$folder \
            refuses "KAFKA_DIR is $folder, which holds more"
    done
}

@test "a tool chain of Scala without a digest or a patch release is refused" {
    export KAFKA_SCALA_TOOLS=True
    SCALA_VERSION=2.13.3 refuses "set SCALA_ARCHIVE_SHA256 to the SHA-256 of \
scala-2.13.3.tgz"
    KAFKA_VERSION=4.99.0 KAFKA_ARCHIVE_SHA512=$(sha512sum </dev/null | cut -d " " -f 1) \
        refuses "no patch release of Scala 2.13 is known for Kafka 4.99.0"
    KAFKA_SCALA_TOOLS=yes refuses 'KAFKA_SCALA_TOOLS is "yes"'
}
