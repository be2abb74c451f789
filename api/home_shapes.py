"""The shapes of homes: who lives there, readings, visits, absences, relatives, and how to get in."""

from datetime import datetime
from typing import Any, Literal
from uuid import UUID

from alerts.alarm import Outcome
from api.shape import Shape


class Resident(Shape):
    """Somebody who lives in a home."""

    id: UUID
    name: str


class Home(Shape):
    """A home. `beds`: numbers of its home-care beds."""

    id: UUID
    name: str
    address: str | None
    area: str
    area_name: str
    station: str
    residents: list[Resident]
    beds: list[str]


class HomePage(Shape):
    """A page of homes."""

    items: list[Home]
    next: str | None


class Series(Shape):
    """Readings of one device and type: columns of equal length, an entry for each hour that has readings."""

    device: str
    kind: str
    type: str
    hour: list[datetime]
    readings: list[int]
    mean: list[float | None]
    min: list[float | None]
    max: list[float | None]
    first: list[float | None]
    last: list[float | None]


class SeriesPage(Shape):
    """All series of a home."""

    items: list[Series]
    next: str | None


class Visit(Shape):
    """Somebody was there. `ended_at` null: still is."""

    id: UUID
    alarm: UUID | None
    home: UUID | None
    resident: UUID | None
    staff: UUID
    staff_name: str | None
    kind: Literal["emergency"]
    started_at: datetime
    ended_at: datetime | None
    outcome: Outcome | None


class VisitPage(Shape):
    """A page of visits, newest first."""

    items: list[Visit]
    next: str | None


class Absence(Shape):
    """Nobody was, is or will be at home. `withdrawn_at` set: it counts no more."""

    id: UUID
    home: UUID
    begins_at: datetime
    ends_at: datetime
    entered_by: UUID
    entered_by_name: str | None
    entered_at: datetime
    note: str | None
    withdrawn_at: datetime | None


class AbsencePage(Shape):
    """Absences of a home, the newest entry first."""

    items: list[Absence]
    next: str | None


class Relative(Shape):
    """A relative of a home. `tells`: as it was chosen; what is left out is told, at any hour."""

    staff: UUID
    name: str | None
    home: UUID
    rank: int
    tells: dict[str, Any]


class RelativePage(Shape):
    """The relatives of a home."""

    items: list[Relative]
    next: str | None


class MyFamily(Shape):
    """A home whose alarms the caller is told of as a relative, and his choice."""

    home: UUID
    home_name: str
    tells: dict[str, Any]


class MyFamilyPage(Shape):
    """All of them."""

    items: list[MyFamily]
    next: str | None


class AccessNotes(Shape):
    """How to get in, and what to beware of. `updated_at` null: nobody has written anything."""

    home: UUID
    key_box: str | None
    door_code: str | None
    hazards: str | None
    updated_at: datetime | None


class AccessNoteWritten(Shape):
    """When the notes were written, and by whom."""

    home: UUID
    updated_at: datetime | None
    updated_by: UUID | None
    updated_by_name: str | None


class AccessEntry(Shape):
    """Somebody has read the notes, at an alarm, or written them."""

    at: datetime
    alarm: UUID | None
    staff: UUID
    name: str | None
    what: Literal["read", "written"]


class AccessLogPage(Shape):
    """A page of a home's access log, the newest first."""

    items: list[AccessEntry]
    next: str | None
