# SPDX-License-Identifier: Apache-2.0
"""The checks in their order: which of them need what others found."""

import dataclasses
from collections.abc import Iterator
from typing import Any

from confluent_kafka.admin import ResourceType  # type: ignore[attr-defined]
from oslo_config import cfg
from oslo_messaging._drivers.kafka_driver import kafka_options

from kafka_driver import client_config, errors, options, topics
from kafka_driver.cli import common, urls
from kafka_driver.cli.doctor import (
    client,
    findings,
    group,
    listener,
    missing_topics,
    network,
    round_trip,
    rpc,
    settings,
    topic_state,
    wire,
)
from kafka_driver.cli.doctor.findings import Finding
from kafka_driver.cli.send import PRIORITIES
from kafka_driver.listener import group_id


@dataclasses.dataclass(frozen=True)
class Request:
    """What the command line asks for."""

    url: str | None
    timeout: float
    rpc: bool
    send: bool
    group: str | None
    config: dict[str, list[str]]

    def is_configured(self) -> bool:
        """Whether there is more than a URL on the command line."""
        return self.url is None or any(self.config.values())


@dataclasses.dataclass(frozen=True)
class Bus:
    """What the configuration says about Kafka.

    :param url: as this driver takes it
    :param chosen: the options of [oslo_messaging_kafka]
    :param names: of the topics, with priorities
    :param in_tree: whether oslo.messaging's own driver is to be used
    """

    url: Any
    chosen: Any
    names: list[str]
    in_tree: bool


def examine(conf: cfg.ConfigOpts, request: Request) -> Iterator[Finding]:
    """Every check, as soon as it is done."""
    urls.register(conf)
    yield settings.software()
    read = common.files_read(**request.config)
    yield settings.files(read)
    yield from settings.misspelt(read)
    yield from settings.unreadable(conf)
    if request.is_configured():
        yield settings.notification_drivers(conf)
    else:
        yield findings.skipped(settings.DRIVER, "only --url was given")
    yield from _notifications(conf, request)
    yield from _rpc(conf, request)


def _notifications(
    conf: cfg.ConfigOpts, request: Request
) -> Iterator[Finding]:
    try:
        source = urls.of_notifications(conf, request.url)
    except errors.ConfigurationError as exc:
        yield said(settings.URL, exc)
        return
    url, found = settings.parsed(conf, source)
    yield found
    if url is None:
        return
    found = settings.scheme(url, source)
    yield found
    if found.level == findings.FAILED:
        yield findings.skipped(
            "kafka", f"notifications do not take this driver ({url.transport})"
        )
        return
    in_tree = url.transport == urls.IN_TREE
    try:
        if in_tree:
            yield from as_ours(conf, url)
        chosen = options.register(conf, url)
        chosen.kafka_driver_create_topics &= not in_tree
        client_config.check(url, chosen)
        vhost = topics.check_vhost(url.virtual_host)
        listed = common.notification_topics(conf)
        names = [
            topics.name(f"{topic}.{priority}", None, vhost)
            for topic in dict.fromkeys(listed)
            for priority in PRIORITIES
        ]
    except (errors.ConfigurationError, errors.IllegalTopic) as exc:
        yield said(settings.OPTIONS, exc)
        return
    for text in client_config.warnings(url, chosen):
        yield findings.warning(settings.OPTIONS, *halves(text))
    yield from settings.unnamed(listed)
    yield from settings.repeated(listed)
    bus = Bus(url, chosen, names, in_tree)
    yield from _brokers(conf, request, bus)


def _brokers(
    conf: cfg.ConfigOpts, request: Request, bus: Bus
) -> Iterator[Finding]:
    places = [
        network.Place(host.hostname, host.port or client_config.DEFAULT_PORT)
        for host in bus.url.hosts
        if host.hostname
    ]
    places, found = network.resolve(places)
    yield from found
    if places:
        places, found = network.connect(places, request.timeout)
        yield from found
    if not places:
        yield findings.skipped(client.BROKERS, "none of them can be reached")
        return
    usable, found = listener.look(places, bus.chosen, request.timeout)
    yield from found
    if not usable:
        yield findings.skipped(client.LOGIN, "the connection is of no use")
        return
    cluster, found = client.connect(bus.url, bus.chosen, request.timeout)
    yield from found
    if cluster is None:
        yield findings.skipped(
            topic_state.TOPICS, "nothing is told without a login"
        )
        return
    capped = all(wire.caps_minimum(one) for one in usable)
    yield from _topics(request, bus, cluster, capped)
    if request.send:
        yield from round_trip.travel(cluster, conf, bus.url, bus.chosen)
    else:
        yield findings.skipped(round_trip.ROUND_TRIP, "--send was not given")


def _topics(
    request: Request, bus: Bus, cluster: client.Cluster, capped: bool
) -> Iterator[Finding]:
    state = topic_state.read(cluster, bus.names)
    count = len(cluster.metadata.brokers)
    chosen = bus.chosen
    makes = chosen.kafka_driver_create_topics
    factor = chosen.kafka_driver_topic_replication
    missing = [one.name for one in state if one.error == "missing"]
    hindered = missing_topics.new_replicas(state, factor, count, makes)
    # Of those that cannot be made it is said once.
    left_out = set(missing) if findings.has_failed(hindered) else set()
    refused = {}
    if makes and not left_out:
        refused = missing_topics.refusals(
            cluster, missing, chosen.kafka_driver_topic_partitions, factor
        )
        left_out = set(refused)
    yield from topic_state.existence(
        [one for one in state if one.name not in left_out],
        *_creation(cluster, bus),
    )
    yield from missing_topics.unmakeable(state, refused)
    yield from topic_state.replication(state, count, capped)
    yield from hindered
    yield from topic_state.permissions(state, sends=request.is_configured())
    name = request.group or group_id(
        chosen, None, topics.check_vhost(bus.url.virtual_host)
    )
    yield from group.examine(cluster, name, state)


def as_ours(conf: cfg.ConfigOpts, url: Any) -> list[Finding]:
    """Make the in-tree driver's URL one that our checks take."""
    found = []
    if any(not host.port for host in url.hosts):
        found.append(
            findings.failed(
                settings.URL,
                "a host of the kafka:// URL has no port, and that driver "
                "knows no default",
                "write HOST:9092",
            )
        )
    url.transport = urls.OURS
    # It takes what it does not know, and has no use for it.
    url.query = {
        name: value
        for name, value in url.query.items()
        if name in {opt.dest for opt in kafka_options.KAFKA_OPTS}
    }
    chosen = options.register(conf, url)
    if "SASL" not in chosen.security_protocol and client_config.credentials(
        url
    ):
        found.append(
            findings.warning(
                settings.URL,
                "user and password are not used with security_protocol="
                f"{chosen.security_protocol}",
                "set SASL_SSL in section [oslo_messaging_kafka], or take "
                "them out of the URL",
            )
        )
        for host in url.hosts:
            host.username = host.password = None
    return found


def _creation(cluster: client.Cluster, bus: Bus) -> tuple[bool, str]:
    """Whether missing topics are made, and who says so."""
    if bus.chosen.kafka_driver_create_topics:
        return True, "by the driver: kafka_driver_create_topics is on"
    if not bus.in_tree:
        return False, "kafka_driver_create_topics is off"
    first = str(min(cluster.metadata.brokers, default=0))
    entries = topic_state.settings(cluster, ResourceType.BROKER, [first])
    value = entries.get(first, {}).get("auto.create.topics.enable")
    return value != "false", (
        "auto.create.topics.enable of the brokers is "
        + (value or "not to be read")
    )


def _rpc(conf: cfg.ConfigOpts, request: Request) -> Iterator[Finding]:
    if not request.is_configured():
        yield findings.skipped(rpc.RPC, "only --url was given")
        return
    try:
        source = urls.of_rpc(conf)
    except errors.ConfigurationError as exc:
        yield said(rpc.RPC, exc)
        return
    url, found = settings.parsed(conf, source)
    if url is None:
        yield dataclasses.replace(found, check=rpc.RPC)
        return
    found = settings.rpc_scheme(url)
    if found.level != findings.OK:
        yield found
    elif request.rpc:
        yield from rpc.call(url, source.text, request.config, request.timeout)
    else:
        yield findings.skipped(rpc.RPC, "--rpc was not given")


def said(check: str, error: Exception) -> Finding:
    """An error of the driver: what is wrong, a colon, what to write."""
    return findings.failed(check, *halves(str(error)))


def halves(text: str) -> tuple[str, str]:
    what, sign, fix = text.rpartition(": ")
    return (what, fix) if sign else (text, "correct it")
