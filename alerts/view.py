"""The alarm as everybody outside sees it: one statement for one alarm, for many, and for a page of the board.

API, live stream and webhook all send exactly this object, built by the database as JSON text, so that it is encoded
once and row-level security decides what of it the caller may see. Times are RFC 3339, UTC, with milliseconds.
"""

import base64
import binascii
import json
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Literal
from uuid import UUID

from sqlalchemy import Row, TextClause, text
from sqlalchemy.ext.asyncio import AsyncConnection

from alerts.alarm import Priority
from carebed.errors import CarebedError

#: How many alarms one page holds at most.
PAGE = 500

_NOT_OURS = "This cursor was not handed out by this list: take the `next` of its last page."

# Sorts behind every deadline. An open alarm always has one; this keeps the order total even if one had not.
_NEVER = datetime(9999, 12, 31, tzinfo=UTC)


class BadCursor(CarebedError):
    """A cursor that this list did not hand out."""


@dataclass(frozen=True, slots=True)
class AlarmView:
    """One alarm, ready to be sent. `called`: who has a response row and so may see it wherever he belongs; nobody once
    that sight is over (`call_in_sight`, migration 0041)."""

    id: UUID
    version: int
    area_code: str
    open: bool
    called: frozenset[UUID]
    json: str

    def as_object(self) -> dict[str, Any]:
        """The object that `json` stands for."""
        value: dict[str, Any] = json.loads(self.json)
        return value


@dataclass(frozen=True, slots=True)
class AlarmPage:
    """A page of alarms; `next` is None on the last one."""

    items: tuple[AlarmView, ...]
    next: str | None


def utc(column: str) -> str:
    """SQL for an instant as every JSON of ours shows it: `2026-11-22T04:00:00.123Z`."""
    return f"""to_char({column} AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.MS"Z"')"""


def shown(at: datetime) -> str:
    """The same of an instant in hand."""
    return at.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


_PRIORITY = "CASE a.priority " + " ".join(f"WHEN {rank} THEN '{one}'" for rank, one in enumerate(Priority)) + " END"

# The alarm object of docs/protocol.md for a page of alarms, with what pages and fan-out need beside it. Names are
# looked up once per person and station: their functions see past row-level security, at the price of a statement each.
_ALARM = f"""
    clock AS MATERIALIZED (SELECT {utc("carebed_now()")} AS now),
    desk AS MATERIALIZED (
        SELECT id, name_of_station(id) AS name FROM (SELECT DISTINCT station_id AS id FROM page) AS needed),
    expected AS MATERIALIZED (
        SELECT * FROM expected_test_call WHERE home_id = ANY(ARRAY(SELECT home_id FROM page))),
    answer AS MATERIALIZED (SELECT r.* FROM response r WHERE r.alarm_id = ANY(ARRAY(SELECT id FROM page))),
    person AS MATERIALIZED (
        SELECT id, name_of_staff(id) AS name
        FROM (SELECT owner_staff_id AS id FROM page UNION SELECT staff_id FROM answer) AS needed WHERE id IS NOT NULL),
    answers AS (
        SELECT r.alarm_id, array_agg(r.staff_id) AS staff, json_agg(json_build_object(
            'staff', r.staff_id, 'name', person.name, 'state', r.state,
            'called_at', {utc("r.called_at")}, 'accepted_at', {utc("r.accepted_at")},
            'en_route_at', {utc("r.en_route_at")}, 'overdue_at', {utc("r.overdue_at")},
            'arrived_at', {utc("r.arrived_at")}, 'left_at', {utc("r.left_at")}
        ) ORDER BY r.step, r.called_at, r.staff_id) AS list
        FROM answer r JOIN person ON person.id = r.staff_id GROUP BY r.alarm_id)
    SELECT a.id, a.version, a.area_code, a.drill, a.priority, due_at, a.closed_at,
        CASE WHEN call_in_sight(a.closed_at) THEN coalesce(answers.staff, '{{}}') ELSE '{{}}' END AS called,
        json_build_object(
            'id', a.id, 'version', a.version, 'kind', a.kind, 'priority', {_PRIORITY}, 'state', a.state,
            'owner', json_build_object(
                'type', CASE WHEN a.owner_staff_id IS NULL THEN 'station' ELSE 'staff' END,
                'id', coalesce(a.owner_staff_id, a.station_id), 'name', coalesce(holder.name, desk.name)),
            'raised_at', {utc("a.raised_at")}, 'happened_at', {utc("a.happened_at")}, 'late', a.late, 'drill', a.drill,
            'test_expected', a.closed_at IS NULL AND NOT a.drill AND EXISTS (
                SELECT FROM expected e WHERE e.home_id = a.home_id AND a.raised_at BETWEEN e.since AND e.until),
            'home', a.home_id, 'resident', a.resident_id,
            'place', json_build_object(
                'name', coalesce(home.name, desk.name), 'address', home.address,
                'area', a.area_code, 'area_name', area.name, 'time_zone', area.time_zone, 'station', desk.name),
            'resident_name', resident.name, 'device', a.device_id,
            'deadline_at', {utc("due_at")}, 'step', a.step, 'exhausted', a.exhausted,
            'last_resort_at', {utc("a.last_resort_at")}, 'last_resorts', a.last_resorts,
            'responses', coalesce(answers.list, '[]'), 'repeats', a.repeats,
            'last_repeat_at', {utc("a.last_repeat_at")}, 'urged_at', {utc("a.urged_at")}, 'devices', a.devices,
            'suspicion', CASE WHEN a.state = 'suspected' THEN a.suspicion END, 'why', a.why,
            'outcome', a.outcome, 'note', a.note, 'reference', a.reference,
            'closed_at', {utc("a.closed_at")}, 'incident', a.incident_id, 'server_time', clock.now
        )::text AS body
    FROM page a
    CROSS JOIN clock
    JOIN area ON area.code = a.area_code
    JOIN desk ON desk.id = a.station_id
    LEFT JOIN person holder ON holder.id = a.owner_staff_id
    LEFT JOIN home ON home.id = a.home_id
    LEFT JOIN resident ON resident.id = a.resident_id
    LEFT JOIN answers ON answers.alarm_id = a.id
"""

_WITH_DEADLINE = "alarm a LEFT JOIN deadline d ON d.alarm_id = a.id"
_WITHOUT_DEADLINE = "alarm a CROSS JOIN (SELECT CAST(NULL AS timestamptz) AS due_at) AS d"


def _alarms(source: str, where: str, order: str) -> TextClause:
    page = f"SELECT a.*, d.due_at FROM {source} WHERE {where} ORDER BY {order} LIMIT :limit"
    return text(f"WITH page AS MATERIALIZED ({page}), {_ALARM} ORDER BY {order}")


# These alarms, by id.
_BY_ID = _alarms(_WITH_DEADLINE, "a.id = ANY(:ids)", "a.id")

# The board: most urgent first, then what falls due next; drills after everything that is meant in earnest. A cursor
# names the last row of the page before.
_URGENCY = "a.drill, a.priority, coalesce(due_at, timestamptz '9999-12-31 00:00Z'), a.id"
_OPEN = _alarms(
    _WITH_DEADLINE, f"a.closed_at IS NULL AND (NOT :resumed OR ({_URGENCY}) > (:drill, :priority, :at, :id))", _URGENCY
)

# What is over, newest first.
_CLOSED = _alarms(
    _WITHOUT_DEADLINE,
    "a.closed_at IS NOT NULL AND (NOT :resumed OR (a.closed_at, a.id) < (:at, :id))",
    "a.closed_at DESC, a.id DESC",
)


# The members of an incident, in the order of their ids, which is that of time.
_MEMBERS = _alarms(_WITH_DEADLINE, "a.incident_id = :incident AND (NOT :resumed OR a.id > :id)", "a.id")


async def read_views(conn: AsyncConnection, ids: Iterable[UUID]) -> list[AlarmView]:
    """The alarms of `ids` that the caller may see, by id."""
    return [_view(row) for row in await conn.execute(_BY_ID, {"ids": list(ids), "limit": None})]


async def read_alarms(conn: AsyncConnection, ids: Iterable[UUID]) -> list[dict[str, Any]]:
    """The same as objects, for those who put them into something larger."""
    return [view.as_object() for view in await read_views(conn, ids)]


async def open_alarms(conn: AsyncConnection) -> list[AlarmView]:
    """Every open alarm that the caller may see, most urgent first: the live stream's `open`."""
    first = {"resumed": False, "drill": False, "priority": 0, "at": None, "id": None, "limit": None}
    return [_view(row) for row in await conn.execute(_OPEN, first)]


async def list_alarms(
    conn: AsyncConnection, state: Literal["open", "closed"], limit: int, cursor: str | None = None
) -> AlarmPage:
    """One page of the caller's alarms: open ones by priority, then deadline, drills last; closed ones newest first.

    `limit`: 1 to `PAGE`. `cursor`: `next` of the page before; `BadCursor` when it is not one of this list's.
    """
    where = _Cursor.read(cursor, state)
    parameters: dict[str, Any] = {"resumed": where is not None, "limit": limit + 1, "at": None, "id": None}
    if where is not None:
        parameters |= {"at": where.at, "id": where.id}
    if state == "open":
        parameters |= {"drill": where is not None and where.drill, "priority": 0 if where is None else where.priority}
    rows = (await conn.execute(_OPEN if state == "open" else _CLOSED, parameters)).all()
    more = len(rows) > limit
    rows = rows[:limit]
    return AlarmPage(tuple(_view(row) for row in rows), _Cursor.after(rows[-1], state) if more else None)


async def list_members(
    conn: AsyncConnection, incident_id: UUID, limit: int, after: UUID | None = None
) -> tuple[list[AlarmView], UUID | None]:
    """The alarms of an incident, open and closed, in the order in which they were raised; and after which one the next
    page begins (None: there is none)."""
    asked = {"incident": incident_id, "resumed": after is not None, "id": after, "limit": limit + 1}
    rows = (await conn.execute(_MEMBERS, asked)).all()
    views = [_view(row) for row in rows[:limit]]
    return views, views[-1].id if len(rows) > limit else None


def _view(row: Row[Any]) -> AlarmView:
    return AlarmView(row.id, row.version, row.area_code, row.closed_at is None, frozenset(row.called), row.body)


@dataclass(frozen=True, slots=True)
class _Cursor:
    """Where a page ended: the sort key of its last row."""

    priority: int
    at: datetime
    id: UUID
    drill: bool

    @staticmethod
    def after(row: Row[Any], state: str) -> str:
        at = row.closed_at if state == "closed" else row.due_at
        parts = [state, row.priority, at.isoformat() if at else "never", str(row.id), row.drill]
        return base64.urlsafe_b64encode(json.dumps(parts).encode()).decode().rstrip("=")

    @classmethod
    def read(cls, cursor: str | None, state: str) -> "_Cursor | None":
        if cursor is None:
            return None
        try:
            of, priority, at, alarm_id, drill = json.loads(base64.urlsafe_b64decode(cursor + "=" * (-len(cursor) % 4)))
            if of != state or not isinstance(priority, int) or not 0 <= priority <= 2 or not isinstance(drill, bool):
                raise BadCursor(_NOT_OURS)
            return cls(priority, _NEVER if at == "never" else datetime.fromisoformat(at), UUID(alarm_id), drill)
        except (ValueError, TypeError, AttributeError, binascii.Error, RecursionError):
            raise BadCursor(_NOT_OURS) from None
