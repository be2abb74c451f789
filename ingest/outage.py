"""Deadline handler that looks for outages of many homes at once, makes them an incident, and ends it when it is over.

One deadline that is always armed. Alarms that may be one of many are gathering (`alerts.incident.GATHERING`): nobody is
paged for them yet. Here those that are one incident join it; the others are left to their own ladders. Homes that fall
silent while an incident is open join it as they are raised (`alerts.raising`). The judgement is `ingest.detect.outage`.
"""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any, NamedTuple
from uuid import UUID
from zoneinfo import ZoneInfo

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

from alerts import book, lifecycle
from alerts.book import LIVE_ONLY
from alerts.case import ENGINE, Case
from alerts.incident import GATHERING, KIND, OpenIncident, incident_of, join_incident, open_incidents
from alerts.raising import Place, Raise, raise_alarms
from carebed.deadline import Deadline, as_json, rearm
from carebed.ids import new_id
from carebed.logs import get_logger
from ingest.detect.outage import DETECTOR, Group, OutageParameters, Sign, group
from ingest.detect.outage_words import why_outage, why_over
from ingest.parameters import Where, read_parameters
from registry.area import LEVEL_DIGITS, scope_of, zone_of

log = get_logger()

_LOOK = timedelta(seconds=2)
#: Alarms that join in one transaction: as long as it holds the event log, no other alarm is saved.
_AT_ONCE = 250
#: Gathering alarms that are looked at together; more of them wait for the next look.
_SEEN_AT_ONCE = 20_000


_NO_HOME = UUID(int=0)

# Alarms that are gathering, those that are over or have waited long enough first let go.
_LET_GO = text("""
    UPDATE alarm SET gathering_until = NULL
    WHERE id IN (SELECT id FROM alarm WHERE gathering_until IS NOT NULL AND (gathering_until <= :now
        OR closed_at IS NOT NULL) ORDER BY id LIMIT 1000 FOR NO KEY UPDATE SKIP LOCKED)
""")
_GATHERING = text("""
    SELECT id, kind, station_id, home_id, area_code, happened_at, raised_at FROM alarm
    WHERE gathering_until > :now AND closed_at IS NULL AND home_id IS NOT NULL
    ORDER BY gathering_until, id LIMIT :limit
""")

# The members of these incidents, as signs.
_MEMBERS = text("""
    SELECT id, home_id, area_code, happened_at, incident_id FROM alarm WHERE incident_id = ANY(:incidents)
""")

# How many homes with a gateway a desk has, by community.
_HOMES = text("""
    SELECT home.area_code, count(*) AS homes FROM home WHERE station_id = :station
        AND EXISTS (SELECT FROM gateway WHERE gateway.home_id = home.id AND gateway.revoked_at IS NULL)
    GROUP BY home.area_code
""")

# A desk's branch and its clock; and how branches are called, as far as the area tree knows them.
_DESK = text("""
    SELECT station.area_code, area.time_zone FROM station JOIN area ON area.code = station.area_code
    WHERE station.id = :station
""")
_NAMES = text("SELECT code, name FROM area WHERE code = ANY(:codes)")

_PUT = text("""
    INSERT INTO incident (alarm_id, station_id, area_code, first_at, last_at, reach_s, homes)
    VALUES (:id, :station, :area, :at, :at, :reach, 0)
""")

_WIDEN = text("UPDATE incident SET area_code = :area WHERE alarm_id = :id AND area_code <> :area")

# What incidents that were opened lately have come to, where that has changed: their span and their homes.
_GROW = text("""
    WITH lately AS (
        SELECT incident.alarm_id FROM incident JOIN alarm ON alarm.id = incident.alarm_id AND alarm.closed_at IS NULL
        WHERE over_at IS NULL AND raised_at > CAST(:now AS timestamptz) - interval '15 minutes'
    ), now_is AS (
        SELECT incident_id AS id, min(happened_at) AS first, max(happened_at) AS last,
            count(DISTINCT home_id) AS homes, count(DISTINCT home_id) FILTER (WHERE kind = 'mains') AS mains
        FROM alarm WHERE incident_id = ANY(ARRAY(SELECT alarm_id FROM lately)) GROUP BY incident_id
    )
    UPDATE incident SET first_at = now_is.first, last_at = now_is.last, homes = now_is.homes
    FROM now_is WHERE incident.alarm_id = now_is.id AND incident.homes <> now_is.homes
    RETURNING incident.alarm_id, incident.station_id, incident.area_code, incident.first_at, incident.homes,
        now_is.mains
""")
_TELL_WHY = text("UPDATE alarm SET why = CAST(:why AS jsonb) WHERE id = :id")

# Incidents that have no open member any more; or, where all were over before they could join, never had one.
_OVER = text("""
    UPDATE incident SET over_at = :now WHERE over_at IS NULL AND NOT EXISTS (
        SELECT FROM alarm WHERE incident_id = incident.alarm_id AND closed_at IS NULL)
        AND (homes > 0 OR EXISTS (SELECT FROM alarm WHERE id = incident.alarm_id AND raised_at < :waited))
    RETURNING alarm_id, station_id
""")


class _Desk(NamedTuple):
    """A station with what is set for its incidents."""

    id: UUID
    area_code: str
    zone: ZoneInfo
    parameters: OutageParameters


class OutageHandler:
    """Handler of the deadline kind `outage`, of which there is one row."""

    def __init__(self, channels: Sequence[str] = LIVE_ONLY) -> None:
        self._channels = channels

    async def __call__(self, conn: AsyncConnection, now: datetime, deadlines: list[Deadline]) -> None:
        """One look at all that is gathering, and at the incidents that are open."""
        await conn.execute(_LET_GO, {"now": now})
        gathering = (await conn.execute(_GATHERING, {"now": now, "limit": _SEEN_AT_ONCE})).all()
        stations: dict[UUID, list[Any]] = defaultdict(list)
        for row in gathering:
            stations[row.station_id].append(row)
        incidents = await open_incidents(conn, stations, (row.home_id for row in gathering))
        cases: dict[UUID, Case] = {}
        members: dict[UUID, UUID] = {}
        for station_id, rows in stations.items():
            there = [one for one in incidents if one.station_id == station_id]
            members |= await self._of_station(conn, now, station_id, rows, there, cases)
        await _join(conn, now, members, cases)
        await book.save(conn, now, cases.values(), self._channels)
        await _grow(conn, now, cases)
        await _end(conn, now, cases)
        again_at = now if len(members) > _AT_ONCE else now + _LOOK
        await rearm(conn, [(row, again_at, None) for row in deadlines])
        await book.finish(conn, now, cases.values(), self._channels)

    async def _of_station(
        self, conn: AsyncConnection, now: datetime, station_id: UUID, rows: Sequence[Any],
        incidents: Sequence[OpenIncident], cases: dict[UUID, Case],
    ) -> dict[UUID, UUID]:  # fmt: skip
        """Which alarms of a desk join which incident; a new one is raised and added to `cases`."""
        found: dict[UUID, UUID] = {}
        left: list[Any] = []
        for row in rows:
            there = incident_of(incidents, station_id, row.area_code, row.home_id, row.happened_at)
            if there is None:
                left.append(row)
            else:
                found[row.id] = there.id
        desk = await _desk(conn, station_id)
        near = [one for one in incidents if any(one.near(station_id, row.happened_at) for row in left)]
        few = len({row.home_id for row in left}) < desk.parameters.least and not near
        waiting = not left or now - min(row.raised_at for row in left) < timedelta(seconds=desk.parameters.gather_s)
        if few or waiting or not desk.parameters.enabled:
            return found
        signs = [Sign(row.id, row.home_id, row.area_code, row.happened_at) for row in left]
        signs += [Sign(*row) for row in await conn.execute(_MEMBERS, {"incidents": [one.id for one in near]})]
        counted = await conn.execute(_HOMES, {"station": station_id})
        homes: dict[str, int] = {row.area_code: row.homes for row in counted}
        for together in group(signs, homes, desk.parameters):
            new = [one for one in together.signs if one.incident is None]
            if new:
                incident_id = await _incident_for(conn, now, desk, together, near, cases)
                found |= {one.alarm_id: incident_id for one in new}
        return found


async def _desk(conn: AsyncConnection, station_id: UUID) -> _Desk:
    row = (await conn.execute(_DESK, {"station": station_id})).one()
    where = Where(_NO_HOME, station_id, row.area_code)
    parameters = (await read_parameters(conn, [DETECTOR], [where])).of(where)[DETECTOR.name]
    assert isinstance(parameters, OutageParameters)  # nothing else goes by that name
    return _Desk(station_id, row.area_code, zone_of(row.time_zone), parameters)


async def _incident_for(
    conn: AsyncConnection, now: datetime, desk: _Desk, together: Group, near: Sequence[OpenIncident],
    cases: dict[UUID, Case],
) -> UUID:  # fmt: skip
    """The open incident that these are part of, widened to hold them; or a new one."""
    area_code, name = await _branch(conn, together.area_code, desk)
    known = {one.incident for one in together.signs}
    there = next((one.id for one in near if one.id in known), None)
    if there is not None:
        await conn.execute(_WIDEN, {"id": there, "area": area_code})
        return there
    first_at = min(one.at for one in together.signs)
    reason = why_outage(name, desk.zone, first_at, homes=together.homes, mains=0, least=desk.parameters.least)
    place = Place(desk.id, area_code)
    raised = await raise_alarms(
        conn, now, [Raise(KIND, place, f"outage:{new_id()}", first_at, reason, counts_again=False)]
    )
    ((incident_id, case),) = raised.cases.items()
    cases[incident_id] = case
    reach_s = round(desk.parameters.within_s)
    await conn.execute(
        _PUT, {"id": incident_id, "station": desk.id, "area": area_code, "at": first_at, "reach": reach_s}
    )
    log.warning("incident_opened", area=area_code, homes=together.homes)
    return incident_id


async def _branch(conn: AsyncConnection, area_code: str, desk: _Desk) -> tuple[str, str]:
    """Code and name of the smallest known branch that holds this one; never wider than the desk's own, or whoever
    answers there would not see it."""
    wider = [area_code[:digits].ljust(12, "0") for digits in reversed(LEVEL_DIGITS.values())]
    codes = [*dict.fromkeys(one for one in wider if area_code.startswith(scope_of(one))), desk.area_code]
    names = {row.code: row.name for row in await conn.execute(_NAMES, {"codes": codes})}
    code = next(one for one in codes if one in names)
    if scope_of(desk.area_code).startswith(scope_of(code)):
        code = desk.area_code
    return code, names[code]


async def _join(conn: AsyncConnection, now: datetime, members: Mapping[UUID, UUID], cases: dict[UUID, Case]) -> None:
    """Let as many join as one transaction may; the others come with the next look."""
    for alarm_id, case in (await book.load(conn, sorted(members)[:_AT_ONCE])).items():
        if case.open and case.gathering_until is not None:
            join_incident(case, now, members[alarm_id])
            cases[alarm_id] = case


async def _grow(conn: AsyncConnection, now: datetime, cases: dict[UUID, Case]) -> None:
    """Say what incidents have come to, in their reasons and in their logs."""
    for row in (await conn.execute(_GROW, {"now": now})).all():
        desk = await _desk(conn, row.station_id)
        _, name = await _branch(conn, row.area_code, desk)
        reason = why_outage(
            name, desk.zone, row.first_at, homes=row.homes, mains=row.mains, least=desk.parameters.least
        )  # fmt: skip
        case = (await _load(conn, [row.alarm_id], cases)).get(row.alarm_id)
        if case is not None and case.open:
            case.log("incident_grew", now, ENGINE, homes=row.homes, mains=row.mains)
            await conn.execute(_TELL_WHY, {"id": case.id, "why": as_json(reason)})


async def _end(conn: AsyncConnection, now: datetime, cases: dict[UUID, Case]) -> None:
    """Close what is over; where somebody has it in hand, tell him."""
    over = (await conn.execute(_OVER, {"now": now, "waited": now - GATHERING})).all()
    known = await _load(conn, [row.alarm_id for row in over], cases)
    for row in over:
        case = known.get(row.alarm_id)
        if case is not None and case.open:
            lifecycle.clear(case, now, now, why_over((await _desk(conn, row.station_id)).zone, now))


async def _load(conn: AsyncConnection, ids: Iterable[UUID], cases: dict[UUID, Case]) -> dict[UUID, Case]:
    """These cases, each locked and loaded once in the transaction."""
    cases |= await book.load(conn, [one for one in ids if one not in cases])
    return cases
