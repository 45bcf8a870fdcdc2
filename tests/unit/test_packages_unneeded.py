# SPDX-License-Identifier: Apache-2.0
"""Only packages that nothing else needs are removed."""

import importlib.util
from pathlib import Path

import pytest

CHECKOUT = Path(__file__).resolve().parents[2]
SPEC = importlib.util.spec_from_file_location(
    "packages_unneeded",
    CHECKOUT / "plugins" / "modules" / "packages_unneeded.py",
)
packages_unneeded = importlib.util.module_from_spec(SPEC)
SPEC.loader.exec_module(packages_unneeded)

# Package, status, Depends, Pre-Depends and Provides, as dpkg-query tells.
LISTING = """\
maven\tinstalled\tjre (= 1.0) | java-runtime, lib (>= 2)\t\t
jre\tinstalled\tlibc6 (>= 2.34)\tjava-common\tjava-runtime (= 17), java8
other-jre\tinstalled\tlibc6\t\tjava-runtime
java-common\tinstalled\t\t\t
lib\tinstalled\tlibc6:any\t\t
libc6\tinstalled\t\t\t
editor\tinstalled\tjava8\t\t
old\tconfig-files\tlibc6\t\t
"""


@pytest.fixture
def installed():
    return packages_unneeded.parse_dpkg(LISTING)[0]


def unneeded(installed, *names):
    return packages_unneeded.unneeded(installed, set(names))


def test_package_that_nothing_depends_on_goes(installed):
    assert unneeded(installed, "maven") == {"maven"}


def test_package_that_another_one_depends_on_stays(installed):
    assert unneeded(installed, "libc6") == set()
    assert unneeded(installed, "lib") == set()


def test_dependency_goes_together_with_what_needs_it(installed):
    assert unneeded(installed, "maven", "lib") == {"maven", "lib"}


def test_what_a_staying_package_needs_stays_with_its_own_needs(installed):
    # editor needs java8, which jre provides; jre needs java-common.
    names = {"maven", "jre", "java-common", "lib"}
    assert unneeded(installed, *names) == {"maven", "lib"}


def test_one_of_two_providers_may_go(installed):
    without_editor = {k: v for k, v in installed.items() if k != "editor"}
    assert unneeded(without_editor, "jre") == {"jre"}


def test_last_provider_of_an_alternative_stays(installed):
    without_editor = {k: v for k, v in installed.items() if k != "editor"}
    removed = unneeded(without_editor, "jre", "other-jre")
    assert removed == set()


def test_package_that_is_not_installed_is_passed_over(installed):
    assert unneeded(installed, "nobody-has-this", "maven") == {"maven"}


def test_package_with_configuration_left_over_is_known():
    assert packages_unneeded.parse_dpkg(LISTING)[1] == {"old"}


class FakeRpm:
    """RPM with libz, which git needs, and java, which nobody needs."""

    def __init__(self):
        self.tested = []

    def run_command(self, command, **_options):
        if "-qa" in command:
            return 0, "git\nlibz\njava\n", ""
        if "--whatprovides" in command:
            assert command[-1] == "libz.so.1"
            return 0, "libz\n", ""
        names = set(command[command.index("--test") + 1 :])
        self.tested.append(names)
        if "libz" in names and "git" not in names:
            return 1, "", "\tlibz.so.1 is needed by (installed) git-2-1.noarch"
        return 0, "", ""


def test_rpm_package_that_another_one_needs_stays():
    rpm = packages_unneeded.Rpm(FakeRpm())
    assert rpm.plan({"libz", "java", "absent"}, False) == {"java"}
    assert rpm.plan({"libz", "git"}, False) == {"libz", "git"}
    assert rpm.plan({"libz"}, False) == set()
