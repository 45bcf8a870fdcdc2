# SPDX-License-Identifier: Apache-2.0
"""What tests start and end by a signal."""

#: In front of a command. nohup ignores SIGHUP and a shell SIGINT for what it
#: runs in the background, and children begin with what is ignored.
HEEDING = ("env", "--default-signal=INT,HUP")
