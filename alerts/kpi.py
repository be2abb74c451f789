"""How soon calls for help were answered, people were on the way and there, and what became of the calls.

Counted from the event log alone; what begins, answers and ends a call, and which calls count, is defined in
docs/kpi.md. One call is one alarm, and one more each time that it is opened again.
"""

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import Row, text
from sqlalchemy.ext.asyncio import AsyncConnection

from alerts.alarm import Priority
from alerts.choosing import NOBODY_CALLED
from registry.area import LEVEL_DIGITS

#: Name in the answer -> the call's column. All are seconds from when the call began.
SPANS = {
    "to_answer_s": "answered_at",
    "to_acknowledge_s": "acknowledged_at",
    "to_accept_s": "accepted_at",
    "to_en_route_s": "en_route_at",
    "to_arrival_s": "arrived_at",
    "to_resolved_s": "resolved_at",
}

#: What the figures are broken down by: name in the answer -> column.
DIMENSIONS = {"area": "branch", "station": "station_id", "kind": "kind", "priority": "priority", "hour": "hour"}

#: What is counted in which break-downs: 0 is in all. Kinds and priorities are told apart anyway; everything else leaves
#: out what may take hours, and all but kinds what nobody has called with.
_CALL, _WORK_ORDER, _OURS = range(3)
_COUNTED_IN = {_CALL: frozenset(DIMENSIONS), _WORK_ORDER: {"kind", "priority"}, _OURS: {"kind"}}

_PRIORITIES = tuple(Priority)


def _statement(limits: Sequence[int]) -> str:
    """All figures in one statement. `limits`: seconds, our own integers."""
    within = "".join(
        f""", count(*) FILTER (WHERE to_answer_s <= {limit}) AS within_{limit},
            count(*) FILTER (WHERE to_answer_s <= {limit} OR waited_s > {limit}) AS of_{limit}"""
        for limit in limits
    )
    spans = "".join(
        f""", count({name}) AS {name}_count,
            percentile_disc(ARRAY[0.5, 0.9, 0.99]) WITHIN GROUP (ORDER BY {name}) AS {name}"""
        for name in SPANS
    )
    seconds = "".join(
        f", CAST(extract(epoch FROM {column} - begins_at) AS real) AS {name}" for name, column in SPANS.items()
    )
    return f"""
        WITH call AS (
            SELECT *, least(acknowledged_at, accepted_at, resolved_at) AS answered_at,
                rpad(left(area_code, :digits), 12, '0') AS branch
            FROM calls_for_help(:branch, :since, :until)
        ), timed AS (
            SELECT branch, station_id, kind, priority, hour, test, late, reopened,
                CASE WHEN kind = ANY (:nobody_called) THEN {_OURS} WHEN priority = 2 THEN {_WORK_ORDER} ELSE {_CALL}
                END AS sort,
                answered_at IS NULL AND ended_at IS NULL AS waiting,
                answered_at IS NULL AND ended_at IS NOT NULL AS over,
                extract(epoch FROM coalesce(ended_at, carebed_now()) - begins_at) AS waited_s{seconds}
            FROM call
        )
        SELECT test, sort, branch, station_id, kind, priority, hour,
            grouping(branch, station_id, kind, priority, hour) AS missing,
            count(*) AS calls, count(to_answer_s) AS answered, count(*) FILTER (WHERE waiting) AS waiting,
            count(*) FILTER (WHERE over) AS over, count(*) FILTER (WHERE late) AS late,
            count(*) FILTER (WHERE reopened) AS reopened{within}{spans}
        FROM timed
        GROUP BY test, sort, GROUPING SETS ((), (branch), (station_id), (kind), (priority), (hour))
        ORDER BY branch, station_id, kind, priority, hour
    """


_AREA_NAMES = text("SELECT code, name FROM area WHERE code = ANY(:codes)")
_STATION_NAMES = text("SELECT id, name_of_station(id) FROM unnest(CAST(:ids AS uuid[])) AS id")

#: Which columns a row of the statement is grouped by, as PostgreSQL's grouping() tells it.
_EACH = {(1 << len(DIMENSIONS)) - 1 - (1 << bit): name for bit, name in enumerate(reversed(DIMENSIONS))}
_ALL = (1 << len(DIMENSIONS)) - 1


async def read_kpis(
    conn: AsyncConnection, branch: str, since: datetime, until: datetime, limits: Sequence[int]
) -> dict[str, Any]:
    """Of calls that began from `since` to before `until` in this branch (a prefix of area codes), as far as the
    caller's scope goes. `limits`: within how many seconds answers are counted."""
    digits = next((one for one in LEVEL_DIGITS.values() if one > len(branch)), 12)
    asked = {"branch": branch, "since": since, "until": until, "digits": digits, "nobody_called": sorted(NOBODY_CALLED)}
    limits = sorted(set(limits))
    rows = (await conn.execute(text(_statement(limits)), asked)).all()
    found: dict[str, Any] = {"total": _figures(None, limits), "tests": _figures(None, limits)}
    found |= {f"by_{name}": [] for name in DIMENSIONS}
    for row in rows:
        name = _EACH.get(row.missing)
        counted_in = _COUNTED_IN[row.sort]
        if row.missing == _ALL and row.sort == _CALL:
            found["tests" if row.test else "total"] = _figures(row, limits)
        elif name is not None and not row.test and name in counted_in:
            found[f"by_{name}"].append({name: _key(name, row), **_figures(row, limits)})
    await _name(conn, found)
    return found


def _key(name: str, row: Row[Any]) -> Any:
    value = getattr(row, DIMENSIONS[name])
    if name == "priority":
        return str(_PRIORITIES[value])
    return str(value) if name == "station" else value


def _figures(row: Row[Any] | None, limits: Sequence[int]) -> dict[str, Any]:
    """One group's figures; `row` None: there was no call."""
    counts = ("calls", "answered", "waiting", "over", "late", "reopened")
    figures: dict[str, Any] = {name: getattr(row, name) if row else 0 for name in counts}
    figures["within"] = [_within(row, limit) for limit in limits]
    for name in SPANS:
        values = (getattr(row, name) if row else None) or (None, None, None)
        rounded = [None if value is None else round(value, 1) for value in values]
        count = getattr(row, f"{name}_count") if row else 0
        figures[name] = dict(zip(("count", "median", "p90", "p99"), (count, *rounded), strict=True))
    return figures


def _within(row: Row[Any] | None, limit: int) -> dict[str, Any]:
    answered = getattr(row, f"within_{limit}") if row else 0
    of = getattr(row, f"of_{limit}") if row else 0
    return {"within_s": limit, "answered": answered, "of": of, "share": round(answered / of, 4) if of else None}


async def _name(conn: AsyncConnection, found: dict[str, Any]) -> None:
    """Areas and stations get their names."""
    codes = [one["area"] for one in found["by_area"]]
    ids = [one["station"] for one in found["by_station"]]
    areas = (await conn.execute(_AREA_NAMES, {"codes": codes})).all()
    stations = (await conn.execute(_STATION_NAMES, {"ids": ids})).all()
    names = {str(key): name for key, name in (*areas, *stations)}
    for kind in ("area", "station"):
        for one in found[f"by_{kind}"]:
            one["name"] = names.get(one[kind])
