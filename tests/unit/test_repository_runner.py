# SPDX-License-Identifier: Apache-2.0
"""run_tests.sh says what it did, and what it could not do."""

import fcntl
import os
import pwd
import signal
import subprocess
import time
from collections.abc import Callable
from pathlib import Path

import pytest

CHECKOUT = Path(__file__).resolve().parents[2]

# In place of what would install something or take long.
STANDINS = """
source run_tests.sh
LOGS=$LOG_FOLDER
function find_python { :; }
function link_collection { :; }
function install_tox { echo "At home in $(printenv HOME)"; }
function unit_lacks { :; }
function functional_lacks { echo "$LACKS"; }
function molecule_lacks { echo "$LACKS"; }
function run_part {
    echo "running $1"
    touch "$LOGS/begun-${1/:/-}"
    # Until so many parts have begun.
    for ((i = 0; i < 300; i++)); do
        begun=("$LOGS"/begun-*)
        ((${#begun[@]} < TOGETHER)) || break
        sleep 0.1
    done
    ((i < 300)) || echo "nothing ran beside $1"
    if [[ $1 == "$SLOW" ]]; then sleep 5; fi
    echo "done with $1"
    printf '%s\\n' "$CLOSING_LINE" >"$LOGS/log"
    note "$1" "$CODE" 61 "$LOGS/log"
}
main "$@"
"""


def run(
    folder: Path, *parts: str, **environment: str
) -> subprocess.CompletedProcess[str]:
    """Run the script with the stand-ins."""
    return subprocess.run(
        ["bash", "-c", STANDINS, "test", *parts],
        cwd=CHECKOUT,
        env={
            "PATH": os.environ["PATH"],
            "LOG_FOLDER": str(folder),
            "CODE": "0",
            "LACKS": "",
            "SLOW": "",
            "TOGETHER": "1",
            "CLOSING_LINE": "=== 3 passed, 1 skipped in 0.20s ===",
            **environment,
        },
        capture_output=True,
        text=True,
        check=False,
    )


def call(
    script: str, *arguments: str, **environment: str
) -> subprocess.CompletedProcess[str]:
    """Run bash code with the functions of the script at hand."""
    return subprocess.run(
        ["bash", "-c", f"source run_tests.sh\n{script}", "test", *arguments],
        cwd=CHECKOUT,
        env={"PATH": os.environ["PATH"], **environment},
        capture_output=True,
        text=True,
        check=False,
    )


def last_line(done: subprocess.CompletedProcess[str]) -> str:
    """Return the line that is read by whoever counts."""
    return done.stdout.splitlines()[-1]


def test_help_names_the_parts() -> None:
    done = subprocess.run(
        ["./run_tests.sh", "--help"],
        cwd=CHECKOUT,
        capture_output=True,
        text=True,
        check=True,
    )
    for part in ("gate", "all", "lint", "unit", "functional", "molecule"):
        assert f"\n  {part} " in done.stdout


def test_an_unknown_part_is_refused() -> None:
    done = subprocess.run(
        ["./run_tests.sh", "everything"],
        cwd=CHECKOUT,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 2
    assert done.stderr == (
        'run_tests.sh: there is no part called "everything":'
        " see ./run_tests.sh --help\n"
    )


@pytest.mark.parametrize(
    "command",
    [
        ["run_tests.sh", "--help"],
        ["quickstart.sh", "--help"],
        ["ci/shell-files"],
    ],
    ids=lambda command: command[0],
)
def test_scripts_find_their_checkout_with_a_cdpath(command: list[str]) -> None:
    """With one, cd prints where it went."""
    script, *arguments = command
    done = [
        subprocess.run(
            ["bash", f"{CHECKOUT.name}/{script}", *arguments],
            cwd=CHECKOUT.parent,
            env={"PATH": os.environ["PATH"], **environment},
            capture_output=True,
            text=True,
            check=False,
        )
        for environment in ({}, {"CDPATH": str(CHECKOUT.parent)})
    ]
    assert [one.returncode for one in done] == [0, 0], done[1].stderr
    assert done[0].stdout == done[1].stdout


def test_a_home_is_found_where_none_is_given(tmp_path: Path) -> None:
    # run() gives none.
    done = run(tmp_path, "unit")
    assert done.returncode == 0, done.stderr
    own = pwd.getpwuid(os.getuid()).pw_dir
    assert f"At home in {own}\n" in done.stdout


def test_the_gate_runs_each_part_of_it(tmp_path: Path) -> None:
    done = run(tmp_path)
    assert done.returncode == 0, done.stderr
    ran = [line for line in done.stdout.splitlines() if "running" in line]
    assert ran[:3] == ["running lint", "running unit", "running functional"]
    # Those that run beside these are shown afterwards, in any order.
    assert sorted(ran[3:]) == [
        "running molecule:cluster",
        "running molecule:default",
        "running molecule:devstack",
        "running molecule:security",
        "running molecule:sources",
    ]


def test_scenarios_are_run_beside_the_rest_and_shown_after_it(
    tmp_path: Path,
) -> None:
    done = run(tmp_path, "unit", "default", TOGETHER="2")
    shown = [line for line in done.stdout.splitlines() if line[0:1].islower()]
    assert shown[:4] == [
        "running unit",
        "done with unit",
        "running molecule:default",
        "done with molecule:default",
    ]


def test_scenarios_that_wait_are_run_here_when_the_rest_is_done(
    tmp_path: Path,
) -> None:
    done = run(
        tmp_path,
        *("unit", "default", "sources"),
        SLOW="molecule:default",
        TOGETHER="2",
    )
    shown = [line for line in done.stdout.splitlines() if line[0:1].islower()]
    assert shown[:6] == [
        "running unit",
        "done with unit",
        "running molecule:sources",
        "done with molecule:sources",
        "running molecule:default",
        "done with molecule:default",
    ]
    assert last_line(done) == "9 passed, 0 failed"


def test_an_interrupt_ends_what_runs_beside(tmp_path: Path) -> None:
    script = STANDINS.replace("if [[", "sleep 54321\n    if [[")
    process = subprocess.Popen(
        ["bash", "-c", script, "test", "unit", "default"],
        cwd=CHECKOUT,
        env={
            "PATH": os.environ["PATH"],
            "LOG_FOLDER": str(tmp_path),
            "LACKS": "",
            "SLOW": "",
            "TOGETHER": "2",
        },
        stdout=subprocess.DEVNULL,
        start_new_session=True,
    )
    scenarios = tmp_path / "scenarios.log"
    wait_for(lambda: scenarios.exists() and "running" in scenarios.read_text())
    os.killpg(process.pid, signal.SIGTERM)
    process.wait(timeout=30)
    wait_for(lambda: not session_members(process.pid))


def session_members(session: int) -> list[int]:
    """Return the processes of a session that are not yet dead."""
    members = []
    for stat in Path("/proc").glob("[0-9]*/stat"):
        try:
            state, _, _, of = stat.read_text().rpartition(")")[2].split()[:4]
        except (FileNotFoundError, ProcessLookupError):
            continue
        if int(of) == session and state != "Z":
            members.append(int(stat.parent.name))
    return members


def wait_for(holds: Callable[[], bool]) -> None:
    """Wait until something holds; fail when it takes half a minute."""
    end = time.monotonic() + 30
    while not holds():
        assert time.monotonic() < end
        time.sleep(0.1)


def test_all_runs_the_scenarios_of_both_sets(tmp_path: Path) -> None:
    done = run(tmp_path, "all")
    for path in CHECKOUT.glob("molecule/*/molecule.yml"):
        assert f"running molecule:{path.parent.name}\n" in done.stdout


def test_the_tests_of_all_parts_are_counted(tmp_path: Path) -> None:
    done = run(tmp_path, "unit", "functional")
    assert last_line(done) == "6 passed, 0 failed"
    assert "  1:01  3 passed, 0 failed" in done.stdout


def test_failed_tests_are_counted(tmp_path: Path) -> None:
    line = "\x1b[31m=== 2 failed, 3 passed, 1 error in 3.00s ===\x1b[0m"
    done = run(tmp_path, "unit", CODE="1", CLOSING_LINE=line)
    assert done.returncode == 1
    assert last_line(done) == "3 passed, 3 failed"


def test_a_part_that_dies_before_its_tests_counts_as_failed(
    tmp_path: Path,
) -> None:
    done = run(tmp_path, "unit", CODE="1", CLOSING_LINE="cannot install")
    assert done.returncode == 1
    assert last_line(done) == "0 passed, 1 failed"


def test_what_is_left_out_is_told_with_the_reason(tmp_path: Path) -> None:
    done = run(tmp_path, "gate", LACKS="there is no java")
    assert done.returncode == 0
    assert "left out: functional: there is no java\n" in done.stdout
    assert "left out: molecule:default: there is no java\n" in done.stdout
    assert "running functional" not in done.stdout


@pytest.mark.parametrize(
    ("parts", "environment"),
    [(["gate"], {"CI": "true"}), (["functional"], {}), (["default"], {})],
    ids=["in CI", "named", "scenario named"],
)
def test_leaving_out_is_a_failure(
    tmp_path: Path, parts: list[str], environment: dict[str, str]
) -> None:
    done = run(tmp_path, *parts, LACKS="there is none", **environment)
    assert done.returncode == 1
    assert not last_line(done).endswith(", 0 failed")


def test_a_recap_with_a_missing_playbook_is_not_complete(
    tmp_path: Path,
) -> None:
    recap = "\x1b[32mdefault\x1b[0m : actions=9 successful=8 {} failed=0\n"
    log = tmp_path / "log"
    codes = []
    for missing in ("missing=0", "missing=1"):
        log.write_text(recap.format(missing))
        done = call('recap_is_complete default "$1"', str(log))
        codes.append(done.returncode)
    assert codes == [0, 1]


def test_a_part_that_is_named_twice_counts_once(tmp_path: Path) -> None:
    done = run(tmp_path, "unit", "lint", "unit")
    assert last_line(done) == "4 passed, 0 failed"


def test_settings_of_the_callers_tools_do_not_count() -> None:
    """TOX_NO_TEST, for example, would run nothing and pass."""
    names = ["TOX_NO_TEST", "PYTHONPATH", "PYTHONHOME", "PIP_TARGET"]
    done = call("printenv", **dict.fromkeys(names, "given"))
    assert done.returncode == 0, done.stderr
    assert "=given" not in done.stdout


def test_a_python_that_is_not_taken_is_told() -> None:
    done = call('find_python; echo "$PYTHON"', PYTHON="/no/such")
    taken = done.stdout.strip()
    assert taken.startswith("python3")
    assert done.stderr == (
        "PYTHON is /no/such, which is no Python 3.11 or newer:"
        f" {taken} is taken.\n"
    )


def test_two_runs_at_a_time_are_refused(tmp_path: Path) -> None:
    (tmp_path / "results").write_text("of the first run")
    with (tmp_path / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        done = run(tmp_path, "unit")
    assert done.returncode == 2
    assert done.stderr == (
        "run_tests.sh: another run_tests.sh is at work in this checkout:"
        " wait until it has ended\n"
    )
    assert (tmp_path / "results").read_text() == "of the first run"


def test_a_daemon_that_is_started_does_not_hold_the_lock(
    tmp_path: Path,
) -> None:
    (tmp_path / "ci").mkdir()
    for name in ("docker-daemon", "packages"):
        program = tmp_path / "ci" / name
        program.write_text("#!/bin/sh\n[ ! -e /proc/$$/fd/9 ] || exit 1\n")
        program.chmod(0o755)
    done = call(
        f'CHECKOUT="{tmp_path}"\nexec 9>"{tmp_path}/lock"\nmolecule_lacks\n'
        # Only root has it install something.
        "((EUID)) || ! type -P apt-get >/dev/null || have_packages git"
    )
    assert (done.returncode, done.stdout) == (0, "")


# In place of Python: tells its version, makes environments.
PYTHON = """\
#!/bin/sh
case "$*" in
    *version*) echo "$VERSION" ;;
    *venv*)
        echo "made with $VERSION"
        mkdir -p "$3/bin"
        cp "$0" "$3/bin/python"
        ;;
    *pip*) exit "${PIP_FAILS:-0}" ;;
esac
"""


def test_tox_is_made_again_for_another_python_and_in_another_place(
    tmp_path: Path,
) -> None:
    python = tmp_path / "python"
    python.write_text(PYTHON)
    python.chmod(0o755)
    first, second = tmp_path / "first", tmp_path / "second"
    first.mkdir()

    def install(folder: Path, version: str, fails: str = "0") -> list[str]:
        done = call(
            f'TOX_HOME="{folder}/runner"; PYTHON="{python}"; install_tox',
            VERSION=version,
            PIP_FAILS=fails,
        )
        assert (done.returncode == 0) is (fails == "0"), done.stderr
        return [one for one in done.stdout.splitlines() if "made" in one]

    assert install(first, "3.11", fails="1") == ["made with 3.11"]
    assert install(first, "3.11") == ["made with 3.11"]
    assert install(first, "3.11") == []
    assert install(first, "3.12") == ["made with 3.12"]
    (first / "unit").mkdir()
    (first / "logs").mkdir()
    first.rename(second)
    assert install(second, "3.12") == ["made with 3.12"]
    assert sorted(one.name for one in second.iterdir()) == ["logs", "runner"]


def test_a_link_that_is_there_is_not_made_again(tmp_path: Path) -> None:
    """Only root may write there, when quickstart.sh was run before."""
    script = f'CHECKOUT="{tmp_path}"; link_collection'
    assert call(script).returncode == 0
    link = tmp_path / ".build/ansible_collections/kafka_bus/openstack"
    before = link.lstat()
    assert link.resolve() == tmp_path
    assert call(script).returncode == 0
    assert link.lstat() == before


def test_root_is_not_told_to_be_root(tmp_path: Path) -> None:
    done = call(
        "function have_packages { return 1; }\n"
        f"PATH={tmp_path}\nfunctional_lacks"
    )
    assert done.stdout == (
        "there is no java: install one, like default-jre-headless\n"
    )
