# SPDX-License-Identifier: Apache-2.0
# shellcheck shell=bash
#
# Packages that quickstart.sh itself needs. What was not there before is
# recorded, so that --remove takes it away again.

# Names of packages that were installed here, until Ansible can record them.
NEW_PACKAGES=$STATE/packages.new

function installed_packages {
    if command -v dpkg-query >/dev/null; then
        # shellcheck disable=SC2016  # dpkg's own variables
        dpkg-query -W -f='${db:Status-Status} ${Package}\n' \
            | sed -n 's/^installed //p' | sort
    else
        rpm -qa --qf '%{NAME}\n' | sort
    fi
}

function refresh_package_lists {
    with_heartbeat "refreshing the package lists" apt-get update -q \
        || refuse "the package lists cannot be refreshed: see to the" \
            "network and to apt's sources ($LOG tells more)."
}

# A new machine may be installing updates by itself: that is waited for.
# Nobody interrupts it: what is half installed is hard to mend.
function run_package_manager {
    trap '' INT
    if command -v apt-get >/dev/null; then
        DEBIAN_FRONTEND=noninteractive \
            apt-get install -q -y --no-install-recommends \
            -o DPkg::Lock::Timeout=300 "$@"
    else
        dnf install -q -y "$@"
    fi
}

# Of what is there now, what was not there before.
function remember_packages {
    installed_packages | comm -13 <(echo "$1") - >>"$NEW_PACKAGES"
}

# install_packages "what for" package...
function install_packages {
    local what=$1 before status=0
    shift
    before=$(installed_packages)
    ! command -v apt-get >/dev/null || refresh_package_lists
    # Also when we are broken off: what is there must be known.
    trap 'say "  waiting for the package manager to end"; wait;
        remember_packages "$before"; exit 130' INT TERM
    with_heartbeat "installing $* ($what)" run_package_manager "$@" \
        || status=$?
    trap - INT TERM
    remember_packages "$before"
    [[ "$status" == 0 ]] \
        || refuse "the package $* cannot be installed: see to the network" \
            "and to the package manager's sources ($LOG tells more)."
}

function install_venv_package {
    [[ "$CHECK" == no ]] \
        || refuse "--check installs no package, but $PYTHON needs one for" \
            "virtual environments: install python3-venv first."
    if command -v apt-get >/dev/null; then
        install_packages "makes virtual environments" python3-venv
    else
        refuse "$PYTHON has no ensurepip: install the package of it."
    fi
}

# Does the archive of Apache Kafka answer? Only then is mvn not needed.
function archive_answers {
    "$PYTHON" - <<'PYTHON' >/dev/null 2>&1
import urllib.request

request = urllib.request.Request("https://dlcdn.apache.org/kafka/", method="HEAD")
urllib.request.urlopen(request, timeout=10)
PYTHON
}

function needs_maven {
    ! command -v mvn >/dev/null || return 1
    ! recorded kafka || return 1
    case $KAFKA_SOURCE in
        maven) return 0 ;;
        archive | file) return 1 ;;
    esac
    ! archive_answers
}

function install_maven_if_needed {
    needs_maven || return 0
    [[ "$CHECK" == no ]] || return 0
    say "  Kafka's archive does not answer, so Maven will fetch Kafka."
    install_packages "fetches Kafka's jars" maven
    record_new_packages
}
