"""Request bodies about rotas, as strict as all others (`api.body`)."""

from datetime import date, time
from typing import Annotated, Any, Literal

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field

from alerts.rota_pattern import LAYERS_AT_MOST, PEOPLE_AT_MOST, Layer, Span
from api.body import Instant, Note, Person, storable

_PERSON = "0192f0c0-2a3b-7c4d-9e5f-6a7b8c9d0e1f"
_COLLEAGUE = "0192f0c0-3b4c-7d5e-8f60-7b8c9d0e1f2a"
_SHIFT = "0192f0c5-5a6b-7c7d-8e9f-0a1b2c3d4e5f"


def _name(value: Any) -> Any:
    if not isinstance(value, str):
        raise ValueError("must be a string")
    return storable(value).strip()


def _local(value: Any) -> Any:
    if not isinstance(value, str):
        raise ValueError("must be a time of day by the local clock, such as 08:00")
    try:
        found = time.fromisoformat(value)
    except ValueError:
        raise ValueError("must be a time of day by the local clock, such as 08:00") from None
    if found.tzinfo is not None or found.second or found.microsecond:
        raise ValueError("must be hours and minutes by the local clock, without a zone, such as 08:00")
    return found


def _day(value: Any) -> Any:
    try:
        found = date.fromisoformat(value)
    except (TypeError, ValueError):
        raise ValueError("must be a date, such as 2026-11-23") from None
    if not 2000 <= found.year <= 2100:
        raise ValueError("must lie between the years 2000 and 2100")
    return found


LocalTime = Annotated[
    time, BeforeValidator(_local, json_schema_input_type=str), Field(json_schema_extra={"format": "local-time"})
]
LocalDay = Annotated[date, BeforeValidator(_day, json_schema_input_type=str)]
Weekday = Annotated[int, Field(ge=1, le=7, strict=True)]


class Hours(BaseModel):
    """Hours of the week by the local clock: from `from` to `until`, which is on the day after when it is not later."""

    days: Annotated[list[Weekday], Field(min_length=1, max_length=7, description="1 is Monday")]
    from_: Annotated[LocalTime, Field(alias="from")]
    until: LocalTime

    model_config = ConfigDict(extra="forbid")


class NewLayer(BaseModel):
    """People in turn. A later layer counts above the ones before it, where it counts at all."""

    people: Annotated[list[Person], Field(min_length=1, max_length=PEOPLE_AT_MOST, description="in turn")]
    anchor: Annotated[LocalDay, Field(description="a day on which the first of them takes over")]
    turn_days: Annotated[int, Field(ge=1, le=366, strict=True, description="1: daily; 7: weekly")] = 7
    handover: Annotated[LocalTime, Field(description="by the local clock")] = time(8)
    spans: Annotated[list[Hours], Field(max_length=50, description="when it counts; none: round the clock")] = []

    model_config = ConfigDict(extra="forbid")

    def layer(self) -> Layer:
        """As patterns keep it."""
        spans = tuple(Span(tuple(sorted(set(one.days))), one.from_, one.until) for one in self.spans)
        return Layer(tuple(self.people), self.anchor, self.turn_days, self.handover, spans)


Layers = Annotated[list[NewLayer], Field(min_length=1, max_length=LAYERS_AT_MOST)]

_LAYER: dict[str, Any] = {
    "people": [_PERSON, _COLLEAGUE], "anchor": "2026-11-23", "turn_days": 7, "handover": "08:00",
    "spans": [{"days": [1, 2, 3, 4, 5], "from": "20:00", "until": "08:00"}],
}  # fmt: skip


class PatternLayers(BaseModel):
    """What a post's pattern is from `holds_from` on (now, when left out)."""

    layers: Layers
    holds_from: Instant | None = None
    note: Note | None = None

    model_config = ConfigDict(extra="forbid", json_schema_extra={"examples": [{"layers": [_LAYER]}]})


class NewPattern(PatternLayers):
    """A new post on a tier. At any moment at most one person is on it."""

    name: Annotated[str, BeforeValidator(_name), Field(min_length=1, max_length=100)]
    tier: Annotated[int, Field(ge=1, le=9, strict=True)]

    model_config = ConfigDict(
        extra="forbid", json_schema_extra={"examples": [{"name": "Night", "tier": 1, "layers": [_LAYER]}]}
    )


class Preview(BaseModel):
    """Layers that nothing is to follow yet."""

    layers: Layers
    days: Annotated[int, Field(ge=1, le=62, strict=True)] = 28

    model_config = ConfigDict(extra="forbid", json_schema_extra={"examples": [{"layers": [_LAYER], "days": 14}]})


class NewOverride(BaseModel):
    """Somebody else for a span; `instead_of`: only where it is this person's turn."""

    staff: Person
    starts_at: Annotated[Instant | None, Field(description="now, when left out or past")] = None
    ends_at: Instant
    instead_of: Person | None = None
    note: Note | None = None

    model_config = ConfigDict(
        extra="forbid",
        json_schema_extra={
            "examples": [{"staff": _COLLEAGUE, "starts_at": "2026-11-24T12:00:00Z", "ends_at": "2026-11-25T00:00:00Z"}]
        },
    )


class NewSwap(BaseModel):
    """One's own shift for a colleague; `in_return`: a shift of his for oneself."""

    shift: Person
    to: Person
    in_return: Person | None = None
    note: Note | None = None

    model_config = ConfigDict(
        extra="forbid", json_schema_extra={"examples": [{"shift": _SHIFT, "to": _COLLEAGUE, "note": "Exam."}]}
    )


class NewStaffAbsence(BaseModel):
    """Somebody is away from then till then."""

    kind: Literal["holiday", "sick", "training", "other"]
    begins_at: Instant
    ends_at: Instant
    note: Note | None = None

    model_config = ConfigDict(
        extra="forbid",
        json_schema_extra={
            "examples": [{"kind": "holiday", "begins_at": "2026-12-01T00:00:00Z", "ends_at": "2026-12-15T00:00:00Z"}]
        },
    )
