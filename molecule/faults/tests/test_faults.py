# SPDX-License-Identifier: Apache-2.0
from deployment.faults import *
