"""Makes shifts from patterns: eight weeks ahead, whenever something changes and every day.

What is planned is compared with what stands there, and only what differs is written, in one transaction: whoever asks
meanwhile finds the shifts from before or those from after, never none. A shift that has begun is only ended or
prolonged, so what has been stays as it was.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

import msgspec
from sqlalchemy import TextClause, text
from sqlalchemy.ext.asyncio import AsyncConnection

from alerts.rota_pattern import Layer, layers_from
from alerts.rota_plan import Away, Missing, Origin, Override, Version, plan
from carebed.clock import now as clock_now
from carebed.database import Database
from carebed.ids import new_id
from carebed.logs import get_logger
from registry.area import zone_of

log = get_logger()

#: Shifts are made for so long ahead; a calendar that stands still shows as a gap at the end of it.
AHEAD = timedelta(weeks=8)

#: A pattern is compared with its shifts at least so often: time zones change their rules, people leave.
EVERY = timedelta(days=1)

# Changes of rotas are rare and small, and may touch several patterns and people: one after the other.
_LOCK = text("SELECT pg_advisory_xact_lock(7270145)")

_PATTERNS = text("""
    SELECT pattern.id, pattern.station_id, pattern.tier, area.time_zone
    FROM rota_pattern AS pattern JOIN station ON station.id = pattern.station_id
    JOIN area ON area.code = station.area_code
    WHERE pattern.id = ANY(:ids) ORDER BY pattern.id
""")

_VERSIONS = text("""
    SELECT pattern_id, holds_from, layers FROM rota_version WHERE pattern_id = ANY(:ids) ORDER BY set_at, id
""")

_OVERRIDES = text("""
    SELECT pattern_id, id, staff_id, starts_at, ends_at, instead_of, swap_id FROM rota_override
    WHERE pattern_id = ANY(:ids) AND ends_at > :now AND withdrawn_at IS NULL ORDER BY entered_at, id
""")

# Who cannot be on call: away for a span, or gone altogether.
_AWAY = text("""
    SELECT staff_id, begins_at, ends_at, 'absent' AS why FROM staff_absence
    WHERE withdrawn_at IS NULL AND ends_at > :now AND begins_at < :until
    UNION ALL SELECT id, :now, :until, 'inactive' FROM staff WHERE NOT active
""")


@dataclass(frozen=True, slots=True)
class _Kept:
    """A table that is kept in line with what is planned. `what`: the columns that make a row the same one."""

    what: tuple[str, ...]
    read: TextClause
    make: TextClause
    move: TextClause
    remove: TextClause


_SHIFTS = _Kept(
    what=("staff_id", "origin", "override_id"),
    read=text("""
        SELECT id, pattern_id, starts_at, ends_at, staff_id, origin, override_id FROM rota
        WHERE pattern_id = ANY(:ids) AND ends_at > :now
    """),
    make=text("""
        INSERT INTO rota (id, station_id, tier, pattern_id, staff_id, starts_at, ends_at, origin, override_id)
        VALUES (:id, :station, :tier, :pattern, :staff_id, :starts_at, :ends_at, :origin, :override_id)
    """),
    move=text("UPDATE rota SET ends_at = :ends_at WHERE id = :id"),
    remove=text("DELETE FROM rota WHERE id = :id"),
)
_GAPS = _Kept(
    what=("staff_id", "why"),
    read=text("""
        SELECT id, pattern_id, starts_at, ends_at, staff_id, why FROM rota_gap
        WHERE pattern_id = ANY(:ids) AND ends_at > :now
    """),
    make=text("""
        INSERT INTO rota_gap (id, pattern_id, staff_id, starts_at, ends_at, why)
        VALUES (:id, :pattern, :staff_id, :starts_at, :ends_at, :why)
    """),
    move=text("UPDATE rota_gap SET ends_at = :ends_at WHERE id = :id"),
    remove=text("DELETE FROM rota_gap WHERE id = :id"),
)

_PLANNED = text("UPDATE rota_pattern SET planned_at = :now, planned_until = :until WHERE id = ANY(:ids)")

# Posts that somebody is named on, by whatever version or override may still count.
_WITH = text("""
    SELECT pattern_id FROM rota_version, jsonb_array_elements(layers) AS layer
    WHERE layer -> 'people' @> to_jsonb(CAST(:staff AS text))
    UNION SELECT pattern_id FROM rota_override WHERE staff_id = CAST(:staff AS uuid) AND ends_at > carebed_now()
""")

_DUE = text("""
    SELECT id FROM rota_pattern WHERE planned_at IS NULL OR planned_at <= :before OR planned_until < :until ORDER BY id
""")


@dataclass(frozen=True, slots=True)
class Standing:
    """A row that is there. `what`: all that makes it the same one but its end."""

    id: UUID
    what: tuple[object, ...]
    starts_at: datetime
    ends_at: datetime


#: What makes a row the same one, its beginning and its end.
Planned = tuple[tuple[object, ...], datetime, datetime]


@dataclass(slots=True)
class Changes:
    """What to write so that rows are as planned."""

    remove: list[UUID]
    move: list[tuple[UUID, datetime]]
    make: list[Planned]


def changes(standing: Iterable[Standing], planned: Iterable[Planned], now: datetime) -> Changes:
    """Compare rows that end after `now` with what is planned from `now` on. One that has begun goes on or ends now."""
    found = Changes([], [], [])
    there = {(max(one.starts_at, now), one.what): one for one in standing}
    for what, starts_at, ends_at in planned:
        same = there.pop((starts_at, what), None)
        if same is None:
            found.make.append((what, starts_at, ends_at))
        elif same.ends_at != ends_at:
            found.move.append((same.id, ends_at))
    for left in there.values():
        if left.starts_at < now:
            found.move.append((left.id, now))
        else:
            found.remove.append(left.id)
    return found


async def lock(conn: AsyncConnection) -> datetime:
    """Wait for other changes of rotas to be committed; then the time, by which this one is made."""
    await conn.execute(_LOCK)
    return await clock_now(conn)


async def patterns_with(conn: AsyncConnection, staff_id: UUID) -> list[UUID]:
    """The posts that this person may have shifts on, wherever they are."""
    return list((await conn.execute(_WITH, {"staff": str(staff_id)})).scalars())


async def rewrite(conn: AsyncConnection, now: datetime, pattern_ids: Iterable[UUID]) -> None:
    """Bring the shifts and gaps of these patterns in line with what is planned from `now` on.

    Call `lock` first, and see everything: a plan is made from all who are on it, wherever they belong.
    """
    ids = list(pattern_ids)
    until = now + AHEAD
    about = {"ids": ids, "now": now, "until": until}
    versions: dict[UUID, list[Version]] = {one: [] for one in ids}
    for pattern, holds_from, layers in await conn.execute(_VERSIONS, about):
        versions[pattern].append(Version(holds_from, _readable(pattern, layers)))
    overrides: dict[UUID, list[Override]] = {one: [] for one in ids}
    for row in await conn.execute(_OVERRIDES, about):
        origin = Origin.OVERRIDE if row.swap_id is None else Origin.SWAP
        overrides[row.pattern_id].append(
            Override(row.id, row.staff_id, row.starts_at, row.ends_at, row.instead_of, origin)
        )
    away = [Away(who, begins, ends, Missing(why)) for who, begins, ends, why in await conn.execute(_AWAY, about)]
    shifts, gaps = await _standing(conn, _SHIFTS, about), await _standing(conn, _GAPS, about)
    for pattern, station, tier, zone in (await conn.execute(_PATTERNS, about)).all():
        planned = plan(versions[pattern], overrides[pattern], away, zone_of(zone), now, until)
        place = {"pattern": pattern, "station": station, "tier": tier}
        on_call: list[Planned] = [
            ((one.staff_id, str(one.origin), one.origin_id), one.starts_at, one.ends_at) for one in planned.shifts
        ]
        missing: list[Planned] = [((one.staff_id, str(one.why)), one.starts_at, one.ends_at) for one in planned.gaps]
        await _write(conn, _SHIFTS, place, changes(shifts.get(pattern, []), on_call, now))
        await _write(conn, _GAPS, place, changes(gaps.get(pattern, []), missing, now))
    await conn.execute(_PLANNED, about)


def _readable(pattern: UUID, layers: object) -> tuple[Layer, ...]:
    """Nobody is left without a rota because somebody wrote layers that are none: it shows as a gap."""
    try:
        return layers_from(layers)
    except msgspec.ValidationError as error:
        log.error("rota_unreadable", pattern=str(pattern), error=str(error))
        return ()


async def _standing(conn: AsyncConnection, kept: _Kept, about: dict[str, Any]) -> dict[UUID, list[Standing]]:
    standing: dict[UUID, list[Standing]] = {}
    for one, pattern, starts_at, ends_at, *what in await conn.execute(kept.read, about):
        standing.setdefault(pattern, []).append(Standing(one, tuple(what), starts_at, ends_at))
    return standing


async def _write(conn: AsyncConnection, kept: _Kept, place: dict[str, Any], to_write: Changes) -> None:
    for statement, rows in (
        (kept.remove, [{"id": one} for one in to_write.remove]),
        (kept.move, [{"id": one, "ends_at": ends_at} for one, ends_at in to_write.move]),
        (
            kept.make,
            [
                {
                    "id": new_id(),
                    **place,
                    **dict(zip(kept.what, what, strict=True)),
                    "starts_at": since,
                    "ends_at": till,
                }
                for what, since, till in to_write.make
            ],
        ),
    ):
        if rows:
            await conn.execute(statement, rows)


async def plan_ahead(database: Database) -> int:
    """A job of the calendar: every pattern that has not been looked at for a day; how many there were."""
    async with database.transaction() as conn:
        now = await clock_now(conn)
        due = list((await conn.execute(_DUE, {"before": now - EVERY, "until": now + AHEAD - EVERY})).scalars())
    done = 0
    for pattern in due:
        try:
            async with database.transaction() as conn:
                await rewrite(conn, await lock(conn), [pattern])
            done += 1
        except Exception as error:  # noqa: BLE001 - a pattern that cannot be planned stops no other one
            log.error("rota_not_planned", pattern=str(pattern), error=repr(error))
    return done
