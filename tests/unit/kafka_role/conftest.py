# SPDX-License-Identifier: Apache-2.0
"""Make the collection importable under its own name."""

import sys
from pathlib import Path

CHECKOUT = Path(__file__).resolve().parents[3]
sys.path.insert(0, str(CHECKOUT / ".build"))
