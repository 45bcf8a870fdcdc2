# SPDX-License-Identifier: Apache-2.0
"""What is promised, while brokers, networks and processes fail."""

import sys
from pathlib import Path

# The brokers and helpers of the functional tests are used here as well.
_FUNCTIONAL = Path(__file__).resolve().parents[1] / "functional"
for _path in (_FUNCTIONAL / "driver", _FUNCTIONAL):
    if str(_path) not in sys.path:
        sys.path.insert(0, str(_path))
