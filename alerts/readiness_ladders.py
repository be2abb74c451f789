"""Which ladders alarms may get in the hours ahead: those of a station, of a part of its area, and of a single home."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from uuid import UUID
from zoneinfo import ZoneInfo

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

from alerts.alarm import KINDS, Priority
from alerts.choosing import NOBODY_CALLED, Rule, Rules, Spot, read_rules
from alerts.readiness_homes import Ahead, Household, needs_homes
from alerts.rota_plan import instant_of
from registry.area import scope_of

#: One of each priority stands for all kinds that nothing is set for.
_USUAL = ("sos", "inactivity")

#: How a home's people are called by a step, by what they are to the home (`registry.care_circle`).
_CALLED = {"assigned": "assigned", "neighbour": "neighbours", "volunteer": "volunteers", "family": "family"}

# Where homes are in which somebody lives. The probe's, in which nobody does, calls only the probe.
_QUARTERS = text("""
    SELECT station_id, area_code FROM home WHERE EXISTS (SELECT FROM resident WHERE resident.home_id = home.id)
    GROUP BY station_id, area_code
""")

_WITH_POLICY = text("""
    SELECT DISTINCT home.id, home.station_id, home.area_code FROM policy JOIN home ON home.id = policy.home_id
""")

# Homes that are looked at by themselves: all of some stations or parts of the area, and some others.
_HOMES = text("""
    SELECT home.id, home.name, home.station_id, home.area_code FROM home
    WHERE EXISTS (SELECT FROM resident WHERE resident.home_id = home.id)
        AND (home.id = ANY (:homes) OR (home.station_id, home.area_code) IN (
            SELECT * FROM unnest(CAST(:stations AS uuid[]), CAST(:areas AS text[]))))
    ORDER BY home.id
""")

_CIRCLES = text("""
    SELECT home_id, relation, staff_id FROM care_circle JOIN staff ON staff.id = staff_id AND staff.active
    WHERE home_id = ANY (:homes)
""")


@dataclass(frozen=True, slots=True)
class Place:
    """A station, and the zone that its people live by."""

    station_id: UUID
    name: str
    area_code: str
    zone: ZoneInfo


class Ladders:
    """Of one station's homes, from what is set. `rules`: everything that may apply to one of them."""

    def __init__(self, place: Place, rules: Iterable[Rule], begin: datetime, end: datetime) -> None:
        self._place = place
        self._begin, self._end = begin, end
        self.station_id = place.station_id
        self._of_home: dict[UUID, list[Rule]] = {}
        self._wider: list[Rule] = []
        for rule in rules:
            if rule.home_id is not None:
                self._of_home.setdefault(rule.home_id, []).append(rule)
            elif rule.station_id in (None, place.station_id):
                self._wider.append(rule)
        self._of_area: dict[str, tuple[list[Rule], Ahead]] = {}
        #: Of an alarm at the station, and of most homes.
        self.usual = self._in_area(place.area_code)[1]

    @property
    def homes(self) -> list[UUID]:
        """Homes with ladders of their own."""
        return list(self._of_home)

    def of(self, home_id: UUID, area_code: str) -> tuple[Ahead, bool]:
        """Of a home; True: they are others than the station's."""
        around, ahead = self._in_area(area_code)
        own = self._of_home.get(home_id)
        if own is None:
            return ahead, ahead is not self.usual
        return self._ahead(Spot(self._place.station_id, area_code, home_id), [*around, *own]), True

    def looks_at_homes(self, area_code: str) -> bool:
        """Must homes in this area be looked at one by one?"""
        ahead = self._in_area(area_code)[1]
        return ahead is not self.usual or needs_homes(ahead.all())

    def _in_area(self, area_code: str) -> tuple[list[Rule], Ahead]:
        known = self._of_area.get(area_code)
        if known is None:
            rules = [
                one for one in self._wider if one.area_code is None or area_code.startswith(scope_of(one.area_code))
            ]
            station = self._of_area.get(self._place.area_code)
            if station is not None and station[0] == rules:
                known = station
            else:
                known = rules, self._ahead(Spot(self._place.station_id, area_code), rules)
            self._of_area[area_code] = known
        return known

    def _ahead(self, spot: Spot, rules: Sequence[Rule]) -> Ahead:
        """Chosen as for an alarm, at each time at which it may be another one."""
        chosen = Rules(rules, {spot.station_id: self._place.zone})
        named = {rule.kind for rule in rules if rule.kind is not None} - NOBODY_CALLED
        kinds = {
            kind: KINDS[kind].priority for kind in (*_USUAL, *named)
            if kind in KINDS and KINDS[kind].priority is not Priority.WORK_ORDER
        }  # fmt: skip
        edges = sorted({self._begin, *self._cuts(rules)})
        return Ahead(edges, [
            list(dict.fromkeys(chosen.choose(spot, kind, priority, at).policy for kind, priority in kinds.items()))
            for at in edges
        ])  # fmt: skip

    def _cuts(self, rules: Iterable[Rule]) -> list[datetime]:
        """When other ladders may hold than before."""
        times = {at for rule in rules if rule.timed for at in (rule.span.since, rule.span.until)}
        if not times:
            return []
        first = self._begin.astimezone(self._place.zone).date()
        days = [first + timedelta(days=day) for day in range(-1, (self._end - self._begin).days + 3)]
        cuts = [instant_of(self._place.zone, day, at) for day in days for at in times]
        return [at for at in cuts if self._begin < at < self._end]


@dataclass(frozen=True, slots=True)
class SomeHome:
    """A home that is looked at by itself. `other`: its ladders are others than its station's."""

    household: Household
    ladders: Ahead
    other: bool


#: Station and area of some homes.
Quarter = tuple[UUID, str]


async def ladders_of(
    conn: AsyncConnection, places: Iterable[Place], begin: datetime, end: datetime
) -> tuple[dict[UUID, Ladders], list[Quarter]]:
    """The ladders of every station, and where homes are in which somebody lives."""
    stations = list(places)
    quarters = [(row.station_id, row.area_code) for row in await conn.execute(_QUARTERS)]
    spots = [*((place.station_id, place.area_code) for place in stations), *quarters]
    homes = {row.id: Spot(row.station_id, row.area_code, row.id) for row in await conn.execute(_WITH_POLICY)}
    rules = (await read_rules(conn, [*(Spot(*one) for one in spots), *homes.values()])).rules
    wider = [rule for rule in rules if rule.home_id is None]
    own: dict[UUID, list[Rule]] = {}
    for rule in rules:
        if rule.home_id is not None:
            own.setdefault(homes[rule.home_id].station_id, []).append(rule)
    found = {one.station_id: Ladders(one, [*wider, *own.get(one.station_id, ())], begin, end) for one in stations}
    return found, quarters


async def some_homes(
    conn: AsyncConnection, ladders: Mapping[UUID, Ladders], quarters: Iterable[Quarter]
) -> dict[UUID, list[SomeHome]]:
    """By station, the homes of which its verdict does not say everything."""
    apart = [(station, area) for station, area in quarters if ladders[station].looks_at_homes(area)]
    asked = {
        "homes": [home for one in ladders.values() for home in one.homes],
        "stations": [station for station, _ in apart], "areas": [area for _, area in apart],
    }  # fmt: skip
    rows = (await conn.execute(_HOMES, asked)).all()
    circles: dict[UUID, dict[str, list[UUID]]] = {}
    for row in await conn.execute(_CIRCLES, {"homes": [row.id for row in rows]}):
        circles.setdefault(row.home_id, {}).setdefault(_CALLED[row.relation], []).append(row.staff_id)
    found: dict[UUID, list[SomeHome]] = {}
    for row in rows:
        ahead, other = ladders[row.station_id].of(row.id, row.area_code)
        household = Household(row.id, row.name, circles.get(row.id, {}))
        found.setdefault(row.station_id, []).append(SomeHome(household, ahead, other))
    return found
