# SPDX-License-Identifier: Apache-2.0
"""oslo.messaging notifications over Apache Kafka.

The driver answers to ``kafka-driver://`` transport URLs. It shares the option
group, the topic names and the record format of oslo.messaging's own
``kafka://``, so both may run on one bus.
"""
