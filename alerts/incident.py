"""Incidents: many homes lose power or line at once, and the desk gets one page instead of one for each.

An incident is an alarm of the kind `outage` at the desk. Its members are alarms of their own, each with its home, its
deadline and its log, and each is closed by itself: they name the incident (`alarm.incident_id`), and nobody is paged
for them for as long as `MEMBER_WAITS`, in which the incident is being worked on. Which alarms are an incident is judged
by `ingest.outage`; until then an alarm that may be one of many is gathering (`GATHERING`). Never life-critical ones.
"""

from collections.abc import Iterable, Sequence
from datetime import datetime, timedelta
from typing import Any, NamedTuple
from uuid import UUID

from sqlalchemy import Column, ForeignKey, Index, Integer, Table, text
from sqlalchemy.ext.asyncio import AsyncConnection

from alerts.case import ENGINE, Case
from carebed.columns import instant, refers
from carebed.database import metadata
from registry.area import scope_of

KIND = "outage"

#: So long an outage of one home, which is a matter of hours, waits for others before anybody is paged for it. Mains
#: that are lost are known after a minute, a gateway's silence after two (four beats of 30 s), and both may be one cut.
GATHERING = timedelta(minutes=3)
#: A home that is still out when the desk has had the incident for so long is a work order by itself.
MEMBER_WAITS = timedelta(hours=4)

incident = Table(
    "incident",
    metadata,
    Column("alarm_id", ForeignKey("alarm.id"), primary_key=True),
    refers("station_id", "station.id"),
    refers("area_code", "area.code"),
    instant("first_at", required=True),
    instant("last_at", required=True),
    Column(
        "reach_s",
        Integer,
        nullable=False,
        comment="what happened so many seconds before the first or after the last is part of it",
    ),
    Column("homes", Integer, nullable=False),
    instant("over_at", comment="when none of its members was open any more"),
    Index("ix_incident_station_id", "station_id", postgresql_where=text("over_at IS NULL")),
    comment="what an alarm of the kind outage stands for; its members name it",
)

# Incidents of these stations that somebody may still join.
_OPEN = text("""
    SELECT alarm_id, incident.station_id, incident.area_code, first_at, last_at, reach_s
    FROM incident JOIN alarm ON alarm.id = incident.alarm_id AND alarm.closed_at IS NULL
    WHERE incident.station_id = ANY(:stations) AND over_at IS NULL ORDER BY first_at, alarm_id
""")


# Of these homes, which are in which of these incidents.
_INSIDE = text("""
    SELECT DISTINCT incident_id, home_id FROM alarm
    WHERE home_id = ANY(:homes) AND incident_id = ANY(:incidents) AND closed_at IS NULL
""")


class OpenIncident(NamedTuple):
    """An incident that homes may still join."""

    id: UUID
    station_id: UUID
    area_code: str
    first_at: datetime
    last_at: datetime
    reach_s: int
    homes: frozenset[UUID] = frozenset()
    """Of the homes asked for, those that have an open alarm in it."""

    def near(self, station_id: UUID, at: datetime) -> bool:
        """Whether what happened then, to a home of this desk, may be part of it."""
        reach = timedelta(seconds=self.reach_s)
        return self.station_id == station_id and self.first_at - reach <= at <= self.last_at + reach

    def holds(self, station_id: UUID, area_code: str, home_id: UUID | None, at: datetime) -> bool:
        """Whether it is part of it: of a home that is in it already (its mains went, and hours later its battery), or
        near, and within its branch."""
        return home_id in self.homes or (self.near(station_id, at) and area_code.startswith(scope_of(self.area_code)))


async def open_incidents(
    conn: AsyncConnection, stations: Iterable[UUID], homes: Iterable[UUID | None]
) -> list[OpenIncident]:
    """Of these stations, the oldest first, with those of `homes` that are in them."""
    incidents = [OpenIncident(*row) for row in await conn.execute(_OPEN, {"stations": sorted(set(stations))})]
    if not incidents:
        return []
    inside: dict[UUID, set[UUID]] = {one.id: set() for one in incidents}
    asked = {"incidents": list(inside), "homes": [one for one in set(homes) if one is not None]}
    for incident_id, home_id in await conn.execute(_INSIDE, asked):
        inside[incident_id].add(home_id)
    return [one._replace(homes=frozenset(inside[one.id])) for one in incidents]


def incident_of(
    incidents: Sequence[OpenIncident], station_id: UUID, area_code: str, home_id: UUID | None, at: datetime
) -> OpenIncident | None:
    """The one that something which happened there and then is part of."""
    return next((one for one in incidents if one.holds(station_id, area_code, home_id, at)), None)


def join_incident(case: Case, now: datetime, incident_id: UUID, **data: Any) -> None:
    """Make an alarm part of an incident: whoever is paged for that need not be paged for this."""
    case.incident_id, case.gathering_until = incident_id, None
    if case.step == 0 and not case.held:
        case.next_step_at = now + MEMBER_WAITS
    case.log("joined_incident", now, ENGINE, incident=str(incident_id), **data)
