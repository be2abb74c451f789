"""One TCP connection of a session, from CONNECT to its end: an asyncio Protocol around the `mqtt5` codec."""

from __future__ import annotations

import asyncio
from enum import Enum
from time import monotonic
from typing import TYPE_CHECKING, NamedTuple, cast

import mqtt5
from mqtt5 import ConnAckPacket, DisconnectPacket, DisconnectReasonCode, PubAckPacket, PublishPacket, SubAckPacket

from carebed.wake import woken_within
from ingest.mqtt.message import Incoming
from ingest.mqtt.outbox import Outbox
from ingest.mqtt.wire import HEAD_BYTES, MalformedStreamError, frame_length, is_publish, rescue

if TYPE_CHECKING:
    from ingest.mqtt.session import Session

MAX_PACKET_BYTES = 1024 * 1024
"""Larger packets are not held in memory: their beginning is handed on as a defect, the rest is read over. Twice the
device protocol's limit (512 KiB of payload), so that what is slightly too large is still quarantined whole."""

_FAILED = 0x80  # reason codes from here on are failures; the codec's are typed as IntEnum but only compare after int()
_GOODBYE_S = 1.0

CLOSED = "the broker closed the connection without a word; another client may have taken the session over"
"""Reason where the connection ended with neither an error nor a DISCONNECT: Mosquitto before 2.0.15 announces no
take-over."""


class Kind(Enum):
    """Why a connection ended, as far as the pause before the next one depends on it."""

    LOST = "lost"
    REFUSED = "refused"
    TAKEN_OVER = "taken over"


class End(NamedTuple):
    """How a connection ended; `reason` is for logs and the readiness page."""

    kind: Kind
    reason: str


class Connection(asyncio.Protocol):
    """Parses what comes, gathers what goes into one socket write per turn of the event loop."""

    def __init__(self, session: Session, generation: int, connect: bytes) -> None:
        self.session = session
        self.generation = generation
        self.outbox: Outbox | None = None
        self.last_read_monotonic = monotonic()
        self.answered = asyncio.Event()
        """CONNACK came, or the connection ended without one."""
        self.congested = False
        """More is written than the broker takes at the moment."""
        self.closed: asyncio.Future[End] = asyncio.get_running_loop().create_future()
        self._connect = connect
        self._gone = asyncio.Event()
        self._leaving = False
        self._transport: asyncio.Transport | None = None
        self._outgoing: list[bytes] = []
        self._rest = b""
        self._skip_bytes = 0

    # What asyncio calls

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast("asyncio.Transport", transport)
        self._transport.write(self._connect)

    def connection_lost(self, error: Exception | None) -> None:
        self.end(Kind.LOST, f"connection lost: {error}" if error else CLOSED)
        self._gone.set()

    def pause_writing(self) -> None:
        self.congested = True

    def resume_writing(self) -> None:
        self.congested = False

    def data_received(self, data: bytes) -> None:
        if self._leaving:
            return
        self.last_read_monotonic = now = monotonic()
        if self._skip_bytes:
            skipped = min(self._skip_bytes, len(data))
            self._skip_bytes -= skipped
            data = data[skipped:]
        if self._rest:
            data = self._rest + data
        arrived: list[Incoming] = []
        try:
            self._rest = data[self._parse(data, arrived, now) :]
        except MalformedStreamError as error:
            self.end(Kind.LOST, f"the broker sent {error}")
        if arrived:
            self.session.arrived(arrived, sum([len(message.payload) for message in arrived]))

    # What the session calls

    def write(self, data: bytes) -> None:
        """Send `data` with everything else of this turn of the event loop, in the order of the calls."""
        if not self._outgoing:
            asyncio.get_running_loop().call_soon(self._flush)
        self._outgoing.append(data)

    def pause(self) -> None:
        """Stop reading: TCP then stops the broker, whatever it thinks of Receive Maximum."""
        if self._transport is not None and not self._transport.is_closing():
            self._transport.pause_reading()

    def resume(self) -> None:
        """Read again."""
        if self._transport is not None and not self._transport.is_closing():
            self._transport.resume_reading()

    def end(self, kind: Kind, reason: str) -> None:
        """Over, at once and for good; the first reason counts."""
        if not self.closed.done():
            self.closed.set_result(End(kind, reason))
        self.answered.set()
        if self.outbox is not None:
            self.outbox.close()
        if self._transport is not None:
            self._transport.abort()

    async def goodbye(self) -> None:
        """Leave in order: DISCONNECT, then wait until the broker closes, for only then has it seen our last PUBACKs.

        Mosquitto takes one packet per turn of its loop; whoever connects to the session in the meantime would take it
        over before that, and get again what was acknowledged.
        """
        if self._transport is None or self.closed.done():
            return
        self._leaving = True
        self.write(DisconnectPacket().write())
        self._flush()
        self.resume()
        if not await woken_within(self._gone, _GOODBYE_S):
            self.end(Kind.LOST, "the broker did not take our last words")

    # Inside

    def _flush(self) -> None:
        if self._transport is not None and not self._transport.is_closing():
            self._transport.write(b"".join(self._outgoing))
        self._outgoing.clear()

    def _parse(self, data: bytes, arrived: list[Incoming], now: float) -> int:
        """Append the messages of all whole packets to `arrived`; returns how many bytes were used up.

        The tight loop of the hot path: nothing here but what every message needs.
        """
        view = memoryview(data)
        end = len(data)
        position = 0
        session, generation, read = self.session, self.generation, mqtt5.read
        while position < end:
            try:
                packet, size = read(view[position:])
            except IndexError:  # the codec's word for a packet that is not all here yet
                if not (size := self._incomplete(view[position:], arrived, now)):
                    break
                position += size
                continue
            except BaseException as error:  # a panic of the codec is no `Exception`
                if not isinstance(error, Exception) and type(error).__name__ != "PanicException":
                    raise
                position += self._refused(view[position:], arrived, now, "malformed")
                continue
            position += size
            if type(packet) is PublishPacket:
                arrived.append(
                    Incoming(packet.topic, packet.payload, session, packet.packet_id or 0, generation, now)
                )  # fmt: skip
            else:
                self._control(packet)
        return position

    def _incomplete(self, rest: memoryview, arrived: list[Incoming], now: float) -> int:
        """Bytes to go on by where a packet is not complete: 0 to wait for more of it."""
        length = frame_length(rest)
        if length is None or len(rest) < min(length, HEAD_BYTES if length > MAX_PACKET_BYTES else length):
            return 0
        return self._refused(rest, arrived, now, "oversize" if length > MAX_PACKET_BYTES else "malformed")

    def _refused(self, rest: memoryview, arrived: list[Incoming], now: float, defect: str) -> int:
        """Rescue a packet that the codec cannot give us; returns the bytes of it that are here."""
        length = frame_length(rest)
        if length is None:
            raise MalformedStreamError("a packet without a length")
        if not is_publish(rest):
            raise MalformedStreamError(f"a packet of type {rest[0] >> 4} that cannot be read")
        topic, payload, packet_id = rescue(rest[: min(length, MAX_PACKET_BYTES)])
        arrived.append(Incoming(topic, payload, self.session, packet_id, self.generation, now, defect))
        self.session.counters.defects += 1
        self._skip_bytes = max(0, length - len(rest))
        return min(length, len(rest))

    def _control(self, packet: mqtt5.Packet) -> None:
        """Everything that is not a message."""
        if type(packet) is PubAckPacket:
            if self.outbox is not None:
                self.outbox.acknowledged(packet)
        elif type(packet) is ConnAckPacket:
            self._answered(packet)
        elif type(packet) is SubAckPacket:
            self.session.subscribed(self, sum(int(code) >= _FAILED for code in packet.reason_codes))
        elif type(packet) is DisconnectPacket:
            taken = packet.reason_code == DisconnectReasonCode.SESSION_TAKEN_OVER
            name = packet.reason_code.name.lower().replace("_", " ")
            self.end(Kind.TAKEN_OVER if taken else Kind.LOST, f"the broker ended the connection: {name}")

    def _answered(self, packet: ConnAckPacket) -> None:
        if packet.reason_code != 0:
            name = packet.reason_code.name.lower().replace("_", " ")
            self.end(Kind.REFUSED, f"the broker refused the connection: {name}")
            return
        counters = self.session.counters
        self.outbox = Outbox(self.write, packet.receive_max, packet.max_packet_size, counters)
        self.session.opened(self, packet)
        self.answered.set()
