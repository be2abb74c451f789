"""The watermark: up to which time everything that was published has been committed, per lane and shard group.

Each ingest process publishes a sentinel a second for every group it serves, through the broker into its own session;
behind it stands everything that was published before. Its stamp is committed like any message. Who takes a group over
publishes as soon as he is connected, so a hand-over in order leaves no gap.

A gap is a time in which no sentinel was *published*: the process or the broker stood still, so devices may have spoken
in vain. Sentinels that were published in time and committed late are no gap: nothing that stood before them was lost.
"""

import asyncio
from collections.abc import Callable, Iterable, Sequence
from datetime import datetime, timedelta
from itertools import pairwise

import msgspec
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

from carebed.database import OUTAGE, Database
from carebed.logs import get_logger
from carebed.wake import woken_within
from gateway.lanes import Lane
from gateway.topics import GROUPS, sentinel_topic
from ingest.mqtt import Session

log = get_logger()

PERIOD_S = 1.0
#: More than three sentinels missing in a row.
GAP = timedelta(seconds=3)
#: Rows there are when both lanes serve all groups.
LANE_GROUPS = 2 * len(GROUPS)

# Real time at which the newest sentinel of each group was published.
_KNOWN = text("SELECT shard_group, committed_at FROM watermark WHERE lane = :lane AND shard_group = ANY(:groups)")

# Moves groups' watermarks, never back; after a gap whoever was silent may only not have been heard.
_MOVE = text("""
    INSERT INTO watermark (lane, shard_group, stamp, committed_at, recovered_at)
    SELECT :lane, moved.shard_group, moved.stamp, moved.at, carebed_now()
    FROM unnest(CAST(:groups AS smallint[]), CAST(:stamps AS timestamptz[]), CAST(:ats AS timestamptz[]))
        AS moved (shard_group, stamp, at)
    ORDER BY moved.shard_group
    ON CONFLICT (lane, shard_group) DO UPDATE SET stamp = greatest(watermark.stamp, EXCLUDED.stamp),
        committed_at = greatest(watermark.committed_at, EXCLUDED.committed_at),
        recovered_at = CASE WHEN watermark.shard_group = ANY(:gaps) THEN EXCLUDED.recovered_at
            ELSE watermark.recovered_at END
""")

_CLOCKS = text("SELECT carebed_now(), statement_timestamp()")

# Real age of each newest sentinel, whatever the database clock was shifted by.
_AGES = text("""
    SELECT lane, to_hex(CAST(shard_group AS integer)), extract(epoch FROM statement_timestamp() - committed_at)::float8
    FROM watermark
""")

_OLDEST = text("SELECT count(*), min(stamp) FROM watermark")


class Stamp(msgspec.Struct, frozen=True):
    """Payload of a sentinel: the database clock when it was published, and real time (`at`, never shifted)."""

    stamp: datetime
    at: datetime


_decoder = msgspec.json.Decoder(Stamp)


def read_stamp(payload: bytes) -> Stamp | None:
    """The stamps of a sentinel; None for anything else."""
    try:
        return _decoder.decode(payload)
    except msgspec.DecodeError:
        return None


def is_gap(known_at: datetime, ats: Sequence[datetime]) -> bool:
    """Whether sentinels published at `ats` (any order) leave more than three in a row missing after `known_at`."""
    line = [known_at, *sorted(at for at in ats if at > known_at)]
    return any(later - earlier > GAP for earlier, later in pairwise(line))


async def move(conn: AsyncConnection, lane: str, stamps: Iterable[tuple[str, Stamp]]) -> None:
    """Commit sentinels with their batch. `stamps`: (group as hex digit, stamp), in any order."""
    groups: dict[int, list[Stamp]] = {}
    for group, stamp in stamps:
        groups.setdefault(int(group, 16), []).append(stamp)
    if not groups:
        return
    rows = await conn.execute(_KNOWN, {"lane": lane, "groups": list(groups)})
    gaps = [row.shard_group for row in rows if is_gap(row.committed_at, [one.at for one in groups[row.shard_group]])]
    await conn.execute(
        _MOVE,
        {
            "lane": lane,
            "groups": list(groups),
            "stamps": [max(one.stamp for one in ones) for ones in groups.values()],
            "ats": [max(one.at for one in ones) for ones in groups.values()],
            "gaps": gaps,
        },
    )


async def oldest_watermark(conn: AsyncConnection) -> tuple[int, datetime | None]:
    """How many lane groups have a watermark, and the oldest of them."""
    groups, oldest = (await conn.execute(_OLDEST)).one()
    return groups, oldest


async def read_ages(conn: AsyncConnection) -> dict[tuple[str, str], float]:
    """(lane, group as hex digit) -> seconds since its newest committed sentinel was published; real time."""
    return {(row[0], row[1]): max(0.0, row[2]) for row in await conn.execute(_AGES)}


async def publish_sentinels(
    database: Database, lane: Lane, serving: Callable[[], Iterable[tuple[str, Session]]], connected: asyncio.Event
) -> None:
    """A named task: one sentinel per group every second, and at once when `connected` is set. `serving`: (group,
    session) of all that are ours and ready; what is no group of shards has no watermark."""
    while True:
        connected.clear()
        try:
            async with database.transaction() as conn:
                stamp, at = (await conn.execute(_CLOCKS)).one()
            payload = msgspec.json.encode(Stamp(stamp, at))
            for group, session in serving():
                if group in GROUPS:
                    session.publish(sentinel_topic(group, lane), payload)
        except OUTAGE as error:
            log.warning("sentinel_skipped", error=type(error).__name__)
        await woken_within(connected, PERIOD_S)
