"""The shapes of what detectors are set to."""

from enum import StrEnum
from typing import Any

from pydantic import Field

from api.shape import Shape


class Scope(StrEnum):
    """Where a value was set. `default`: nowhere."""

    HOME = "home"
    STATION = "station"
    AREA = "area"
    DEFAULT = "default"


class SetIn(Shape):
    """The scope that a value comes from, and which home, station or area that is."""

    scope: Scope
    id: str | None


class Parameter(Shape):
    """One parameter of a detector, as it holds here. `source`: where its default and bounds are from."""

    name: str
    value: Any
    set_in: SetIn
    default: Any
    unit: str | None = Field(description="UCUM; null where the value is no quantity")
    minimum: float | None
    maximum: float | None
    choices: list[str] | None = Field(description="all that it can be; null where it is no word")
    source: str | None


class DetectorParameters(Shape):
    """A detector and what holds for it."""

    detector: str
    parameters: list[Parameter]


class DetectorPage(Shape):
    """All detectors."""

    items: list[DetectorParameters]
    next: str | None
