# SPDX-License-Identifier: Apache-2.0
"""A broker is restarted when it must be, and at no other time."""


def process(host):
    """Number and arguments of the running broker."""
    pid = host.check_output("systemctl show --property=MainPID --value kafka")
    arguments = host.file(f"/proc/{pid}/cmdline").content.split(b"\0")
    return pid, arguments


def test_finished_machine_is_left_alone(host, playbook):
    before = process(host)
    code, output = playbook("converge.yml", "--check", "--diff")
    assert code == 0, output
    assert "changed=0" in output
    code, output = playbook("converge.yml")
    assert code == 0, output
    assert "changed=0" in output
    assert process(host) == before


def test_restart_that_a_dead_play_missed_is_made_up_for(host, playbook):
    old_pid, arguments = process(host)
    assert b"-Xmx300m" not in arguments
    # A play that ended after it had written the configuration.
    code, output = playbook(
        "converge.yml", "--tags=kafka_configure", kafka_heap="300m"
    )
    assert code == 0, output
    assert process(host)[0] == old_pid
    # The next one writes nothing new, and restarts all the same.
    code, output = playbook("converge.yml", kafka_heap="300m")
    assert code == 0, output
    assert "changed=1 " in output
    new_pid, arguments = process(host)
    assert new_pid != old_pid
    assert b"-Xmx300m" in arguments


def test_another_node_id_is_refused_before_anything_changes(host, playbook):
    before = host.file("/etc/kafka/server.properties").content
    code, output = playbook("converge.yml", kafka_node_id=7)
    assert code != 0
    assert "set kafka_node_id to 1" in output
    assert "changed=0" in output
    assert host.file("/etc/kafka/server.properties").content == before
