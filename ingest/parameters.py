"""What detectors are set to: of a home, else of its station, else of its branch of the area tree, else the default.

Each value is resolved by itself: a home may set one and have all others from its station. What is stored was judged by
the API; where it can be read no more (a bound has changed), the whole row is passed over and the next layer counts.
What does not go together with a wider scope that was changed after it holds without that scope.
"""

from collections.abc import Iterable, Mapping, Sequence
from functools import lru_cache
from typing import Any, NamedTuple
from uuid import UUID

import msgspec
from sqlalchemy import CheckConstraint, Column, Table, UniqueConstraint
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.ext.asyncio import AsyncConnection

from carebed.columns import label, recorded, refers, uuid_key
from carebed.database import metadata, psycopg_of, text_array
from carebed.logs import get_logger
from ingest.detect.core import Detector, Parameters
from registry.area import LEVEL_DIGITS

log = get_logger()

detector_parameters = Table(
    "detector_parameters",
    metadata,
    uuid_key(),
    label("detector"),
    refers("home_id", "home.id", required=False),
    refers("station_id", "station.id", required=False),
    refers("area_code", "area.code", required=False),
    Column("values", JSONB, nullable=False),
    refers("set_by", "staff.id", required=False),
    recorded("set_at"),
    CheckConstraint("num_nonnulls(home_id, station_id, area_code) = 1", name="one_scope"),
    UniqueConstraint(
        "home_id", "station_id", "area_code", "detector",
        name="uq_detector_parameters_scope", postgresql_nulls_not_distinct=True,
    ),
    comment="what people have set for a detector: of a home, a station or a branch of the area tree",
)  # fmt: skip

# Everything that may hold for these homes, stations and areas.
_STORED = """
    SELECT home_id, station_id, area_code, detector, "values" FROM detector_parameters
    WHERE home_id = ANY(%s::uuid[]) OR station_id = ANY(%s::uuid[]) OR area_code = ANY(%s::text[])
"""


class Where(NamedTuple):
    """What decides which parameters hold for a home."""

    home_id: UUID
    station_id: UUID
    area_code: str


Layer = Mapping[str, Mapping[str, Any]]
"""Detector -> values, as they were set in one scope."""


@lru_cache(maxsize=10_000)
def branches(area_code: str) -> tuple[str, ...]:
    """The codes of all areas that this one lies in, itself included, the smallest first."""
    codes = {area_code[:digits].ljust(12, "0") for digits in LEVEL_DIGITS.values()}
    return tuple(sorted(codes, key=lambda code: len(code.rstrip("0")), reverse=True))


class Resolved(NamedTuple):
    """What holds for a detector. `values`: what somebody has set of it; `layers`: name -> in which layer."""

    parameters: Parameters
    values: dict[str, Any]
    layers: dict[str, int]


def resolve(detector: Detector[Any, Any], layers: Sequence[Layer]) -> Resolved:
    """What holds for a detector. `layers`: the most specific one last."""
    resolved = Resolved(detector.parameters(), {}, {})
    for number, layer in enumerate(layers):
        stored = layer.get(detector.name)
        if not stored:
            continue
        # Where it does not go together with what is set in the wider scopes, it holds without them: that was set, or
        # taken back, after it.
        for wider in (resolved, Resolved(detector.parameters(), {}, {})):
            try:
                values = {**wider.values, **stored}
                parameters = msgspec.convert(values, detector.parameters)
            except (msgspec.ValidationError, TypeError, ValueError) as error:
                log.error("detector_parameters_unreadable", detector=detector.name, error=str(error))
            else:
                resolved = Resolved(parameters, values, {**wider.layers, **dict.fromkeys(stored, number)})
                break
    return resolved


class Parameterised:
    """The parameters of a batch of homes; most of them have the same, which are resolved once."""

    def __init__(self, detectors: Sequence[Detector[Any, Any]], stored: Iterable[Sequence[Any]] = ()) -> None:
        self._detectors = detectors
        self._set: dict[UUID | str, dict[str, Mapping[str, Any]]] = {}
        self._resolved: dict[tuple[UUID | str, ...], dict[str, Parameters]] = {}
        for home_id, station_id, area_code, detector, values in stored:
            self._set.setdefault(home_id or station_id or area_code, {})[detector] = values

    def of(self, where: Where) -> dict[str, Parameters]:
        """Detector -> what holds for it in this home."""
        all_scopes: tuple[UUID | str, ...] = (*reversed(branches(where.area_code)), where.station_id, where.home_id)
        scopes = [one for one in all_scopes if one in self._set]
        key = tuple(scopes)
        if key not in self._resolved:
            layers = [self._set[scope] for scope in scopes]
            self._resolved[key] = {one.name: resolve(one, layers).parameters for one in self._detectors}
        return self._resolved[key]


async def read_parameters(
    conn: AsyncConnection, detectors: Sequence[Detector[Any, Any]], homes: Iterable[Where]
) -> Parameterised:
    """What is set for these homes, their stations and their areas."""
    raw = await psycopg_of(conn)
    homes = list(homes)
    asked = [
        text_array(str(one.home_id) for one in homes), text_array({str(one.station_id) for one in homes}),
        text_array({code for one in homes for code in branches(one.area_code)}),
    ]  # fmt: skip
    return Parameterised(detectors, await (await raw.execute(_STORED, asked)).fetchall())
