# SPDX-License-Identifier: Apache-2.0
# shellcheck shell=bash
#
# HOME, for scripts that cloud-init or systemd start without it: the roles'
# default cache is below it.

if [[ -z "${HOME:-}" ]]; then
    # Only without the variable does bash look into the passwd database.
    unset HOME
    HOME=~
fi
export HOME
