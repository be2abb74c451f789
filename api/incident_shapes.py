"""The shapes of incidents: their homes, asked after one by one."""

from datetime import datetime
from uuid import UUID

from alerts.alarm import State
from alerts.incident_tick import Finding
from api.home_shapes import Resident
from api.shape import Shape


class MemberAlarm(Shape):
    """One alarm of an incident's home."""

    id: UUID
    kind: str
    state: State


class HomeTick(Shape):
    """What the desk heard of a home. `alarm`: raised because somebody has to go."""

    finding: Finding
    note: str | None
    staff: UUID
    name: str | None
    at: datetime
    alarm: UUID | None


class IncidentHome(Shape):
    """A home of an incident, with its people. `member`: to tick it off by; `out`: it has an open alarm in it."""

    home: UUID
    name: str | None
    address: str | None
    member: UUID
    out: bool
    alarms: list[MemberAlarm]
    residents: list[Resident]
    tick: HomeTick | None


class IncidentHomePage(Shape):
    """A page of an incident's homes. `unticked`: how many are out that nobody has asked after, on all pages."""

    items: list[IncidentHome]
    next: str | None
    unticked: int


class Ticked(Shape):
    """Done. `alarm`: raised because somebody has to go; `unticked`: how many homes are left."""

    incident: UUID
    member: UUID
    finding: Finding
    alarm: UUID | None
    unticked: int
