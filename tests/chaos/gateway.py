"""A gateway that keeps the contract (docs/protocol.md), on the bare codec, so that thousands of messages a second cost
little: alarm messages are resent until receipted, readings kept 2 min after their PUBACK and republished after each
reconnect, and what nobody listened to once more. What it remembers and when it resends is the simulator's
(`device_sim.outbox`, `device_sim.shelf`).

A `plain` one forgets a reading at its PUBACK, as boxes do that know MQTT and not our contract.
"""

import asyncio
import random
import time
from collections.abc import Callable
from itertools import count
from typing import cast

import mqtt5
from mqtt5 import (
    ConnAckPacket,
    ConnectPacket,
    PingReqPacket,
    PubAckPacket,
    PublishPacket,
    QoS,
    SubscribePacket,
    TopicFilter,
    Will,
)

from device_sim.outbox import Entry, Outbox
from device_sim.shelf import Shelf
from gateway.limits import KEEP_AFTER_PUBACK, NOBODY_LISTENS
from gateway.wire import (
    HealthType,
    Lane,
    Message,
    command_topic,
    decode_receipt,
    encode,
    receipt_topic,
    up_topic,
)
from tests.chaos.ledger import Call, Ledger, Letter

KEEPALIVE_S = 10
_ANSWER_WITHIN_S = 8.0
_TICK_S = 0.2
#: Readings under way; alarms go besides.
_WINDOW = 100
_MORE_FOR_ALARMS = 50
_BACKOFF_S = (0.1, 2.0)
_SUBSCRIBE_ID = 65_535

Sent = Letter | Entry | None


class Gateway:
    """One gateway: what it has to say, and its line. `broker` tells the number of the broker that runs now."""

    def __init__(
        self, account: tuple[str, str], port: int, ledger: Ledger, broker: Callable[[], int], *, plain: bool,
        resend_s: tuple[float, float], chance: random.Random,
    ) -> None:  # fmt: skip
        self.id, self._password = account
        self.plain = plain
        self.shelf = Shelf(keep_s=0.0 if plain else KEEP_AFTER_PUBACK.total_seconds(), room=1_000_000)
        self.outbox = Outbox(resend_s=resend_s, chance=chance)
        self.ledger = ledger
        self.broker = broker
        self.connections = 0
        self._port = port
        self._chance = chance
        self._connection: Connection | None = None

    def post(self, letter: Letter) -> None:
        """A payload of the reading or health lane."""
        self.shelf.add(self.ledger.write(letter))
        self._pump()

    def press(self, call: Call) -> None:
        """A message of the alarm lane."""
        self.ledger.call(call)
        self.outbox.put(call.topic, call.device, call.id, call.payload, time.monotonic())
        self._pump_alarms()

    def again(self, topic: str, payload: bytes) -> None:
        """Say something once more that was said before, in passing; nothing is kept of it."""
        if self._connection is not None and self._connection.free:
            self._connection.publish(topic, payload, None)

    def hang_up(self) -> None:
        """The line drops without a word."""
        if self._connection is not None:
            self._connection.end()

    @property
    def done(self) -> bool:
        """Everything is acknowledged, and every alarm receipted."""
        return self.shelf.empty and not len(self.outbox)

    async def run(self) -> None:
        """Keep the line up until cancelled."""
        pause_s = _BACKOFF_S[0]
        while True:
            self.connections += 1
            connection = Connection(self, self.broker())
            try:
                async with asyncio.timeout(_ANSWER_WITHIN_S):
                    await self._connect(connection)
                    await connection.opened.wait()
                # A broker that ended meanwhile: nobody could say later which one acknowledges here.
                if not connection.ended.is_set() and connection.broker == self.broker():
                    pause_s = _BACKOFF_S[0]
                    self._came_back(connection)
                    await self._watch(connection)
            except (TimeoutError, OSError):
                pass
            finally:
                self._connection = None
                connection.end()
            await asyncio.sleep(pause_s * self._chance.uniform(0.5, 1.0))
            pause_s = min(2 * pause_s, _BACKOFF_S[1])

    def connect_packet(self) -> bytes:
        """CONNECT, with the last will of the contract."""
        will = Message(id=f"will-{time.time_ns():x}", time=None, type=HealthType.OFFLINE, value=True)
        return ConnectPacket(
            self.id, username=self.id, password=self._password.encode(), clean_start=True, keep_alive=KEEPALIVE_S,
            receive_max=1_000,
            will=Will(up_topic(self.id, Lane.HEALTH), payload=encode(will), qos=QoS.AT_LEAST_ONCE),
        ).write()  # fmt: skip

    def subscribe_packet(self) -> bytes:
        """SUBSCRIBE to receipts and commands."""
        topics = [receipt_topic(self.id, "+"), command_topic(self.id, "+")]
        return SubscribePacket(_SUBSCRIBE_ID, [TopicFilter(one, max_qos=QoS.AT_LEAST_ONCE) for one in topics]).write()

    def acked(self, sent: Sent, code: int, broker: int) -> None:
        """PUBACK of something."""
        if isinstance(sent, Letter):
            if code == NOBODY_LISTENS and not self.plain:
                self.shelf.unheard(sent, time.monotonic())
            else:
                self.shelf.acked(sent, time.monotonic())
                self.ledger.acked(sent, time.time(), code, broker)
        self._pump()

    def receipted(self, topic: str, payload: bytes) -> None:
        """A message on one of the topics down."""
        direction, device = topic.split("/")[-2:]
        if direction != "receipt":
            return
        receipt = decode_receipt(payload)
        self.outbox.receipted(device, receipt)
        if receipt.id is not None:
            self.ledger.receipted((self.id, device, receipt.id), time.time(), receipt.status, receipt.alarm)

    # Inside

    async def _connect(self, connection: "Connection") -> None:
        await asyncio.get_running_loop().create_connection(lambda: connection, "127.0.0.1", self._port)

    def _came_back(self, connection: "Connection") -> None:
        self.ledger.came_back[self.id].append((time.time(), connection.broker))
        now_s = time.monotonic()
        self.outbox.reconnected(now_s)
        self.shelf.rewind(now_s)
        self._connection = connection
        self._pump_alarms()
        self._pump()

    async def _watch(self, connection: "Connection") -> None:
        """Until the connection ends: resend what is due, and notice a line on which nothing comes back."""
        pinged = time.monotonic()
        while not connection.ended.is_set():
            try:
                async with asyncio.timeout(_TICK_S):
                    await connection.ended.wait()
            except TimeoutError:
                self._pump_alarms()
                self._pump()
            now = time.monotonic()
            if now - pinged > KEEPALIVE_S / 2:
                connection.write(PingReqPacket().write())
                pinged = now
            if now - connection.heard > 1.5 * KEEPALIVE_S:
                return

    def _pump_alarms(self) -> None:
        connection = self._connection
        if connection is None:
            return
        now_s = time.monotonic()
        for entry in self.outbox.due(now_s):
            if connection.free <= 0:
                return
            self.outbox.sent(entry, now_s)
            if (call := self.ledger.calls.get((self.id, entry.device, entry.id))) is not None:
                call.sendings.append(time.time())
            connection.publish(entry.topic, entry.payload, entry)
        self.outbox.give_up(now_s)

    def _pump(self) -> None:
        connection = self._connection
        if connection is None:
            return
        while connection.free > _MORE_FOR_ALARMS and (parcel := self.shelf.take(time.monotonic())) is not None:
            letter = cast("Letter", parcel)
            letter.sendings += 1
            letter.sent_at = time.time()
            connection.publish(letter.topic, letter.payload, letter)


class Connection(asyncio.Protocol):
    """One connection to the broker."""

    def __init__(self, gateway: Gateway, broker: int) -> None:
        self.broker = broker
        self.opened = asyncio.Event()
        """CONNACK came, or the connection ended."""
        self.ended = asyncio.Event()
        self.heard = time.monotonic()
        self._gateway = gateway
        self._transport: asyncio.Transport | None = None
        self._rest = b""
        self._ids = count(1)
        self._under_way: dict[int, Sent] = {}
        self._room = _WINDOW + _MORE_FOR_ALARMS
        self._congested = False

    @property
    def free(self) -> int:
        """How many more messages may be under way."""
        return 0 if self._congested or self.ended.is_set() else self._room - len(self._under_way)

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast("asyncio.Transport", transport)
        self._transport.write(self._gateway.connect_packet())

    def connection_lost(self, _error: Exception | None) -> None:
        self.end()

    def pause_writing(self) -> None:
        self._congested = True

    def resume_writing(self) -> None:
        self._congested = False

    def data_received(self, data: bytes) -> None:
        self.heard = time.monotonic()
        data = self._rest + data
        view, position = memoryview(data), 0
        while position < len(data) and not self.ended.is_set():
            try:
                packet, size = mqtt5.read(view[position:])
            except IndexError:  # not all here yet
                break
            position += size
            self._take(packet)
        self._rest = data[position:]

    def write(self, data: bytes) -> None:
        """Send."""
        if self._transport is not None and not self._transport.is_closing():
            self._transport.write(data)

    def publish(self, topic: str, payload: bytes, sent: Sent) -> None:
        """QoS 1."""
        number = next(self._ids) % (_SUBSCRIBE_ID - 1) + 1
        while number in self._under_way:
            number = next(self._ids) % (_SUBSCRIBE_ID - 1) + 1
        self._under_way[number] = sent
        self.write(PublishPacket(topic, payload, qos=QoS.AT_LEAST_ONCE, packet_id=number).write())

    def end(self) -> None:
        """Over, without a word."""
        self.ended.set()
        self.opened.set()
        self._under_way.clear()
        if self._transport is not None:
            self._transport.abort()

    def _take(self, packet: mqtt5.Packet) -> None:
        if isinstance(packet, PubAckPacket):
            if packet.packet_id in self._under_way:
                self._gateway.acked(self._under_way.pop(packet.packet_id), int(packet.reason_code), self.broker)
        elif isinstance(packet, PublishPacket):
            if packet.packet_id is not None:
                self.write(PubAckPacket(packet.packet_id).write())
            self._gateway.receipted(packet.topic, packet.payload)
        elif isinstance(packet, ConnAckPacket):
            if packet.reason_code != 0:
                self.end()
                return
            self._room = min(self._room, packet.receive_max)
            self.write(self._gateway.subscribe_packet())
            self.opened.set()
        elif isinstance(packet, mqtt5.DisconnectPacket):
            self.end()
