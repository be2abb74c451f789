"""A broker by script: hands each session the frames it is given, as bytes, and knows which of them were acknowledged.

Permanent sessions with a window, redelivery after a lost connection, and frames that no honest broker would send. What
comes back (PUBACKs in their order, receipts) is kept for the ledger.
"""

import asyncio
import struct
from collections import deque
from dataclasses import dataclass, field
from time import monotonic

import mqtt5
from mqtt5 import (
    ConnAckPacket,
    ConnectPacket,
    PingReqPacket,
    PubAckPacket,
    PublishPacket,
    SubAckPacket,
    SubscribePacket,
)


@dataclass(eq=False)
class Delivery:
    """One PUBLISH for one session. `extra`: property bytes; `flags`: low four bits of the first byte."""

    number: int
    topic: bytes
    payload: bytes
    flags: int = 0x02
    extra: bytes = b""
    good: bool = False
    packet_id: int = 0
    again: bool = False
    """Was under way when a connection was lost: it may have been dealt with twice, or (QoS 0) not at all."""

    def frame(self) -> bytes:
        """As it goes over the wire."""
        middle = struct.pack(">H", self.packet_id) if self.flags & 6 else b""
        head = struct.pack(">H", len(self.topic)) + self.topic + middle
        body = head + _length(len(self.extra)) + self.extra + self.payload
        return bytes([0x30 | self.flags]) + _length(len(body)) + body


def _length(number: int) -> bytes:
    encoded = b""
    while True:
        number, low = divmod(number, 128)
        encoded += bytes([low | (0x80 if number else 0)])
        if not number:
            return encoded


@dataclass
class Mailbox:
    """A permanent session on the broker's side."""

    waiting: deque[Delivery | bytes] = field(default_factory=deque)
    """Bytes among them are garbage that is written as it is and never again."""
    under_way: dict[int, Delivery] = field(default_factory=dict)
    next_id: int = 1
    writer: asyncio.StreamWriter | None = None
    window: int = 20
    known: bool = False


class ScriptBroker:
    """Listens on a free port; `give`, then wait for `settled`."""

    def __init__(self) -> None:
        self.port = 0
        self.receipts: list[tuple[str, bytes]] = []
        self.out_of_order: list[str] = []
        self.progress_monotonic = monotonic()
        self._mailboxes: dict[str, Mailbox] = {}
        self._server: asyncio.Server | None = None
        self._moved = asyncio.Event()

    async def start(self) -> None:
        """Listen."""
        self._server = await asyncio.start_server(self._serve, "127.0.0.1", 0, limit=1 << 22)
        self.port = self._server.sockets[0].getsockname()[1]

    def stop(self) -> None:
        """Hang up."""
        assert self._server is not None
        self._server.close()
        for mailbox in self._mailboxes.values():
            if mailbox.writer is not None:
                mailbox.writer.close()

    def give(self, session: str, what: Delivery | bytes) -> None:
        """Append to a session's queue."""
        self._box(session).waiting.append(what)

    def send(self) -> None:
        """Write what was given, as far as the windows allow."""
        self.progress_monotonic = monotonic()
        for mailbox in self._mailboxes.values():
            self._pump(mailbox)

    def hang_up(self, session: str) -> None:
        """Lose the connection without a word."""
        writer = self._box(session).writer
        if writer is not None:
            writer.transport.abort()

    async def settled(self, patience_s: float) -> list[str]:
        """Until everything is acknowledged, or nothing has moved for `patience_s`; the sessions that are stuck."""
        while True:
            stuck = [name for name, box in self._mailboxes.items() if box.waiting or box.under_way]
            if not stuck or monotonic() - self.progress_monotonic > patience_s:
                return stuck
            self._moved.clear()
            try:
                async with asyncio.timeout(1):
                    await self._moved.wait()
            except TimeoutError:
                pass

    # Inside

    def _box(self, session: str) -> Mailbox:
        return self._mailboxes.setdefault(session, Mailbox())

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        mailbox: Mailbox | None = None
        rest = b""
        try:
            while data := await reader.read(1 << 20):
                rest += data
                position = 0
                view = memoryview(rest)
                while position < len(rest):
                    try:
                        packet, size = mqtt5.read(view[position:])
                    except IndexError:
                        break
                    position += size
                    if type(packet) is ConnectPacket:
                        mailbox = self._connected(packet, writer)
                    elif mailbox is not None:
                        self._control(mailbox, packet, writer)
                view.release()
                rest = rest[position:]
                if mailbox is not None:
                    self._pump(mailbox)
        except (ConnectionError, asyncio.CancelledError):
            pass  # hung up, or the fuzz is over: asyncio would report a cancelled connection as an error
        finally:
            if mailbox is not None and mailbox.writer is writer:
                mailbox.writer = None
            writer.close()

    def _connected(self, packet: ConnectPacket, writer: asyncio.StreamWriter) -> Mailbox:
        mailbox = self._box(packet.client_id)
        writer.write(ConnAckPacket(session_present=mailbox.known, receive_max=10_000).write())
        mailbox.known, mailbox.writer, mailbox.window = True, writer, packet.receive_max or 20
        for delivery in mailbox.under_way.values():
            delivery.again = True
        again = list(mailbox.under_way.values())
        mailbox.under_way.clear()
        mailbox.waiting.extendleft(reversed(again))
        return mailbox

    def _control(self, mailbox: Mailbox, packet: mqtt5.Packet, writer: asyncio.StreamWriter) -> None:
        if type(packet) is PubAckPacket:
            self.progress_monotonic = monotonic()
            self._moved.set()
            first = next(iter(mailbox.under_way), None)
            if packet.packet_id != first:
                self.out_of_order.append(f"PUBACK of {packet.packet_id} where {first} was the oldest")
            mailbox.under_way.pop(packet.packet_id, None)
        elif type(packet) is PublishPacket:
            self.receipts.append((packet.topic, packet.payload))
            if packet.packet_id:
                writer.write(PubAckPacket(packet.packet_id).write())
        elif type(packet) is SubscribePacket:
            codes = [mqtt5.SubAckReasonCode.GRANTED_QOS_AT_LEAST_ONCE] * len(packet.topic_filters)
            writer.write(SubAckPacket(packet.packet_id, codes).write())
        elif type(packet) is PingReqPacket:
            writer.write(mqtt5.PingRespPacket().write())

    def _pump(self, mailbox: Mailbox) -> None:
        """Write until the window is full."""
        writer = mailbox.writer
        while writer is not None and mailbox.waiting and len(mailbox.under_way) < mailbox.window:
            what = mailbox.waiting.popleft()
            if isinstance(what, bytes):
                writer.write(what)
                continue
            if what.flags & 6:
                while mailbox.next_id in mailbox.under_way:
                    mailbox.next_id = mailbox.next_id % 65_535 + 1
                what.packet_id = mailbox.next_id
                mailbox.next_id = mailbox.next_id % 65_535 + 1
                mailbox.under_way[what.packet_id] = what
            writer.write(what.frame())
