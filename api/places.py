"""Homes, stations and branches of the area tree that a request names: there for the caller, or 404."""

from sqlalchemy import text

from api.problem import not_found
from api.scope import Call

_AREA = text("SELECT EXISTS (SELECT FROM area WHERE code = :area AND in_scope(code))")


async def the_area(call: Call, area: str) -> None:
    """404 unless this branch is in the caller's areas."""
    if not (await call.conn.execute(_AREA, {"area": area})).scalar_one():
        raise not_found("There is no such area in yours.")
