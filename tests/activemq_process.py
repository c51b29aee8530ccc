"""A real ActiveMQ as a process of its own, for tests that need one.

Where Java or Debian's package ``activemq`` is missing, such a test is skipped; in CI it fails.
"""

from __future__ import annotations

import os
import subprocess
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from orchestrator.servers.activemq import ActiveMQ, require_activemq
from swf_common_lib.errors import ConfigurationError
from tests.broker_process import BrokerProcess
from tests.ports import free_port


def skip_without_activemq() -> None:
    """Skip the test where ActiveMQ is not installed, or fail it in CI."""
    try:
        require_activemq()
    except ConfigurationError as error:
        if os.environ.get("CI") == "true":
            pytest.fail(f"CI has to have ActiveMQ: {error}")
        pytest.skip(f"no ActiveMQ here: {error.detail}")


@dataclass(frozen=True)
class Certificates:
    """Keys and certificates in a folder: an authority's, the broker's, a client's, a stranger's.

    The broker's and the client's are signed by the authority; the stranger's by itself.
    """

    folder: Path
    password: str = "store password"

    def make(self) -> None:
        """Create all of them, as PEM files."""
        self._self_signed("authority")
        self._self_signed("stranger")
        for name in ("broker", "client"):
            self._signed(name)

    def make_stores(self) -> None:
        """Create the files that Java reads."""
        self._openssl(
            "pkcs12 -export -in broker.pem -inkey broker.key -name broker -out broker.p12"
            " -passout env:STORE_PASSWORD"
        )
        self._run(
            "keytool -importcert -noprompt -alias authority -file authority.pem"
            " -keystore trust.p12 -storetype PKCS12 -storepass:env STORE_PASSWORD"
        )

    def path(self, name: str) -> str:
        return str(self.folder / name)

    def client(self, name: str = "client", authority: str = "authority") -> dict[str, str]:
        """Return the settings of a client that shows ``name`` and trusts ``authority``."""
        return {
            "ACTIVEMQ_USE_SSL": "true",
            "ACTIVEMQ_SSL_CA_CERTS": self.path(f"{authority}.pem"),
            "ACTIVEMQ_SSL_CERT_FILE": self.path(f"{name}.pem"),
            "ACTIVEMQ_SSL_KEY_FILE": self.path(f"{name}.key"),
        }

    def _self_signed(self, name: str) -> None:
        self._openssl(
            f"req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 2"
            f" -subj /CN={name} -keyout {name}.key -out {name}.pem"
        )

    def _signed(self, name: str) -> None:
        extensions = self.folder / "extensions"
        extensions.write_text("subjectAltName=IP:127.0.0.1,DNS:localhost\n")
        self._openssl(
            f"req -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -subj /CN={name}"
            f" -keyout {name}.key -out {name}.csr"
        )
        self._openssl(
            f"x509 -req -in {name}.csr -CA authority.pem -CAkey authority.key -CAcreateserial"
            f" -days 2 -extfile extensions -out {name}.pem"
        )

    def _openssl(self, arguments: str) -> None:
        self._run(f"openssl {arguments}")

    def _run(self, command: str) -> None:
        subprocess.run(
            command.split(),
            cwd=self.folder,
            env={**os.environ, "STORE_PASSWORD": self.password},
            check=True,
            capture_output=True,
        )


@dataclass
class ActiveMQProcess(BrokerProcess):
    """An ActiveMQ under test and how to reach it."""

    certificates: Certificates | None = field(default=None)

    @property
    def environ(self) -> dict[str, str]:
        """Return the settings with which a client reaches it."""
        tls = self.certificates.client() if self.certificates else {}
        return {**super().environ, **tls}

    def command(self) -> list[str]:
        broker = ActiveMQ(self.folder, self.host, self.port, self.user, self.password)
        if self.certificates:
            broker = ActiveMQ(
                self.folder,
                self.host,
                self.port,
                self.user,
                self.password,
                key_store=self.certificates.path("broker.p12"),
                trust_store=self.certificates.path("trust.p12"),
                store_password=self.certificates.password,
            )
        return broker.prepare()


def start_activemq(folder: Path, *, tls: bool = False) -> ActiveMQProcess:
    """Start an ActiveMQ that keeps everything in ``folder``; skip or fail where there is none.

    ``tls``: it speaks TLS and asks its clients for a certificate.
    """
    skip_without_activemq()
    certificates = None
    if tls:
        certificates = Certificates(folder)
        certificates.make()
        certificates.make_stores()
    broker = ActiveMQProcess(folder=folder, port=free_port(), certificates=certificates)
    broker.start()
    return broker
