# SPDX-License-Identifier: Apache-2.0
"""Turn NAME=VALUE texts, each ended by a NUL on stdin, into JSON on stdout.

A value that begins with "json:" is JSON, any other is text.
"""

import json
import sys


def main() -> None:
    result = {}
    for pair in sys.stdin.read().split("\0")[:-1]:
        name, value = pair.split("=", 1)
        is_json = value.startswith("json:")
        result[name] = json.loads(value[len("json:") :]) if is_json else value
    json.dump(result, sys.stdout, indent=2)


if __name__ == "__main__":
    main()
