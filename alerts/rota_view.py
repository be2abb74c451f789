"""Rotas as people read them: shifts, who is on call at a moment, and where somebody is missing in the days ahead."""

from collections.abc import Collection, Iterable
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Any
from uuid import UUID

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

from alerts.channel import routes
from alerts.contact_method import ways_to
from alerts.rota_plan import holes
from alerts.view import shown, utc


class Lack(StrEnum):
    """What is wrong with a span of a rota."""

    NOBODY = "nobody"
    ABSENT = "absent"
    INACTIVE = "inactive"
    UNREACHABLE = "unreachable"


@dataclass(frozen=True, slots=True)
class Lacking:
    """A span that somebody has to see to. `staff_id`: whose it is or would have been; None: nobody is on the tier."""

    station_id: UUID
    station: str
    tier: int
    why: Lack
    starts_at: datetime
    ends_at: datetime
    pattern_id: UUID | None = None
    pattern: str | None = None
    staff_id: UUID | None = None
    staff: str | None = None

    def as_object(self) -> dict[str, Any]:
        """As the API shows it."""
        return {
            "station": str(self.station_id), "station_name": self.station, "tier": self.tier, "why": str(self.why),
            "starts_at": shown(self.starts_at), "ends_at": shown(self.ends_at),
            "pattern": str(self.pattern_id) if self.pattern_id else None, "pattern_name": self.pattern,
            "staff": str(self.staff_id) if self.staff_id else None, "staff_name": self.staff,
        }  # fmt: skip


#: A row of `rota` or `rota_log` under the name `shift`, as JSON.
SHIFT = f"""
    json_build_object('id', shift.id, 'station', shift.station_id, 'station_name', name_of_station(shift.station_id),
        'tier', shift.tier, 'pattern', shift.pattern_id,
        'pattern_name', (SELECT name FROM rota_pattern WHERE rota_pattern.id = shift.pattern_id),
        'staff', shift.staff_id, 'staff_name', name_of_staff(shift.staff_id), 'starts_at', {utc("shift.starts_at")},
        'ends_at', {utc("shift.ends_at")}, 'origin', shift.origin, 'override', shift.override_id)
"""

# Who is on call at a moment from now on, by the shifts that are planned.
_ON_CALL = text(f"""
    SELECT {SHIFT}::text FROM rota AS shift JOIN staff ON staff.id = shift.staff_id AND staff.active
    WHERE shift.station_id = :station AND starts_at <= :at AND ends_at > :at
    ORDER BY shift.tier, shift.starts_at, shift.id
""")

# And at a moment that has been, as it had been written by then.
_WAS_ON_CALL = text(f"""
    SELECT {SHIFT}::text FROM (
        SELECT DISTINCT ON (rota_id) *, rota_id AS id FROM rota_log
        WHERE station_id = :station AND at <= :at ORDER BY rota_id, seq DESC
    ) AS shift
    WHERE change <> 'removed' AND starts_at <= :at AND ends_at > :at
    ORDER BY shift.tier, shift.starts_at, shift.id
""")

# Every tier that has a post or shifts; the first one always.
_TIERS = text("""
    SELECT station.id AS station_id, station.name AS station, tier.tier FROM station CROSS JOIN LATERAL (
        SELECT 1 AS tier
        UNION SELECT rota.tier FROM rota WHERE rota.station_id = station.id AND ends_at > :now
        UNION SELECT pattern.tier FROM rota_pattern AS pattern WHERE pattern.station_id = station.id
            AND (SELECT layers FROM rota_version WHERE pattern_id = pattern.id ORDER BY set_at DESC, id DESC LIMIT 1)
                <> '[]'
    ) AS tier
    WHERE station.id = coalesce(:station, station.id) AND station_in_scope(station.id)
    ORDER BY station.area_code, station.id, tier.tier
""")

_SHIFTS = text("""
    SELECT rota.station_id, rota.tier, staff_id, name_of_staff(staff_id) AS staff, starts_at, ends_at, pattern_id,
        rota_pattern.name AS pattern
    FROM rota JOIN staff ON staff.id = staff_id AND staff.active
    LEFT JOIN rota_pattern ON rota_pattern.id = pattern_id
    WHERE ends_at > :now AND starts_at < :until AND rota.station_id = coalesce(:station, rota.station_id)
    ORDER BY starts_at
""")

_MISSING = text("""
    SELECT pattern.station_id, pattern.tier, staff_id, name_of_staff(staff_id) AS staff, starts_at, ends_at, why,
        pattern.id AS pattern_id, pattern.name AS pattern
    FROM rota_gap JOIN rota_pattern AS pattern ON pattern.id = pattern_id
    WHERE ends_at > :now AND starts_at < :until AND pattern.station_id = coalesce(:station, pattern.station_id)
    ORDER BY starts_at
""")


async def on_call_at(conn: AsyncConnection, station_id: UUID, at: datetime, now: datetime) -> list[str]:
    """Shifts of this moment as JSON, by tier: of the past as they had been written by then, else as planned."""
    statement = _WAS_ON_CALL if at < now else _ON_CALL
    return list((await conn.execute(statement, {"station": station_id, "at": at})).scalars())


async def lacking(
    conn: AsyncConnection, now: datetime, until: datetime, station_id: UUID | None, channels: Collection[str]
) -> list[Lacking]:
    """Where somebody is missing from `now` to `until`, in the stations of the caller's branch, by station and time.

    Nobody on a tier at all; somebody whose turn it is and who is away or has left; and, where the installation has
    channels of people's own, somebody on call without a verified way to reach him.
    """
    asked = {"now": now, "until": until, "station": station_id}
    tiers = {(row.station_id, row.tier): row.station for row in await conn.execute(_TIERS, asked)}
    shifts = [row for row in await conn.execute(_SHIFTS, asked) if (row.station_id, row.tier) in tiers]
    found: list[Lacking] = []
    spans: dict[tuple[UUID, int], list[tuple[datetime, datetime]]] = {}
    for row in shifts:
        spans.setdefault((row.station_id, row.tier), []).append((row.starts_at, row.ends_at))
    for (station, tier), name in tiers.items():
        for since, till in holes(spans.get((station, tier), []), now, until):
            found.append(Lacking(station, name, tier, Lack.NOBODY, since, till))
    unreachable = await _unreachable(conn, {row.staff_id for row in shifts}, channels, now)
    missing = [(row, Lack(row.why)) for row in await conn.execute(_MISSING, asked)]
    for row, why in [*missing, *((row, Lack.UNREACHABLE) for row in shifts if row.staff_id in unreachable)]:
        name = tiers.get((row.station_id, row.tier))
        if name is not None:
            found.append(
                Lacking(
                    row.station_id, name, row.tier, why, max(row.starts_at, now), min(row.ends_at, until),
                    row.pattern_id, row.pattern, row.staff_id, row.staff,
                )
            )  # fmt: skip
    order = {place: number for number, place in enumerate(tiers)}
    return sorted(found, key=lambda one: (order[one.station_id, one.tier], one.starts_at, one.why))


async def _unreachable(
    conn: AsyncConnection, people: Iterable[UUID], channels: Collection[str], now: datetime
) -> set[UUID]:
    """Who of them has no contact method that counts as verified; nobody, where there is no channel to verify."""
    through = routes(channels)
    if not through:
        return set()
    everybody = set(people)
    ways = await ways_to(conn, everybody, through, now)
    return everybody - {one for one, theirs in ways.items() if any(way.verified for way in theirs)}
