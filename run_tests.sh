#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
#
# Run the tests on a machine that has Python 3.11 or newer; see --help.

set -euo pipefail

# Settings of the caller's own tox: TOX_NO_TEST runs nothing, and passes.
unset "${!TOX_@}"

CHECKOUT=$(CDPATH='' cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
TOX_HOME=$CHECKOUT/.tox/runner
LOGS=$CHECKOUT/.tox/logs

# shellcheck source=tools/home.sh
source "$CHECKOUT/tools/home.sh"
# shellcheck source=tools/python.sh
source "$CHECKOUT/tools/python.sh"

LEFT_OUT=()  # what could not be run, and why
FAILED=0     # parts left out that had to be run

function usage {
    cat <<'END'
Usage: ./run_tests.sh [PART...]

  gate        what every change must pass (when nothing is named): lint, unit,
              functional and the Molecule scenarios of the set "gate"
  all         the gate, faults and every other scenario
  lint        style, types, ansible-lint, shell scripts
  unit        tests without a network and without a broker (those of shell
              code need bats)
  functional  tests against a real Kafka and a real RabbitMQ
  faults      brokers, networks and processes that fail, on one node and on
              three, and the scenario of machines that do; half an hour
  bench       a short run of the benchmarks; see benchmarks/README.md
  molecule    the scenarios of the set "gate"
  SCENARIO    one scenario of molecule/, like default

Everything the tests need is installed: Python packages below .tox, and, for
root on Debian, bats, a Java, Maven, RabbitMQ and Docker by apt. Without root or
Docker the parts that need them are left out, with the reason; named
by you, or with CI=true, that is a failure.

Scenarios run beside lint, unit and functional, and are shown after them.

Variables: PYTHON (an interpreter to use), TEST_IMAGE (a Docker image that runs
systemd, in place of the one made here from Debian's packages).
END
}

function say {
    printf '\n=== %s %s\n' "$(date +%T)" "$*"
}

function fail {
    echo "run_tests.sh: $*" >&2
    exit 2
}

# -- what to run ---------------------------------------------------------------

# The scenarios of a set, in the order of molecule/sets.yml.
function scenarios_of {
    sed -n "s/^\\([a-z0-9_-]*\\): $1\$/\\1/p" "$CHECKOUT/molecule/sets.yml"
}

# Turn the arguments into parts: lint, unit, functional, faults, bench,
# molecule:SCENARIO.
function choose_parts {
    local argument gate scenario
    gate=$(scenarios_of gate)
    PARTS=()
    NAMED=()
    for argument in "${@:-gate}"; do
        case $argument in
            gate | all)
                PARTS+=(lint unit functional)
                for scenario in $gate; do
                    PARTS+=("molecule:$scenario")
                done
                if [[ $argument == all ]]; then
                    PARTS+=(faults)
                    for scenario in $(scenarios_of all); do
                        PARTS+=("molecule:$scenario")
                    done
                fi
                ;;
            molecule)
                for scenario in $gate; do
                    PARTS+=("molecule:$scenario")
                done
                NAMED+=(molecule)
                ;;
            faults)
                PARTS+=(faults molecule:faults)
                NAMED+=(faults molecule)
                ;;
            lint | unit | functional | bench)
                PARTS+=("$argument")
                NAMED+=("$argument")
                ;;
            *)
                if [[ ! -e $CHECKOUT/molecule/$argument/molecule.yml ]]; then
                    fail "there is no part called \"$argument\":" \
                        "see ./run_tests.sh --help"
                fi
                PARTS+=("molecule:$argument")
                NAMED+=(molecule)
                ;;
        esac
    done
    # Each once, however often it was named.
    mapfile -t PARTS < <(printf '%s\n' "${PARTS[@]}" | awk '!seen[$0]++')
}

# -- what the machine needs ----------------------------------------------------

function find_python {
    local candidate wanted=${PYTHON:-}
    for candidate in "${PYTHON:-}" python3 python3.11 python3.12 python3.13 \
        /usr/bin/python3; do
        if [[ -n $candidate ]] && "$candidate" -c \
            'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null
        then
            PYTHON=$candidate
            if [[ -n $wanted && $wanted != "$candidate" ]]; then
                echo "PYTHON is $wanted, which is no Python 3.11 or newer:" \
                    "$candidate is taken." >&2
            fi
            return 0
        fi
    done
    fail "no Python 3.11 or newer: install one, or set PYTHON to it"
}

# The link that makes the checkout the collection kafka_bus.openstack.
function link_collection {
    local folder=$CHECKOUT/.build/ansible_collections/kafka_bus
    # It may be there, in a folder that only root can write to.
    if [[ ! $folder/openstack -ef $CHECKOUT ]]; then
        mkdir -p "$folder"
        ln -sfn ../../.. "$folder/openstack"
    fi
}

# What tox and its environments hold for: they name the folder that they are
# in, and the Python that made them.
function stamp_of_tox {
    echo "$TOX_HOME"
    "$PYTHON" -c 'import sys; print(sys.version_info[:2])'
}

function install_tox {
    local stamp
    stamp=$(stamp_of_tox)
    if [[ $(cat "$TOX_HOME/stamp" 2>/dev/null) == "$stamp" ]]; then
        return 0
    fi
    say "Installing tox"
    if ! "$PYTHON" -c 'import ensurepip' 2>/dev/null; then
        "$CHECKOUT/ci/packages" python3-venv ||
            fail "$PYTHON can make no virtual environment: install venv for it"
    fi
    # Its environments do not hold any more, either.
    if [[ -e $TOX_HOME/stamp ]]; then
        find "${TOX_HOME%/*}" -mindepth 1 -maxdepth 1 ! -name logs \
            -exec rm -rf {} +
    fi
    rm -rf "$TOX_HOME"
    "$PYTHON" -m venv "$TOX_HOME"
    "$TOX_HOME/bin/python" -m pip install --quiet 'tox>=4.11' ||
        fail "tox cannot be installed: see to the network and to pip's settings"
    # Last, so that what was broken off is made again.
    echo "$stamp" >"$TOX_HOME/stamp"
}

# Debian packages for root; for others, whether the commands are there already.
# A server that a package starts would hold our lock.
function have_packages {
    if ((EUID == 0)) && type -P apt-get >/dev/null; then
        "$CHECKOUT/ci/packages" "$@" 9>&-
    else
        return 1
    fi
}

# Why the unit tests cannot be run: never. Those of shell code need bats.
function unit_lacks {
    have_packages git bats >&2 || true
}

# Why the functional tests cannot be run, or nothing.
function functional_lacks {
    if have_packages git default-jre-headless maven rabbitmq-server >&2; then
        return 0
    fi
    if ! type -P java >/dev/null; then
        echo "there is no java: install one, like default-jre-headless"
    elif [[ ! -x /usr/lib/rabbitmq/bin/rabbitmq-server ]]; then
        echo "there is no RabbitMQ: install rabbitmq-server"
    fi
}

# Why the faults cannot be tried, or nothing.
function faults_lacks {
    functional_lacks
}

# Why nothing can be measured, or nothing.
function bench_lacks {
    functional_lacks
}

# Why the scenarios cannot be run, or nothing.
function molecule_lacks {
    local reason
    have_packages default-jre-headless maven >&2 || true
    # A daemon that it starts goes on, and would hold our lock.
    if ! reason=$("$CHECKOUT/ci/docker-daemon" 2>&1 9>&-); then
        echo "Docker: ${reason##*$'\n'}"
    fi
}

# -- running -------------------------------------------------------------------

# The sum of pytest's closing lines for a word ("passed") in a log.
function count {
    sed 's/\x1b\[[0-9;]*m//g' "$2" |
        { grep -E '[0-9]+ (passed|failed|errors?|skipped).* in [0-9.]+s' || true; } |
        { grep -oE "[0-9]+ ($1)" || true; } |
        awk '{ total += $1 } END { print total + 0 }'
}

# note PART EXIT-CODE SECONDS LOG: keep a part's result for the summary, in a
# file, as parts are run at the same time.
function note {
    local part=$1 code=$2 seconds=$3 log=$4 passed failed
    passed=$(count passed "$log")
    failed=$(count 'failed|errors?' "$log")
    if ((code != 0)); then
        failed=$((failed > 0 ? failed : 1))
    elif [[ $part == lint ]]; then
        passed=1
    fi
    echo "$part $code $seconds $passed $failed" >>"$LOGS/results"
}

# Molecule ends with 0 when a playbook is missing: its recap tells.
function recap_is_complete {
    sed 's/\x1b\[[0-9;]*m//g' "$2" |
        grep -qE "^$1 .*missing=0 .*failed=0"
}

function run_scenario {
    local name=$1 log=$2 release suite packages code=0
    release=$(sed -n 's/.*test_release: *\([a-z0-9-]*\).*/\1/p' \
        "$CHECKOUT/molecule/$name/inventory/hosts.yml" | head -n 1)
    if [[ -z ${TEST_IMAGE:-} ]]; then
        case ${release:-debian12} in
            debian12*) suite=bookworm ;;
            debian13*) suite=trixie ;;
        esac
        case ${release:-} in
            *-java) packages=(default-jre-headless python3-venv) ;;
            *) packages=() ;;
        esac
        # In a session of its own: mmdebstrap ends its whole process group.
        setsid -w "$CHECKOUT/ci/image" "kafka-bus-test:${release:-debian12}" \
            "$suite" ${packages[@]+"${packages[@]}"} || return 1
    fi
    "$TOX_HOME/bin/tox" run -e molecule -- test -s "$name" </dev/null 2>&1 |
        tee "$log" || code=$?
    if ((code == 0)) && ! recap_is_complete "$name" "$log"; then
        echo "Molecule did not run every step of the scenario $name."
        code=1
    fi
    return "$code"
}

function run_part {
    local part=$1 start=$SECONDS code=0 log
    log=$LOGS/${part/:/-}.log
    say "$part"
    case $part in
        molecule:*) (run_scenario "${part#*:}" "$log") || code=$? ;;
        *) "$TOX_HOME/bin/tox" run -e "$part" </dev/null 2>&1 | tee "$log" ||
            code=$? ;;
    esac
    note "$part" "$code" $((SECONDS - start)) "$log"
    say "$part: exit code $code after $((SECONDS - start)) s"
}

# Sort out, once, what cannot be run here.
function leave_out {
    local kind=$1 reason=$2 part kept=()
    for part in "${PARTS[@]}"; do
        if [[ ${part%%:*} == "$kind" ]]; then
            LEFT_OUT+=("$part: $reason")
            if [[ ${CI:-} == true || " ${NAMED[*]:-} " == *" $kind "* ]]; then
                FAILED=$((FAILED + 1))
            fi
        else
            kept+=("$part")
        fi
    done
    PARTS=(${kept[@]+"${kept[@]}"})
}

# What is run by tox on this machine, what is run by Molecule in containers,
# and what is run when nothing else is, since it measures.
function sort_parts {
    local part
    HERE=()
    CONTAINERS=()
    ALONE=()
    for part in ${PARTS[@]+"${PARTS[@]}"}; do
        case $part in
            molecule:*) CONTAINERS+=("$part") ;;
            faults | bench) ALONE+=("$part") ;;
            *) HERE+=("$part") ;;
        esac
    done
}

# Run parts, but those that another one of these runs, or ran.
function run_one_by_one {
    local part
    for part in "$@"; do
        if mkdir "$LOGS/taken/${part/:/-}" 2>/dev/null; then
            run_part "$part"
        fi
    done
}

# Both wait more than they compute: they are run side by side, and what the
# scenarios print is kept until the others are done. Then scenarios that have
# not begun are run here.
function run_side_by_side {
    local output=$LOGS/scenarios.log
    say "Beside what follows: ${CONTAINERS[*]} (see $output)"
    # A process group of its own, so that an interrupt ends all of it.
    set -m
    run_one_by_one "${CONTAINERS[@]}" >"$output" 2>&1 </dev/null &
    set +m
    # shellcheck disable=SC2064  # the pid of now
    trap "kill -- -$! 2>/dev/null || true" EXIT
    run_one_by_one "${HERE[@]}" "${CONTAINERS[@]}"
    say "What was run beside"
    tail --lines +1 --follow --pid $! "$output"
    trap - EXIT
}

function run_parts {
    sort_parts
    if ((${#HERE[@]} && ${#CONTAINERS[@]})); then
        run_side_by_side
    else
        run_one_by_one ${HERE[@]+"${HERE[@]}"} \
            ${CONTAINERS[@]+"${CONTAINERS[@]}"}
    fi
    run_one_by_one ${ALONE[@]+"${ALONE[@]}"}
}

# In the order in which the parts were named, whichever was done first.
function summary {
    local passed=0 failed=$FAILED part name code seconds good bad
    say "Summary after $((SECONDS / 60)) min $((SECONDS % 60)) s"
    for part in ${PARTS[@]+"${PARTS[@]}"}; do
        if ! read -r name code seconds good bad \
            < <(grep "^$part " "$LOGS/results"); then
            echo "$part gave no result"
            failed=$((failed + 1))
            continue
        fi
        printf '%-24s %-7s %3d:%02d  %d passed, %d failed\n' "$name" \
            "$( ((code)) && echo FAILED || echo passed)" \
            $((seconds / 60)) $((seconds % 60)) "$good" "$bad"
        passed=$((passed + good))
        failed=$((failed + bad))
    done
    if ((${#LEFT_OUT[@]})); then
        printf 'left out: %s\n' "${LEFT_OUT[@]}"
    fi
    printf '\n%d passed, %d failed\n' "$passed" "$failed"
    [[ $failed == 0 ]]
}

function main {
    local kind reason
    if [[ ${1:-} == -h || ${1:-} == --help ]]; then
        usage
        return 0
    fi
    cd "$CHECKOUT"
    choose_parts "$@"
    find_python
    mkdir -p "$LOGS"
    exec 9>"$LOGS/lock"
    if ! flock --nonblock 9; then
        fail "another run_tests.sh is at work in this checkout:" \
            "wait until it has ended"
    fi
    : >"$LOGS/results"
    rm -rf "$LOGS/taken"
    mkdir "$LOGS/taken"
    link_collection
    install_tox
    for kind in unit functional faults bench molecule; do
        if [[ " ${PARTS[*]}" == *" $kind"* ]]; then
            say "Seeing that $kind has what it needs"
            reason=$("${kind}_lacks")
            if [[ -n $reason ]]; then
                leave_out "$kind" "$reason"
            fi
        fi
    done
    run_parts
    summary
}

# Tests of this script source it.
if [[ ${BASH_SOURCE[0]} == "$0" ]]; then
    main "$@"
fi
