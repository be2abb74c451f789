"""One permanent MQTT 5 session: connects, subscribes, and connects again for ever."""

import asyncio
import ssl
from collections import deque
from collections.abc import Awaitable, Callable, Mapping, Sequence
from random import Random
from time import monotonic
from typing import Protocol

import mqtt5

from carebed.logs import get_logger
from ingest.mqtt.backoff import pause_s
from ingest.mqtt.connection import Connection, End, Kind
from ingest.mqtt.counters import Counters
from ingest.mqtt.message import OVERHEAD_BYTES, Incoming
from ingest.mqtt.outbox import SUBSCRIBE_ID
from ingest.mqtt.roll_call import RollCall
from ingest.mqtt.wire import pubacks

log = get_logger()

_NOT_YET = "not connected yet"
_CONNECT_TIMEOUT_S = 10.0
_SETTLED_S = 30.0
"""A connection that held this long was a good one: the pauses begin anew."""


class Listener(Protocol):
    """Who is told what comes and what is forgotten: the Intake."""

    def arrived(self, session: "Session", messages: int, size_bytes: int) -> None:
        """That many messages were appended to `session.queue`."""

    def forgotten(self, session: "Session", messages: int, size_bytes: int) -> None:
        """That many left the queue because their connection is gone."""


class Session:
    """A client id (= user name) with a fixed subscription; MQTT gives the session to whoever connected last.

    `receive_maximum`: messages that the broker may have under way to us (1 to 65,534: the codec leaves 65,535 out of
    the packet, and Mosquitto then falls back to its own default of 20). With acknowledgement after commit the rate is
    at most this many per commit. `session_expiry_s` must be longer than the longest outage: afterwards the backlog is
    gone. `keepalive_s`: a dead link is noticed within 1.5 times this. `after`: other sessions -> a topic to which each
    is subscribed; the broker must know them all before this one subscribes (`RollCall`).
    """

    def __init__(
        self, host: str, port: int, username: str, password: str, filters: Sequence[str], *,
        session_expiry_s: int = 30 * 86_400, receive_maximum: int = 2_000, keepalive_s: int = 10,
        tls: ssl.SSLContext | None = None, after: Mapping[str, str] | None = None,
    ) -> None:  # fmt: skip
        if not 1 <= receive_maximum <= 65_534:
            raise ValueError("receive_maximum must be between 1 and 65,534")
        self.username = username
        self.counters = Counters()
        self.generation = 0
        self.queue: deque[Incoming] = deque()
        self.unready: str | None = _NOT_YET
        """None when connected and subscribed, otherwise a sentence for the readiness page."""
        self.pending = 0
        """Messages received and neither acknowledged nor forgotten; kept by the listener, like `pending_bytes`."""
        self.pending_bytes = 0
        self.paused = False
        self.before_reconnect: Callable[[], Awaitable[None]] | None = None
        """Awaited before every connection but the first: whoever ended the last one may be the new owner."""
        self.when_ready: Callable[[], None] | None = None
        """Called when the session has become ready for the first time, if the broker kept it: nothing was missed."""
        self.had_before = False
        """Somebody has had this session already: the broker must know it, or its backlog is gone."""
        self._leaving = False
        self._listener: Listener | None = None
        self._host, self._port, self._tls = host, port, tls
        self._keepalive_s = keepalive_s
        self._session_expiry_s = session_expiry_s
        self._connection: Connection | None = None
        self._after = after
        self._subscribing = False
        self._chance = Random()  # noqa: S311 - jitter
        self._connect = mqtt5.ConnectPacket(
            username, username=username, password=password.encode(), clean_start=False, keep_alive=keepalive_s,
            session_expiry_interval=session_expiry_s, receive_max=receive_maximum,
        ).write()  # fmt: skip
        # Retained copies are states of the past, never events: an old alarm must not come back with a new session.
        self._subscribe = mqtt5.SubscribePacket(SUBSCRIBE_ID, [
            mqtt5.TopicFilter(pattern, max_qos=mqtt5.QoS.AT_LEAST_ONCE, retain_handling=mqtt5.RetainHandling.SEND_NEVER)
            for pattern in filters
        ]).write()  # fmt: skip
        self._unsubscribe = mqtt5.UnsubscribePacket(SUBSCRIBE_ID, list(filters)).write()

    # For the intake

    def report_to(self, listener: Listener) -> None:
        """Whoever reads from now on; begins without pending messages."""
        self._listener = listener
        self.pending = self.pending_bytes = 0
        self.unready = _NOT_YET
        self.resume()

    def retire(self) -> None:
        """Read no more and forget what waits; the connection stands, for what is still to be acknowledged."""
        self._leaving = True
        self.pause()
        self._forget_queue()

    def abandon(self) -> None:
        """Somebody else's now: end the connection at once, and write nothing more to it."""
        self._leaving = True
        if self._connection is not None:
            self._connection.end(Kind.TAKEN_OVER, "served by another worker")
        self._forget()

    def acknowledge(self, generation: int, packet_ids: Sequence[int]) -> None:
        """PUBACK these, if the connection that delivered them still stands; `Intake.ack` calls this in order."""
        connection = self._connection
        if connection is None or connection.generation != generation or connection.closed.done():
            self.counters.stale_acks += len(packet_ids)
            return
        connection.write(pubacks(packet_ids))
        self.counters.acked += len(packet_ids)

    def pause(self) -> None:
        """Stop reading the socket."""
        if not self.paused:
            self.paused = True
            self.counters.pauses += 1
            if self._connection is not None:
                self._connection.pause()

    def resume(self) -> None:
        """Read the socket again."""
        if self.paused:
            self.paused = False
            if self._connection is not None:
                self._connection.resume()

    # For the pipeline

    def publish(self, topic: str, payload: bytes, qos: int = 1) -> bool:
        """Send now, or as soon as the broker has room in its Receive Maximum; returns at once.

        False when dropped (no connection, outbox full): nothing is kept over a reconnect, since whoever needs a receipt
        resends.
        """
        connection = self._connection
        if connection is None or connection.outbox is None or (qos == 0 and connection.congested):
            self.counters.publishes_dropped += 1
            return False
        return connection.outbox.publish(topic, payload, qos)

    @property
    def unacknowledged_publishes(self) -> int:
        """Messages from `publish` that the broker does not have yet, as far as we know."""
        outbox = self._connection.outbox if self._connection is not None else None
        return outbox.unacknowledged if outbox is not None else 0

    # The life of the session

    async def run(self) -> None:
        """Hold a connection until cancelled, or left alone by a session that leaves; no error of the network or the
        broker ends this."""
        attempt = 0
        while True:
            began = monotonic()
            end = await self._hold()
            attempt = 1 if monotonic() - began > _SETTLED_S else attempt + 1
            if end.kind is Kind.TAKEN_OVER:
                self.counters.takeovers += 1
            self._not_ready(end.reason)
            if self._leaving:
                return
            await asyncio.sleep(pause_s(end.kind, attempt, self._chance))
            if self.before_reconnect is not None:
                await self.before_reconnect()

    async def _hold(self) -> End:
        """One connection from its beginning to its end."""
        self.generation += 1
        connection = Connection(self, self.generation, self._connect)
        try:
            async with asyncio.timeout(_CONNECT_TIMEOUT_S):
                await asyncio.get_running_loop().create_connection(
                    lambda: connection, self._host, self._port, ssl=self._tls
                )
                await connection.answered.wait()
            return await self._watch(connection)
        except TimeoutError:
            return End(Kind.LOST, f"no answer from the broker within {_CONNECT_TIMEOUT_S:.0f} s")
        except OSError as error:
            return End(Kind.LOST, f"cannot connect to {self._host}:{self._port}: {error.strerror or error}")
        except asyncio.CancelledError:
            await connection.goodbye()
            raise
        finally:
            connection.end(Kind.LOST, "left")
            self._forget()

    async def _watch(self, connection: Connection) -> End:
        """Until the connection ends: PINGREQ twice per keepalive, and an end to a link on which nothing comes back."""
        unanswered = 0
        asked_monotonic = monotonic()
        while True:
            await asyncio.wait({connection.closed}, timeout=self._keepalive_s / 2)
            if connection.closed.done():
                return connection.closed.result()
            # While we do not read, the answers wait in the socket: silence then says nothing about the link.
            silent = connection.last_read_monotonic < asked_monotonic and not self.paused
            unanswered = unanswered + 1 if silent else 0
            if unanswered >= 2:
                return End(Kind.LOST, "the broker does not answer")
            if self.unready is not None and self._subscribing:
                connection.write(self._subscribe)
            asked_monotonic = monotonic()
            connection.write(mqtt5.PingReqPacket().write())

    # What the connection reports

    def opened(self, connection: Connection, connack: mqtt5.ConnAckPacket) -> None:
        """CONNACK: the session is ours, with its subscription if the broker kept it. Subscribing again is harmless; a
        SUBACK may stand behind the whole backlog, so readiness does not wait for it."""
        self._connection = connection
        self.counters.connects += 1
        if not connack.session_present and (self.counters.connects > 1 or self.had_before):
            self.counters.sessions_lost += 1
            log.warning("mqtt_session_lost", session=self.username)
        granted_s = connack.session_expiry_interval
        if granted_s is not None and granted_s < self._session_expiry_s:
            # RabbitMQ grants a day unless told otherwise: an outage longer than that would lose the backlog in silence.
            log.warning(
                "mqtt_session_expiry_cut", session=self.username, asked_s=self._session_expiry_s, granted_s=granted_s
            )
        if connack.server_keep_alive:
            self._keepalive_s = min(self._keepalive_s, connack.server_keep_alive)
        if self.paused:
            connection.pause()
        self._subscribing = not self._after
        if self._after:
            RollCall(connection, self._after, self._all_there, self._missing).call()
            return
        connection.write(self._subscribe)
        if connack.session_present:
            self._ready(connection)

    def subscribed(self, connection: Connection, refused: int) -> None:
        """SUBACK: ready, unless the broker refuses a filter (then asked again with every PINGREQ)."""
        if connection is not self._connection:
            return
        if refused:
            self._not_ready(f"the broker refused {refused} subscriptions: check its access list")
        else:
            self._ready(connection)

    def arrived(self, messages: list[Incoming], payload_bytes: int) -> None:
        """Messages of the current connection, in order."""
        self.counters.received += len(messages)
        self.counters.received_bytes += payload_bytes
        if self._leaving:
            self.counters.forgotten += len(messages)
            return
        self.queue.extend(messages)
        if self._listener is not None:
            self._listener.arrived(self, len(messages), payload_bytes + OVERHEAD_BYTES * len(messages))

    # Inside

    def _all_there(self) -> None:
        """Of the connection that stands: a roll call ends with its own."""
        assert self._connection is not None
        self._subscribing = True
        self._connection.write(self._subscribe)

    def _missing(self, reason: str | None) -> None:
        """What was subscribed too early, by an older version of ours, would hide that nobody listens."""
        assert self._connection is not None
        if reason is None:
            self._connection.write(self._unsubscribe)
        else:
            self._not_ready(reason)

    def _forget(self) -> None:
        """The connection is gone: what waits in the queue will come again, with other packet ids."""
        self._connection = None
        self._forget_queue()

    def _forget_queue(self) -> None:
        if not self.queue:
            return
        messages = len(self.queue)
        size_bytes = sum(message.size_bytes for message in self.queue)
        self.queue.clear()
        self.counters.forgotten += messages
        if self._listener is not None:
            self._listener.forgotten(self, messages, size_bytes)

    def _ready(self, connection: Connection) -> None:
        if self.unready is not None:
            self.unready = None
            log.info("mqtt_session_ready", session=self.username, connection=connection.generation)
            if self.when_ready is not None and self.counters.connects == 1 and not self.counters.sessions_lost:
                self.when_ready()

    def _not_ready(self, reason: str) -> None:
        """Said once in the log for as long as the reason stays the same."""
        if reason != self.unready:
            log.warning("mqtt_session_not_ready", session=self.username, reason=reason)
        self.unready = reason
