# SPDX-License-Identifier: Apache-2.0
"""The ``kafka-driver`` command."""
