#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0

load helper

@test "pre-install sets up the broker, starts it and makes the topics" {
    run devstack stack 'phase stack pre-install'
    [[ "$status" -eq 0 ]]
    [[ "$output" == *"pre-install took "*" s"* ]]
    [[ "$(grep -E '^(playbook|systemctl)' "$STANDIN/calls")" == \
"playbook broker.yml
systemctl daemon-reload
systemctl enable devstack@kafka.service
systemctl restart devstack@kafka.service
playbook topics.yml" ]]
}

@test "the roles get their variables in a file that nobody else can read" {
    run devstack stack 'phase stack pre-install'
    [[ "$(stat -c %a "$STANDIN/broker.yml.json")" == 600 ]]
    [[ "$(role_var broker kafka_version)" == '"4.3.1"' ]]
    [[ "$(role_var broker kafka_listen_address)" == '"127.0.0.1"' ]]
    [[ "$(role_var broker kafka_service_manage)" == false ]]
    [[ "$(role_var broker kafka_user)" == "\"$(id -un)\"" ]]
}

@test "the unit runs the broker as the stack user and takes SIGTERM's 143" {
    run devstack stack 'phase stack pre-install'
    local unit=$STANDIN/units/devstack@kafka.service
    [[ "$(value "$unit" Service User)" == "$(id -un)" ]]
    [[ "$(value "$unit" Service SuccessExitStatus)" == 143 ]]
    [[ "$(value "$unit" Service ExecStart)" == \
        "$KAFKA_DIR/install/kafka-service start" ]]
}

@test "a broker that runs with its configuration is not restarted" {
    mkdir -p "$KAFKA_DIR/install"
    printf '#!/bin/sh\nexit 0\n' >"$KAFKA_DIR/install/kafka-service"
    chmod +x "$KAFKA_DIR/install/kafka-service"
    run devstack stack 'phase stack pre-install'
    called "systemctl start devstack@kafka.service"
    uncalled "systemctl restart devstack@kafka.service"
}

@test "each priority of each topic is made, nova's versioned ones when asked" {
    export KAFKA_TOPICS="notifications audit-log"
    run devstack stack 'phase stack pre-install'
    [[ "$(role_var broker kafka_topics)" == *notifications.info*audit-log.warn* ]]
    [[ "$(role_var broker kafka_topics)" != *versioned* ]]
    NOVA_NOTIFICATION_FORMAT=both run devstack stack 'phase stack pre-install'
    [[ "$(role_var broker kafka_topics)" == *versioned_notifications.error* ]]
}

@test "a topic that is asked for twice is made once" {
    KAFKA_TOPICS="versioned_notifications a a" NOVA_NOTIFICATION_FORMAT=both \
        run devstack stack 'phase stack pre-install'
    local topics
    topics=$(role_var broker kafka_topics)
    [[ "$(grep -o versioned_notifications.info <<<"$topics" | wc -l)" -eq 1 ]]
    [[ "$(grep -o '"a.info"' <<<"$topics" | wc -l)" -eq 1 ]]
}

@test "an account reaches the broker, and not as it is" {
    run devstack stack 'phase stack pre-install'
    [[ "$(role_var broker kafka_security)" == '"plaintext"' ]]
    [[ "$(role_var broker devstack_account)" == '""' ]]
    export NOTIFY_USERNAME=me NOTIFY_PASSWORD='{{ s3cr3t }}"/'
    run devstack stack 'phase stack pre-install'
    [[ "$status" -eq 0 ]]
    [[ "$(role_var broker kafka_security)" == '"sasl_scram"' ]]
    [[ "$(role_var broker kafka_sasl_mechanism)" == '"SCRAM-SHA-512"' ]]
    [[ "$(role_var broker devstack_account)" == '"me"' ]]
    # Ansible would take the braces for a template.
    [[ "$(role_var broker devstack_password | tr -d '"' | base64 --decode)" \
        == "$NOTIFY_PASSWORD" ]]
    NOTIFY_SASL_MECHANISM=PLAIN run devstack stack 'phase stack pre-install'
    [[ "$(role_var broker kafka_security)" == '"sasl_plain"' ]]
}

@test "a role that fails fails the stack with a sentence" {
    STANDIN_PLAYBOOK_FAILS=2 run devstack stack 'phase stack pre-install'
    [[ "$status" -ne 0 ]]
    [[ "$output" == *"Kafka could not be set up"* ]]
    [[ "$output" != *"reached the end"* ]]
    uncalled_like ^systemctl
}

@test "install brings the driver into DevStack's virtual environment" {
    run devstack stack 'phase stack install'
    called "pip_install_gr confluent-kafka"
    called "playbook driver.yml"
    [[ "$(role_var driver kafka_driver_environments)" == \
        *"$STANDIN/dest/data/venv"* ]]
    [[ "$(role_var driver kafka_driver_become)" == false ]]
}

@test "a library in the version of the constraints is not asked for" {
    local venv=$STANDIN/dest/data/venv
    mkdir -p "$venv/bin"
    # It answers with the version of each library.
    printf '#!/bin/sh\necho 2.15.0\n' >"$venv/bin/python"
    chmod +x "$venv/bin/python"
    echo "confluent-kafka===2.15.0" \
        >>"$STANDIN/dest/requirements/upper-constraints.txt"
    run devstack stack 'phase stack install'
    [[ "$status" -eq 0 ]]
    uncalled "pip_install_gr confluent-kafka"
    called "pip_install_gr oslo.messaging"
}

@test "install brings the driver into the system without a global venv" {
    GLOBAL_VENV=False run devstack stack 'phase stack install'
    [[ "$(role_var driver kafka_driver_system)" == true ]]
    [[ "$(role_var driver kafka_driver_become)" == true ]]
    [[ "$(role_var driver kafka_driver_environments)" == "[]" ]]
}

@test "oslo.messaging's own driver needs its client alone" {
    KAFKA_SCHEME=kafka run devstack stack 'phase stack install'
    called "pip_install_gr confluent-kafka"
    uncalled "playbook driver.yml"
}

@test "notifications on RabbitMQ install nothing" {
    export NOTIFY_SERVICE=rabbit
    run devstack stack 'phase stack pre-install' 'phase stack install'
    [[ "$status" -eq 0 ]]
    uncalled_like '^(playbook|systemctl|install_package|pip_)'
}

@test "OFFLINE reaches the roles" {
    OFFLINE=True run devstack stack 'phase stack pre-install'
    [[ "$(role_var broker kafka_offline)" == true ]]
}

@test "the private environment is made once, with the client of the role" {
    rm "$KAFKA_DIR/venv/kafka-bus.stamp"
    printf '#!/bin/sh\necho "pip $*" >>"$STANDIN/calls"\n' \
        >"$KAFKA_DIR/venv/bin/pip"
    chmod +x "$KAFKA_DIR/venv/bin/pip"
    local venv='function python3 {
        if [[ "$*" == "-m venv"* ]]; then
            echo "$*" >>"$STANDIN/calls"
        else
            command python3 "$@"
        fi
    }'
    run devstack stack "$venv" 'phase stack install'
    [[ "$status" -eq 0 ]]
    called "-m venv --clear $KAFKA_DIR/venv"
    local client
    client=$(sed -n 's/^kafka_admin_client_version: //p' \
        "$CHECKOUT/roles/kafka/defaults/main.yml")
    grep -q "^pip .*ansible-core.* confluent-kafka==$client$" "$STANDIN/calls"
    rm "$STANDIN/calls"
    run devstack stack "$venv" 'phase stack install'
    uncalled_like '^(-m venv|pip .*ansible-core)'
}

@test "OFFLINE before the first run is refused" {
    rm "$KAFKA_DIR/venv/kafka-bus.stamp"
    OFFLINE=True run devstack stack 'phase stack pre-install'
    [[ "$status" -eq 1 ]]
    [[ "$output" == *"run stack.sh once with OFFLINE=False."* ]]
}

@test "an installed Java is not asked for, a missing one is" {
    run devstack stack 'function is_package_installed { return 0; }' \
        'phase stack pre-install'
    uncalled_like '^install_package'
    run devstack stack 'function is_package_installed { return 1; }' \
        'phase stack pre-install'
    called "install_package default-jre-headless"
    STANDIN_FEDORA=True run devstack stack \
        'function is_package_installed { return 1; }' 'phase stack pre-install'
    called "install_package java-21-openjdk-headless"
}

@test "the other phases do nothing" {
    run devstack stack 'phase stack post-config' 'phase stack extra' \
        'phase stack test-config'
    [[ "$status" -eq 0 ]]
    [[ "$output" == "reached the end" ]]
}

@test "unstack stops the broker and keeps its data" {
    run devstack stack 'phase stack pre-install'
    mkdir -p "$KAFKA_DIR/data"
    run devstack unstack 'phase unstack'
    [[ "$status" -eq 0 ]]
    called "systemctl stop devstack@kafka.service"
    called "systemctl disable devstack@kafka.service"
    [[ -d "$KAFKA_DIR/data" ]]
}

@test "clean leaves nothing, and can be repeated" {
    run devstack stack 'phase stack pre-install'
    mkdir -p "$KAFKA_DIR/data"
    run devstack clean 'phase clean'
    [[ "$status" -eq 0 ]]
    [[ ! -e "$KAFKA_DIR" ]]
    [[ ! -e "$STANDIN/dest/logs/kafka" ]]
    [[ -z "$(ls -A "$STANDIN/units")" ]]
    run devstack clean 'phase clean'
    [[ "$status" -eq 0 ]]
    [[ "$output" == "reached the end" ]]
}

@test "clean takes the driver out of the services' Python" {
    local venv=$STANDIN/dest/data/venv
    mkdir -p "$venv/bin"
    cat >"$venv/bin/python" <<'END'
#!/bin/sh
case "$*" in
    *distribution*) echo /somewhere/RECORD ;;
    *) echo "pip $*" >>"$STANDIN/calls" ;;
esac
END
    chmod +x "$venv/bin/python"
    run devstack clean 'phase clean'
    [[ "$status" -eq 0 ]]
    grep -q "^pip .*uninstall .*oslo-messaging-kafka-driver$" "$STANDIN/calls"
}

@test "clean removes no folder that holds more than the plugin's files" {
    touch "$STANDIN/dest/data/others" "$KAFKA_DIR/own"
    KAFKA_DIR=$STANDIN/dest/data KAFKA_LOG_DIR=$STANDIN/dest \
        run devstack clean 'phase clean'
    [[ "$status" -eq 0 ]]
    [[ -e "$STANDIN/dest/data/others" && -e "$KAFKA_DIR/own" ]]
}

@test "clean removes no folder of the machine, and tells which it has left" {
    # Nothing is removed here, whatever is asked for.
    KAFKA_DIR=/var/lib KAFKA_LOG_DIR=/var/log run devstack clean \
        'function sudo { standin_called "sudo $*"; }' 'phase clean'
    [[ "$status" -eq 0 ]]
    [[ "${lines[0]}" == "[WARNING] /var/lib was left as it is. KAFKA_DIR is"* ]]
    [[ "${lines[1]}" == *"/var/log was left as it is. KAFKA_LOG_DIR is /var/log, \
which holds more than the broker's files,"* ]]
    KAFKA_DIR=. run devstack clean \
        'function sudo { standin_called "sudo $*"; }' 'phase clean'
    [[ "$output" == *'. was left as it is. KAFKA_DIR is ".": write an absolute'* ]]
    uncalled_like '^sudo rm .*(/var/l| [.])'
    # It cannot be told where there is no Python to ask.
    run devstack clean 'function python3 { return 127; }' \
        'function sudo { standin_called "sudo $*"; }' 'phase clean'
    uncalled_like '^sudo rm .*/kafka-bus'
}

@test "unstack and clean work where nothing was installed" {
    rm -r "$KAFKA_DIR"
    run devstack unstack 'phase unstack'
    [[ "$status" -eq 0 && "$output" == "reached the end" ]]
    run devstack clean 'phase clean'
    [[ "$status" -eq 0 && "$output" == "reached the end" ]]
    uncalled_like ^systemctl
}

@test "unstack and clean override no function" {
    run devstack unstack 'phase unstack' 'type -t iniset_rpc_backend || echo no'
    [[ "${lines[0]}" == no ]]
    run devstack clean 'phase clean' 'get_transport_url'
    [[ "${lines[0]}" == original ]]
}

@test "the plugin works from any directory and under any name" {
    ln -s "$CHECKOUT" "$STANDIN/other-name"
    run devstack stack "source $STANDIN/other-name/devstack/plugin.sh \
        stack pre-install"
    [[ "$status" -eq 0 ]]
    called "playbook topics.yml"
}

@test "a second stack runs the playbook only for what has changed" {
    local port=$BATS_TEST_TMPDIR/port
    own_checkout
    python3 -c '
import socket
server = socket.create_server(("127.0.0.1", 0))
print(server.getsockname()[1], flush=True)
server.accept()
' >"$port" 3>&- &
    until [[ -s "$port" ]]; do sleep 0.05; done
    NOTIFY_PORT=$(cat "$port")
    export NOTIFY_PORT
    run devstack stack 'phase stack pre-install'
    rm "$STANDIN/calls"
    run devstack stack 'phase stack pre-install'
    [[ "$status" -eq 0 ]]
    uncalled_like ^playbook
    KAFKA_HEAP=1g run devstack stack 'phase stack pre-install'
    called "playbook broker.yml"
    called "playbook topics.yml"
    rm "$STANDIN/calls"
    echo >>"$CHECKOUT/roles/kafka/defaults/main.yml"
    KAFKA_HEAP=1g run devstack stack 'phase stack pre-install'
    called "playbook broker.yml"
}

@test "plugin.sh can be sourced in any mode, with no mode, in any order" {
    run devstack stack phase 'phase ""' 'phase stack' 'phase stack ""' \
        'phase source' 'phase override_defaults' 'phase stack nonsense' \
        'phase nonsense install' 'echo "$-"'
    [[ "$status" -eq 0 ]]
    [[ "${lines[0]}" != *x* ]]
    [[ "${lines[1]}" == "reached the end" ]]
    run devstack stack 'phase stack extra' 'phase stack install' \
        'phase stack install' 'phase stack pre-install'
    [[ "$status" -eq 0 ]]
    rm "$KAFKA_DIR/broker.state"
    run devstack stack 'set -o nounset' 'phase' 'phase stack pre-install' \
        'phase stack install' "iniset_rpc_backend nova $CONF DEFAULT cell1" \
        'phase unstack' 'phase clean'
    [[ "$status" -eq 0 ]]
    [[ "$(value "$CONF" DEFAULT transport_url)" == rabbit://* ]]
}

@test "the caller's options stay as they were" {
    run devstack stack 'set -x; phase stack post-config; echo "options $-"' \
        2>/dev/null
    [[ "$(grep '^options' <<<"$output")" == *e*x* ]]
    run devstack unstack 'phase unstack' 'echo "options $-"'
    [[ "$(grep '^options' <<<"$output")" == options* ]]
    [[ "$(grep -o '^options .*' <<<"$output")" != *" "*[ex]* ]]
}
