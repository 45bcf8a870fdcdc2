# SPDX-License-Identifier: Apache-2.0
"""quickstart.sh refuses what cannot work, in one sentence each."""

import fcntl
import os
import pwd
import shutil
import signal
import socket
import stat
import subprocess
import sys
from pathlib import Path

import pytest
import yaml
from signals import HEEDING
from test_repository_runner import session_members, wait_for

CHECKOUT = Path(__file__).resolve().parents[2]
SYSTEM_PATH = "/usr/sbin:/usr/bin:/sbin:/bin"


@pytest.fixture
def checkout(tmp_path):
    """A copy of what quickstart.sh consists of, to be run in."""
    copy = tmp_path / "checkout"
    shutil.copytree(
        CHECKOUT / "tools" / "quickstart", copy / "tools" / "quickstart"
    )
    for file in (CHECKOUT / "tools").glob("*.sh"):
        shutil.copy(file, copy / "tools")
    shutil.copy(CHECKOUT / "quickstart.sh", copy)
    (copy / ".build").mkdir()
    return copy


@pytest.fixture
def stubs(tmp_path):
    """A folder before all others in PATH; stub(name, script) fills it."""
    folder = tmp_path / "stubs"
    folder.mkdir()

    def stub(name, script="exit 0"):
        path = folder / name
        path.write_text(f"#!/bin/sh\n{script}\n")
        path.chmod(0o755)

    stub.folder = folder
    return stub


def run(command, stubs, **environment):
    path = f"{stubs.folder}:{SYSTEM_PATH}"
    given = {"PATH": path, "HOME": "/nonexistent", **environment}
    return subprocess.run(
        command,
        env={name: given[name] for name in given if given[name] is not None},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


def quickstart(checkout, stubs, *arguments):
    return run([checkout / "quickstart.sh", *arguments], stubs)


def call(checkout, stubs, script, **variables):
    """Run bash code with quickstart.sh's functions at hand."""
    settings = "".join(f"{k}={v!r}\n" for k, v in variables.items())
    text = f'source "{checkout}/quickstart.sh"\n{settings}{script}\n'
    return run(["bash", "-c", text], stubs)


def started(checkout, stubs, script):
    """Start bash code as call() runs it, in a session that heeds signals."""
    return subprocess.Popen(
        [
            *HEEDING,
            "bash",
            "-c",
            f'source "{checkout}/quickstart.sh"\n{script}',
        ],
        env={"PATH": f"{stubs.folder}:{SYSTEM_PATH}", "HOME": "/nonexistent"},
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )


def refused(done):
    """Return the sentence of a refusal."""
    assert done.returncode != 0, done.stdout
    lines = done.stderr.splitlines()
    assert len(lines) == 1, done.stderr
    assert lines[0].startswith("quickstart.sh: ")
    assert lines[0].endswith((".", ").")), lines[0]
    return lines[0]


def test_help_names_every_option_and_needs_no_root(checkout, stubs):
    stubs("id", "echo 1000")
    done = quickstart(checkout, stubs, "--help")
    assert done.returncode == 0
    code = (checkout / "tools/quickstart/options.sh").read_text()
    cases = code[code.index("case $1 in") : code.index("*) refuse")]
    options = {word for word in cases.split() if word.startswith("--")}
    assert len(options) > 8
    for option in options:
        assert option.rstrip(")") in done.stdout


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (["--nonsense"], "--nonsense is no option"),
        (["--kafka-port"], "--kafka-port needs a value"),
        (["--kafka-version", "--check"], "--kafka-version needs a value"),
        (["-e", "@/no/such"], "-e is @/no/such, but /no/such cannot be read"),
        (["-e", "@/tmp"], "-e is @/tmp, but /tmp cannot be read"),
        (["--kafka-port", "http"], "--kafka-port is http: write a TCP port"),
        (["--rpc-port", "65535"], "--rpc-port is 65535: write a TCP port"),
        (["--rpc-port", "9092"], "--rpc-port is 9092, but Kafka takes"),
        (["--kafka-port", "5671"], "--rpc-port is 5672, but Kafka takes"),
        (["--rpc-port", "4369"], "--rpc-port is 4369, which RabbitMQ needs"),
        (["--rpc-port", "25672"], "--rpc-port is 25672, which RabbitMQ needs"),
        (["--kafka-port", "4368"], "Kafka would take 4369, which RabbitMQ"),
        (["--kafka-port", "25672"], "Kafka would take 25672, which RabbitMQ"),
        (["-e", "rabbitmq_dist_port=9093"], "Kafka would take 9093, which"),
        (["-e", "kafka_port=9093"], "kafka_controller_port are both 9093"),
        (["-e", "kafka_port=70000"], "-e kafka_port is 70000: write a TCP"),
        (["--source", "ftp"], "--source is ftp: write auto"),
        (["--purge"], "--purge deletes data and goes with --remove"),
    ],
)
def test_wrong_option_is_named(checkout, stubs, arguments, sentence):
    # Whatever is not refused ends here, and changes nothing.
    stubs("id", "echo 1000")
    assert sentence in refused(quickstart(checkout, stubs, *arguments))


def test_ordinary_user_is_told_to_be_root(checkout, stubs):
    stubs("id", "echo 1000")
    sentence = refused(quickstart(checkout, stubs))
    assert "run it as root" in sentence
    assert list((checkout / ".build").iterdir()) == []


@pytest.mark.parametrize(
    "text",
    [
        'ID=debian\nVERSION_ID="11"\nPRETTY_NAME="Debian 11"\n',
        'ID=ubuntu\nVERSION_ID="22.04"\nPRETTY_NAME="Ubuntu 22.04"\n',
        "ID=arch\n",
    ],
)
def test_unsupported_distribution_is_refused(checkout, stubs, text, tmp_path):
    (tmp_path / "os-release").write_text(text)
    script = f"check_distribution {tmp_path}/os-release"
    sentence = refused(call(checkout, stubs, script))
    assert "is not supported: use Debian 12 or 13" in sentence


@pytest.mark.parametrize("version", ["12", "13"])
def test_debian_is_accepted_without_a_word(checkout, stubs, version, tmp_path):
    (tmp_path / "os-release").write_text(
        f'ID=debian\nVERSION_ID="{version}"\n'
    )
    done = call(checkout, stubs, f"check_distribution {tmp_path}/os-release")
    assert (done.returncode, done.stderr) == (0, "")


def test_untested_distribution_is_accepted_with_a_note(
    checkout, stubs, tmp_path
):
    (tmp_path / "os-release").write_text(
        'ID=rocky\nVERSION_ID="9.4"\nPRETTY_NAME="Rocky Linux 9.4"\n'
    )
    done = call(checkout, stubs, f"check_distribution {tmp_path}/os-release")
    assert done.returncode == 0
    assert "Rocky Linux 9.4 is meant to work, but nobody" in done.stderr


def test_old_python_is_refused(checkout, stubs):
    script = "function python_is_new_enough { return 1; }\nfind_python"
    sentence = refused(call(checkout, stubs, script))
    assert "there is no Python 3.11 or newer" in sentence


def test_version_of_python_is_really_asked(checkout, stubs):
    stubs("old-python", "exit 1")
    script = "python_is_new_enough old-python"
    assert call(checkout, stubs, script).returncode == 1
    script = f"python_is_new_enough {sys.executable}"
    assert call(checkout, stubs, script).returncode == 0


@pytest.fixture
def taken_port():
    with socket.create_server(("127.0.0.1", 0)) as server:
        yield server.getsockname()[1]


@pytest.mark.parametrize(
    ("variable", "option"),
    [("KAFKA_PORT", "--kafka-port"), ("RPC_PORT", "--rpc-port")],
)
def test_taken_port_is_named_with_its_option(
    checkout, stubs, taken_port, variable, option
):
    ports = {"KAFKA_PORT": "1", "CONTROLLER_PORT": "2", "RPC_PORT": "3"}
    ports[variable] = str(taken_port)
    done = call(
        checkout,
        stubs,
        "check_ports",
        PYTHON=sys.executable,
        RECORD="/nonexistent",
        **ports,
    )
    sentence = refused(done)
    assert f"listens on TCP port {taken_port}" in sentence
    assert f"with {option}" in sentence


@pytest.mark.parametrize(
    ("given", "ports"),
    [
        (["kafka_port=29092"], "29092 9093 5672"),
        (["kafka_port=1", "kafka_port=2"], "2 9093 5672"),
        (["{kafka_port: 29092, a: b, rabbitmq_port: 5}"], "29092 9093 5"),
        (
            ['{"kafka_controller_port": "7", "a_kafka_port": 8}'],
            "9092 7 5672",
        ),
        (["@file"], "29092 29093 5672"),
        (["kafka_port={{ x }}", "a_rabbitmq_port=1"], "9092 9093 5672"),
    ],
)
def test_port_that_is_written_out_is_the_one_that_must_be_free(
    checkout, stubs, tmp_path, given, ports
):
    (tmp_path / "file").write_text(
        "kafka_port: 29092 # not kafka_port: 1\n"
        "# kafka_port: 3\nkafka_controller_port: '29093'\n"
    )
    options = "".join(
        f" -e '{one}'".replace("@file", f"@{tmp_path}/file") for one in given
    )
    script = (
        'function first_taken_port { echo "$*" >&3; }\n'
        f"parse_options{options}\ncheck_ports 3>&1 | xargs\n"
    )
    done = call(checkout, stubs, script, RECORD="/nonexistent")
    assert (done.returncode, done.stdout) == (0, f"{ports}\n"), done.stderr


def test_port_of_an_installed_broker_is_no_problem(
    checkout, stubs, taken_port, tmp_path
):
    record = tmp_path / "installed.json"
    record.write_text('{"roles": {\n  "kafka": {\n  },\n  "rabbitmq": {\n}}}')
    done = call(
        checkout,
        stubs,
        "check_ports",
        PYTHON=sys.executable,
        RECORD=str(record),
        KAFKA_PORT=str(taken_port),
        RPC_PORT=str(taken_port),
    )
    assert (done.returncode, done.stderr) == (0, "")


def test_full_disk_is_named(checkout, stubs):
    stubs("df", "echo Avail; echo 42")
    done = call(checkout, stubs, "check_space", RECORD="/nonexistent")
    sentence = refused(done)
    assert f"{checkout} has 42 MiB free, but" in sentence


def test_missing_network_for_ansible_is_one_sentence(checkout, stubs):
    """A re-run makes the broken-off environment again."""
    stubs(
        "python-stub",
        'case "$*" in *ensurepip*) exit 0 ;; esac\n'
        'for last; do :; done\nmkdir -p "$last/bin"\n'
        'printf "#!/bin/sh\\nexit 1\\n" >"$last/bin/pip"\n'
        'chmod +x "$last/bin/pip"',
    )
    done = call(
        checkout,
        stubs,
        "prepare_environment",
        PYTHON=str(stubs.folder / "python-stub"),
    )
    assert "Ansible cannot be installed: see to the network" in refused(done)
    assert not (checkout / ".build/venv/kafka-bus.stamp").exists()


# Makes an environment as the module venv and pip do.
PYTHON = """\
case "$*" in
    *"-m venv"*) for last; do :; done; mkdir -p "$last/bin"
        cp "$0" "$last/bin/python"; echo made >>"$MADE"
        printf '#!/bin/sh\\nprintenv >>"$MADE"' >"$last/bin/pip"
        chmod +x "$last/bin/pip"
        cp "$last/bin/pip" "$last/bin/ansible-playbook" ;;
    *"import ansible"*) [ "$ANSIBLE_IS_THERE" = yes ] ;;
esac
"""


def environments_made(checkout, stubs, tmp_path, **environment):
    """Prepare the environment; return what was seen when it was made."""
    stubs("python-stub", PYTHON)
    made = tmp_path / "made"
    made.write_text("")
    script = (
        f'source "{checkout}/quickstart.sh"\n'
        f"PYTHON={stubs.folder}/python-stub\nprepare_environment\n"
    )
    given = {"MADE": str(made), "ANSIBLE_IS_THERE": "yes", **environment}
    done = run(["bash", "-c", script], stubs, **given)
    assert done.returncode == 0, done.stderr
    return made.read_text()


def test_environment_is_made_once(checkout, stubs, tmp_path):
    assert environments_made(checkout, stubs, tmp_path)
    assert not environments_made(checkout, stubs, tmp_path)


def test_environment_is_made_again_in_another_place(checkout, stubs, tmp_path):
    assert environments_made(checkout, stubs, tmp_path)
    checkout = checkout.rename(tmp_path / "moved")
    assert environments_made(checkout, stubs, tmp_path)


def test_environment_is_made_again_for_another_python(
    checkout, stubs, tmp_path
):
    assert environments_made(checkout, stubs, tmp_path)
    assert environments_made(checkout, stubs, tmp_path, ANSIBLE_IS_THERE="no")


def test_environment_is_where_it_should_be_whatever_the_caller_has_set(
    checkout, stubs, tmp_path
):
    names = ["PYTHONPATH", "PIP_TARGET", "PIP_USER"]
    given = dict.fromkeys(names, "given")
    made = environments_made(checkout, stubs, tmp_path, **given)
    assert "made\n" in made
    assert "=given" not in made


def test_missing_network_for_packages_is_one_sentence(checkout, stubs):
    stubs("apt-get", "exit 100")
    stubs("dpkg-query", "echo installed libc6")
    done = call(checkout, stubs, "install_packages 'runs things' maven")
    assert "the package lists cannot be refreshed" in refused(done)


def test_packages_of_a_broken_off_installation_are_remembered(
    checkout, stubs, tmp_path
):
    flag = tmp_path / "half"
    stubs(
        "apt-get",
        f'echo "$@"; [ "$1" = update ] || {{ touch {flag}; exit 100; }}',
    )
    stubs(
        "dpkg-query",
        f"echo installed libc6; [ ! -e {flag} ] || echo installed jre",
    )
    done = call(checkout, stubs, "install_packages 'runs things' maven")
    assert "the package maven cannot be installed" in refused(done)
    assert (checkout / ".build/packages.new").read_text() == "jre\n"
    # A new machine may be installing updates at that time.
    log = (checkout / ".build/quickstart.log").read_text()
    assert "DPkg::Lock::Timeout" in log


# A terminal interrupts the package manager as well, which does not care.
@pytest.mark.parametrize(
    ("send", "number"),
    [(os.killpg, signal.SIGINT), (os.kill, signal.SIGTERM)],
)
def test_packages_of_an_installation_that_is_interrupted_are_remembered(
    checkout, stubs, tmp_path, send, number
):
    begun, there = tmp_path / "begun", tmp_path / "there"
    stubs(
        "apt-get",
        f'[ "$1" = update ] || {{ touch {begun}; sleep 2; touch {there}; }}',
    )
    stubs(
        "dpkg-query",
        f"echo installed libc6; [ ! -e {there} ] || echo installed jre",
    )
    script = "install_packages 'runs things' maven"
    with started(checkout, stubs, script) as process:
        wait_for(begun.exists)
        send(process.pid, number)
        output, _ = process.communicate(timeout=60)
    assert process.returncode == 130
    assert "waiting for the package manager to end" in output
    assert (checkout / ".build/packages.new").read_text() == "jre\n"


@pytest.mark.parametrize(
    ("source", "archive", "needed"),
    [
        ("maven", "answers", True),
        ("", "answers", False),
        ("", "is silent", True),
        ("auto", "is silent", True),
        ("archive", "is silent", False),
        ("file", "is silent", False),
    ],
)
def test_maven_is_installed_only_where_it_is_used(
    checkout, stubs, source, archive, needed
):
    script = (
        f"function archive_answers {{ [ {archive!r} = answers ]; }}\n"
        f"PATH={stubs.folder}\nneeds_maven"
    )
    done = call(
        checkout, stubs, script, KAFKA_SOURCE=source, RECORD="/nonexistent"
    )
    assert (done.returncode == 0) is needed, done.stderr


def test_maven_that_is_there_is_not_installed(checkout, stubs):
    stubs("mvn")
    done = call(
        checkout,
        stubs,
        "needs_maven",
        KAFKA_SOURCE="maven",
        RECORD="/nonexistent",
    )
    assert done.returncode == 1


def test_secrets_are_private_and_made_once(checkout, stubs):
    secrets = checkout / ".build" / "secrets.yml"
    done = call(checkout, stubs, "make_secrets", PYTHON=sys.executable)
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")
    assert stat.S_IMODE(secrets.stat().st_mode) == 0o600
    first = secrets.read_text()
    assert "rabbitmq_password: " in first
    call(checkout, stubs, "make_secrets", PYTHON=sys.executable)
    assert secrets.read_text() == first


def test_options_become_variables_and_what_is_written_out_wins(
    checkout, stubs
):
    script = (
        "parse_options --kafka-version 3.9.2 --source maven"
        " --kafka-port 19092 --rpc-port 15672 --reuse-rabbitmq -e a=b\n"
        "collect_variables\n"
        'printf "%s\\n" "${VARIABLES[@]}"'
    )
    done = call(checkout, stubs, script)
    assert done.stdout.replace("-e\n", "").splitlines() == [
        "{kafka_port: 19092}",
        "{kafka_controller_port: 19093}",
        "{rabbitmq_port: 15672}",
        "kafka_version=3.9.2",
        "kafka_install_source=maven",
        "rabbitmq_existing=reuse",
        "a=b",
    ]


def test_password_is_no_argument_of_a_process(checkout, stubs):
    script = (
        'make_secrets\ncollect_variables\nprintf "%s\\n" "${VARIABLES[@]}"'
    )
    done = call(checkout, stubs, script, PYTHON=sys.executable)
    secrets = checkout / ".build" / "secrets.yml"
    assert f"@{secrets}" in done.stdout
    password = secrets.read_text().rsplit('"', 2)[1]
    assert password not in done.stdout


def test_removal_where_nothing_is_recorded_says_so(checkout, stubs):
    done = call(checkout, stubs, "remove_bus", RECORD="/nonexistent")
    assert done.returncode == 0
    assert "nothing to remove" in done.stdout
    assert list((checkout / ".build").iterdir()) == []


def test_packages_that_are_not_yet_on_record_are_removed(checkout, stubs):
    """A run that was broken off has installed them."""
    (checkout / ".build" / "packages.new").write_text("python3-venv\n")
    script = (
        "function prepare_environment { :; }\n"
        'function run_playbook { echo "running $2"; }\nremove_bus\n'
    )
    done = call(checkout, stubs, script, RECORD="/nonexistent")
    assert "running remove.yml\n" in done.stdout


def test_two_runs_at_a_time_are_refused(checkout, stubs):
    stubs("id", "echo 0")
    with (checkout / ".build" / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        script = (
            "function check_distribution { :; }\n"
            "function install_bus { echo installing; }\nmain\n"
        )
        done = call(checkout, stubs, script)
        assert "another quickstart.sh is at work in" in refused(done)
    assert call(checkout, stubs, script).stdout == "installing\n"


def test_report_has_its_place_in_a_checkout_with_a_space(
    checkout, stubs, tmp_path
):
    checkout = checkout.rename(tmp_path / "a checkout")
    nothing = "announce_install check_ports check_space prepare_environment"
    nothing += " install_maven_if_needed make_secrets show_summary"
    script = "".join(f"function {name} {{ :; }}\n" for name in nothing.split())
    script += 'function run_playbook { shift 2; printf "%s\\n" "$@"; }\n'
    given = call(checkout, stubs, f"{script}install_bus").stdout.split("\n")
    assert yaml.safe_load(given[given.index("-e") + 1]) == {
        "kafka_bus_report": f"{checkout}/.build/report.txt"
    }


def test_settings_of_the_callers_ansible_do_not_count(checkout, stubs):
    """With tags nothing might be run, and all said to be well."""
    names = ["ANSIBLE_RUN_TAGS", "ANSIBLE_STDOUT_CALLBACK"]
    kept = "ANSIBLE_VAULT_PASSWORD_FILE"
    script = (
        f'source "{checkout}/quickstart.sh"\nansible_environment printenv\n'
    )
    given = dict.fromkeys([*names, kept], "given")
    done = run(["bash", "-c", script], stubs, **given)
    assert done.returncode == 0, done.stderr
    lines = done.stdout.splitlines()
    assert [one for one in lines if one.endswith("=given")] == [
        f"{kept}=given"
    ]


@pytest.mark.parametrize("home", [None, ""])
def test_downloads_are_purged_from_the_home_that_passwd_has(
    checkout, stubs, tmp_path, home
):
    (tmp_path / "record").touch()
    script = (
        f'source "{checkout}/quickstart.sh"\nRECORD={tmp_path}/record\n'
        "PURGE=true\n"
        "function prepare_environment { :; }\n"
        "function run_playbook { printenv HOME; }\n"
        'function rm { echo "rm $*"; }\nremove_bus\n'
    )
    done = run(["bash", "-c", script], stubs, HOME=home)
    assert (done.returncode, done.stderr) == (0, "")
    own = pwd.getpwuid(os.getuid()).pw_dir
    assert f"\n{own}\n" in done.stdout
    assert f"rm -rf {own}/.cache/kafka-bus\n" in done.stdout


def test_check_installs_no_package(checkout, stubs):
    stubs("python-stub", "exit 1")
    python = str(stubs.folder / "python-stub")
    stubs("apt-get", f"touch {stubs.folder}/installed")
    done = call(
        checkout, stubs, "prepare_environment", PYTHON=python, CHECK="yes"
    )
    assert "--check installs no package" in refused(done)
    assert not (stubs.folder / "installed").exists()


def test_checked_removal_removes_and_claims_nothing(checkout, stubs, tmp_path):
    (tmp_path / "record").touch()
    (checkout / ".build" / "secrets.yml").touch()
    done = call(
        checkout,
        stubs,
        "function prepare_environment { :; }\n"
        "function run_playbook { :; }\nremove_bus",
        RECORD=str(tmp_path / "record"),
        CHECK="yes",
        PURGE="true",
    )
    assert done.returncode == 0, done.stderr
    assert "Removed" not in done.stdout
    assert (checkout / ".build" / "secrets.yml").exists()


def test_long_step_says_that_it_goes_on(checkout, stubs):
    done = call(
        checkout,
        stubs,
        "with_heartbeat 'sleeping' sleep 2.5",
        HEARTBEAT="1",
        LOG="/dev/null",
    )
    assert done.returncode == 0
    assert "still at it, 1 s" in done.stdout


@pytest.mark.parametrize(
    ("send", "number"),
    [(os.killpg, signal.SIGINT), (os.kill, signal.SIGTERM)],
)
def test_long_step_ends_with_the_script(
    checkout, stubs, tmp_path, send, number
):
    begun = tmp_path / "begun"
    # For longer than wait_for waits.
    stubs("pip", f'touch "{begun}"; exec sleep 60')
    script = "with_heartbeat waiting pip"
    with started(checkout, stubs, script) as process:
        wait_for(begun.exists)
        send(process.pid, number)
        assert process.wait(timeout=60) == -number
    wait_for(lambda: not session_members(process.pid))


def test_failing_step_fails(checkout, stubs):
    script = "with_heartbeat 'failing' sh -c 'exit 3' || echo code $?"
    done = call(checkout, stubs, script, LOG="/dev/null")
    assert "code 3" in done.stdout


ANSIBLE_OUTPUT = """\
TASK [kafka_bus.openstack.kafka : Unpack the archive] ****
changed: [localhost]

TASK [kafka_bus.openstack.java : Look for a runtime] ****
fatal: [localhost]: FAILED! => {"changed": false, "msg": "No Java: see to it."}

PLAY RECAP ****
localhost                  : ok=1    changed=1    failed=1
"""


def test_progress_shows_changes_and_the_recap(checkout, stubs, tmp_path):
    (tmp_path / "output").write_text(ANSIBLE_OUTPUT)
    done = call(checkout, stubs, f"follow <{tmp_path}/output")
    assert done.stdout.splitlines() == [
        "  changed: kafka : Unpack the archive",
        "  ok=1    changed=1    failed=1",
    ]


def test_silent_task_is_named_while_it_runs(checkout, stubs):
    script = "{ echo 'TASK [Wait for it] **'; sleep 2; } | follow"
    done = call(checkout, stubs, script, HEARTBEAT="1")
    assert "still at it, 1 s: Wait for it" in done.stdout


def test_failed_playbook_ends_with_the_tasks_own_sentence(checkout, stubs):
    script = (
        "function playbook_command { cat <<'END'\n"
        f"{ANSIBLE_OUTPUT}END\nreturn 2\n}}\n"
        "run_playbook Testing site.yml"
    )
    done = call(checkout, stubs, script, PYTHON=sys.executable)
    assert done.returncode == 1
    assert "No Java: see to it." in done.stderr
    assert "Traceback" not in done.stderr


@pytest.mark.parametrize(
    ("output", "sentence"),
    [
        (ANSIBLE_OUTPUT, "No Java: see to it."),
        ("ERROR! no such inventory\n", "no such inventory."),
        ("ERROR: Unable to create '/ro'\n\nTr", "Unable to create '/ro'."),
        (
            'failed: [localhost] (item=x) => {"msg": "Cannot do x"}\n',
            "Cannot do x.",
        ),
        (
            'fatal: [localhost]: FAILED! => {"msg": "non-zero return code",'
            ' "stderr": "first\\nlast word"}\n',
            "last word.",
        ),
        ("", "Ansible failed."),
    ],
)
def test_sentence_of_the_failure_is_found(tmp_path, output, sentence):
    log = tmp_path / "log"
    log.write_text(output)
    program = CHECKOUT / "tools" / "quickstart" / "last_failure.py"
    done = subprocess.run(
        [sys.executable, program, log],
        capture_output=True,
        text=True,
        timeout=60,
        check=True,
    )
    assert done.stdout.strip() == sentence


def test_script_runs_from_any_directory(checkout, stubs):
    done = subprocess.run(
        [checkout / "quickstart.sh", "--help"],
        cwd="/",
        env={"PATH": os.environ["PATH"]},
        capture_output=True,
        text=True,
        timeout=60,
        check=True,
    )
    assert done.stdout.startswith("usage: ./quickstart.sh")
