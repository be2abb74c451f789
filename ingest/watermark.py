"""The watermark: up to which time everything that was published has been committed, per lane and shard group.

Each ingest process publishes a sentinel a second for every group it serves, through the broker into its own session;
behind it stands everything that was published before. Its stamp is committed like any message.
"""

import asyncio
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime

import msgspec
from psycopg import OperationalError as LostConnection
from sqlalchemy import text
from sqlalchemy.exc import DBAPIError
from sqlalchemy.ext.asyncio import AsyncConnection

from carebed.clock import now as clock_now
from carebed.database import Database
from carebed.logs import get_logger
from gateway.lanes import Lane
from gateway.topics import GROUPS, sentinel_topic
from ingest.mqtt import Session

log = get_logger()

PERIOD_S = 1.0
#: Rows there are when both lanes serve all groups.
LANE_GROUPS = 2 * len(GROUPS)

# Moves a group's watermark, never back. More than three sentinels missing in a row, in real time, is a gap: whoever was
# silent then may only not have been heard.
_MOVE = text("""
    INSERT INTO watermark (lane, shard_group, stamp, committed_at, recovered_at)
    SELECT :lane, moved.shard_group, moved.stamp, statement_timestamp(), carebed_now()
    FROM unnest(CAST(:groups AS smallint[]), CAST(:stamps AS timestamptz[])) AS moved (shard_group, stamp)
    ORDER BY moved.shard_group
    ON CONFLICT (lane, shard_group) DO UPDATE SET stamp = greatest(watermark.stamp, EXCLUDED.stamp),
        committed_at = EXCLUDED.committed_at,
        recovered_at = CASE WHEN EXCLUDED.committed_at - watermark.committed_at > interval '3 s'
            THEN EXCLUDED.recovered_at ELSE watermark.recovered_at END
""")

_OLDEST = text("SELECT count(*), min(stamp) FROM watermark")


class Stamp(msgspec.Struct):
    """Payload of a sentinel: the database clock when it was published."""

    stamp: datetime


_decoder = msgspec.json.Decoder(Stamp)


def read_stamp(payload: bytes) -> datetime | None:
    """The stamp of a sentinel; None for anything else."""
    try:
        return _decoder.decode(payload).stamp
    except msgspec.DecodeError:
        return None


async def move(conn: AsyncConnection, lane: str, stamps: Mapping[str, datetime]) -> None:
    """Commit sentinels with their batch. `stamps`: group (hex digit) -> newest stamp."""
    if stamps:
        groups = {int(group, 16): stamp for group, stamp in stamps.items()}
        await conn.execute(_MOVE, {"lane": lane, "groups": list(groups), "stamps": list(groups.values())})


async def oldest_watermark(conn: AsyncConnection) -> tuple[int, datetime | None]:
    """How many lane groups have a watermark, and the oldest of them."""
    groups, oldest = (await conn.execute(_OLDEST)).one()
    return groups, oldest


async def publish_sentinels(database: Database, lane: Lane, sessions: Sequence[tuple[str, Session]]) -> None:
    """A named task: every second one sentinel per group. `sessions`: (group, session)."""
    while True:
        try:
            async with database.transaction() as conn:
                stamp = await clock_now(conn)
            payload = msgspec.json.encode(Stamp(stamp))
            for group, session in sessions:
                session.publish(sentinel_topic(group, lane), payload)
        except (DBAPIError, LostConnection, OSError) as error:
            log.warning("sentinel_skipped", error=type(error).__name__)
        await asyncio.sleep(PERIOD_S)


def newest(stamps: Iterable[tuple[str, datetime]]) -> dict[str, datetime]:
    """Group -> newest of its stamps."""
    result: dict[str, datetime] = {}
    for group, stamp in stamps:
        if group not in result or stamp > result[group]:
            result[group] = stamp
    return result
