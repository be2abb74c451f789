"""Visits on record: who was at which home, from when to when, and what was found."""

from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Query
from sqlalchemy import text
from starlette.responses import JSONResponse, Response

from alerts.view import utc
from api import example, home_shapes
from api.document import answers
from api.page import page_of
from api.scope import Caller

router = APIRouter(prefix="/visits", tags=["visits"])

_PAGE = 500

# Newest first; ids are in order of time (UUID version 7), so the cursor is an id.
_LIST = text(f"""
    SELECT id, json_build_object(
        'id', id, 'alarm', alarm_id, 'home', home_id, 'resident', resident_id, 'staff', staff_id,
        'staff_name', name_of_staff(staff_id), 'kind', kind, 'started_at', {utc("started_at")},
        'ended_at', {utc("ended_at")}, 'outcome', outcome)::text AS body
    FROM visit
    WHERE (CAST(:alarm AS uuid) IS NULL OR alarm_id = :alarm) AND (CAST(:before AS uuid) IS NULL OR id < :before)
    ORDER BY id DESC LIMIT :limit
""")


@router.get(
    "",
    operation_id="listVisits",
    summary="List visits",
    description="Newest first; of one alarm, or all in the caller's areas and his own.",
    response_model=home_shapes.VisitPage,
    response_class=JSONResponse,
    responses=answers(401, 422, ok={200: ("A page of visits.", "application/json", example.VISITS)}),
)
async def list_(
    call: Caller,
    alarm: Annotated[UUID | None, Query(description="only of this alarm", examples=[example.ALARM["id"]])] = None,
    limit: Annotated[int, Query(ge=1, le=_PAGE)] = 100,
    cursor: Annotated[UUID | None, Query(description="`next` of the page before")] = None,
) -> Response:
    wanted = {"alarm": alarm, "before": cursor, "limit": limit + 1}
    rows = (await call.conn.execute(_LIST, wanted)).all()
    return page_of(rows, limit)
