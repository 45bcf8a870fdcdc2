# SPDX-License-Identifier: Apache-2.0
"""Whether the RPC transport answers.

The call runs in a process of its own: the transport's libraries may wait
without end, and a process can be ended.
"""

import json
import subprocess
import sys
from typing import Any

from kafka_driver.cli.doctor import findings, network
from kafka_driver.cli.doctor.findings import Finding

RPC = "rpc"
_PROBE = "kafka_driver.cli.doctor.rpc_probe"
_DEFAULT_PORT = 5672
#: Seconds that starting Python and importing may take on top.
_START = 15.0


def call(
    url: Any, text: str, config: dict[str, list[str]], timeout: float
) -> list[Finding]:
    """Connect to the hosts, then call a server made for this.

    :param url: the parsed URL of RPC
    :param text: the same, as it is written
    :param config: the files and directories of the configuration
    """
    places = [
        network.Place(host.hostname or "localhost", host.port or _DEFAULT_PORT)
        for host in url.hosts
    ]
    reasons = {str(place): network.refusal(place, timeout) for place in places}
    if places and all(reasons.values()):
        return [
            findings.failed(
                RPC,
                "no host of the RPC transport can be reached ("
                + ", ".join(
                    f"{where}: {why}" for where, why in reasons.items()
                )
                + ")",
                "start the broker of RPC there, or correct transport_url of "
                "section [DEFAULT]",
            )
        ]
    # Over standard input: a password has no place in the process list.
    order = json.dumps({"url": text, "timeout": timeout, **config})
    try:
        done = subprocess.run(
            # -P: nothing is imported from where this happens to be run.
            [sys.executable, "-P", "-W", "ignore", "-m", _PROBE],
            input=order,
            capture_output=True,
            text=True,
            timeout=2 * timeout + _START,
            check=False,
        )
        answer = json.loads(done.stdout)
    except (subprocess.TimeoutExpired, ValueError):
        answer = {"error": "no answer in time"}
    return [judge(url.transport, answer)]


def judge(transport: str, answer: dict[str, Any]) -> Finding:
    """What the probe's answer means. Pure."""
    if "milliseconds" in answer:
        return findings.ok(
            RPC,
            f"{transport} answered a call in {answer['milliseconds']:.0f} ms",
        )
    return findings.failed(
        RPC,
        f"a call over {transport} was not answered ({answer.get('error')})",
        "correct user, password and virtual host in transport_url of section "
        "[DEFAULT], and look at the log of that broker",
    )
