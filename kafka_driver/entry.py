# SPDX-License-Identifier: Apache-2.0
"""The entry point that oslo.messaging calls for ``kafka-driver://``."""

from typing import Any


def load_driver(conf: Any, url: Any, **arguments: Any) -> Any:
    """Build the driver.

    :raises RuntimeError: when the client library cannot be loaded;
        oslo.messaging shows that as DriverLoadFailure, an ImportError as a
        traceback
    """
    try:
        from kafka_driver.driver import KafkaDriver  # noqa: PLC0415
    except ImportError as exc:
        raise RuntimeError(
            f"the Kafka client library cannot be loaded ({exc}): install "
            "confluent-kafka into this Python environment"
        ) from exc
    return KafkaDriver(conf, url, **arguments)
