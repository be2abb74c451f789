"""Where a flood goes: counted by gateway and minute, and kept as it came, in bulk, as long as there is room for it.

One row of quarantine holds what one gateway sent too much in one batch, packed (`pack`, `unpack`); a row a message
would make the quarantine the bottleneck. What a gateway may fill in a day is bounded, for a flood of 100,000 messages a
second would fill the disk in an hour or two and stop everybody else. Beyond it messages are counted only, and the count
says so.
"""

import struct
import zlib
from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import datetime

from prometheus_client import Counter
from sqlalchemy import BigInteger, Column, DateTime, Index, Table, Text, insert, text
from sqlalchemy.ext.asyncio import AsyncConnection

from carebed.database import metadata
from carebed.logs import get_logger
from gateway.reason import Reason
from gateway.topics import PREFIX, shard_of
from ingest.flood import weight
from ingest.mqtt import Incoming
from ingest.quarantine import QUARANTINED, quarantine

log = get_logger()

#: Packed bytes that one gateway may fill in 24 hours: some two million single readings, a tenth of their size.
KEPT_BYTES_A_DAY = 32 << 20

NOT_KEPT = Counter("carebed_flood_not_kept", "Messages of a flood that were counted and not kept")

flood = Table(
    "flood",
    metadata,
    Column("gateway_id", Text, primary_key=True),
    Column("minute", DateTime(timezone=True), primary_key=True),
    Column("messages", BigInteger, nullable=False, comment="MQTT messages beyond the limit"),
    Column("objects", BigInteger, nullable=False, comment="what they held"),
    Column("bytes", BigInteger, nullable=False, comment="of their payloads"),
    Column("kept_messages", BigInteger, nullable=False, comment="of these messages, how many stand in quarantine"),
    Column("kept_bytes", BigInteger, nullable=False, comment="packed"),
    Index("ix_flood_minute", "minute"),
    comment="what gateways sent beyond the flood limit, by minute",
)

_KEPT_TODAY = text("""
    SELECT coalesce(sum(kept_bytes), 0) FROM flood WHERE gateway_id = :gateway AND minute > :now - interval '1 day'
""")

_COUNT = text("""
    INSERT INTO flood (gateway_id, minute, messages, objects, bytes, kept_messages, kept_bytes)
    VALUES (:gateway, date_trunc('minute', CAST(:now AS timestamptz)), :messages, :objects, :bytes, :kept_messages,
        :kept_bytes)
    ON CONFLICT (gateway_id, minute) DO UPDATE SET messages = flood.messages + EXCLUDED.messages,
        objects = flood.objects + EXCLUDED.objects, bytes = flood.bytes + EXCLUDED.bytes,
        kept_messages = flood.kept_messages + EXCLUDED.kept_messages,
        kept_bytes = flood.kept_bytes + EXCLUDED.kept_bytes
""")

_HEAD = struct.Struct(">HI")


def pack(messages: Iterable[Incoming]) -> bytes:
    """zlib over, for each message: length of topic (2 bytes) and of payload (4), big-endian, topic, payload."""
    frames: list[bytes] = []
    for message in messages:
        topic = message.topic.encode("utf-8", "surrogatepass")
        frames += (_HEAD.pack(len(topic), len(message.payload)), topic, message.payload)
    return zlib.compress(b"".join(frames), level=1)


def unpack(packed: bytes) -> Iterator[tuple[str, bytes]]:
    """(topic, payload) of every message, as they came and in their order."""
    frames = zlib.decompress(packed)
    position = 0
    while position < len(frames):
        topic_bytes, payload_bytes = _HEAD.unpack_from(frames, position)
        begin = position + _HEAD.size
        position = begin + topic_bytes + payload_bytes
        topic = frames[begin : begin + topic_bytes].decode("utf-8", "surrogatepass")
        yield topic, frames[begin + topic_bytes : position]


async def put_floods_aside(conn: AsyncConnection, now: datetime, floods: Mapping[str, Sequence[Incoming]]) -> int:
    """Count and keep what was cut off a batch, gateways in a fixed order so that two workers never block each other.
    How many messages were counted only."""
    not_kept = 0
    for gateway, messages in sorted(floods.items()):
        kept_today = (await conn.execute(_KEPT_TODAY, {"gateway": gateway, "now": now})).scalar_one()
        packed = pack(messages) if kept_today < KEPT_BYTES_A_DAY else None
        await conn.execute(
            _COUNT,
            {
                "gateway": gateway, "now": now, "messages": len(messages), "objects": sum(map(weight, messages)),
                "bytes": sum(len(message.payload) for message in messages),
                "kept_messages": 0 if packed is None else len(messages),
                "kept_bytes": 0 if packed is None else len(packed),
            },
        )  # fmt: skip
        if packed is None:
            not_kept += len(messages)
        else:
            row = {
                "received_at": now, "lane": "reading", "payload": packed, "reason": str(Reason.FLOOD),
                "topic": f"{PREFIX}/{shard_of(gateway)}/{gateway}/#".encode("utf-8", "surrogatepass"),
                "detail": f"{len(messages)} messages, packed",
            }  # fmt: skip
            await conn.execute(insert(quarantine), [row])
    return not_kept


class FloodLog:
    """Counts what has been put aside, and says so once for each gateway and minute."""

    def __init__(self) -> None:
        self._said: dict[str, datetime] = {}

    def committed(self, now: datetime, floods: Mapping[str, Sequence[Incoming]], not_kept: int) -> None:
        """Call after the commit; `not_kept` of these messages were counted only."""
        NOT_KEPT.inc(not_kept)
        for gateway, messages in floods.items():
            QUARANTINED.labels("reading", str(Reason.FLOOD)).inc(len(messages))
            minute = now.replace(second=0, microsecond=0)
            if self._said.get(gateway) != minute:
                self._said[gateway] = minute
                log.warning("gateway_floods", gateway=gateway, messages=len(messages))
        if len(self._said) > 10_000:
            self._said.clear()
