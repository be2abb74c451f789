"""The body and shapes of care circles, and an example; see `api.body` and `api.shape`."""

from typing import Annotated, Any, Literal
from uuid import UUID

from pydantic import ConfigDict, Field

from api import example
from api.shape import Shape

#: As `registry.care_circle.RELATIONS`.
Relation = Literal["assigned", "neighbour", "volunteer", "family"]


class CirclePlace(Shape):
    """Where somebody stands among those who are the same to the home."""

    model_config = ConfigDict(extra="forbid", json_schema_extra={"examples": [{"rank": 1}]})
    rank: Annotated[int, Field(ge=1, le=99, strict=True, description="calling order, lowest first")] = 1


class CircleMember(Shape):
    """Somebody who is paired with a home."""

    staff: UUID
    name: str | None
    relation: Relation
    rank: int


class CirclePage(Shape):
    """Everybody who is."""

    items: list[CircleMember]
    next: str | None


MEMBER: dict[str, Any] = {"staff": example.RELATIVE["staff"], "name": "周玉兰", "relation": "neighbour", "rank": 1}
