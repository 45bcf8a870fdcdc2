# SPDX-License-Identifier: Apache-2.0
"""librdkafka's mock cluster: brokers in this process, with fault injection.

The functions are exported by the library that confluent-kafka brings.
"""

import ctypes
import glob
import os
from typing import Any

import confluent_kafka
import pytest

PRODUCE = 0
FETCH = 1
METADATA = 3
OFFSET_COMMIT = 8
INIT_PRODUCER_ID = 22


def _load_library() -> Any:
    folder = os.path.dirname(os.path.dirname(confluent_kafka.__file__))
    found = glob.glob(
        os.path.join(folder, "confluent_kafka.libs", "librdkafka*")
    )
    library = ctypes.CDLL(found[0] if found else "librdkafka.so.1")
    pointer, text = ctypes.c_void_p, ctypes.c_char_p
    for name, result, arguments in (
        ("rd_kafka_conf_new", pointer, []),
        (
            "rd_kafka_conf_set",
            ctypes.c_int,
            [pointer, text, text, pointer, ctypes.c_size_t],
        ),
        (
            "rd_kafka_new",
            pointer,
            [ctypes.c_int, pointer, text, ctypes.c_size_t],
        ),
        ("rd_kafka_destroy", None, [pointer]),
        ("rd_kafka_mock_cluster_new", pointer, [pointer, ctypes.c_int]),
        ("rd_kafka_mock_cluster_destroy", None, [pointer]),
        ("rd_kafka_mock_cluster_bootstraps", text, [pointer]),
        (
            "rd_kafka_mock_topic_create",
            ctypes.c_int,
            [pointer, text, ctypes.c_int, ctypes.c_int],
        ),
        ("rd_kafka_mock_topic_set_error", None, [pointer, text, ctypes.c_int]),
        (
            "rd_kafka_mock_partition_set_leader",
            ctypes.c_int,
            [pointer, text, ctypes.c_int32, ctypes.c_int32],
        ),
        (
            "rd_kafka_mock_group_initial_rebalance_delay_ms",
            None,
            [pointer, ctypes.c_int32],
        ),
        (
            "rd_kafka_mock_broker_set_down",
            ctypes.c_int,
            [pointer, ctypes.c_int32],
        ),
        (
            "rd_kafka_mock_broker_set_up",
            ctypes.c_int,
            [pointer, ctypes.c_int32],
        ),
        (
            "rd_kafka_mock_broker_set_rtt",
            ctypes.c_int,
            [pointer, ctypes.c_int32, ctypes.c_int],
        ),
        (
            "rd_kafka_mock_push_request_errors_array",
            None,
            [
                pointer,
                ctypes.c_int16,
                ctypes.c_size_t,
                ctypes.POINTER(ctypes.c_int),
            ],
        ),
    ):
        function = getattr(library, name, None)
        if function is None:
            continue  # an older library; no test needs it there
        function.restype = result
        function.argtypes = arguments
    return library


class MockCluster:
    """One or more brokers. They know no topic that was not created here."""

    def __init__(self, brokers: int = 1) -> None:
        self._library = _load_library()
        self._brokers = brokers
        errors = ctypes.create_string_buffer(512)
        conf = self._library.rd_kafka_conf_new()
        self._library.rd_kafka_conf_set(conf, b"log_level", b"0", None, 0)
        self._handle = self._library.rd_kafka_new(0, conf, errors, len(errors))
        assert self._handle, errors.value
        self._cluster = self._library.rd_kafka_mock_cluster_new(
            self._handle, brokers
        )
        # A first member does not wait for others (older libraries: 3 s).
        delay = "rd_kafka_mock_group_initial_rebalance_delay_ms"
        if hasattr(self._library, delay):
            getattr(self._library, delay)(self._cluster, 0)
        self.bootstrap: str = self._library.rd_kafka_mock_cluster_bootstraps(
            self._cluster
        ).decode()
        self.url = f"kafka-driver://{self.bootstrap}/"

    def create_topic(self, name: str, partitions: int = 1) -> None:
        self._library.rd_kafka_mock_topic_create(
            self._cluster, name.encode(), partitions, 1
        )

    def set_leader(self, topic: str, partition: int, broker: int) -> None:
        """Have a broker lead a partition; -1 is none."""
        self._library.rd_kafka_mock_partition_set_leader(
            self._cluster, topic.encode(), partition, broker
        )

    def set_topic_error(self, name: str, code: int) -> None:
        if confluent_kafka.libversion()[1] < 0x020A0000:
            # Only a mock broker tells partitions of a topic in error.
            pytest.skip("this client library cannot bear the mock's answer")
        self._library.rd_kafka_mock_topic_set_error(
            self._cluster, name.encode(), code
        )

    def down(self) -> None:
        for broker in range(1, self._brokers + 1):
            self._library.rd_kafka_mock_broker_set_down(self._cluster, broker)

    def down_alone(self, broker: int) -> None:
        self._library.rd_kafka_mock_broker_set_down(self._cluster, broker)

    def up(self) -> None:
        for broker in range(1, self._brokers + 1):
            self._library.rd_kafka_mock_broker_set_up(self._cluster, broker)

    def set_round_trip(self, milliseconds: int) -> None:
        for broker in range(1, self._brokers + 1):
            self._library.rd_kafka_mock_broker_set_rtt(
                self._cluster, broker, milliseconds
            )

    def push_errors(self, api: int, *codes: int) -> None:
        """The next requests of a kind are answered with these errors."""
        array = (ctypes.c_int * len(codes))(*codes)
        self._library.rd_kafka_mock_push_request_errors_array(
            self._cluster, api, len(codes), array
        )

    def close(self) -> None:
        self._library.rd_kafka_mock_cluster_destroy(self._cluster)
        self._library.rd_kafka_destroy(self._handle)
