"""What could not be taken in, whole and with its reason, so that nothing received is dropped silently."""

from collections.abc import Sequence
from datetime import datetime, timedelta

import msgspec
from prometheus_client import Counter
from sqlalchemy import BigInteger, CheckConstraint, Column, Identity, Index, LargeBinary, Table, Text, insert, text
from sqlalchemy.ext.asyncio import AsyncConnection

from carebed.clock import now as clock_now
from carebed.columns import instant, label
from carebed.database import Database, metadata
from carebed.logs import get_logger
from carebed.settings import Settings
from gateway.lanes import Lane
from gateway.reason import Reason
from ingest.mqtt import Incoming

log = get_logger()

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
    instant("replayed_at", comment="last try to take it in again"),
    Column("outcome", Text, CheckConstraint("outcome IN ('taken', 'duplicate', 'partly')", name="outcome"),
           comment="what became of it then; none: it still waits"),
    Index("ix_quarantine_received_at", "received_at"),
)  # fmt: skip


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


# The oldest rows that are kept no longer, a few at a time: rows of a flood are large, and nobody waits for this.
_DROP = text("""
    DELETE FROM quarantine WHERE id IN (
        SELECT id FROM quarantine WHERE received_at < :before ORDER BY received_at LIMIT :rows)
""")
_DROPPED_AT_ONCE = 2_000


async def drop_quarantined(database: Database, settings: Settings) -> None:
    """Delete what has been kept long enough, replayed or not."""
    while True:
        async with database.transaction() as conn:
            before = await clock_now(conn) - timedelta(days=settings.quarantine_kept_days)
            dropped = (await conn.execute(_DROP, {"before": before, "rows": _DROPPED_AT_ONCE})).rowcount
        if dropped:
            log.info("quarantine_dropped", rows=dropped)
        if dropped < _DROPPED_AT_ONCE:
            return


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
