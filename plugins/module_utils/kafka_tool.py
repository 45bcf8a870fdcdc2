# SPDX-License-Identifier: Apache-2.0
"""Kafka's own command line tools, for what no client library can do.

Each call starts a JVM, so a module makes few, and none where nothing is asked
of it.
"""

import os

#: Beside "bootstrap_servers"; doc_fragments/kafka_tool.py documents them.
ARGUMENTS = {
    "home": {"type": "path", "required": True},
    "java_home": {"type": "path", "required": True},
    "command_config_file": {"type": "path", "default": ""},
}


class ToolError(Exception):
    """A tool failed; the message has its name and what it said."""


def run(module, tool, *words, config_file=None):
    """What a tool prints.

    config_file stands in for command_config_file, where the tool reads more
    in it than how to connect.
    """
    options = module.params
    command = [
        os.path.join(options["home"], "bin", f"{tool}.sh"),
        "--bootstrap-server",
        options["bootstrap_servers"],
    ]
    config_file = config_file or options["command_config_file"]
    if config_file:
        command += ["--command-config", config_file]
    code, output, error = module.run_command(
        [*command, *words],
        environ_update={
            "JAVA_HOME": options["java_home"],
            "KAFKA_HEAP_OPTS": "-Xmx128m",
            "LOG_DIR": module.tmpdir,
        },
    )
    if code:
        raise ToolError(
            f"{tool}.sh {words[0]} failed: {reason(output, error)}"
        )
    return output


def reason(output, error):
    """The line of what a tool said that tells most.

    Tools print a Java exception: its first line has the reason, and lines of
    a log may come before.
    """
    lines = [
        line.strip()
        for line in (error + "\n" + output).splitlines()
        if line.strip() and not line.lstrip().startswith(("at ", "WARN", "["))
    ]
    told = [line for line in lines if "Exception" in line or "rror" in line]
    return (told or lines or ["no message"])[0]
