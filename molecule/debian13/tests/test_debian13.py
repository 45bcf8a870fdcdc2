# SPDX-License-Identifier: Apache-2.0
from deployment.kafka import *
from deployment.rabbitmq import *
from deployment.service import *
