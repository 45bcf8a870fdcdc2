# SPDX-License-Identifier: Apache-2.0
"""Every option of the driver.

Group ``[oslo_messaging_kafka]`` is shared with oslo.messaging's own driver:
its options are imported from the installed oslo.messaging, so that names,
defaults and meanings are the same for both. Ours carry one prefix; a later
upstream option can then not clash with them.
"""

import contextlib
import difflib
import math
import types
from typing import Any

from oslo_config import cfg
from oslo_messaging._drivers.kafka_driver import kafka_options

from kafka_driver import errors

GROUP = "oslo_messaging_kafka"
PREFIX = "kafka_driver_"
#: Seconds, ten days: well within what threads and the client library count.
LONGEST = 864000

#: Options that a transport URL may not set: URLs get logged and copied.
FILE_ONLY = frozenset(
    {
        "kafka_driver_librdkafka",
        "kafka_driver_ssl_key_password",
        "kafka_driver_oauth_client_secret",
        "ssl_client_key_password",
    }
)

#: The least and the most that oslo.messaging's own options may be here; they
#: come without limits. The driver's own ones declare theirs.
LIMITS = {
    "kafka_max_fetch_bytes": (1, 1000000000),
    "kafka_consumer_timeout": (0, LONGEST),
    "producer_batch_timeout": (0, 900),
    "producer_batch_size": (1, 1000000),
    "max_poll_records": (1, 1000000),
}

#: Numbers of which -1 asks for the broker's default and 0 means nothing.
NEVER_ZERO = frozenset(
    {"kafka_driver_topic_partitions", "kafka_driver_topic_replication"}
)

SENDING_OPTS: list[cfg.Opt] = [
    cfg.StrOpt(
        "kafka_driver_mode",
        default="confirmed",
        choices=[
            (
                "confirmed",
                "a send returns when the in-sync replicas have the record",
            ),
            (
                "buffered",
                "a send returns when the record is in this process's queue; "
                "a process that is killed loses what is queued",
            ),
        ],
        help="When a send returns to its caller.",
    ),
    cfg.FloatOpt(
        "kafka_driver_send_wait",
        default=30.0,
        min=0,
        max=LONGEST,
        help="Seconds that a confirmed send without a retry limit waits for "
        "the brokers. After that the record stays in the queue, a warning is "
        "logged and the call returns; while no broker answers, later calls "
        "do not wait again. 0 waits for ever, as RabbitMQ's driver does.",
    ),
    cfg.FloatOpt(
        "kafka_driver_try_timeout",
        default=5.0,
        min=0.1,
        max=LONGEST,
        help="Seconds that count as one try of a send with a retry limit: "
        "with retry N the send fails after (N + 1) times this long.",
    ),
    cfg.IntOpt(
        "kafka_driver_queue_max_messages",
        default=100000,
        min=1,
        max=10000000,
        help="Records that may wait for the brokers, per client. A send to a "
        "full queue waits for room, kafka_driver_send_wait at most, and "
        "fails; while brokers do not answer, later ones fail at once.",
    ),
    cfg.IntOpt(
        "kafka_driver_queue_max_kbytes",
        default=65536,
        min=1,
        max=2097151,
        help="Kibibytes of records that may wait for the brokers, per "
        "client. A full queue is as with kafka_driver_queue_max_messages.",
    ),
    cfg.FloatOpt(
        "kafka_driver_flush_timeout",
        default=5.0,
        min=0,
        max=LONGEST,
        help="Seconds that closing the transport, or the end of the "
        "process, waits for queued records. What is left then is lost, "
        "counted and logged.",
    ),
    cfg.StrOpt(
        "kafka_driver_key",
        default="none",
        choices=[
            ("none", "records have no key and spread over the partitions"),
            (
                "publisher",
                "the publisher_id is the key: the notifications of one "
                "publisher stay in one partition, in order, as long as the "
                "number of partitions does not change",
            ),
        ],
        help="What records are keyed by.",
    ),
    cfg.BoolOpt(
        "kafka_driver_create_topics",
        default=True,
        help="Create a missing topic before the first record is sent to it "
        "or read from it. Without the right to create, one warning is logged "
        "and sending goes on.",
    ),
    cfg.IntOpt(
        "kafka_driver_topic_partitions",
        default=-1,
        min=-1,
        max=100000,
        help="Partitions of a topic that the driver creates; -1 is the "
        "broker's default (num.partitions). Brokers older than 2.4 know no "
        "default for this: 1 is used there.",
    ),
    cfg.IntOpt(
        "kafka_driver_topic_replication",
        default=-1,
        min=-1,
        max=32767,
        help="Replicas of a topic that the driver creates; -1 is the "
        "broker's default (default.replication.factor). Brokers older than "
        "2.4 know no default for this: 3, or fewer when there are fewer "
        "brokers, is used there.",
    ),
]

RECEIVING_OPTS: list[cfg.Opt] = [
    cfg.StrOpt(
        "kafka_driver_commit",
        default="before_dispatch",
        choices=[
            (
                "before_dispatch",
                "at most once: a crash loses what is in flight",
            ),
            (
                "after_dispatch",
                "at least once: a crash or rebalance may deliver again; "
                "endpoints may requeue",
            ),
        ],
        help="When the offset of a received record is committed.",
    ),
    cfg.IntOpt(
        "kafka_driver_max_in_flight",
        default=256,
        min=1,
        help="Notifications handed to endpoints and not finished yet, per "
        "listener. Never less than two batches and the executor's pool. "
        "It bounds what a crash loses or delivers again.",
    ),
    cfg.FloatOpt(
        "kafka_driver_revoke_drain",
        default=10.0,
        min=0,
        max=LONGEST,
        help="Seconds that a listener which commits after dispatch waits "
        "for its endpoints when partitions move to another member. Longer "
        "means fewer duplicates and a slower rebalance.",
    ),
    cfg.IntOpt(
        "kafka_driver_max_requeues",
        default=10,
        min=0,
        help="Times that one notification is delivered again after an "
        "endpoint asked for it; 0 is no limit. After that it goes to the "
        "dead-letter topic, or is logged and dropped when there is none.",
    ),
    cfg.StrOpt(
        "kafka_driver_dead_letter_topic",
        default="",
        help="Topic for records that cannot be read or were requeued too "
        "often, with headers that say why; none that the listener reads. "
        "Empty: they are logged only.",
    ),
    cfg.StrOpt(
        "kafka_driver_auto_offset_reset",
        default="earliest",
        choices=["earliest", "latest"],
        help="Where the consumer group starts on a partition without "
        "committed offset. latest misses what was sent before.",
    ),
    cfg.StrOpt(
        "kafka_driver_pool_auto_offset_reset",
        default="latest",
        choices=["earliest", "latest"],
        help="Where a listener pool starts on a partition without "
        "committed offset.",
    ),
    cfg.BoolOpt(
        "kafka_driver_group_by_vhost",
        default=False,
        help="Append the transport URL's virtual host to the consumer "
        "group's name. Off keeps the names, and so the committed offsets, of "
        "oslo.messaging's own driver.",
    ),
    cfg.StrOpt(
        "kafka_driver_group_protocol",
        default="classic",
        choices=["classic", "consumer"],
        help="Kafka's group protocol. consumer needs brokers of 4.0 or "
        "later, confluent-kafka 2.12 or later and every member of the group "
        "to use it.",
    ),
    cfg.IntOpt(
        "kafka_driver_fetch_queue_kbytes",
        default=8192,
        min=1,
        max=2097151,
        help="Kibibytes of fetched records that wait in memory, per listener.",
    ),
]

SECURITY_OPTS: list[cfg.Opt] = [
    cfg.StrOpt(
        "kafka_driver_sasl_mechanisms",
        default="",
        deprecated_name="sasl_mechanisms",
        deprecated_group=GROUP,
        help="SASL mechanism, as the option sasl_mechanism; when set it "
        "wins. It exists so that the deployment guide's spelling, "
        "sasl_mechanisms, is understood.",
    ),
    cfg.StrOpt(
        "kafka_driver_ssl_key_password",
        default="",
        secret=True,
        help="Password of the private key in ssl_client_key_file. It wins "
        "over ssl_client_key_password, which is not kept secret in logs of "
        "the configuration. Files only, not in a transport URL.",
    ),
    cfg.BoolOpt(
        "kafka_driver_ssl_verify_hostname",
        default=True,
        help="Check that a broker's certificate is for its host name. Off "
        "lets anybody with a certificate of the same CA read and answer; a "
        "warning is logged.",
    ),
    cfg.StrOpt(
        "kafka_driver_oauth_token_url",
        default="",
        help="URL of the OpenID Connect token endpoint, for sasl_mechanism "
        "OAUTHBEARER.",
    ),
    cfg.StrOpt(
        "kafka_driver_oauth_client_id",
        default="",
        help="Client id for the token endpoint.",
    ),
    cfg.StrOpt(
        "kafka_driver_oauth_client_secret",
        default="",
        secret=True,
        help="Client secret for the token endpoint. Files only, not in a "
        "transport URL.",
    ),
    cfg.StrOpt(
        "kafka_driver_oauth_scope",
        default="",
        help="Scope to ask the token endpoint for.",
    ),
]

CLIENT_OPTS: list[cfg.Opt] = [
    cfg.FloatOpt(
        "kafka_driver_statistics_interval",
        default=10.0,
        min=0,
        max=86400,
        help="Seconds between two statistics of the client library; they "
        "are logged at level DEBUG. 0 turns them off.",
    ),
    cfg.MultiStrOpt(
        "kafka_driver_librdkafka",
        default=[],
        secret=True,
        help="A further property of the client library, written name = "
        "value, for producers and consumers alike; may be given several "
        "times. Refused: what the driver sets itself, callbacks, plug-ins "
        "and switches that turn verification off. Files only, not in a "
        "transport URL.",
    ),
]

OPTS: list[cfg.Opt] = (
    SENDING_OPTS + RECEIVING_OPTS + SECURITY_OPTS + CLIENT_OPTS
)

#: With those that oslo.messaging's own driver declares.
ALL_OPTS: list[cfg.Opt] = [*kafka_options.KAFKA_OPTS, *OPTS]


def list_opts() -> list[tuple[str, list[cfg.Opt]]]:
    """Our options, for oslo.config's sample and documentation tools.

    Upstream's are listed by oslo.messaging itself.
    """
    return [(GROUP, OPTS)]


def register(conf: cfg.ConfigOpts, url: Any) -> types.SimpleNamespace:
    """Register every option and read them once.

    :param url: the TransportURL; its query overrides the files
    :returns: an attribute per option
    :raises ConfigurationError: when one of them cannot be used
    """
    _register(conf)
    _check_query(url)
    values = {opt.dest: _read(conf, url, opt) for opt in ALL_OPTS}
    return types.SimpleNamespace(**values)


def secrets(conf: cfg.ConfigOpts) -> set[str]:
    """The values that must not be shown, as far as they can be read."""
    found: set[str] = set()
    _register(conf)
    for opt in ALL_OPTS:
        if opt.secret or opt.dest in FILE_ONLY:
            with contextlib.suppress(cfg.Error, ValueError):
                value = conf[GROUP][opt.dest] or []
                found |= {value} if isinstance(value, str) else set(value)
    return found


def _register(conf: cfg.ConfigOpts) -> None:
    conf.register_group(cfg.OptGroup(name=GROUP, title="Kafka driver"))
    conf.register_opts(ALL_OPTS, group=GROUP)


def _check_query(url: Any) -> None:
    known = {opt.dest for opt in ALL_OPTS}
    for name in url.query:
        if name in FILE_ONLY:
            raise errors.ConfigurationError(
                f"{name} may not be set in the transport URL: write it in "
                f"section [{GROUP}] of the configuration file"
            )
        if name not in known:
            raise errors.ConfigurationError(_unknown(name, known))


def _unknown(name: str, known: set[str]) -> str:
    """What to say of a name in the URL's query.

    It is shown only when it is like an option's: it may be the rest of a
    password.
    """
    meant = difflib.get_close_matches(name, known, 1)
    if meant:
        return (
            f"the transport URL sets {name!r}, which is no option of section "
            f"[{GROUP}]: write {meant[0]}, or leave it out"
        )
    return (
        "the transport URL's query sets what is no option of section "
        f"[{GROUP}]: correct its spelling or leave it out; {errors.ESCAPE}"
    )


def _read(conf: cfg.ConfigOpts, url: Any, opt: cfg.Opt) -> Any:
    try:
        if opt.dest in url.query:
            value = opt.type(url.query[opt.dest])
        else:
            value = conf[GROUP][opt.dest]
        _check_number(opt.dest, value)
    except (cfg.Error, ValueError) as exc:
        # The value of a secret must not come out with the message. What
        # oslo.config says first, of files and lines, helps nobody.
        why = str(exc).rpartition(" is not valid: ")[2]
        raise errors.ConfigurationError(
            f"option {opt.dest} of section [{GROUP}] cannot be used"
            + ("" if opt.secret else f" ({why})")
            + ": correct its value, or leave it out"
        ) from None
    return value


def _check_number(name: str, value: Any) -> None:
    """Refuse what the option's type does not.

    :raises ValueError: saying what to write
    """
    # Comparing with nan is never true, so no limit keeps it out.
    if isinstance(value, float) and not math.isfinite(value):
        raise ValueError(f"{value} is no number of seconds")
    if name in LIMITS:
        least, most = LIMITS[name]
        if not least <= value <= most:
            raise ValueError(f"{value} is not within {least} to {most}")
    if name in NEVER_ZERO and value == 0:
        raise ValueError("write -1 for the broker's default, or 1 or more")
