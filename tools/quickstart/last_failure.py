# SPDX-License-Identifier: Apache-2.0
"""Print, from a log of Ansible, the sentence with which it stopped."""

import json
import re
import sys

FAILED = re.compile(r"(?:fatal|failed): \[.*?=> (\{.*)")


def told(result):
    """Return what a failed task's result says is wrong."""
    message = str(result.get("msg", ""))
    # A command's own last word says more than its exit code.
    last_words = str(result.get("stderr", "")).strip().splitlines()
    if last_words and "non-zero" in message:
        return last_words[-1]
    return message


def last_failure(lines):
    """Return the sentence of the last failure in the log's lines."""
    task = found = ""
    for line in lines:
        if line.startswith("TASK ["):
            task = line.removeprefix("TASK [").rpartition("]")[0]
        elif line.startswith(("ERROR! ", "ERROR: ", "[ERROR]: ")):
            found = line.partition(" ")[2]
        match = FAILED.match(line)
        if match and not line.rstrip().endswith("...ignoring"):
            try:
                message = told(json.loads(match.group(1)))
            except ValueError:
                message = ""
            found = message or f'the step "{task}" failed'
    sentence = " ".join(found.split()) or "Ansible failed"
    return sentence if sentence.endswith((".", "!", "?")) else sentence + "."


if __name__ == "__main__":
    with open(sys.argv[1], encoding="utf-8", errors="replace") as log:
        print(last_failure(log))
