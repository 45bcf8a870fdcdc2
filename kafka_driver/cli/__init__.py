# SPDX-License-Identifier: Apache-2.0
"""The ``kafka-driver`` command."""

import warnings

# oslo.service's advice to service authors, printed whenever eventlet is
# installed: nothing that the user of a command can act on.
warnings.filterwarnings("ignore", message=r"\s*Eventlet is deprecated")
