"""Looks at who is on call in the hours ahead and how he can be reached, for all stations in a few statements."""

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from uuid import UUID
from zoneinfo import ZoneInfo

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

from alerts.alarm import KINDS, Priority
from alerts.choosing import Rule, Rules, Spot, read_rules
from alerts.policy import Policy
from alerts.readiness import Gap, OnCall, Reach, Reason, judge, targets_of
from alerts.rota_plan import instant_of
from registry.area import scope_of

#: So long the page that somebody has open is expected to stay so: until the next look, and a little longer.
SIGNED_IN = timedelta(minutes=15)

#: Kinds that have ladders of their own whatever is set, and call no caregiver.
_ABOUT_US = frozenset({"lag", "audit", "readiness", "outage"})
#: One of each priority stands for all kinds that nothing is set for.
_USUAL = ("sos", "inactivity")


@dataclass(frozen=True, slots=True)
class Place:
    """A station, and the zone that its people live by."""

    station_id: UUID
    name: str
    area_code: str
    zone: ZoneInfo


_STATIONS = text("""
    SELECT station.id, station.name, station.area_code, area.time_zone
    FROM station JOIN area ON area.code = station.area_code ORDER BY station.id
""")

_SHIFTS = text("""
    SELECT rota.station_id, 'rota:' || tier AS target, staff_id, greatest(starts_at, :begin) AS since,
        least(ends_at, :end) AS until
    FROM rota JOIN staff ON staff.id = rota.staff_id AND staff.active WHERE starts_at < :end AND ends_at > :begin
""")

# Who answers to targets that know no hours.
_STANDING = text("""
    SELECT asked.station_id, asked.target, staff_id
    FROM unnest(CAST(:stations AS uuid[]), CAST(:targets AS text[])) AS asked (station_id, target),
        LATERAL on_call(asked.station_id, asked.target, :begin, NULL) AS staff_id
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


async def look(
    conn: AsyncConnection, begin: datetime, end: datetime, channels: Collection[str], age: timedelta
) -> dict[Place, list[Gap]]:
    """Every station with its gaps within [`begin`, `end`). `channels`: those set up here that can reach a person.
    `age`: after which a delivery proves a method no more."""
    rows = await conn.execute(_STATIONS)
    places = [Place(row.id, row.name, row.area_code, ZoneInfo(row.time_zone)) for row in rows]
    rules = await read_rules(conn, [Spot(place.station_id, place.area_code) for place in places])
    ladders = {place.station_id: _Ladders(place, rules) for place in places}
    on_call = await _on_call(conn, ladders, begin, end)
    people = {one.staff_id for some in on_call.values() for one in some}
    reach = await _reach(conn, people, begin, channels, age)
    found = {}
    for place in places:
        own = ladders[place.station_id]
        some = on_call.get(place.station_id, [])
        theirs = {one.staff_id: reach[one.staff_id] for one in some}
        found[place] = judge(own.at, some, theirs, begin, end, own.cuts(begin, end))
    return found


class _Ladders:
    """The ladders that alarms of one station's homes may get, over the day. Those of single homes are left out."""

    def __init__(self, place: Place, rules: Rules) -> None:
        self._spot = Spot(place.station_id, place.area_code)
        self._zone = place.zone
        self._set = [rule for rule in rules.rules if self._meant(rule)]
        self._rules = Rules(self._set, {place.station_id: place.zone})
        named = {rule.kind for rule in self._set if rule.kind is not None} - _ABOUT_US
        self._kinds = {
            kind: KINDS[kind].priority for kind in (*_USUAL, *named)
            if kind in KINDS and KINDS[kind].priority is not Priority.WORK_ORDER
        }  # fmt: skip

    def _meant(self, rule: Rule) -> bool:
        here = rule.station_id in (None, self._spot.station_id) and rule.home_id is None
        return here and (rule.area_code is None or self._spot.area_code.startswith(scope_of(rule.area_code)))

    def at(self, moment: datetime) -> list[Policy]:
        """At this moment, each once."""
        chosen = [self._rules.choose(self._spot, kind, priority, moment) for kind, priority in self._kinds.items()]
        return list(dict.fromkeys(rule.policy for rule in chosen))

    def all(self) -> Iterable[Policy]:
        """At whatever time."""
        return [*(rule.policy for rule in self._set), *self.at(datetime.now(self._zone))]

    def cuts(self, begin: datetime, end: datetime) -> list[datetime]:
        """When other ladders may hold than before."""
        times = {at for rule in self._set for at in (rule.from_time, rule.to_time) if at is not None}
        first = begin.astimezone(self._zone).date()
        days = [first + timedelta(days=day) for day in range(-1, (end - begin).days + 3)]
        return [instant_of(self._zone, day, at) for day in days for at in times]


async def _on_call(
    conn: AsyncConnection, ladders: Mapping[UUID, _Ladders], begin: datetime, end: datetime
) -> dict[UUID, list[OnCall]]:
    found: dict[UUID, list[OnCall]] = {}
    for row in await conn.execute(_SHIFTS, {"begin": begin, "end": end}):
        found.setdefault(row.station_id, []).append(OnCall(row.target, row.staff_id, row.since, row.until))
    standing = [
        (station, target) for station, own in ladders.items()
        for target in sorted(targets_of(own.all())) if not target.startswith("rota:")
    ]  # fmt: skip
    asked = {"stations": [one for one, _ in standing], "targets": [target for _, target in standing], "begin": begin}
    for row in await conn.execute(_STANDING, asked):
        found.setdefault(row.station_id, []).append(OnCall(row.target, row.staff_id, begin, end))
    return found


async def _reach(
    conn: AsyncConnection, people: Collection[UUID], begin: datetime, channels: Collection[str], age: timedelta
) -> dict[UUID, Reach]:
    asked = {"people": sorted(people), "begin": begin, "channels": list(channels), "age": age}
    found = {one: Reach(Reason.NO_METHOD) for one in people}
    for row in await conn.execute(_REACH, asked):
        reason = Reason.NO_METHOD if row.best is None else None if row.best == "a" else Reason(row.best[2:])
        found[row.id] = Reach(reason, begin + SIGNED_IN if row.signed_in else None)
    return found
