# SPDX-License-Identifier: Apache-2.0
# shellcheck shell=bash
#
# Options of quickstart.sh, and where its things are.
#
# shellcheck disable=SC2034  # the other files use them

ACTION=install
CHECK=no
VERBOSE=no
PURGE=false
REUSE_RABBITMQ=no
KAFKA_VERSION=
KAFKA_SOURCE=
KAFKA_PORT=9092
CONTROLLER_PORT=9093
RPC_PORT=5672
# Where RabbitMQ's nodes would meet; epmd, which it needs, too, has 4369.
DIST_PORT=25672
EXTRA_VARS=()

STATE=$CHECKOUT/.build
VENV=$STATE/venv
SECRETS=$STATE/secrets.yml
LOG=$STATE/quickstart.log
# Must be what the roles' *_record_file variables say.
RECORD=/var/lib/kafka-bus/installed.json

function usage {
    cat <<'USAGE'
usage: ./quickstart.sh [options]

Sets up a hybrid OpenStack message bus on this machine: RabbitMQ for RPC,
Apache Kafka for notifications, the oslo.messaging driver kafka-driver and a
service's configuration. Then one RPC call and one notification cross the bus.
Run as root. A second run changes nothing.

  --kafka-version VERSION  Apache Kafka's version (default: the role's)
  --source SOURCE          where Kafka comes from: auto (default), archive,
                           maven, or file (with -e kafka_archive_file=PATH)
  --kafka-port PORT        port of Kafka (default: 9092); its controller gets
                           the port after it
  --rpc-port PORT          port of RabbitMQ (default: 5672)
  --reuse-rabbitmq         use the RabbitMQ that is here already; its users and
                           virtual hosts are not edited (give its account with
                           -e rabbitmq_user=... and -e @FILE for the password)
  -e, --extra-vars VARS    more variables of the roles, as for Ansible; may be
                           given several times
  --check                  show what would change, and change nothing but the
                           tools in this folder
  --verbose                show all that Ansible says

  --remove                 stop and remove what was installed, by the record of
                           it; data stays
  --purge                  with --remove: delete data and secrets, too

  -h, --help               this text
USAGE
}

function need_value {
    [[ $# -ge 2 && -n "${2:-}" && "${2:-}" != --* ]] \
        || refuse "$1 needs a value: see ./quickstart.sh --help."
}

function need_port {
    need_value "$@"
    [[ "$2" =~ ^[1-9][0-9]{0,4}$ && "$2" -le 65534 ]] \
        || refuse "$1 is $2: write a TCP port, a number from 1 to 65534."
}

# Print the number that the last -e gives a variable, or nothing: Ansible takes
# NAME=NUMBER, JSON, YAML and files of these.
function written_out {
    local given
    for given in "${EXTRA_VARS[@]}"; do
        if [[ -f "${given#@}" && "$given" == @* ]]; then
            cat "${given#@}"
        else
            printf '%s\n' "$given"
        fi
    done | sed -nE -e 's/#.*//' -e \
        "s/^(.*[^A-Za-z0-9_])?$1[\"']? *[:=] *[\"']?([0-9]+).*/\\2/p" \
        | tail -n 1
}

# take_port VARIABLE NAME: a port that is written out with -e wins here, too.
function take_port {
    local port
    port=$(written_out "$2")
    [[ -n "$port" ]] || return 0
    need_port "-e $2" "$port"
    printf -v "$1" %s "$port"
}

# What Ansible would say only after packages have been installed.
function need_vars {
    need_value "$@"
    [[ "$2" != @* || (-r "${2#@}" && ! -d "${2#@}") ]] \
        || refuse "$1 is $2, but ${2#@} cannot be read: write @ and the path" \
            "of a file of variables."
}

function parse_options {
    while (($#)); do
        case $1 in
            --kafka-version) need_value "$@"; KAFKA_VERSION=$2; shift ;;
            --source) need_value "$@"; KAFKA_SOURCE=$2; shift ;;
            --kafka-port) need_port "$@"; KAFKA_PORT=$2; shift ;;
            --rpc-port) need_port "$@"; RPC_PORT=$2; shift ;;
            --reuse-rabbitmq) REUSE_RABBITMQ=yes ;;
            -e | --extra-vars) need_vars "$@"; EXTRA_VARS+=(-e "$2"); shift ;;
            --check) CHECK=yes ;;
            --verbose) VERBOSE=yes ;;
            --remove) ACTION=remove ;;
            --purge) PURGE=true ;;
            -h | --help) usage; exit 0 ;;
            *) refuse "$1 is no option: see ./quickstart.sh --help." ;;
        esac
        shift
    done
    CONTROLLER_PORT=$((KAFKA_PORT + 1))
    take_port KAFKA_PORT kafka_port
    take_port CONTROLLER_PORT kafka_controller_port
    take_port RPC_PORT rabbitmq_port
    take_port DIST_PORT rabbitmq_dist_port
    check_options
    check_different_ports
}

function check_options {
    [[ "$PURGE" == false || "$ACTION" == remove ]] \
        || refuse "--purge deletes data and goes with --remove only."
    case $KAFKA_SOURCE in
        '' | auto | archive | maven | file) ;;
        *) refuse "--source is $KAFKA_SOURCE:" \
            "write auto, archive, maven or file." ;;
    esac
}

function check_different_ports {
    local own
    [[ "$KAFKA_PORT" != "$CONTROLLER_PORT" ]] \
        || refuse "kafka_port and kafka_controller_port are both" \
            "$KAFKA_PORT: write two ports."
    [[ "$RPC_PORT" != "$KAFKA_PORT" && "$RPC_PORT" != "$CONTROLLER_PORT" ]] \
        || refuse "--rpc-port is $RPC_PORT, but Kafka takes $KAFKA_PORT and" \
            "$CONTROLLER_PORT: write another port."
    for own in 4369 "$DIST_PORT"; do
        [[ "$RPC_PORT" != "$own" ]] \
            || refuse "--rpc-port is $own, which RabbitMQ needs for itself:" \
                "write another port."
        [[ "$KAFKA_PORT" != "$own" && "$CONTROLLER_PORT" != "$own" ]] \
            || refuse "--kafka-port is $KAFKA_PORT, but Kafka would take" \
                "$own, which RabbitMQ needs for itself: write another port."
    done
}

# The options as Ansible's variables, in the array VARIABLES.
function collect_variables {
    VARIABLES=(
        -e "{kafka_port: $KAFKA_PORT}"
        -e "{kafka_controller_port: $CONTROLLER_PORT}"
        -e "{rabbitmq_port: $RPC_PORT}"
    )
    [[ -z "$KAFKA_VERSION" ]] || VARIABLES+=(-e "kafka_version=$KAFKA_VERSION")
    [[ -z "$KAFKA_SOURCE" ]] \
        || VARIABLES+=(-e "kafka_install_source=$KAFKA_SOURCE")
    [[ "$REUSE_RABBITMQ" == no ]] || VARIABLES+=(-e rabbitmq_existing=reuse)
    [[ ! -e "$SECRETS" ]] || VARIABLES+=(-e "@$SECRETS")
    # Last: what is written out wins.
    VARIABLES+=("${EXTRA_VARS[@]}")
}
