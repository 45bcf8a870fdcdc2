# SPDX-License-Identifier: Apache-2.0
"""Private brokers for the functional tests."""
