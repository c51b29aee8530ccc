"""The base of every agent: it registers, sends heartbeats, and survives bad messages.

An agent starts, waits, works and waits again. A subclass names its ``agent_type`` and has a
method ``on_<msg_type>`` for each message type that it reacts to.
"""

from __future__ import annotations

import getpass
import logging
import os
import socket
import threading
import time
from collections import OrderedDict
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from functools import partial
from typing import Any, ClassVar

from swf_common_lib.agent.delivery_loop import BATCH_DELIVERIES, DeliveryLoop
from swf_common_lib.agent.heartbeat import Heartbeat
from swf_common_lib.errors import (
    InvalidMessage,
    MonitorUnavailable,
    NotFound,
    TestbedError,
    Unavailable,
)
from swf_common_lib.logs import MonitorLogHandler
from swf_common_lib.messages import Message, derived_id, parse_body, parse_message
from swf_common_lib.messaging import (
    BROADCAST,
    INDIVIDUAL,
    Delivery,
    Destination,
    MessageBus,
    Subscription,
)
from swf_common_lib.monitor_client import FOREVER, MonitorClient, execution_path
from swf_common_lib.settings import Settings
from swf_common_lib.states import AgentHealth, Liveness, OperationalState
from swf_common_lib.version import own_version

CACHED_EXECUTIONS = 64
HEARTBEAT_TTL = 60_000
"""Milliseconds after which a heartbeat on the broker expires."""


@dataclass(frozen=True)
class SubscriptionSpec:
    """A subscription that an agent wants; see ``MessageBus.subscribe``."""

    destination: Destination
    ack: str = INDIVIDUAL
    prefetch: int = BATCH_DELIVERIES
    durable: str = ""
    selector: str = ""


class BaseAgent:
    """An agent: takes deliveries one after the other on its main thread.

    What a handler publishes is confirmed by the broker before the delivery that caused it is
    acknowledged, and carries an id derived from it: after a crash the delivery comes again, the
    work is done again, and the record counts it once. A handler that cannot reach monitor or
    broker is tried again until it can; any other failure puts the message on the dead letter
    queue after a few tries, with an ERROR in the log.
    """

    agent_type: ClassVar[str]
    description: ClassVar[str] = ""
    durable: ClassVar[bool] = True
    """One instance a namespace, its subscription kept by the broker while it is away."""
    longest_heartbeat_interval: ClassVar[float] = float("inf")
    """Seconds from one heartbeat to the next at most, whatever the setting says."""
    tick_interval: ClassVar[float] = 0.5
    farewell_patience: ClassVar[float] = 5.0
    """Seconds that the last messages get to be confirmed at an orderly end."""

    def __init__(self, settings: Settings, namespace: str) -> None:
        self.settings = settings
        self.namespace = namespace
        self.stopping = threading.Event()
        self.logger = logging.getLogger(self.agent_type)
        self.monitor = MonitorClient.from_settings(settings, FOREVER, self.stopping)
        self.name = ""
        self.state: str = OperationalState.STARTING
        self.username = getpass.getuser()
        self.bus = MessageBus(settings)
        self.total_stf_processed = 0
        self._heartbeat: Heartbeat | None = None
        self._log_handler: MonitorLogHandler | None = None
        self._subscriptions: list[Subscription] = []
        self._executions: OrderedDict[str, dict[str, Any]] = OrderedDict()
        self._delivery_loop = self._new_delivery_loop()
        self._connection_told = False

    # What a subclass may override

    @property
    def heartbeat_interval(self) -> float:
        """Seconds from one heartbeat to the next; declared with each."""
        return min(self.settings.swf_heartbeat_interval, self.longest_heartbeat_interval)

    def subscriptions(self) -> list[SubscriptionSpec]:
        """Return the subscriptions; by default the broadcasts of interest, durable for the role."""
        durable = self.role if self.durable else ""
        return [SubscriptionSpec(BROADCAST, durable=durable, selector=self.interest)]

    @property
    def interest(self) -> str:
        """Return the selector of the message types that have a handler, of this namespace alone.

        Other messages are useless here, and would wait at the broker while this agent is away. A
        message whose headers give no type or namespace comes too: its body may.
        """
        handlers = (name for name in dir(type(self)) if name.startswith("on_"))
        types = ", ".join(f"'{name.removeprefix('on_')}'" for name in sorted(handlers))
        of_type = f"msg_type IS NULL OR msg_type IN ({types})"
        if not self.namespace:
            return of_type
        namespace = self.namespace.replace("'", "''")
        return f"({of_type}) AND (namespace IS NULL OR namespace IN ('', '{namespace}'))"

    def accepts(self, message: Message) -> bool:
        """Return whether a message concerns this agent; by default those of its namespace."""
        return message.namespace == self.namespace

    def finish_batch(self) -> None:
        """Publish the results of a batch of deliveries, before it is acknowledged."""

    def tick(self) -> None:
        """Do periodic work; called at least every ``tick_interval`` seconds."""

    def patience(self) -> float:
        """Return the seconds to wait for a delivery before ``tick`` is due again."""
        return self.tick_interval

    def started(self) -> None:
        """Prepare, once name and connection exist, before the first delivery."""

    def stopped(self) -> None:
        """Clean up at an orderly end, while the connection still exists."""

    def heartbeat_metadata(self) -> dict[str, Any]:
        """Return what the heartbeat carries besides the agent's state."""
        return {}

    def heartbeat_answered(self, answer: dict[str, Any]) -> None:
        """Process the monitor's answer to a heartbeat; called on the heartbeat's thread."""

    # Life

    @property
    def role(self) -> str:
        """Return the client id of a durable agent: a second instance of the role stands by."""
        return f"{self.namespace}.{self.agent_type}"

    def run(self) -> None:
        """Work until ``stopping`` is set, then leave in an orderly way."""
        try:
            self._start()
        except MonitorUnavailable:
            if not self.stopping.is_set():
                raise
            return
        self._work_until_stopped()

    def _work_until_stopped(self) -> None:
        try:
            while not self.stopping.is_set():
                self._work()
        finally:
            self._stop()

    def stop(self) -> None:
        """Ask the agent to end; safe in a signal handler."""
        self.stopping.set()
        self.bus.wake()

    def _start(self) -> None:
        self.name = self._register()
        self._log_handler = MonitorLogHandler(
            self.agent_type,
            self.name,
            self.settings.swf_monitor_http_url,
            self.settings.swf_runtime_dir / "spool",
            # Without one they are taken from the monitor's own host alone.
            self.settings.log_token,
            self.settings.swf_monitor_ca_certs,
        )
        logging.getLogger().addHandler(self._log_handler)
        self.logger.info("%s starts in namespace %s", self.name, self.namespace or "(all)")
        self.bus = MessageBus(self.settings, self.role if self.durable else self.name)
        self._delivery_loop = self._new_delivery_loop()
        self._subscriptions = [
            self.bus.subscribe(
                spec.destination,
                ack=spec.ack,
                prefetch=spec.prefetch,
                durable=spec.durable,
                selector=spec.selector,
            )
            for spec in self.subscriptions()
        ]
        self._heartbeat = Heartbeat(self.settings, self._beat, self.heartbeat_interval)
        self._heartbeat.start(self.heartbeat_answered)
        self.bus.start()
        while not self.bus.wait_connected(self.tick_interval):
            if self.stopping.is_set():
                return
        self.started()
        self.state = OperationalState.READY
        self._heartbeat.beat_now()

    def _new_delivery_loop(self) -> DeliveryLoop:
        return DeliveryLoop(self.bus, self._handle, self.finish_batch, self.stopping, self.logger)

    def _register(self) -> str:
        number = self.monitor.post("state/next-agent-id/")["agent_id"]
        if self.namespace:
            self.monitor.post(
                "namespaces/ensure/", {"name": self.namespace, "owner": self.username}
            )
        return f"{self.agent_type}-agent-{self.username}-{number}"

    def _stop(self) -> None:
        self.stopping.set()
        self.state = OperationalState.EXITED
        self.stopped()
        try:
            self.bus.flush(self.farewell_patience)
        except Unavailable as error:
            self.logger.warning("%s", error.detail)
        awaited = self._somebody_stands_by()
        for subscription in self._subscriptions:
            try:
                # An orderly end forgets the durable subscription, so that a later start does
                # not live through what happened in between.
                self.bus.unsubscribe(subscription, forget=not awaited)
            except Unavailable:
                self.logger.warning("the subscription to %s stays", subscription.destination)
        self.bus.close(1.0)
        self.logger.info("%s has ended", self.name)
        if self._heartbeat is not None:
            self._heartbeat.close()
        if self._log_handler is not None:
            logging.getLogger().removeHandler(self._log_handler)
            self._log_handler.close()

    def _somebody_stands_by(self) -> bool:
        """Return whether another instance of the role waits to go on where this one ends."""
        if not self.durable:
            return False
        try:
            agents = MonitorClient.from_settings(self.settings).get("status/")["agents"]
        except TestbedError as error:
            self.logger.info("nobody is known to stand by: %s", error.detail)
            return False
        return any(
            (other["agent_type"], other["namespace"]) == (self.agent_type, self.namespace)
            and other["instance_name"] != self.name
            and other["liveness"] == Liveness.ALIVE
            and not other["mq_connected"]
            for other in agents
        )

    def describe(self) -> dict[str, Any]:
        """Return the body of a heartbeat: identity and state of this agent."""
        status = self.bus.status()
        self._connection_told = status.connected
        description = self.description if status.connected else f"waiting: {status.detail}"
        well = status.connected or self.state == OperationalState.EXITED
        return {
            "instance_name": self.name,
            "agent_type": self.agent_type,
            "status": AgentHealth.OK if well else AgentHealth.WARNING,
            "description": description,
            "mq_connected": status.connected,
            "pid": os.getpid(),
            "hostname": socket.gethostname(),
            "operational_state": self.state,
            "namespace": self.namespace,
            "workflow_enabled": True,
            "total_stf_processed": self.total_stf_processed,
            "heartbeat_interval": self.heartbeat_interval,
            "metadata": {
                "unconfirmed_messages": status.unconfirmed,
                **status.refusals(),
                "version": own_version(),
                "clock": round(time.time(), 3),
                **self.heartbeat_metadata(),
            },
        }

    def _beat(self) -> dict[str, Any]:
        """Return the body of a heartbeat, and publish it for those who listen on its topic."""
        body = self.describe()
        topic = self.settings.activemq_heartbeat_topic
        if topic and self.bus.connected:  # it is of no use later
            message = {"msg_type": "heartbeat", "sender": self.name, **body}
            self.bus.publish(topic, message, persistent=False, ttl_ms=HEARTBEAT_TTL)
        return body

    # Work

    def _work(self) -> None:
        first = self.bus.receive(self.patience())
        if first is not None:
            self.state = OperationalState.PROCESSING
            self._delivery_loop.work_batch(first)
            self.state = OperationalState.READY
        self._delivery_loop.attempt(self.tick, "the periodic work")
        if self._heartbeat is not None and self.bus.connected != self._connection_told:
            self._heartbeat.beat_now()  # the monitor is to know at once

    def _handle(self, delivery: Delivery) -> Callable[[], None] | None:
        """Return the call that handles a delivery; None when it does not concern this agent."""
        try:
            message = parse_message(parse_body(delivery.body))
        except InvalidMessage as error:
            self.logger.warning("ignored on %s: %s", delivery.destination, error)
            return None
        handler = getattr(self, f"on_{message.msg_type}", None)
        if handler is None or not self.accepts(message):
            return None
        if not message.message_id:
            message.message_id = delivery.identity
        return partial(handler, message)

    def hold(self) -> Delivery:
        """Keep the delivery being handled unacknowledged until ``release``, and return it."""
        return self._delivery_loop.hold()

    def release(self, deliveries: Iterable[Delivery]) -> None:
        """Acknowledge held deliveries once all that was published so far is confirmed."""
        self._delivery_loop.release(deliveries)

    # What handlers use

    def broadcast(
        self, msg_type: str, cause: Message, *, discriminator: str = "", **fields: Any
    ) -> None:
        """Publish a broadcast in reaction to ``cause``."""
        self.send(BROADCAST, msg_type, cause, discriminator=discriminator, **fields)

    def send(
        self,
        destination: Destination,
        msg_type: str,
        cause: Message,
        *,
        discriminator: str = "",
        **fields: Any,
    ) -> None:
        """Publish a message in reaction to ``cause``, whose identity and ticks it carries on.

        Reactions of the same type to one cause differ in their ``discriminator``.
        """
        body: dict[str, Any] = {
            "msg_type": msg_type,
            "namespace": cause.namespace or self.namespace,
            "sender": self.name,
            "execution_id": cause.execution_id,
            "run_id": cause.run_id,
            "state": cause.state,
            "substate": cause.substate,
        }
        if cause.simulation_tick is not None:
            body["simulation_tick"] = cause.simulation_tick
        if cause.time_scale is not None:
            body["time_scale"] = cause.time_scale
        if cause.message_id:
            body["message_id"] = derived_id(cause.message_id, msg_type, discriminator)
        self.bus.publish(destination, {**body, **fields})

    def execution(self, execution_id: str) -> dict[str, Any]:
        """Return the record of an execution, with its ``parameter_values``.

        Asks the monitor once, until it answers. Raises NotFound when there is no such execution.
        """
        if execution_id not in self._executions:
            if not execution_id:
                raise NotFound("the message names no execution")
            record = self.monitor.get(execution_path(execution_id))
            self._executions[execution_id] = record
            if len(self._executions) > CACHED_EXECUTIONS:
                self._executions.popitem(last=False)
        self._executions.move_to_end(execution_id)
        return self._executions[execution_id]
