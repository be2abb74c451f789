"""What a detector's parameters are, for people, and whether a value can be one: judged when it is set, so that nothing
has to be refused when a home is judged."""

import math
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, get_type_hints

import msgspec
from msgspec import inspect

from ingest.detect.core import Detector
from ingest.parameters import Layer, resolve


class Described(msgspec.Struct, frozen=True):
    """One parameter. `minimum`, `maximum`: both allowed. `choices`: all that it can be, where these are words.
    `source`: where default and bounds are from."""

    name: str
    default: Any
    unit: str | None
    minimum: float | None
    maximum: float | None
    choices: list[str] | None
    source: str | None


class Wrong(msgspec.Struct, frozen=True):
    """What is wrong. `name` None: each value could be, together they cannot."""

    name: str | None
    detail: str


def describe(detector: Detector[Any, Any]) -> list[Described]:
    """All parameters of a detector, as they stand in its file."""
    types = get_type_hints(detector.parameters, include_extras=True)
    defaults = msgspec.to_builtins(detector.parameters())
    return [_described(one.name, types[one.name], defaults[one.name])
            for one in msgspec.structs.fields(detector.parameters)]  # fmt: skip


def _described(name: str, annotated: Any, default: Any) -> Described:
    unit = minimum = maximum = source = choices = None
    for part in _parts(inspect.type_info(annotated)):
        if isinstance(part, inspect.Metadata):
            unit = (part.extra or {}).get("unit", unit)
            source = (part.extra_json_schema or {}).get("description", source)
        elif isinstance(part, inspect.IntType | inspect.FloatType):
            minimum, maximum = part.ge, part.le
        elif isinstance(part, inspect.LiteralType):
            choices = [str(one) for one in part.values]
    return Described(name, default, unit, minimum, maximum, choices, source)


def _parts(kind: inspect.Type) -> Iterator[inspect.Type]:
    yield kind
    if isinstance(kind, inspect.Metadata):
        yield from _parts(kind.type)
    elif isinstance(kind, inspect.UnionType):
        for one in kind.types:
            yield from _parts(one)


def check(detector: Detector[Any, Any], values: Mapping[str, Any], beneath: Sequence[Layer]) -> list[Wrong]:
    """What is wrong with these values, over what is set in the wider scopes `beneath`; nothing: they can be set."""
    described = {one.name: one for one in describe(detector)}
    types = get_type_hints(detector.parameters, include_extras=True)
    wrong = [one for name, value in values.items() if (one := _check_one(name, value, described, types)) is not None]
    if wrong:
        return wrong
    try:
        msgspec.convert({**resolve(detector, beneath).values, **values}, detector.parameters)
    except (msgspec.ValidationError, TypeError, ValueError) as error:
        return [Wrong(None, sentence_of(error))]
    return []


def _check_one(name: str, value: Any, described: Mapping[str, Described], types: Mapping[str, Any]) -> Wrong | None:
    if name not in described:
        return Wrong(name, f"There is no such parameter; there are: {', '.join(sorted(described))}")
    if isinstance(value, float) and not math.isfinite(value):
        return Wrong(name, "Must be a finite number")
    try:
        msgspec.convert(value, types[name])
    except (msgspec.ValidationError, TypeError, ValueError) as error:
        one = described[name]
        number = isinstance(value, int | float) and not isinstance(value, bool)
        if number and one.minimum is not None and one.maximum is not None and not one.minimum <= value <= one.maximum:
            unit = "" if one.unit in (None, "1") else f" {one.unit}"
            return Wrong(name, f"Must be from {one.minimum:g} to {one.maximum:g}{unit}")
        return Wrong(name, sentence_of(error))
    return None


def sentence_of(error: Exception) -> str:
    """The reason without the place, which is said beside it."""
    return str(error).split(" - at `$")[0].removesuffix(".")
