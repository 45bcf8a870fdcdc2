# SPDX-License-Identifier: Apache-2.0
# shellcheck shell=bash
#
# The scripts make environments of their own. By these settings of the caller
# Python and pip would look for packages, or put them, elsewhere.

unset PYTHONHOME PYTHONPATH PIP_PREFIX PIP_ROOT PIP_TARGET PIP_USER
