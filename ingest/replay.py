"""Quarantined messages through the pipeline again, once the cause is gone: a device paired meanwhile, a flood let in.

Not through the broker, as if a device had sent them now: docs/adr/0012-replay.md. Everything is judged as of the time
when it was received, each row in a transaction of its own that also notes what became of it, so however often and by
however many it is asked for, it counts once. A replay tells nobody that somebody is alive today.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, cast

from sqlalchemy import Row, text
from sqlalchemy.ext.asyncio import AsyncConnection

from carebed.clock import now as clock_now
from carebed.database import Database
from gateway.lanes import Lane
from gateway.reason import Reason
from gateway.topics import BadTopic, Topic, parse_topic, shard_of
from ingest.fault import Fault, brief, fault_of
from ingest.flood_store import unpack
from ingest.mqtt import Incoming, Session
from ingest.quarantine import Rejected
from ingest.reading_lane import ReadingLane
from ingest.replay_alarm import take_alarms
from ingest.who import Who

#: Tries of a row that somebody was in the way of.
_TRIES = 5

# One row that still waits; what another replay has in hand is left to it.
_CLAIM = text("""
    SELECT id, received_at, lane, topic, payload, reason, detail FROM quarantine
    WHERE id = :id AND outcome IS NULL FOR UPDATE SKIP LOCKED
""")

_TAKEN = text("UPDATE quarantine SET outcome = :outcome, replayed_at = :now WHERE id = :id")

_STAYS = text("UPDATE quarantine SET reason = :reason, detail = :detail, replayed_at = :now WHERE id = :id")


class _Undo(Exception):
    """Give back everything since the last savepoint."""


@dataclass(slots=True)
class Replayed:
    """What became of a row. `outcome`: taken, duplicate, partly; None: it stays, for `reason`. Counts are objects."""

    id: int
    outcome: str | None
    reason: str | None = None
    detail: str | None = None
    stored: int = 0
    duplicates: int = 0
    refused: int = 0
    alarms: list[str] | None = None


class Replay:
    """`kept`: how long readings are kept; `channels`: through which people are told of alarms."""

    def __init__(self, database: Database, kept: timedelta | None, channels: Sequence[str]) -> None:
        self._database = database
        self._kept = kept
        self._channels = channels

    async def row(self, row_id: int, *, dry_run: bool = False) -> Replayed | None:
        """Take a row in, or say why it stays; None where it is gone, done, or in another replay's hand.

        `dry_run`: the same, and given back. Raises only what a database that is away raises.
        """
        tries = 0
        while True:
            try:
                return await self._once(row_id, dry_run)
            except Exception as error:  # judged by its fault, and raised unless it is worth another try
                tries += 1
                if fault_of(error) is not Fault.CONTESTED or tries >= _TRIES:
                    raise

    async def _once(self, row_id: int, dry_run: bool) -> Replayed | None:
        done: Replayed | None = None
        try:
            async with self._database.transaction() as conn:
                row = (await conn.execute(_CLAIM, {"id": row_id})).one_or_none()
                if row is None:
                    return None
                now = await clock_now(conn)
                done = await self._take(conn, now, row)
                await _note(conn, now, done)
                if dry_run:
                    raise _Undo
        except _Undo:
            pass
        return done

    async def _take(self, conn: AsyncConnection, now: datetime, row: Row[Any]) -> Replayed:
        """Into the pipeline; what it refuses altogether leaves no trace but its reason."""
        if row.lane == Lane.ALARM and row.reason == Reason.WRONG_SHARD:
            return Replayed(row.id, "duplicate", duplicates=1)  # put aside and taken, when it came
        done = Replayed(row.id, None, row.reason, row.detail)
        try:
            async with conn.begin_nested():
                done = await self._process(conn, now, row)
                if done.outcome is None:
                    raise _Undo
        except _Undo:
            pass
        except Exception as error:  # judged by its fault, and raised unless it is the row's own
            if fault_of(error) is not Fault.REFUSED:
                raise
            done.reason, done.detail = str(Reason.STORE_ERROR), brief(error)
        return done

    async def _process(self, conn: AsyncConnection, now: datetime, row: Row[Any]) -> Replayed:
        messages = messages_of(row)
        who = Who(self._database)
        if row.lane == Lane.ALARM:
            outcome, alarms = await take_alarms(conn, who, now, row.received_at, row.reason, messages, self._channels)
        else:
            lane, alarms = ReadingLane(who, self._kept, alive=False), None
            outcome = await lane.process(conn, row.received_at, messages)
        return _settled(row, outcome.stored, outcome.duplicates, outcome.rejected, alarms)


def _settled(
    row: Row[Any], stored: int, duplicates: int, rejected: Sequence[Rejected], alarms: list[str] | None
) -> Replayed:
    """One that is partly taken leaves the rest as rows of their own; one of which nothing is taken stays itself."""
    counts: dict[str, Any] = {
        "stored": stored, "duplicates": duplicates, "refused": len(rejected), "alarms": alarms,
    }  # fmt: skip
    if stored or duplicates or not rejected:
        outcome = "partly" if rejected else "taken" if stored or not duplicates else "duplicate"
        return Replayed(row.id, outcome, **counts)
    return Replayed(row.id, None, str(rejected[0].reason), rejected[0].detail, **counts)


async def _note(conn: AsyncConnection, now: datetime, done: Replayed) -> None:
    values: dict[str, Any] = {"id": done.id, "now": now}
    if done.outcome is not None:
        await conn.execute(_TAKEN, {**values, "outcome": done.outcome})
    else:
        detail = (done.detail or "").replace("\x00", "\\0").encode("utf-8", "replace").decode()[:500]
        await conn.execute(_STAYS, {**values, "reason": done.reason, "detail": detail})


def messages_of(row: Row[Any]) -> list[Incoming]:
    """The MQTT messages of a row: one, or the many of a flood. A wrong shard is put right: it only says which way a
    message came."""
    topic = bytes(row.topic).decode("utf-8", "replace")
    parts = list(unpack(bytes(row.payload))) if is_packed(row) else [(topic, bytes(row.payload))]
    return [Incoming(_right_shard(one), payload, _ASIDE, 0, 0, 0.0) for one, payload in parts]


def is_packed(row: Row[Any]) -> bool:
    """Whether a row holds many messages (`ingest.flood_store`)."""
    return bool(row.reason == Reason.FLOOD and bytes(row.topic).endswith(b"/#"))


def _right_shard(text_: str) -> str:
    topic = parse_topic(text_)
    if isinstance(topic, BadTopic) and topic.topic is not None:
        right = topic.topic
        return str(Topic(shard_of(right.gateway), right.gateway, right.lane, right.device))
    return text_


class _Aside:
    """Stands in for the session that brought the message: nobody is answered."""

    username = "replay"


_ASIDE = cast("Session", _Aside())
