"""Looks at who is on call in the hours ahead and how he can be reached, for all stations and homes in a few statements.

Homes are looked at one by one only where the station's verdict does not say it: where a ladder of their own or of their
part of the area holds, or where a step calls only a home's own people.
"""

import asyncio
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from uuid import UUID

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

from alerts.policy import Policy, person_of
from alerts.readiness import Away, Gap, OnCall, Reach, Reason, judge, present
from alerts.readiness_homes import HomeGaps, Station, bounded, shared_targets
from alerts.readiness_ladders import Ladders, Place, SomeHome, ladders_of, some_homes
from registry.area import zone_of

#: So long the page that somebody has open is expected to stay so: until the next look, and a little longer.
SIGNED_IN = timedelta(minutes=15)

_STATIONS = text("""
    SELECT station.id, station.name, station.area_code, area.time_zone
    FROM station JOIN area ON area.code = station.area_code ORDER BY station.id
""")

_SHIFTS = text("""
    SELECT rota.station_id, 'rota:' || tier AS target, staff_id, greatest(starts_at, :begin) AS since,
        least(ends_at, :end) AS until
    FROM rota JOIN staff ON staff.id = rota.staff_id AND staff.active WHERE starts_at < :end AND ends_at > :begin
""")

# Who answers to targets that know no hours. Absences are taken out afterwards: somebody may be back before the night.
_STANDING = text("""
    SELECT asked.station_id, asked.target, staff_id
    FROM unnest(CAST(:stations AS uuid[]), CAST(:targets AS text[])) AS asked (station_id, target),
        LATERAL on_call(asked.station_id, asked.target, 'infinity', NULL) AS staff_id
""")

_ACTIVE = text("SELECT id FROM staff WHERE id = ANY (:people) AND active")

_AWAY = text("""
    SELECT staff_id, begins_at, ends_at FROM staff_absence
    WHERE staff_id = ANY (:people) AND withdrawn_at IS NULL AND begins_at < :end AND ends_at > :begin
""")

# The best of each person's methods. One is proven by its last delivery, or by the code that came through it; a failure
# since then counts more. Signed in: his page has asked for something within the last minutes (real time).
_REACH = text("""
    SELECT staff.id, (
            SELECT min(CASE WHEN method.verified_at IS NULL THEN 'd unverified'
                WHEN method.failed_at >= proven.at THEN 'c failed'
                WHEN proven.at > CAST(:begin AS timestamptz) - CASE method.channel
                    WHEN 'webpush' THEN least(CAST(:age AS interval), interval '7 days')
                    ELSE CAST(:age AS interval) END THEN 'a'
                ELSE 'b not_delivered' END)
            FROM contact_method method
            CROSS JOIN LATERAL (SELECT greatest(method.verified_at, method.delivered_at) AS at) AS proven
            WHERE method.staff_id = staff.id AND method.removed_at IS NULL AND method.channel = ANY (:channels)
        ) AS best,
        EXISTS (SELECT FROM staff_session WHERE staff_session.staff_id = staff.id
                AND access_expires_at > clock_timestamp()
                AND seen_at > clock_timestamp() - interval '2 minutes') AS signed_in
    FROM staff WHERE staff.id = ANY (:people)
""")


@dataclass(frozen=True, slots=True)
class Verdict:
    """Of one station: steps that reach nobody for whatever home, and homes that nobody is reached for besides."""

    gaps: list[Gap]
    homes: HomeGaps

    @property
    def ready(self) -> bool:
        """There is nothing to mend."""
        return not self.gaps and not self.homes.count


async def look(
    conn: AsyncConnection, begin: datetime, end: datetime, channels: Collection[str], age: timedelta
) -> dict[Place, Verdict]:
    """The verdict of every station for [`begin`, `end`). `channels`: those set up here that can reach a person.
    `age`: after which a delivery proves a method no more."""
    rows = await conn.execute(_STATIONS)
    places = [Place(row.id, row.name, row.area_code, zone_of(row.time_zone)) for row in rows]
    ladders, quarters = await ladders_of(conn, places, begin, end)
    homes = await some_homes(conn, ladders, quarters)
    on_call = await _on_call(conn, ladders, homes, begin, end)
    people = {one.staff_id for some in on_call.values() for one in some}
    people |= {one for some in homes.values() for home in some for one in home.household.people}
    away = await _away(conn, people, begin, end)
    reach = await _reach(conn, people, begin, channels, age)
    found = {}
    for place in places:
        await asyncio.sleep(0)  # ten thousand homes are a second's work, and this process has other tasks
        some = present(on_call.get(place.station_id, ()), away)
        found[place] = Verdict(
            _judge(ladders[place.station_id], some, reach, begin, end),
            _judge_homes(Station(some, reach, away, begin, end), homes.get(place.station_id, ())),
        )
    return found


def _judge(
    ladders: Ladders, on_call: Iterable[OnCall], reach: Mapping[UUID, Reach], begin: datetime, end: datetime
) -> list[Gap]:
    usual = ladders.usual
    targets = shared_targets(usual.all())
    some = [one for one in on_call if one.target in targets]
    return judge(usual.at, some, {one.staff_id: reach[one.staff_id] for one in some}, begin, end, usual.edges)


def _judge_homes(station: Station, homes: Iterable[SomeHome]) -> HomeGaps:
    judged = (station.first_gap(home.household, home.ladders, shared=home.other) for home in homes)
    return bounded(gap for gap in judged if gap is not None)


async def _on_call(
    conn: AsyncConnection, ladders: Mapping[UUID, Ladders], homes: Mapping[UUID, Sequence[SomeHome]], begin: datetime,
    end: datetime,
) -> dict[UUID, list[OnCall]]:  # fmt: skip
    found: dict[UUID, list[OnCall]] = {}
    for row in await conn.execute(_SHIFTS, {"begin": begin, "end": end}):
        found.setdefault(row.station_id, []).append(OnCall(row.target, row.staff_id, row.since, row.until))
    asked = [(station, target) for station, own in ladders.items()
             for target in sorted(shared_targets(_policies(own, homes.get(station, ()))))
             if not target.startswith("rota:")]  # fmt: skip
    standing = [one for one in asked if person_of(one[1]) is None]
    rows = await conn.execute(
        _STANDING,
        {"stations": [one for one, _ in standing], "targets": [target for _, target in standing]},
    )
    for row in rows:
        found.setdefault(row.station_id, []).append(OnCall(row.target, row.staff_id, begin, end))
    named = [(station, target, one) for station, target in asked if (one := person_of(target)) is not None]
    active = set((await conn.execute(_ACTIVE, {"people": [one for _, _, one in named]})).scalars()) if named else set()
    for station, target, person in named:
        if person in active:
            found.setdefault(station, []).append(OnCall(target, person, begin, end))
    return found


def _policies(ladders: Ladders, homes: Iterable[SomeHome]) -> list[Policy]:
    """Every ladder that is looked at, once."""
    ahead = {id(one): one for one in (ladders.usual, *(home.ladders for home in homes))}
    return [policy for one in ahead.values() for policy in one.all()]


async def _away(
    conn: AsyncConnection, people: Collection[UUID], begin: datetime, end: datetime
) -> dict[UUID, list[Away]]:
    found: dict[UUID, list[Away]] = {}
    for row in await conn.execute(_AWAY, {"people": list(people), "begin": begin, "end": end}):
        found.setdefault(row.staff_id, []).append(Away(row.staff_id, row.begins_at, row.ends_at))
    return found


async def _reach(
    conn: AsyncConnection, people: Collection[UUID], begin: datetime, channels: Collection[str], age: timedelta
) -> dict[UUID, Reach]:
    asked = {"people": list(people), "begin": begin, "channels": list(channels), "age": age}
    found = {one: Reach(Reason.NO_METHOD) for one in people}
    for row in await conn.execute(_REACH, asked):
        reason = Reason.NO_METHOD if row.best is None else None if row.best == "a" else Reason(row.best[2:])
        found[row.id] = Reach(reason, begin + SIGNED_IN if row.signed_in else None)
    return found
