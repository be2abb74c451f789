"""Homes, stations and branches of the area tree that a request names: there for the caller, or 404."""

from typing import Annotated
from uuid import UUID

from fastapi import Depends, Path, Query
from sqlalchemy import text

from alerts.choosing import Spot
from api.problem import not_found
from api.scope import Call
from registry.area import AREA_CODE, scope_of

_EXAMPLES = ["350102001000"]

#: A branch, in a path.
AreaCode = Annotated[str, Path(pattern=AREA_CODE, examples=_EXAMPLES)]


def _branch(
    area: Annotated[str | None, Query(pattern=AREA_CODE, description="only this branch", examples=_EXAMPLES)] = None,
) -> str:
    return scope_of(area) if area else ""


#: Parameter `area` of a list, as the prefix of area codes that it stands for; without it that of all.
Branch = Annotated[str, Depends(_branch)]

_AREA = text("SELECT EXISTS (SELECT FROM area WHERE code = :area AND in_scope(code))")
# Row-level security shows a person's own station too.
_STATION = text("SELECT EXISTS (SELECT FROM station WHERE id = :station)")
_HOME = text("SELECT home_in_scope(:home)")
_SPOT = text("SELECT station_id, area_code FROM home WHERE id = :home AND in_scope(area_code)")

_NO_HOME = "There is no such home in your areas."


async def the_area(call: Call, area: str) -> None:
    """404 unless this branch is in the caller's areas."""
    if not (await call.conn.execute(_AREA, {"area": area})).scalar_one():
        raise not_found("There is no such area in your areas.")


async def the_station(call: Call, station_id: UUID) -> None:
    """404 unless the caller sees this station."""
    if not (await call.conn.execute(_STATION, {"station": station_id})).scalar_one():
        raise not_found("There is no such station in your areas.")


async def the_home(call: Call, home_id: UUID) -> None:
    """404 unless this home is in the caller's areas; one that he is merely called to is not."""
    if not (await call.conn.execute(_HOME, {"home": home_id})).scalar_one():
        raise not_found(_NO_HOME)


async def the_spot(call: Call, home_id: UUID) -> Spot:
    """Where this home is; 404 unless it is in the caller's areas."""
    row = (await call.conn.execute(_SPOT, {"home": home_id})).one_or_none()
    if row is None:
        raise not_found(_NO_HOME)
    return Spot(row.station_id, row.area_code, home_id)
