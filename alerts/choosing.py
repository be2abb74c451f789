"""Which policy a new alarm gets: the most specific of those that match it.

In this order, the first difference decides:

1. where: the home's own, its station's, the nearest area's above it (an alarm without a home: above its station), none;
2. what: one that names the alarm's kind;
3. one that names its priority;
4. when: one with a time of day or days of the week, of several the one that holds for the shortest part of the week;
   of two as short the one that begins later in the day.

Times and days are local ones of the station's area (`alerts.local_span`), so there is a policy at every moment, also on
a night on which the clock changes.

Alarms about the platform and about readiness follow only a policy that names their kind: a branch's ladder for urgent
alarms calls caregivers to a door, and there is none to go to. Work orders and incidents follow only one that names
their kind or priority: what a station sets for calls for help is not meant for a battery.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, time
from uuid import UUID
from zoneinfo import ZoneInfo

import msgspec
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

from alerts.alarm import PRIORITY_RANK, Priority
from alerts.incident import KIND as INCIDENT
from alerts.local_span import LocalSpan
from alerts.policy import (
    DEFAULT_POLICY,
    INCIDENT_POLICY,
    PLATFORM_POLICY,
    READINESS_POLICY,
    TEST_CALLS_POLICY,
    WORK_ORDER_POLICY,
    Policy,
    policy_from,
)
from carebed.logs import get_logger
from registry.area import scope_of, zone_of

log = get_logger()

#: Kinds of alarm about the platform itself.
PLATFORM = frozenset({"lag", "audit"})
#: They are for who answers for the platform and the rotas; nobody is called to a home by them.
_OF_NO_HOME = PLATFORM | {"readiness"}
#: Nobody has called with these, nor is a caregiver called for them: those, and the desk's one page for a power cut,
#: whose homes have alarms of their own.
NOBODY_CALLED = _OF_NO_HOME | {INCIDENT}


@dataclass(frozen=True, slots=True)
class Spot:
    """Where an alarm belongs, as far as policies are concerned."""

    station_id: UUID
    area_code: str
    home_id: UUID | None = None


@dataclass(frozen=True, slots=True)
class Rule:
    """A policy and what it is for; None: everything. `id` None: the one that holds where nothing is set."""

    policy: Policy
    id: UUID | None = None
    home_id: UUID | None = None
    station_id: UUID | None = None
    area_code: str | None = None
    kind: str | None = None
    priority: int | None = None
    from_time: time | None = None
    to_time: time | None = None
    days: frozenset[int] | None = None

    @property
    def timed(self) -> bool:
        """Does it hold at some times only?"""
        return self.from_time is not None or self.days is not None

    @property
    def span(self) -> LocalSpan:
        """When it holds."""
        return LocalSpan(self.from_time or time.min, self.to_time or time.min, self.days)

    def matches(self, spot: Spot, kind: str, priority: Priority, local: datetime | None) -> bool:
        """Is it for this alarm, at this local time? None: that is not known, and no time is guessed."""
        if self.kind not in (None, kind) or self.priority not in (None, PRIORITY_RANK[priority]):
            return False
        if self.home_id not in (None, spot.home_id) or self.station_id not in (None, spot.station_id):
            return False
        if self.area_code is not None and not spot.area_code.startswith(scope_of(self.area_code)):
            return False
        return not self.timed or (local is not None and self.span.holds(local))

    @property
    def rank(self) -> tuple[object, ...]:
        """The greatest of those that match counts."""
        where = 3 if self.home_id else 2 if self.station_id else 1 if self.area_code else 0
        depth = len(scope_of(self.area_code)) if self.area_code else 0
        began = self.from_time or time.min
        return where, depth, self.kind is not None, self.priority is not None, -self.span.week_s, began, str(self.id)


@dataclass(frozen=True, slots=True)
class Rules:
    """What is set, as far as it can apply to some alarms, and the zones of their stations."""

    rules: Sequence[Rule] = ()
    zones: Mapping[UUID, ZoneInfo] = field(default_factory=dict)

    def choose(self, spot: Spot, kind: str, priority: Priority, now: datetime) -> Rule:
        """The rule of an alarm that is raised now."""
        zone = self.zones.get(spot.station_id)
        local = now.astimezone(zone) if zone is not None else None
        found = [
            rule for rule in self.rules
            if rule.matches(spot, kind, priority, local)
            and (rule.kind is not None or not _apart(kind, priority, by_priority=rule.priority is not None))
        ]  # fmt: skip
        return max(found, key=lambda rule: rule.rank) if found else Rule(_default(kind, priority))


def _apart(kind: str, priority: Priority, *, by_priority: bool) -> bool:
    """Is a policy that does not name the kind meant for others? `by_priority`: it names the priority."""
    return kind in _OF_NO_HOME or (not by_priority and (kind == INCIDENT or priority is Priority.WORK_ORDER))


def _default(kind: str, priority: Priority) -> Policy:
    if kind in PLATFORM:
        return PLATFORM_POLICY
    if kind == INCIDENT:
        return INCIDENT_POLICY
    if kind == "readiness":
        return READINESS_POLICY
    if kind == "test_calls":
        return TEST_CALLS_POLICY
    return WORK_ORDER_POLICY if priority is Priority.WORK_ORDER else DEFAULT_POLICY


# Everything that might apply to alarms of these stations and homes.
_RULES = text("""
    SELECT id, home_id, station_id, area_code, kind, priority, from_time, to_time, days, ladder FROM policy
    WHERE home_id = ANY(:homes) OR station_id = ANY(:stations) OR (home_id IS NULL AND station_id IS NULL AND (
        area_code IS NULL OR EXISTS (SELECT FROM unnest(CAST(:areas AS text[])) AS below(code)
                                     WHERE below.code ^@ area_prefix(area_code))))
""")

_ZONES = text("""
    SELECT station.id, area.time_zone FROM station JOIN area ON area.code = station.area_code
    WHERE station.id = ANY(:stations)
""")


async def read_rules(conn: AsyncConnection, spots: Iterable[Spot]) -> Rules:
    """What is set for these places. A policy that cannot be read is left out, and the next best one counts: no call
    for help may fail because somebody wrote a ladder that is none."""
    wanted = list(spots)
    if not wanted:
        return Rules()
    stations = sorted({spot.station_id for spot in wanted})
    asked = {
        "homes": sorted({spot.home_id for spot in wanted if spot.home_id}), "stations": stations,
        "areas": sorted({spot.area_code for spot in wanted}),
    }  # fmt: skip
    rules: list[Rule] = []
    for row in (await conn.execute(_RULES, asked)).mappings():
        values = dict(row)
        ladder, days = values.pop("ladder"), values.pop("days")
        try:
            rules.append(Rule(policy_from(ladder), days=None if days is None else frozenset(days), **values))
        except msgspec.ValidationError as error:
            log.error("policy_unreadable", policy=str(values["id"]), error=str(error))
    if not any(rule.timed for rule in rules):
        return Rules(rules)
    zones = {row.id: zone_of(row.time_zone) for row in await conn.execute(_ZONES, {"stations": stations})}
    return Rules(rules, zones)
