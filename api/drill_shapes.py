"""Bodies and shapes of drills, and examples; see `api.body` and `api.shape`."""

from datetime import datetime
from typing import Annotated, Any, Literal
from uuid import UUID

from pydantic import ConfigDict, Field

from alerts.alarm import Outcome, State
from alerts.drill import LONGEST, MOST_HOMES, SHORTEST, USUAL, DrillState, Reason
from api.alarm_shapes import Text
from api.body import Instant, Note, Person
from api.shape import Shape
from registry.area import AREA_CODE

#: People are called for them at once, and they mean somebody in the home.
DrillKind = Literal["sos", "fall", "smoke", "gas", "assist"]


class DrillOrder(Shape):
    """A drill for the homes of a branch of the area tree, of one station in it, or for some of them."""

    area: Annotated[str, Field(pattern=AREA_CODE, examples=["350102001000"])]
    station: Person | None = None
    homes: Annotated[
        list[Person] | None, Field(min_length=1, max_length=MOST_HOMES, description="these only; all when left out")
    ] = None
    most: Annotated[
        int, Field(ge=1, le=MOST_HOMES, strict=True, description="the homes whose last drill is longest ago come first")
    ] = MOST_HOMES
    kind: DrillKind = "sos"
    starts_at: Annotated[Instant | None, Field(description="at once when left out")] = None
    lasts_s: Annotated[
        int,
        Field(ge=SHORTEST.total_seconds(), le=LONGEST.total_seconds(), strict=True,
              description="what nobody has answered by then is closed, and says so"),
    ] = int(USUAL.total_seconds())  # fmt: skip
    note: Note | None = None

    model_config = ConfigDict(
        extra="forbid",
        json_schema_extra={"examples": [{"area": "350102001000", "most": 5, "lasts_s": 600, "note": "November"}]},
    )


class DrillMethod(Shape):
    """How far a person's calls came by one channel; `live` is the open page."""

    channel: str
    handed_over_at: datetime | None
    delivered_at: datetime | None
    read_at: datetime | None
    error: str | None


class DrillPerson(Shape):
    """Somebody who was called, or answered uncalled (`step` null)."""

    staff: UUID
    name: str | None
    step: int | None
    called_at: datetime | None
    methods: list[DrillMethod]
    answered_by: str | None
    acknowledged_at: datetime | None
    accepted_at: datetime | None
    declined_at: datetime | None


class DrillHome(Shape):
    """A home of a drill. Seconds count from the call. `left_out`: `in_need` (an alarm in earnest was open there) or
    `nobody_to_call` (its ladder names only its family)."""

    home: UUID
    name: str
    station: UUID
    station_name: str | None
    alarm: UUID | None
    left_out: Literal["in_need", "nobody_to_call"] | None
    state: State | None
    outcome: Outcome | None
    called_at: datetime | None
    closed_at: datetime | None
    answered_s: float | None
    accepted_s: float | None
    people: list[DrillPerson]


class DrillResult(Shape):
    """In figures. `people_reached`: of those who were called, to whom a delivery is known or who answered."""

    homes: int
    left_out: int
    answered: int
    not_answered: int
    median_answered_s: float | None
    slowest_answered_s: float | None
    people: int
    people_reached: int


class DrillInList(Shape):
    """A drill. `reason`: why it waits, was called off or gave way."""

    id: UUID
    area: str
    area_name: str
    station: UUID | None
    kind: str
    most: int
    lasts_s: int
    note: str | None
    state: DrillState
    reason: Reason | None
    reason_text: Text | None
    starts_at: datetime
    started_at: datetime | None
    ended_at: datetime | None
    ordered_by: UUID
    ordered_by_name: str | None
    ordered_at: datetime
    stopped_by: UUID | None
    stopped_by_name: str | None


class Drill(DrillInList):
    """A drill with all that came of it."""

    result: DrillResult
    homes: list[DrillHome]


class DrillPage(Shape):
    """A page of drills, the newest first."""

    items: list[DrillInList]
    next: str | None


LISTED: dict[str, Any] = {
    "id": "0192f0d1-9b10-7c5e-8f21-6a0d4c9e1b90",
    "area": "350102001000",
    "area_name": "示范街道",
    "station": None,
    "kind": "sos",
    "most": 5,
    "lasts_s": 600,
    "note": "November",
    "state": "over",
    "reason": None,
    "reason_text": None,
    "starts_at": "2026-11-22T04:00:00.000Z",
    "started_at": "2026-11-22T04:00:00.200Z",
    "ended_at": "2026-11-22T04:00:45.000Z",
    "ordered_by": "5a0c1f0e-2b7d-5d43-8f5e-0a9e6c1d2b31",
    "ordered_by_name": "郑海",
    "ordered_at": "2026-11-22T04:00:00.000Z",
    "stopped_by": None,
    "stopped_by_name": None,
}

_LIN = {
    "staff": "5a0c1f0e-2b7d-5d43-8f5e-0a9e6c1d2b30",
    "name": "林小禾",
    "step": 1,
    "called_at": "2026-11-22T04:00:00.200Z",
    "methods": [
        {
            "channel": "sms",
            "handed_over_at": "2026-11-22T04:00:00.700Z",
            "delivered_at": "2026-11-22T04:00:03.000Z",
            "read_at": None,
            "error": None,
        }
    ],
    "answered_by": "sms",
    "acknowledged_at": None,
    "accepted_at": "2026-11-22T04:00:31.200Z",
    "declined_at": None,
}

#: One home, answered after half a minute.
EXAMPLE: dict[str, Any] = {
    **LISTED,
    "result": {
        "homes": 1,
        "left_out": 0,
        "answered": 1,
        "not_answered": 0,
        "median_answered_s": 31.0,
        "slowest_answered_s": 31.0,
        "people": 1,
        "people_reached": 1,
    },
    "homes": [
        {
            "home": "0192f0c0-1d2e-7f3a-8b4c-5d6e7f8a9b0c",
            "name": "示范家庭 1",
            "station": "0197a3c2-0000-7000-8000-00000000000a",
            "station_name": "示范街道照护站",
            "alarm": "0192f0d1-9b10-7c5e-8f21-6a0d4c9e1b77",
            "left_out": None,
            "state": "resolved",
            "outcome": "test",
            "called_at": "2026-11-22T04:00:00.200Z",
            "closed_at": "2026-11-22T04:00:31.200Z",
            "answered_s": 31.0,
            "accepted_s": 31.0,
            "people": [_LIN],
        }
    ],
}
