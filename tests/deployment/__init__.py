# SPDX-License-Identifier: Apache-2.0
"""What a deployed machine promises; scenarios import what holds for them."""
