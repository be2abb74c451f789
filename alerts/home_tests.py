"""The monthly test call of each home: somebody presses, the desk answers and talks to him, and closes it as a test.

The press is a press like any other: nothing here touches its alarm. Which homes owe a call is read from the alarms;
that the desk expects one is a row that the alarm object shows (`expect`), for whoever answers to ask, and to help if it
is none. A test call counts when a device of the home raised it and a person closed it with the outcome `test`.
"""

from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from prometheus_client import Gauge
from sqlalchemy import Column, ForeignKey, Table, text
from sqlalchemy.ext.asyncio import AsyncConnection

from alerts import book, lifecycle
from alerts.channels import channels
from alerts.raising import Place, Raise, raise_alarms
from alerts.view import utc
from alerts.why import why_test_calls, why_test_calls_made
from carebed.clock import is_demo
from carebed.clock import now as clock_now
from carebed.columns import instant, refers
from carebed.database import Database, metadata
from carebed.settings import Settings

KIND = "test_calls"
#: So long before it is overdue a home's test call is due.
DUE_AHEAD = timedelta(days=7)
#: An alarm about overdue homes that somebody has closed does not come again before.
_AGAIN = timedelta(days=1)
#: Homes that such an alarm names.
_NAMED = 20

OVERDUE = Gauge("carebed_test_calls_overdue", "Homes whose monthly test call is overdue")

expected_test_call = Table(
    "expected_test_call",
    metadata,
    Column("home_id", ForeignKey("home.id"), primary_key=True),
    instant("since", required=True),
    instant("until", required=True),
    refers("announced_by", "staff.id"),
    comment="from these homes the desk expects a test call; changes nothing about a press",
)

# Homes in which somebody lives with devices, each with its last test call: raised by a device, closed as a test. Who
# has made none owes one as long after his first device came.
_OWED = """
    owed AS (
        SELECT home.id, home.name, home.station_id, home.area_code, last.id AS alarm_id, last.raised_at,
            coalesce(last.raised_at, device.since) + CAST(:every AS interval) AS due_at
        FROM home
        CROSS JOIN LATERAL (SELECT min(created_at) AS since FROM device WHERE device.home_id = home.id) AS device
        LEFT JOIN LATERAL (
            SELECT id, raised_at FROM alarm
            WHERE alarm.home_id = home.id AND outcome = 'test' AND NOT drill AND device_id IS NOT NULL
                AND kind IN ('sos', 'assist')
            ORDER BY raised_at DESC LIMIT 1) AS last ON true
        WHERE device.since IS NOT NULL AND NOT home.probe AND home.area_code ^@ :branch
            AND EXISTS (SELECT FROM resident WHERE resident.home_id = home.id)
    )
"""
_STATE = "CASE WHEN due_at <= :now THEN 'overdue' WHEN due_at <= :soon THEN 'due' ELSE 'done' END"

# A person who was called elsewhere sees that home, but answers for those of his own branch only.
_MINE = "in_scope(owed.area_code)"

_COUNTS = text(f"WITH {_OWED} SELECT {_STATE} AS state, count(*) AS homes FROM owed WHERE {_MINE} GROUP BY 1")

# What is longest overdue first, with who answered the last one, and after how many seconds.
_LIST = text(f"""
    WITH {_OWED}
    SELECT json_build_object(
        'home', owed.id, 'name', owed.name, 'station', owed.station_id, 'area', owed.area_code,
        'state', {_STATE}, 'due_at', {utc("due_at")},
        'last', CASE WHEN alarm_id IS NOT NULL THEN json_build_object(
            'alarm', alarm_id, 'at', {utc("raised_at")}, 'answered_by', answer.by,
            'answered_by_name', name_of_staff(answer.by),
            'answered_s', round(extract(epoch FROM answer.at - raised_at), 1)) END,
        'expected_until', (SELECT {utc("until")} FROM expected_test_call
                           WHERE expected_test_call.home_id = owed.id AND until > :now))::text
    FROM owed LEFT JOIN LATERAL (
        SELECT at, CAST(actor_id AS uuid) AS by FROM alarm_event
        WHERE alarm_event.alarm_id = owed.alarm_id AND actor_type = 'staff'
            AND type IN ('acknowledged', 'accepted', 'resolved')
        ORDER BY seq LIMIT 1) AS answer ON true
    WHERE {_MINE} AND (CAST(:state AS text) IS NULL OR {_STATE} = :state)
    ORDER BY due_at, owed.id LIMIT :limit
""")

_EXPECT = text("""
    INSERT INTO expected_test_call (home_id, since, until, announced_by) VALUES (:home, :now, :until, :by)
    ON CONFLICT (home_id) DO UPDATE
    SET since = EXCLUDED.since, until = EXCLUDED.until, announced_by = EXCLUDED.announced_by
""")

# Stations with homes that are overdue; the longest first.
_OVERDUE = text(f"""
    WITH {_OWED}
    SELECT station.id, station.area_code, count(*) AS homes,
        (array_agg(owed.id ORDER BY due_at, owed.id))[1:CAST(:named AS int)] AS first
    FROM owed JOIN station ON station.id = owed.station_id WHERE due_at <= :now GROUP BY station.id
""")

_SAID = text("""
    SELECT merge_key, bool_or(closed_at IS NULL) AS open FROM alarm
    WHERE kind = 'test_calls' AND (closed_at IS NULL OR raised_at > :lately
        OR (state = 'resolved' AND closed_at > :lately)) GROUP BY merge_key
""")


async def list_tests(
    conn: AsyncConnection, branch: str, every: timedelta, state: str | None, limit: int
) -> tuple[dict[str, int], list[str]]:
    """How many homes of a branch, within the caller's, are done, due and overdue; and those in `state` (None: all) as
    JSON, the longest overdue first."""
    now = await clock_now(conn)
    asked: dict[str, Any] = {"branch": branch, "every": every, "now": now, "soon": now + DUE_AHEAD}
    counts = {row.state: row.homes for row in await conn.execute(_COUNTS, asked)}
    rows = await conn.execute(_LIST, asked | {"state": state, "limit": limit})
    return {one: counts.get(one, 0) for one in ("done", "due", "overdue")}, list(rows.scalars())


async def expect(conn: AsyncConnection, home_id: UUID, by: UUID, span: timedelta) -> tuple[datetime, datetime]:
    """A test call is expected from this home from now on for so long; from when to when."""
    now = await clock_now(conn)
    await conn.execute(_EXPECT, {"home": home_id, "by": by, "now": now, "until": now + span})
    return now, now + span


async def watch_tests(database: Database, settings: Settings) -> None:
    """A job of the calendar: a work order to the managers of each station with homes that are overdue, again every day
    until they have called."""
    if settings.test_call_days == 0:
        return
    async with database.transaction() as conn:
        now = await clock_now(conn)
        asked = {"branch": "", "every": timedelta(days=settings.test_call_days), "now": now, "named": _NAMED}
        stations = (await conn.execute(_OVERDUE, asked)).all()
        OVERDUE.set(sum(row.homes for row in stations))
        if not settings.readiness and await is_demo(conn):
            return
        said = {row.merge_key: row.open for row in await conn.execute(_SAID, {"lately": now - _AGAIN})}
        late = {f"{KIND}:{row.id}": row for row in stations}
        signals = [
            Raise(KIND, Place(row.id, row.area_code), key, now,
                  why_test_calls(row.homes, days=settings.test_call_days, homes=row.first),
                  counts_again=False)
            for key, row in late.items() if key not in said
        ]  # fmt: skip
        raised = await raise_alarms(conn, now, signals, sorted(key for key, is_open in said.items() if is_open))
        for key, case in raised.open_cases.items():
            if key not in late and case.open and not case.taken:
                lifecycle.clear(case, now, now, why_test_calls_made())
        await book.finish(conn, now, raised.cases.values(), channels(settings))
