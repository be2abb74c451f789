"""The nights' learning: what each home's rhythm is (`ingest.detect.rhythm`), from its stored readings.

Run by the scheduler every few minutes. A home's turn comes when its own clock has passed three in the morning: one step
takes some homes and reads what happened in them since the last time, so a home that was never learned takes a few steps
for its two months. Each step is a transaction; killed anywhere, it is done again.

Nothing is learned of hours in which the sensors of a home were not heard of at all, though they should have been; the
hourly figures tell, which know even readings that came late. Nor of a stillness that turned out to be an emergency.
"""

import asyncio
from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from time import monotonic
from typing import Any
from uuid import UUID

import msgspec
from prometheus_client import Counter
from psycopg.types.json import Jsonb
from sqlalchemy import Column, ForeignKey, Table
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.ext.asyncio import AsyncConnection

from alerts.load import REAL
from carebed.clock import now as clock_now
from carebed.columns import instant
from carebed.database import Database, metadata, psycopg_of, text_array
from carebed.deadline import Arm, arm
from ingest.detect.core import Event, Home
from ingest.detect.inactivity import DETECTOR, NAME, InactivityParameters
from ingest.detect.rhythm import DAYS_KEPT, Gap, History, Rhythm, learn, rhythm_of
from ingest.detect.whereabouts import TYPES
from ingest.household import Household, read_households
from ingest.parameters import read_parameters

LEARNED = Counter("carebed_rhythms_learned", "Times that a home's rhythm was learned up to its last night")

rhythm_history = Table(
    "rhythm_history",
    metadata,
    Column("home_id", ForeignKey("home.id"), primary_key=True),
    instant("learned_until", required=True),
    Column("history", JSONB, nullable=False),
    comment="stillnesses of each home's last two months, for its rhythm",
)

#: Homes of a step, and how much of a home it reads: some ten thousand readings at a time.
_HOMES = 25
_DAYS_AT_A_TIME = timedelta(days=7)
_HOUR = timedelta(hours=1)
#: So long without a message of any kind, where a heartbeat is due every hour at least: the sensors were not heard.
_OUTAGE = timedelta(hours=2)

# Homes with activity whose last three o'clock in the morning is not learned yet, the longest unlearned first, a quarter
# of an hour after it: then its readings are in the hourly figures as well.
_WAITING = """
    SELECT home.id, night.at, history.learned_until, history.history
    FROM home JOIN area ON area.code = home.area_code
    CROSS JOIN LATERAL (SELECT (date_trunc('day', (%s::timestamptz - interval '15 minutes') AT TIME ZONE area.time_zone
        - interval '3 hours') + interval '3 hours') AT TIME ZONE area.time_zone AS at) AS night
    LEFT JOIN rhythm_history AS history ON history.home_id = home.id
    WHERE (history.learned_until IS NULL OR history.learned_until < night.at)
        AND EXISTS (SELECT FROM home_state WHERE home_id = home.id)
    ORDER BY history.learned_until NULLS FIRST, home.id LIMIT %s
"""

_READINGS = """
    SELECT reading.device_id, reading.time, reading.type, reading.value, reading.message_id, reading.received_at
    FROM unnest(%s::text[], %s::timestamptz[], %s::timestamptz[]) AS key (device_id, since, until)
    JOIN LATERAL (
        SELECT device_id, time, type, value, message_id, received_at FROM reading
        WHERE device_id = key.device_id AND time >= key.since AND time < key.until AND time >= %s AND time < %s
            AND type = ANY(%s)
        OFFSET 0
    ) AS reading ON true
    ORDER BY reading.time, reading.message_id
"""

# The hours in which anything was heard of a home whose devices must be heard every hour at least.
_HEARD = """
    SELECT key.home_id, array_agg(DISTINCT found.hour ORDER BY found.hour) FILTER (WHERE found.hour IS NOT NULL)
    FROM unnest(%s::uuid[], %s::timestamptz[], %s::timestamptz[]) AS key (home_id, since, until)
    JOIN device ON device.home_id = key.home_id
    LEFT JOIN LATERAL (
        SELECT hour FROM reading_hour WHERE device_id = device.id AND hour >= key.since AND hour < key.until
            AND hour >= %s AND hour < %s
    ) AS found ON true
    GROUP BY key.home_id HAVING min(device.heartbeat_s) <= 3600
"""

_EMERGENCIES = """
    SELECT home_id, happened_at, closed_at FROM alarm
    WHERE home_id = ANY(%s::uuid[]) AND kind = 'inactivity' AND outcome = ANY(%s::text[]) AND closed_at >= %s
"""

_KEEP_HISTORY = """
    INSERT INTO rhythm_history (home_id, learned_until, history) VALUES (%s, %s, %s)
    ON CONFLICT (home_id) DO UPDATE SET learned_until = EXCLUDED.learned_until, history = EXCLUDED.history
"""

_KEEP_RHYTHM = """
    INSERT INTO learned (home_id, detector, found, learned_at) VALUES (%s, %s, %s, carebed_now())
    ON CONFLICT (home_id, detector) DO UPDATE SET found = EXCLUDED.found, learned_at = EXCLUDED.learned_at
"""


class _Lesson(msgspec.Struct):
    """What is learned of a home in this step: what happened from `history.until` to before `until`."""

    household: Household
    history: History
    until: datetime
    night: datetime
    parameters: InactivityParameters

    @property
    def home(self) -> Home:
        return self.household.home

    @property
    def unsure_since(self) -> datetime:
        """The beginning of the stillness that may end in this step."""
        still_since = self.history.whereabouts.still_since or self.history.until
        return max(min(still_since, self.history.until), self.until - timedelta(days=DAYS_KEPT))


async def learn_rhythms(database: Database) -> int:
    """All homes whose turn has come; how many were learned up to their last night. Rests as long as it works."""
    total = 0
    while True:
        began = monotonic()
        steps, learned = await learn_some(database)
        total += learned
        if not steps:
            return total
        await asyncio.sleep(min(monotonic() - began, 5.0))


async def learn_some(database: Database, homes: int = _HOMES) -> tuple[int, int]:
    """One step: (homes that were worked on, those of them that are learned up to their last night now)."""
    async with database.transaction() as conn:
        now = await clock_now(conn)
        lessons = await _lessons(conn, now, homes)
        if not lessons:
            return 0, 0
        events = await _read_events(conn, lessons)
        outages = await _read_outages(conn, lessons)
        emergencies = await _read_emergencies(conn, lessons)
        results: list[tuple[_Lesson, History, Rhythm | None]] = []
        for home_id, one in lessons.items():
            history = learn(
                one.history, events.get(home_id, []), one.home, one.until,
                longest=timedelta(seconds=one.parameters.fixed_s), outages=outages.get(home_id, []),
                emergencies=emergencies.get(home_id, []), pets=one.parameters.pets,
            )  # fmt: skip
            results.append((one, history, rhythm_of(history, one.home.zone) if one.until >= one.night else None))
            await asyncio.sleep(0)
        await _keep(conn, now, results)
    done = sum(one.until >= one.night for one in lessons.values())
    LEARNED.inc(done)
    return len(lessons), done


async def _lessons(conn: AsyncConnection, now: datetime, homes: int) -> dict[UUID, _Lesson]:
    raw = await psycopg_of(conn)
    waiting = await (await raw.execute(_WAITING, [now, homes])).fetchall()
    households = await read_households(conn, now, [row[0] for row in waiting])
    parameters = await read_parameters(conn, [DETECTOR], [one.where for one in households.values()])
    found: dict[UUID, _Lesson] = {}
    for home_id, night, _, stored in waiting:
        household = households[home_id]
        set_to = parameters.of(household.where)[NAME]
        assert isinstance(set_to, InactivityParameters)
        history = _history(stored, night)
        until = min(night, history.until + _DAYS_AT_A_TIME)
        found[home_id] = _Lesson(household, history, until, night, set_to)
    return found


def _history(stored: Any, night: datetime) -> History:
    """What was kept; from two months ago, where nothing was, or it can be read no more."""
    if stored is not None:
        try:
            history = msgspec.convert(stored, History, str_keys=True)
        except msgspec.ValidationError:
            pass
        else:
            return history
    return History(night - timedelta(days=DAYS_KEPT))


async def _read_events(conn: AsyncConnection, lessons: Mapping[UUID, _Lesson]) -> dict[UUID, list[Event]]:
    devices = {device.id: (one, device) for one in lessons.values() for device in one.home.devices.values()}
    if not devices:
        return {}
    since = [one.history.until for one, _ in devices.values()]
    until = [one.until for one, _ in devices.values()]
    asked = [text_array(devices), _times(since), _times(until), min(since), max(until), list(TYPES)]
    raw = await psycopg_of(conn)
    found: dict[UUID, list[Event]] = {}
    for device_id, at, kind, value, message_id, received_at in await (await raw.execute(_READINGS, asked)).fetchall():
        lesson, device = devices[device_id]
        if not device.was_here(received_at):
            continue
        found.setdefault(lesson.home.id, []).append(Event(at, device, kind, value, message_id=message_id))
    return found


async def _read_outages(conn: AsyncConnection, lessons: Mapping[UUID, _Lesson]) -> dict[UUID, list[Gap]]:
    since = [_full_hour(one.unsure_since) for one in lessons.values()]
    until = [one.until for one in lessons.values()]
    asked = [text_array(map(str, lessons)), _times(since), _times(until), min(since), max(until)]
    raw = await psycopg_of(conn)
    rows = await (await raw.execute(_HEARD, asked)).fetchall()
    return {home_id: list(_outages(hours or [], lessons[home_id])) for home_id, hours in rows}


def _outages(hours: Sequence[datetime], lesson: _Lesson) -> list[Gap]:
    """Between hours in which something was heard. What was before the very first message was no outage."""
    found: list[Gap] = []
    known = lesson.history.since is not None
    heard = _full_hour(lesson.unsure_since) if known else None
    for hour in [*hours, _full_hour(lesson.until)]:
        if heard is not None and hour - heard >= _OUTAGE:
            found.append((heard, hour))
        heard = hour + _HOUR
    return found


async def _read_emergencies(conn: AsyncConnection, lessons: Mapping[UUID, _Lesson]) -> dict[UUID, list[Gap]]:
    since = min(one.unsure_since for one in lessons.values())
    raw = await psycopg_of(conn)
    rows = await raw.execute(_EMERGENCIES, [text_array(map(str, lessons)), [str(one) for one in REAL], since])
    found: dict[UUID, list[Gap]] = {}
    for home_id, happened_at, closed_at in await rows.fetchall():
        found.setdefault(home_id, []).append((happened_at, closed_at))
    return found


async def _keep(
    conn: AsyncConnection, now: datetime, results: Sequence[tuple[_Lesson, History, Rhythm | None]]
) -> None:  # fmt: skip
    raw = await psycopg_of(conn)
    async with raw.cursor() as cursor:
        await cursor.executemany(
            _KEEP_HISTORY,
            [(one.home.id, one.until, _json(history)) for one, history, _ in results],
        )
        rhythms = [(one, rhythm) for one, _, rhythm in results if rhythm is not None]
        await cursor.executemany(_KEEP_RHYTHM, [(one.home.id, NAME, _json(rhythm)) for one, rhythm in rhythms])
    # What is armed was reckoned by the rhythm of before.
    await arm(conn, [Arm("inactivity", str(one.home.id), now) for one, _ in rhythms], earlier=True)


def _json(learned: History | Rhythm) -> Jsonb:
    return Jsonb(msgspec.to_builtins(learned, str_keys=True))


def _times(times: Sequence[datetime]) -> str:
    return text_array(at.isoformat() for at in times)


def _full_hour(at: datetime) -> datetime:
    return at.replace(minute=0, second=0, microsecond=0)
