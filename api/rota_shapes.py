"""The shapes of answers about rotas."""

from datetime import date, datetime
from typing import Annotated, Literal
from uuid import UUID

from pydantic import Field

from alerts.rota_plan import Origin
from alerts.rota_view import Lack
from api.shape import Shape
from registry.staff_absence import AbsenceKind

_LocalTime = Annotated[str, Field(pattern=r"^[0-2][0-9]:[0-5][0-9](:00)?$", description="by the local clock")]


class Shift(Shape):
    """Somebody on call from then till then. `pattern` null: entered by hand."""

    id: UUID
    station: UUID
    station_name: str
    tier: int
    pattern: UUID | None
    pattern_name: str | None
    staff: UUID
    staff_name: str
    starts_at: datetime
    ends_at: datetime
    origin: Origin
    override: UUID | None = Field(description="what it was changed by")


class ShiftPage(Shape):
    """Shifts in order of time."""

    items: list[Shift]
    next: str | None


class OnCall(Shape):
    """Who is, was or will be on call at a moment, by tier."""

    station: UUID
    at: datetime
    shifts: list[Shift]


class RotaGap(Shape):
    """A span that somebody has to see to. `staff`: whose it is or would have been; null: nobody is on the tier."""

    station: UUID
    station_name: str
    tier: int
    why: Lack
    starts_at: datetime
    ends_at: datetime
    pattern: UUID | None
    pattern_name: str | None
    staff: UUID | None
    staff_name: str | None


class RotaGapPage(Shape):
    """By station, tier and time."""

    items: list[RotaGap]
    next: str | None


class WeekHours(Shape):
    """Hours of the week. `days`: 1 is Monday."""

    days: list[int]
    from_: _LocalTime = Field(alias="from")
    until: _LocalTime


class Layer(Shape):
    """People in turn."""

    people: list[UUID]
    anchor: date
    turn_days: int
    handover: _LocalTime
    spans: list[WeekHours]


class PatternVersion(Shape):
    """What the pattern is from `holds_from` on, until a later one. No layers: it has ended."""

    id: UUID
    layers: list[Layer]
    holds_from: datetime
    set_at: datetime
    set_by: UUID | None
    set_by_name: str | None
    note: str | None


class OnPost(Shape):
    """Somebody who is named in a pattern."""

    id: UUID
    name: str


class Pattern(Shape):
    """A post on a tier. `versions`: all that it has been and will be, the one that was set last first."""

    id: UUID
    station: UUID
    tier: int
    name: str
    time_zone: str | None = Field(description="of the station's district; null: it lies beyond your areas")
    people: list[OnPost]
    versions: list[PatternVersion]
    planned_until: datetime | None = Field(description="up to when there are shifts")


class PatternPage(Shape):
    """The posts of a station."""

    items: list[Pattern]
    next: str | None


class PlannedShift(Shape):
    """A shift of layers that nothing follows yet."""

    staff: UUID
    starts_at: datetime
    ends_at: datetime


class RotaPreview(Shape):
    """What layers would come to. `holes`: spans in which nobody would be on the post."""

    time_zone: str
    shifts: list[PlannedShift]
    holes: list["Hole"]


class Hole(Shape):
    """Nobody is on the post."""

    starts_at: datetime
    ends_at: datetime


class Override(Shape):
    """Somebody else for a span. `swap`: the swap that it comes from. `withdrawn_at` set: it counts no more."""

    id: UUID
    pattern: UUID
    staff: UUID
    staff_name: str
    instead_of: UUID | None
    starts_at: datetime
    ends_at: datetime
    swap: UUID | None
    note: str | None
    entered_by: UUID
    entered_by_name: str
    entered_at: datetime
    withdrawn_at: datetime | None
    withdrawn_by: UUID | None


class OverridePage(Shape):
    """The newest entry first."""

    items: list[Override]
    next: str | None


class SwapSpan(Shape):
    """A shift as it was offered."""

    pattern: UUID
    pattern_name: str | None
    starts_at: datetime
    ends_at: datetime


class Swap(Shape):
    """A shift offered to a colleague. `lapsed`: nobody answered before it began."""

    id: UUID
    state: Literal["proposed", "accepted", "declined", "withdrawn", "lapsed"]
    proposed_by: UUID
    proposed_by_name: str
    proposed_at: datetime
    proposed_to: UUID
    proposed_to_name: str
    shift: SwapSpan
    in_return: SwapSpan | None
    note: str | None
    answered_at: datetime | None
    answered_by: UUID | None
    withdrawn_at: datetime | None
    withdrawn_by: UUID | None


class SwapPage(Shape):
    """The newest proposal first."""

    items: list[Swap]
    next: str | None


class StaffAbsence(Shape):
    """Somebody was, is or will be away. `withdrawn_at` set: it counts no more."""

    id: UUID
    staff: UUID
    kind: AbsenceKind
    begins_at: datetime
    ends_at: datetime
    note: str | None
    entered_by: UUID
    entered_by_name: str
    entered_at: datetime
    withdrawn_at: datetime | None
    withdrawn_by: UUID | None


class StaffAbsencePage(Shape):
    """The newest entry first."""

    items: list[StaffAbsence]
    next: str | None
