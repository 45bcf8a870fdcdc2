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
RPC_PORT=5672
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

# What Ansible would say only after packages have been installed.
function need_vars {
    need_value "$@"
    [[ "$2" != @* || -r "${2#@}" ]] \
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
    check_options
}

function check_options {
    [[ "$PURGE" == false || "$ACTION" == remove ]] \
        || refuse "--purge deletes data and goes with --remove only."
    case $KAFKA_SOURCE in
        '' | auto | archive | maven | file) ;;
        *) refuse "--source is $KAFKA_SOURCE:" \
            "write auto, archive, maven or file." ;;
    esac
    [[ "$RPC_PORT" != "$KAFKA_PORT" && "$RPC_PORT" != $((KAFKA_PORT + 1)) ]] \
        || refuse "--rpc-port is $RPC_PORT, but Kafka takes $KAFKA_PORT and" \
            "$((KAFKA_PORT + 1)): write another port."
}

# The options as Ansible's variables, in the array VARIABLES.
function collect_variables {
    VARIABLES=(
        -e "{kafka_port: $KAFKA_PORT}"
        -e "{kafka_controller_port: $((KAFKA_PORT + 1))}"
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
