"""Apache ActiveMQ Classic as a process of this installation, without its system service.

Debian's package ``activemq`` and a Java runtime are enough: configuration, messages and temporary
files are in a folder of our own.
"""

from __future__ import annotations

import os
import shutil
from dataclasses import dataclass
from pathlib import Path
from xml.sax.saxutils import quoteattr

from swf_common_lib.errors import ConfigurationError
from swf_common_lib.private_file import write_private
from swf_common_lib.settings import Settings

PACKAGE = Path("/usr/share/activemq")
"""Where Debian's package keeps the broker's jars."""
XSTREAM = Path("/usr/share/java/xstream.jar")
"""Encodes the answers of the statistics plugin; Debian's package only recommends it."""
HEAP, YOUNG = "512m", "256m"
"""Memory that Java has for objects, and for those that it has just made; what does not fit waits
on disk. A message's objects are dead before the young half is full, so collecting costs next to
nothing and needs no threads beside those that work."""
PAGED_IN = 20_000
"""Messages at the head of a queue among which the broker looks for one that somebody wants. With
its own 200, the slices of a run whose workers are busy would keep all others from theirs."""
INSTALL = "Install both (Debian: `apt install --no-install-recommends activemq \
openjdk-17-jre-headless libxstream-java`), or set SWF_BROKER=embedded."

_XML = """\
<!-- Written anew at each start of the broker; change SWF_ and ACTIVEMQ_ settings instead. -->
<beans xmlns="http://www.springframework.org/schema/beans"
       xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance"
       xsi:schemaLocation="http://www.springframework.org/schema/beans
         http://www.springframework.org/schema/beans/spring-beans-2.0.xsd
         http://activemq.apache.org/schema/core
         http://activemq.apache.org/schema/core/activemq-core.xsd">
  <broker xmlns="http://activemq.apache.org/schema/core" brokerName="testbed" useJmx="false"
          dataDirectory={data} tmpDataDirectory={spool} schedulePeriodForDestinationPurge="60000"
          offlineDurableSubscriberTimeout="604800000"
          offlineDurableSubscriberTaskSchedule="3600000">
    <!-- Nobody has come back for a week: what waits for him would fill the store. -->
    <destinationPolicy>
      <policyMap>
        <policyEntries>
          <policyEntry topic="&gt;" gcInactiveDestinations="true"
                       inactiveTimeoutBeforeGC="600000"/>
          <!-- Behind so many messages that no selector asks for the next one is still found. -->
          <policyEntry queue="&gt;" gcInactiveDestinations="true"
                       inactiveTimeoutBeforeGC="600000" maxPageSize="{pages}">
            <!-- A message that is out of date is dropped; one that is refused is kept. -->
            <deadLetterStrategy>
              <sharedDeadLetterStrategy processExpired="false" processNonPersistent="true"/>
            </deadLetterStrategy>
          </policyEntry>
        </policyEntries>
      </policyMap>
    </destinationPolicy>
    <persistenceAdapter>
      <kahaDB directory={store}/>
    </persistenceAdapter>
    <plugins>
      <simpleAuthenticationPlugin anonymousAccessAllowed="false">
        <users>
          <authenticationUser username={user} password={password} groups="testbed"/>
        </users>
      </simpleAuthenticationPlugin>
      <statisticsBrokerPlugin/>
    </plugins>
{tls}    <systemUsage>
      <systemUsage>
        <memoryUsage><memoryUsage percentOfJvmHeap="60"/></memoryUsage>
        <storeUsage><storeUsage limit="20 gb"/></storeUsage>
        <tempUsage><tempUsage limit="5 gb"/></tempUsage>
      </systemUsage>
    </systemUsage>
    <transportConnectors>
      <transportConnector name="stomp" uri={connector}/>
    </transportConnectors>
  </broker>
</beans>
"""
_TLS = """\
    <sslContext>
      <sslContext keyStore={key_store} keyStoreType="PKCS12" keyStorePassword={password}{trust}/>
    </sslContext>
"""
_LOGGING = """\
log4j.rootLogger=INFO, console
log4j.logger.org.apache.activemq.spring=WARN
log4j.logger.org.apache.activemq.web.handler=WARN
log4j.logger.org.springframework=WARN
log4j.logger.org.apache.xbean=WARN
log4j.appender.console=org.apache.log4j.ConsoleAppender
log4j.appender.console.layout=org.apache.log4j.PatternLayout
log4j.appender.console.layout.ConversionPattern=%d{ISO8601} %p %m%n
"""


@dataclass(frozen=True)
class ActiveMQ:
    """A broker that listens for STOMP on one address and keeps all it writes in ``folder``."""

    folder: Path
    host: str
    port: int
    user: str
    password: str
    key_store: str = ""
    """PKCS12 file with the broker's key and certificate: the connector speaks TLS."""
    trust_store: str = ""
    """PKCS12 file with the authorities whose client certificates it asks for; empty: asks none."""
    store_password: str = ""

    @classmethod
    def from_settings(cls, settings: Settings) -> ActiveMQ:
        """Return the broker of this installation. Raises ConfigurationError saying what is missing.

        It listens on ACTIVEMQ_HOST and ACTIVEMQ_PORT, which its clients here use too.
        """
        problems = []
        if not settings.activemq_password:
            problems.append("ACTIVEMQ_PASSWORD is empty: nobody could log in to the broker")
        stores = {
            "SWF_BROKER_KEYSTORE": settings.swf_broker_keystore,
            "SWF_BROKER_TRUSTSTORE": settings.swf_broker_truststore,
        }
        if settings.activemq_use_ssl:
            if not settings.swf_broker_keystore:
                problems.append("ACTIVEMQ_USE_SSL is set, but SWF_BROKER_KEYSTORE is empty")
            problems += [
                f"{name}: there is no file {path}"
                for name, path in stores.items()
                if path and not Path(path).is_file()
            ]
        if problems:
            raise ConfigurationError(problems, "Run `testbed init`, or correct these settings.")
        tls = settings.activemq_use_ssl
        return cls(
            folder=settings.swf_runtime_dir / "activemq",
            host=settings.activemq_host,
            port=settings.activemq_port,
            user=settings.activemq_user,
            password=settings.activemq_password,
            key_store=settings.swf_broker_keystore if tls else "",
            trust_store=settings.swf_broker_truststore if tls else "",
            store_password=settings.swf_broker_store_password if tls else "",
        )

    def prepare(self) -> list[str]:
        """Write the configuration and return the command that runs the broker in the foreground.

        Raises ConfigurationError when Java or ActiveMQ is not installed.
        """
        java = require_activemq()
        conf, spool = self.folder / "conf", self.folder / "tmp"
        for folder in (self.folder, conf, spool):
            folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        write_private(conf / "activemq.xml", self._xml())
        write_private(conf / "log4j.properties", _LOGGING)
        return [
            java,
            f"-Xms{HEAP}",
            f"-Xmx{HEAP}",
            f"-Xmn{YOUNG}",
            "-XX:+UseSerialGC",
            f"-Dactivemq.base={self.folder}",
            f"-Dactivemq.home={PACKAGE}",
            f"-Djava.io.tmpdir={spool}",
            # Nobody attaches to it, and the file for that would be outside its folder.
            "-XX:-UsePerfData",
            "-cp",
            os.pathsep.join(map(str, [conf, *jars()])),
            "org.apache.activemq.console.Main",
            "start",
            f"xbean:{(conf / 'activemq.xml').as_uri()}",
        ]

    def _xml(self) -> str:
        return _XML.format(
            data=quoteattr(str(self.folder / "data")),
            spool=quoteattr(str(self.folder / "tmp" / "messages")),
            pages=PAGED_IN,
            store=quoteattr(str(self.folder / "data" / "kahadb")),
            user=quoteattr(self.user),
            password=quoteattr(self.password),
            tls=self._tls(),
            connector=quoteattr(self._connector()),
        )

    def _tls(self) -> str:
        if not self.key_store:
            return ""
        password = quoteattr(self.store_password)
        trust = ""
        if self.trust_store:
            trust = (
                f" trustStore={quoteattr(_uri(self.trust_store))}"
                f' trustStoreType="PKCS12" trustStorePassword={password}'
            )
        return _TLS.format(
            key_store=quoteattr(_uri(self.key_store)), password=password, trust=trust
        )

    def _connector(self) -> str:
        # Not stomp+nio+ssl: there, on a busy machine, ActiveMQ 5.17 takes the first frame of one
        # connection in a hundred twice ("Already connected") and answers nothing more.
        scheme = "stomp+ssl" if self.key_store else "stomp+nio"
        # Clients on a busy machine beat late as well.
        options = "transport.hbGracePeriodMultiplier=1.5"
        if self.trust_store:
            options += "&transport.needClientAuth=true"
        return f"{scheme}://{self.host}:{self.port}?{options}"


def require_activemq() -> str:
    """Return the Java command. Raises ConfigurationError naming what is not installed."""
    java = shutil.which("java")
    problems = []
    if java is None:
        problems.append("SWF_BROKER is 'activemq', but there is no `java` on the PATH")
    if not (PACKAGE / "bin" / "activemq.jar").is_file():
        problems.append(f"SWF_BROKER is 'activemq', but {PACKAGE} holds no ActiveMQ")
    if java is None or problems:
        raise ConfigurationError(problems, INSTALL)
    return java


def jars() -> list[Path]:
    """Return the jars of the installed broker."""
    found = [PACKAGE / "bin" / "activemq.jar"]
    for folder in (PACKAGE / "lib", PACKAGE / "lib" / "optional"):
        found += sorted(folder.glob("*.jar"))
    return [*found, XSTREAM] if XSTREAM.is_file() else found


def _uri(path: str) -> str:
    return Path(path).absolute().as_uri()
