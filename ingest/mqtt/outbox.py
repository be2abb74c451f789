"""What goes to the broker on the subscriber's connection, within its Receive Maximum: receipts and sentinels."""

from collections import deque
from collections.abc import Callable
from itertools import cycle

from mqtt5 import PubAckPacket, PublishPacket, QoS

from ingest.mqtt.counters import Counters

OUTBOX_MESSAGES = 20_000
"""Waiting for the broker's PUBACKs. Mosquitto's Receive Maximum is 20 unless configured; receipts of one batch come at
once, so several batches must fit."""

SUBSCRIBE_ID = 65_535
"""The packet id that SUBSCRIBE and UNSUBSCRIBE use, so that no publish ever has it."""

_QUESTION_ID = SUBSCRIBE_ID - 1
_NOBODY_SUBSCRIBED = 0x10

_REFUSED = 0x80


def is_publishable(topic: str) -> bool:
    """Whether a broker takes a publish to this topic. For one that it does not take it ends the connection, and topics
    of receipts are made of what devices wrote."""
    return 0 < len(topic) <= 10_000 and topic.isprintable() and not ("+" in topic or "#" in topic)


class Outbox:
    """Lives as long as one connection: what the broker has not acknowledged by then is counted as dropped."""

    def __init__(self, write: Callable[[bytes], None], receive_maximum: int, max_packet_bytes: int | None,
                 counters: Counters) -> None:  # fmt: skip
        self._write = write
        self._max_packet_bytes = max_packet_bytes
        self._counters = counters
        self._credit = min(receive_maximum, _QUESTION_ID - 1)
        self._ids = cycle(range(1, _QUESTION_ID))
        self._answer: Callable[[bool], None] | None = None
        self._in_flight: set[int] = set()
        self._waiting: deque[tuple[str, bytes]] = deque()

    def publish(self, topic: str, payload: bytes, qos: int) -> bool:
        """Write now or as soon as the broker has room; False when it cannot be sent."""
        size_bytes = len(topic.encode("utf-8", "replace")) + len(payload) + 32
        too_large = self._max_packet_bytes is not None and size_bytes > self._max_packet_bytes
        if too_large or not is_publishable(topic):
            self._counters.publishes_dropped += 1
            return False
        if qos == 0:
            self._write(PublishPacket(topic, payload).write())
            self._counters.published += 1
        elif self._credit and not self._waiting:
            self._send(topic, payload)
        elif len(self._waiting) < OUTBOX_MESSAGES:
            self._waiting.append((topic, payload))
        else:
            self._counters.publishes_dropped += 1
            return False
        return True

    def ask(self, topic: str, answer: Callable[[bool], None]) -> None:
        """Whether somebody is subscribed to `topic`: an empty message, and what its PUBACK says. One question after the
        other; after the end of the connection there is no answer."""
        if not self._credit:
            answer(False)
            return
        self._answer = answer
        self._credit -= 1
        self._write(PublishPacket(topic, b"", qos=QoS.AT_LEAST_ONCE, packet_id=_QUESTION_ID).write())
        self._counters.published += 1

    def acknowledged(self, packet: PubAckPacket) -> None:
        """The broker has one of ours; the oldest that waits takes its place."""
        if packet.packet_id not in self._in_flight:
            if packet.packet_id == _QUESTION_ID:
                self._answered(int(packet.reason_code))
            return
        self._in_flight.remove(packet.packet_id)
        self._credit += 1
        if int(packet.reason_code) >= _REFUSED:
            self._counters.publishes_refused += 1
        if self._waiting:
            self._send(*self._waiting.popleft())

    def close(self) -> None:
        """The connection is gone: receipts are not kept, since devices resend until they have one."""
        self._counters.publishes_dropped += len(self._waiting) + len(self._in_flight)
        self._waiting.clear()
        self._in_flight.clear()
        self._answer = None

    @property
    def unacknowledged(self) -> int:
        """Messages that the broker has not acknowledged, written or not."""
        return len(self._waiting) + len(self._in_flight)

    def _answered(self, reason: int) -> None:
        answer, self._answer = self._answer, None
        if answer is None:
            return
        self._credit += 1
        self._counters.publishes_refused += reason >= _REFUSED
        answer(reason < _NOBODY_SUBSCRIBED)

    def _send(self, topic: str, payload: bytes) -> None:
        packet_id = next(self._ids)
        while packet_id in self._in_flight:
            packet_id = next(self._ids)
        self._in_flight.add(packet_id)
        self._credit -= 1
        self._write(PublishPacket(topic, payload, qos=QoS.AT_LEAST_ONCE, packet_id=packet_id).write())
        self._counters.published += 1
