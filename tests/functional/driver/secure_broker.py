# SPDX-License-Identifier: Apache-2.0
"""A broker with TLS, SASL and ACLs, and the certificates for it."""

import datetime
import os
import subprocess
from pathlib import Path
from typing import Any

import confluent_kafka
from bus import process
from confluent_kafka import KafkaException
from confluent_kafka.admin import (
    AclBinding,
    AclOperation,
    AclPermissionType,
    AdminClient,
    ResourcePatternType,
    ResourceType,
)

USER, PASSWORD = "app", "app:secret@/"
KEY_PASSWORD = "key-password"  # noqa: S105 - of a key made here

#: Whether the client library can log in to this broker by SCRAM: the driver
#: warns of one that cannot.
SCRAM_WORKS = confluent_kafka.libversion()[1] >= 0x02060100
#: What a service would log in by.
MECHANISM = "SCRAM-SHA-512" if SCRAM_WORKS else "PLAIN"

_PROPERTIES = """
process.roles=broker,controller
node.id=1
controller.quorum.bootstrap.servers=127.0.0.1:{controller}
controller.listener.names=CONTROLLER
log.dirs={directory}/data
offsets.topic.replication.factor=1
offsets.topic.num.partitions=4
transaction.state.log.replication.factor=1
transaction.state.log.min.isr=1
group.initial.rebalance.delay.ms=0
auto.create.topics.enable=false
listeners=PLAINTEXT://127.0.0.1:{plain},SASL_SSL://localhost:{sasl_ssl},\
SSL://localhost:{ssl},SASL_PLAINTEXT://localhost:{sasl_plaintext},\
EXPIRED://localhost:{expired},SOON://localhost:{soon},\
CONTROLLER://127.0.0.1:{controller}
listener.security.protocol.map=CONTROLLER:PLAINTEXT,PLAINTEXT:PLAINTEXT,\
SASL_SSL:SASL_SSL,SSL:SSL,SASL_PLAINTEXT:SASL_PLAINTEXT,EXPIRED:SSL,SOON:SSL
inter.broker.listener.name=PLAINTEXT
ssl.keystore.type=PEM
ssl.keystore.location={directory}/broker.pem
listener.name.expired.ssl.keystore.location={directory}/expired.pem
listener.name.soon.ssl.keystore.location={directory}/soon.pem
ssl.truststore.type=PEM
ssl.truststore.location={directory}/ca.pem
listener.name.ssl.ssl.client.auth=required
sasl.enabled.mechanisms=PLAIN,SCRAM-SHA-256,SCRAM-SHA-512,OAUTHBEARER
listener.name.sasl_ssl.oauthbearer.sasl.jaas.config={token_login}
listener.name.sasl_plaintext.oauthbearer.sasl.jaas.config={token_login}
listener.name.sasl_ssl.plain.sasl.jaas.config={plain_login}
listener.name.sasl_plaintext.plain.sasl.jaas.config={plain_login}
listener.name.sasl_ssl.scram-sha-256.sasl.jaas.config={scram_login}
listener.name.sasl_ssl.scram-sha-512.sasl.jaas.config={scram_login}
listener.name.sasl_plaintext.scram-sha-256.sasl.jaas.config={scram_login}
listener.name.sasl_plaintext.scram-sha-512.sasl.jaas.config={scram_login}
authorizer.class.name=org.apache.kafka.metadata.authorizer.StandardAuthorizer
super.users=User:ANONYMOUS
"""
_CA = """
[ca]
default_ca = here
[here]
certificate = ca.pem
private_key = ca.key
database = index
serial = ca.srl
new_certs_dir = .
default_md = sha256
policy = any
unique_subject = no
[any]
commonName = supplied
"""
_MODULES = "org.apache.kafka.common.security"


class SecureBroker:
    """One node with a listener of each kind.

    :param home: an installed Kafka
    """

    def __init__(self, home: Path, directory: Path) -> None:
        self.directory = directory
        self._home = home
        self.ports = {
            name: process.free_port()
            for name in (
                "plain",
                "sasl_ssl",
                "ssl",
                "sasl_plaintext",
                "expired",
                "soon",
                "controller",
            )
        }
        self.client = {
            "bootstrap.servers": f"127.0.0.1:{self.ports['plain']}",
            "log_level": 0,
        }
        make_certificates(directory)
        properties = directory / "server.properties"
        properties.write_text(
            _PROPERTIES.format(
                directory=directory,
                plain_login=f"{_MODULES}.plain.PlainLoginModule required "
                f'user_{USER}="{PASSWORD}";',
                scram_login=f"{_MODULES}.scram.ScramLoginModule required;",
                # Tokens without a signature: the test issues them itself.
                token_login=f"{_MODULES}.oauthbearer.OAuthBearerLoginModule "
                'required unsecuredLoginStringClaim_sub="broker";',
                **self.ports,
            )
        )
        environment = {
            **os.environ,
            "LOG_DIR": str(directory / "log"),
            "KAFKA_HEAP_OPTS": "-Xmx256m",
        }
        self._tool(
            environment,
            "format",
            "--standalone",
            "--cluster-id",
            "MkU3OEVBNTcwNTJENDM2Qg",
            "--config",
            str(properties),
            *(
                f"--add-scram=SCRAM-SHA-{bits}="
                f"[name={USER},password={PASSWORD}]"
                for bits in (256, 512)
            ),
        )
        self._server = process.Server(
            [str(home / "bin" / "kafka-server-start.sh"), str(properties)],
            environment,
            directory / "output.log",
            self._ready,
        )

    def url(self, listener: str, credentials: str = "") -> str:
        return f"kafka-driver://{credentials}localhost:{self.ports[listener]}/"

    def start(self) -> None:
        self._server.start()

    def stop(self) -> None:
        self._server.stop()

    def admin(self) -> AdminClient:
        return AdminClient(self.client)

    def allow(
        self,
        prefix: str,
        user: str,
        *operations: AclOperation,
        kind: ResourceType = ResourceType.TOPIC,
    ) -> None:
        """Let a user work on the topics or groups whose names begin so."""
        bindings = [
            AclBinding(
                kind,
                prefix,
                ResourcePatternType.PREFIXED,
                f"User:{user}",
                "*",
                operation,
                AclPermissionType.ALLOW,
            )
            for operation in operations
        ]
        admin = self.admin()
        for future in admin.create_acls(bindings).values():
            future.result(10)

    def _tool(self, environment: dict[str, Any], *arguments: str) -> None:
        done = subprocess.run(
            [str(self._home / "bin" / "kafka-storage.sh"), *arguments],
            env=environment,
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == 0, done.stdout + done.stderr

    def _ready(self) -> bool:
        if not all(process.answers(port) for port in self.ports.values()):
            return False
        try:
            return bool(self.admin().list_topics(timeout=2).brokers)
        except KafkaException:
            return False


def make_certificates(directory: Path) -> None:
    """A CA, the broker's certificates for localhost, and a client's.

    Of the broker's, one has expired and one will in a few days.
    """

    def openssl(*arguments: str) -> None:
        subprocess.run(
            ["openssl", *arguments],
            cwd=directory,
            check=True,
            capture_output=True,
        )

    for ca in ("ca", "other-ca"):
        openssl(
            "req",
            "-x509",
            "-newkey",
            "rsa:2048",
            "-nodes",
            "-subj",
            f"/CN={ca}",
            "-days",
            "1000",
            "-keyout",
            f"{ca}.key",
            "-out",
            f"{ca}.pem",
        )
    for name, usage in (("broker", "DNS:localhost"), ("client", "DNS:client")):
        openssl(
            "req",
            "-newkey",
            "rsa:2048",
            "-nodes",
            "-subj",
            f"/CN={name}",
            "-keyout",
            f"{name}.key",
            "-out",
            f"{name}.csr",
        )
        (directory / "extensions").write_text(f"subjectAltName={usage}\n")
        openssl(
            "x509",
            "-req",
            "-in",
            f"{name}.csr",
            "-CA",
            "ca.pem",
            "-CAkey",
            "ca.key",
            "-CAcreateserial",
            "-days",
            "1000",
            "-extfile",
            "extensions",
            "-out",
            f"{name}.crt",
        )
    # Only this command of openssl's takes dates.
    (directory / "ca.conf").write_text(_CA)
    (directory / "index").touch()
    (directory / "extensions").write_text("subjectAltName=DNS:localhost\n")
    soon = datetime.datetime.now(datetime.UTC) + datetime.timedelta(days=5)
    for name, begin, end in (
        ("expired", "20200101000000Z", "20200102000000Z"),
        ("soon", "20200101000000Z", soon.strftime("%Y%m%d%H%M%SZ")),
    ):
        openssl(
            "ca",
            "-batch",
            "-config",
            "ca.conf",
            "-in",
            "broker.csr",
            "-startdate",
            begin,
            "-enddate",
            end,
            "-extfile",
            "extensions",
            "-out",
            f"{name}.crt",
        )
    openssl(
        "pkcs8",
        "-topk8",
        "-in",
        "client.key",
        "-out",
        "client-locked.key",
        "-passout",
        f"pass:{KEY_PASSWORD}",
    )
    for name in ("broker", "expired", "soon"):
        (directory / f"{name}.pem").write_text(
            "".join(
                (directory / part).read_text()
                for part in ("broker.key", f"{name}.crt", "ca.pem")
            )
        )
