"""How many alarms there are, and how many of them were real: by kind and detector, home and area.

Counted from the alarms' rows, with the outcome that somebody gave each at its close. Tests and drills are counted
apart, and so is what nobody has judged: still open, or closed by itself or by the wearer.
"""

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import Row, text
from sqlalchemy.ext.asyncio import AsyncConnection

from alerts.alarm import Outcome

#: Somebody needed help.
REAL = (Outcome.EMERGENCY, Outcome.HELP_GIVEN, Outcome.HANDED_TO_120)
#: Nobody did.
FALSE = (Outcome.NO_HELP_NEEDED, Outcome.FALSE_ALARM)

#: Homes that are named, those with the most false alarms first.
_HOMES = 100

_COUNTS = """
    count(*) FILTER (WHERE NOT test) AS alarms,
    count(*) FILTER (WHERE outcome = ANY(:real) AND NOT test) AS "real",
    count(*) FILTER (WHERE outcome = ANY(:false) AND NOT test) AS "false",
    count(*) FILTER (WHERE test) AS test,
    count(*) FILTER (WHERE closed_at IS NULL AND NOT test) AS open,
    count(*) FILTER (WHERE state = 'cancelled' AND NOT test) AS cancelled
"""

# What was raised in that time in that branch; a person who was called elsewhere counts only his own branch.
_RAISED = """
    SELECT kind, coalesce(why ->> 'detector', kind) AS detector, home_id, area_code, outcome, state, closed_at,
        drill OR outcome IS NOT DISTINCT FROM 'test'
            OR EXISTS (SELECT FROM home WHERE home.id = alarm.home_id AND probe) AS test
    FROM alarm WHERE area_code ^@ :branch AND in_scope(area_code) AND raised_at >= :since AND raised_at < :until
"""

_BY_KIND = text(f"SELECT kind, detector, {_COUNTS} FROM ({_RAISED}) AS a GROUP BY kind, detector ORDER BY 3 DESC, 1, 2")

_BY_AREA = text(f"""
    SELECT area.code, area.name, (SELECT count(*) FROM home WHERE home.area_code = area.code) AS homes, counts.* FROM (
        SELECT area_code, {_COUNTS} FROM ({_RAISED}) AS a GROUP BY area_code) AS counts
    JOIN area ON area.code = counts.area_code ORDER BY counts.alarms DESC, area.code
""")

_BY_HOME = text(f"""
    SELECT home.id, home.name, counts.* FROM (
        SELECT home_id, kind, detector, {_COUNTS} FROM ({_RAISED}) AS a WHERE home_id IS NOT NULL
        GROUP BY home_id, kind, detector ORDER BY "false" DESC, alarms DESC, home_id, kind LIMIT {_HOMES}) AS counts
    JOIN home ON home.id = counts.home_id ORDER BY counts."false" DESC, counts.alarms DESC, home.id, counts.kind
""")

_HOMES_THERE = text("SELECT count(*) FROM home WHERE area_code ^@ :branch AND in_scope(area_code)")

_FIGURES = ("alarms", "real", "false", "test", "open", "cancelled")


async def read_load(conn: AsyncConnection, branch: str, since: datetime, until: datetime) -> dict[str, Any]:
    """All of it for one branch (a prefix of area codes), as far as the caller's scope goes."""
    asked = {"branch": branch, "since": since, "until": until, "real": list(REAL), "false": list(FALSE)}
    days = (until - since).total_seconds() / 86_400
    homes = (await conn.execute(_HOMES_THERE, {"branch": branch})).scalar_one()
    by_kind = (await conn.execute(_BY_KIND, asked)).all()
    by_area = (await conn.execute(_BY_AREA, asked)).all()
    by_home = (await conn.execute(_BY_HOME, asked)).all()
    return {
        "homes": homes,
        "total": _figures(by_kind, homes, days),
        "by_kind": [{"kind": one.kind, "detector": one.detector, **_figures([one], homes, days)} for one in by_kind],
        "by_area": [{"area": one.code, "name": one.name, "homes": one.homes, **_figures([one], one.homes, days)}
                    for one in by_area],
        "by_home": [{"home": str(one.id), "name": one.name, "kind": one.kind, "detector": one.detector,
                     **_figures([one], 1, days)} for one in by_home],
    }  # fmt: skip


def _figures(rows: Sequence[Row[Any]], homes: int, days: float) -> dict[str, Any]:
    counts = {name: sum(getattr(row, name) for row in rows) for name in _FIGURES}
    judged = counts["real"] + counts["false"]
    return {
        **counts,
        "real_share": round(counts["real"] / judged, 4) if judged else None,
        "per_1000_homes_day": round(counts["alarms"] / homes / days * 1000, 2) if homes else None,
    }
