"""The shapes of answers about readiness, and an example."""

from datetime import datetime
from uuid import UUID

from pydantic import Field

from api.shape import Shape


class InVain(Shape):
    """Somebody who would be called, and why that is in vain."""

    staff: UUID
    name: str | None
    reason: str


class UnreachedStep(Shape):
    """A step of a ladder that reaches nobody for a time."""

    policy: str
    step: int
    targets: list[str]
    from_: datetime = Field(alias="from")
    until: datetime
    reason: str
    people: list[InVain]


class UnreachedHome(Shape):
    """A home for which, by its own ladder or people, a step reaches nobody for a time."""

    home: UUID
    name: str
    policy: str
    step: int
    targets: list[str]
    from_: datetime = Field(alias="from")
    until: datetime
    reason: str


class UnreachedHomes(Shape):
    """How many, and the first 20 of them, by time."""

    count: int
    first: list[UnreachedHome]


class ReadinessOfStation(Shape):
    """`ready`: there is no gap up to `until`, for no home."""

    station: UUID
    name: str
    area: str
    judged_at: datetime
    until: datetime
    ready: bool
    gaps: list[UnreachedStep]
    homes: UnreachedHomes


class Readiness(Shape):
    """Stations, those with gaps first."""

    items: list[ReadinessOfStation]


_LIN = {"staff": "0197a3c2-0000-7000-8000-00000000000b", "name": "林小禾", "reason": "not_delivered"}
_GAP = {
    "policy": "default",
    "step": 1,
    "targets": ["rota:1"],
    "from": "2026-11-22T16:00:00Z",
    "until": "2026-11-22T22:00:00Z",
    "reason": "not_delivered",
    "people": [_LIN],
}

_HOME = {
    "home": "0197a3c2-0000-7000-8000-00000000000c",
    "name": "陈秀英家",
    "policy": "neighbours first",
    "step": 1,
    "targets": ["neighbours"],
    "from": "2026-11-22T04:00:00Z",
    "until": "2026-11-23T04:00:00Z",
    "reason": "unverified",
}

#: A street whose first step would reach nobody from midnight to six.
EXAMPLE = {
    "items": [
        {
            "station": "0197a3c2-0000-7000-8000-00000000000a",
            "name": "示范街道照护站",
            "area": "350102001000",
            "judged_at": "2026-11-22T04:00:00.000Z",
            "until": "2026-11-23T04:00:00.000Z",
            "ready": False,
            "gaps": [_GAP],
            "homes": {"count": 1, "first": [_HOME]},
        }
    ]
}
