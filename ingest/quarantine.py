"""What could not be taken in, whole and with its reason, so that nothing received is dropped silently."""

from collections.abc import Sequence
from datetime import datetime

import msgspec
from prometheus_client import Counter
from sqlalchemy import BigInteger, Column, Identity, Index, LargeBinary, Table, Text, insert
from sqlalchemy.ext.asyncio import AsyncConnection

from carebed.columns import instant, label
from carebed.database import metadata
from gateway.lanes import Lane
from gateway.reason import Reason
from ingest.mqtt import Incoming

QUARANTINED = Counter("carebed_quarantined", "Messages put aside", ["lane", "reason"])


def expect(lane: Lane) -> None:
    """Count from 0 what this lane's process may put aside; otherwise the first one would be no increase."""
    for one in (Lane.ALARM,) if lane is Lane.ALARM else (Lane.READING, Lane.HEALTH):
        for reason in Reason:
            QUARANTINED.labels(str(one), str(reason))


quarantine = Table(
    "quarantine",
    metadata,
    Column("id", BigInteger, Identity(always=True), primary_key=True),
    instant("received_at", required=True),
    label("lane"),
    Column("topic", LargeBinary, nullable=False, comment="as received; may hold what no text column takes"),
    Column("payload", LargeBinary, nullable=False),
    Column("reason", Text, nullable=False),
    label("detail", required=False),
    Index("ix_quarantine_received_at", "received_at"),
)


class Rejected(msgspec.Struct, eq=False):
    """A message (or one object of an array) that goes into quarantine."""

    incoming: Incoming
    lane: Lane
    reason: Reason
    detail: str
    receipt_topic: str | None = None
    """Where to say so; None: nobody can be told, or it was taken all the same."""
    ids: tuple[str | None, ...] = (None,)
    """One per object that is answered `rejected`; None where the id could not be read."""
    raw: bytes | None = None
    """The bytes of the object alone; None: the whole payload."""


async def put_aside(conn: AsyncConnection, now: datetime, rejected: Sequence[Rejected]) -> None:
    """Write them to quarantine, in one statement."""
    if not rejected:
        return
    rows = [
        {
            "received_at": now,
            "lane": str(one.lane),
            "topic": one.incoming.topic.encode("utf-8", "surrogatepass"),
            "payload": one.incoming.payload if one.raw is None else one.raw,
            "reason": str(one.reason),
            "detail": one.detail.replace("\x00", "\\0").encode("utf-8", "replace").decode()[:500],
        }
        for one in rejected
    ]
    await conn.execute(insert(quarantine), rows)
