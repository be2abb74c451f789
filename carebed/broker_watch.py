"""What the broker says of itself: above all how many messages it has dropped, which it tells nobody else.

Mosquitto publishes its counters under `$SYS`; one user of ours (`carebed-watch`) may read four of them. A broker
without these topics (RabbitMQ has a Prometheus endpoint of its own) has no samples here.
"""

import asyncio
import json
import ssl
from collections.abc import Callable, Iterator
from pathlib import Path

import aiomqtt
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from carebed.embedded.broker_config import BROKER_FIGURES, WATCH
from carebed.logs import get_logger
from carebed.settings import Settings

log = get_logger()

_AGAIN_S = 5.0
_LEADING_S = 2.0
_KEEPALIVE_S = 20

#: `$SYS` topic -> (metric, what it is); the broker's own counter is a counter here, it begins anew with the broker.
_SHOWN: dict[str, tuple[type[CounterMetricFamily] | type[GaugeMetricFamily], str, str]] = {
    "$SYS/broker/publish/messages/dropped": (
        CounterMetricFamily, "carebed_broker_dropped_messages", "Messages that the broker has dropped since it started"
    ),
    "$SYS/broker/store/messages/count": (
        GaugeMetricFamily, "carebed_broker_stored_messages", "Messages that the broker keeps for its sessions"
    ),
    "$SYS/broker/store/messages/bytes": (
        GaugeMetricFamily, "carebed_broker_stored_bytes", "Payload bytes of these"
    ),
    "$SYS/broker/clients/connected": (
        GaugeMetricFamily, "carebed_broker_connected_clients", "Clients that are connected, ours included"
    ),
}  # fmt: skip


class BrokerWatch(Collector):
    """Listens to the broker while `leading` says so: one process at a time, for the user's session is one.

    `settings` None only describes it.
    """

    def __init__(self, settings: Settings | None, leading: Callable[[], bool] = lambda: True) -> None:
        self._settings = settings
        self._leading = leading
        self._said: dict[str, float] = {}

    def describe(self) -> Iterator[Metric]:
        """The families without samples."""
        for kind, name, meaning in _SHOWN.values():
            yield kind(name, meaning)

    def collect(self) -> Iterator[Metric]:
        """What the broker has said on the connection that stands; nothing while there is none."""
        for topic, value in self._said.items():
            kind, name, meaning = _SHOWN[topic]
            yield kind(name, meaning, value=value)

    async def run(self) -> None:
        """A named task, until cancelled. Without a broker's address or password for `carebed-watch` it does nothing."""
        password = self._password()
        if password is None:
            log.info("broker_not_watched")
            await asyncio.Event().wait()
            return
        there = True
        while True:
            try:
                if self._leading():
                    await self._listen(password)
                    there = True
            except (aiomqtt.MqttError, OSError, TimeoutError) as error:
                if there:
                    log.warning("broker_not_watched", error=type(error).__name__)
                there = False
            self._said.clear()
            await asyncio.sleep(_AGAIN_S)

    async def _listen(self, password: str) -> None:
        """Hold one connection for as long as this process leads."""
        assert self._settings is not None
        async with aiomqtt.Client(
            self._settings.mqtt_host, self._settings.mqtt_port, identifier=WATCH, username=WATCH, password=password,
            protocol=aiomqtt.ProtocolVersion.V5, keepalive=_KEEPALIVE_S,
            tls_context=ssl.create_default_context() if self._settings.mqtt_tls else None,
        ) as client:  # fmt: skip
            await client.subscribe([(topic, 0) for topic in BROKER_FIGURES])
            log.info("broker_watched")
            hearing = asyncio.create_task(self._hear(client))
            try:
                while self._leading() and not hearing.done():
                    await asyncio.wait({hearing}, timeout=_LEADING_S)
            finally:
                hearing.cancel()
                await asyncio.gather(hearing, return_exceptions=True)
            if not hearing.cancelled():
                hearing.result()

    async def _hear(self, client: aiomqtt.Client) -> None:
        async for message in client.messages:
            topic = str(message.topic)
            if topic in _SHOWN and isinstance(message.payload, bytes):
                try:
                    self._said[topic] = float(message.payload)
                except ValueError:
                    log.warning("broker_figure_unreadable", topic=topic)

    def _password(self) -> str | None:
        """None where nobody is to be watched: no file, or a file without this user."""
        file = None if self._settings is None else self._settings.mqtt_users_file
        try:
            users = {} if file is None else json.loads(Path(file).read_text(encoding="utf-8"))
        except (OSError, ValueError) as error:
            log.warning("mqtt_users_unreadable", error=type(error).__name__)
            return None
        password = users.get(WATCH) if isinstance(users, dict) else None
        return None if password is None else str(password)
