"""What devices have said since detectors were shown something last: readings, health messages and check-ins.

A device's events are shown in the order of its own clock, each once. One that is older than what was shown of its
device already is not shown any more: it is history, for charts and learning.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any, LiteralString
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncConnection

from carebed.database import psycopg_of, text_array
from carebed.turns import in_turns
from gateway.lanes import AlarmType
from ingest.detect.core import Device, Event, Home
from ingest.memory import Cursor, Shown

#: Rows in memory at a time, of all homes of a batch; a device has this many of a look at least and at most.
_ROWS, _LEAST, _MOST = 50_000, 20, 1_000
#: A device of which nothing was shown yet is shown its last hours, by its own clock where that is slow; one that was
#: away, its last weeks.
FIRST_SHOWN = timedelta(hours=6)
_REACHES_BACK = timedelta(days=40)
#: Clocks may run ahead by ten minutes.
_AHEAD = timedelta(hours=1)
#: Ids kept of a device whose clock runs ahead, or that writes one time on everything; with more it skips to the next.
_IDS = 1_000

_ALARM_TYPES = frozenset(AlarmType)
_NEVER = Cursor(datetime.min.replace(tzinfo=UTC))

# The next page of each device, by its own clock. The outer bounds are for the planner: it leaves out most partitions.
_READINGS = """
    SELECT page.*, key.device_id FROM unnest(%s::text[], %s::timestamptz[], %s::int[]) AS key (device_id, since, rows)
    CROSS JOIN LATERAL (
        SELECT time, message_id, type, value, value_text, unit, data, received_at FROM reading
        WHERE device_id = key.device_id AND time >= key.since AND time >= %s AND time < %s AND type = ANY(%s)
        ORDER BY time, message_id LIMIT key.rows
    ) AS page
"""

_CHECK_INS = """
    SELECT page.*, key.device_id FROM unnest(%s::text[], %s::timestamptz[], %s::int[]) AS key (device_id, since, rows)
    CROSS JOIN LATERAL (
        SELECT happened_at, message_id, type, NULL::float8, message -> 'value', message ->> 'unit', message -> 'data',
            received_at
        FROM inbox WHERE device_id = key.device_id AND happened_at >= key.since AND happened_at >= %s
            AND happened_at < %s AND type = 'check_in' AND type = ANY(%s)
        ORDER BY happened_at, message_id LIMIT key.rows
    ) AS page
"""

# Devices that were heard lately, and whose newest reading says all the same that it is older than a first look reaches.
_SLOW = """
    SELECT key.device_id, newest.time FROM unnest(%s::text[]) AS key (device_id)
    JOIN device_state AS state ON state.device_id = key.device_id AND state.lane = 'reading' AND state.seen_at >= %s
    CROSS JOIN LATERAL (
        SELECT time, received_at FROM reading WHERE device_id = key.device_id AND time >= %s AND time < %s
        ORDER BY time DESC LIMIT 1
    ) AS newest WHERE newest.time < %s AND newest.received_at >= %s
"""

Row = tuple[datetime, str, str, float | None, str | None, str | None, Any, datetime]
"""time, message id, type, value, value_text, unit, data, received_at."""


@dataclass(slots=True)
class News:
    """Of one home. `events`: in order of time. `until`: there is more after this time; None: that was all."""

    events: list[Event]
    shown: Shown
    until: datetime | None = None


async def read_news(
    conn: AsyncConnection, now: datetime, homes: Mapping[UUID, tuple[Home, Shown]], types: Iterable[str]
) -> dict[UUID, News]:
    """What is new in these homes of these types, a page of it."""
    readings, alarms = [one for one in types if one not in _ALARM_TYPES], [one for one in types if one in _ALARM_TYPES]
    devices = {device: home for home, _ in homes.values() for device in home.devices}
    page = min(_MOST, max(_LEAST, _ROWS // max(1, len(devices))))
    lanes = []
    for statement, kinds, lane in ((_READINGS, readings, "readings"), (_CHECK_INS, alarms, "alarms")):
        cursors = {one: cursor for _, shown in homes.values() for one, cursor in getattr(shown, lane).items()}
        keys = {one: cursors.get(one) or Cursor(now - FIRST_SHOWN) for one in devices}
        if statement is _READINGS:
            keys |= await _slow(conn, now, keys.keys() - cursors.keys())
        lanes.append(await _read(conn, now, statement, keys, kinds, page) if kinds else {})
    return {home_id: _news(home, shown, lanes, page) async for home_id, (home, shown) in in_turns(homes.items())}


async def _slow(conn: AsyncConnection, now: datetime, new: Iterable[str]) -> dict[str, Cursor]:
    """Of devices of which nothing was shown yet, those whose clock is too slow to be seen at all, even as slow."""
    wanted = sorted(new)
    if not wanted:
        return {}
    first = now - FIRST_SHOWN
    asked = [text_array(wanted), first, now - _REACHES_BACK, now + _AHEAD, first, first]
    rows = await (await (await psycopg_of(conn)).execute(_SLOW, asked)).fetchall()
    return {device_id: Cursor(at - FIRST_SHOWN) for device_id, at in rows}


async def _read(
    conn: AsyncConnection, now: datetime, statement: LiteralString, keys: Mapping[str, Cursor], types: Sequence[str],
    page: int,
) -> dict[str, list[Row]]:  # fmt: skip
    if not keys:
        return {}
    earliest = now - _REACHES_BACK
    since = [max(earliest, cursor.at) for cursor in keys.values()]
    asked = [
        text_array(keys), text_array(at.isoformat() for at in since), [page + len(one.ids) for one in keys.values()],
        min(since), now + _AHEAD, list(types),
    ]  # fmt: skip
    found: dict[str, list[Row]] = {}
    raw = await psycopg_of(conn)
    for row in await (await raw.execute(statement, asked)).fetchall():
        found.setdefault(row[8], []).append(row[:8])
    return found


def _news(home: Home, shown: Shown, lanes: Sequence[Mapping[str, list[Row]]], page: int) -> News:
    """Sort a home's rows into events. Where a device has more than a page, nobody's events beyond it are shown yet."""
    pages = [
        (lane, device, cursors.get(device.id, _NEVER), rows)
        for lane, (cursors, found) in enumerate(zip((shown.readings, shown.alarms), lanes, strict=True))
        for device in home.devices.values()
        if (rows := found.get(device.id))
    ]
    full = [rows[-1][0] for _, _, cursor, rows in pages if len(rows) >= page + len(cursor.ids)]
    until = min(full, default=None)
    events: list[Event] = []
    cursors = tuple(
        {one: known[one] for one in known if one in home.devices} for known in (shown.readings, shown.alarms)
    )
    for lane, device, cursor, rows in pages:
        within = rows if until is None else [row for row in rows if row[0] <= until]
        new = [row for row in within if row[1] not in cursor.ids]
        events += [event_of(device, row) for row in new if device.was_here(row[7])]
        if new:
            cursors[lane][device.id] = _moved(cursor, within, new)
    events.sort(key=lambda one: (one.at, one.message_id))
    return News(events, Shown(*cursors), until)


def event_of(device: Device, row: Row) -> Event:
    """The stored message as detectors see it."""
    time, message_id, kind, value, words, unit, data, received_at = row
    return Event(
        min(time, received_at), device, kind, words if value is None else value, data or {}, message_id, unit,
        received_at, None if time == received_at else time,
    )  # fmt: skip


def _moved(cursor: Cursor, within: Sequence[Row], new: Sequence[Row]) -> Cursor:
    """The cursor after `new` was shown. `within`: what was looked at, `new` and what had been shown before."""
    at = max(cursor.at, *(min(row[0], row[7]) for row in new))
    looked_at = {row[1] for row in within}
    ids = [one for one in cursor.ids if one not in looked_at] + [row[1] for row in within if row[0] >= at]
    if len(ids) > _IDS:
        return Cursor(max(row[0] for row in within) + timedelta(microseconds=1))
    return Cursor(at, tuple(ids))
