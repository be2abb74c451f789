"""Homes: found by name, address, resident or bed number, so that an operator can raise an alarm for a caller."""

from typing import Annotated, Any
from uuid import UUID

from fastapi import APIRouter, Query
from pydantic import AfterValidator
from sqlalchemy import text
from starlette.responses import JSONResponse, Response

from api import example, home_shapes
from api.body import storable
from api.document import answers
from api.page import page_of
from api.scope import Caller

router = APIRouter(prefix="/homes", tags=["homes"])

_PAGE = 100

# `q` matches any part of a name, an address, a resident's name or a bed number.
_FIND = text("""
    SELECT home.id, json_build_object(
        'id', home.id, 'name', home.name, 'address', home.address, 'area', home.area_code, 'area_name', area.name,
        'station', name_of_station(home.station_id),
        'residents', (SELECT coalesce(json_agg(json_build_object('id', resident.id, 'name', resident.name)
                                               ORDER BY resident.name, resident.id), '[]')
                      FROM resident WHERE resident.home_id = home.id),
        'beds', (SELECT coalesce(json_agg(bed.number ORDER BY bed.number), '[]') FROM bed WHERE bed.home_id = home.id)
    )::text AS body
    FROM home JOIN area ON area.code = home.area_code
    WHERE (CAST(:after AS uuid) IS NULL OR home.id > CAST(:after AS uuid))
      AND (home.name ILIKE :pattern OR home.address ILIKE :pattern
           OR EXISTS (SELECT FROM resident WHERE resident.home_id = home.id AND resident.name ILIKE :pattern)
           OR EXISTS (SELECT FROM bed WHERE bed.home_id = home.id AND bed.number ILIKE :pattern))
    ORDER BY home.id LIMIT :limit
""")


@router.get(
    "",
    operation_id="findHomes",
    summary="Find homes",
    description="By any part of the home's name, its address, a resident's name or a bed number.",
    response_model=home_shapes.HomePage,
    response_class=JSONResponse,
    responses=answers(401, 422, ok={200: ("A page of homes.", "application/json", example.HOMES)}),
)
async def find(
    call: Caller,
    q: Annotated[str, Query(max_length=100, examples=["陈秀英"]), AfterValidator(storable)] = "",
    limit: Annotated[int, Query(ge=1, le=_PAGE)] = 20,
    cursor: Annotated[UUID | None, Query(description="`next` of the page before")] = None,
) -> Response:
    wanted: dict[str, Any] = {"after": cursor, "pattern": f"%{_literal(q.strip())}%", "limit": limit + 1}
    rows = (await call.conn.execute(_FIND, wanted)).all()
    return page_of(rows, limit)


def _literal(words: str) -> str:
    """The words themselves, not a pattern."""
    return words.replace("\\", "\\\\").replace("%", "\\%").replace("_", "\\_")
