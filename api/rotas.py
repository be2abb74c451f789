"""Rotas as everybody reads them: shifts, who is on call at a moment, and where somebody is missing."""

from datetime import datetime, timedelta
from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Query
from sqlalchemy import text
from starlette.responses import JSONResponse, Response

from alerts.rota_view import SHIFT, lacking, on_call_at
from alerts.view import shown
from api import rota_example, rota_shapes
from api.body import Instant
from api.document import answers
from api.page import json_page, page_of
from api.places import the_station
from api.problem import as_json, invalid
from api.scope import STAFF, Caller, PartsOf
from carebed.clock import now as clock_now

router = APIRouter(tags=["rotas"])

_PAGE = 500
_LONGEST = timedelta(days=92)
_USUAL = timedelta(days=14)

# In order of time; the last one of a page is named, whether it is still there or not.
_SHIFTS = text(f"""
    SELECT shift.id, starts_at, {SHIFT}::text AS body FROM rota AS shift
    WHERE ends_at > :since AND starts_at < :until AND shift.station_id = coalesce(:station, shift.station_id)
        AND staff_id = coalesce(:staff, staff_id)
        AND (CAST(:after_at AS timestamptz) IS NULL OR (starts_at, shift.id) > (:after_at, CAST(:after AS uuid)))
    ORDER BY starts_at, shift.id LIMIT :limit
""")


@router.get(
    "/shifts",
    operation_id="listShifts",
    summary="List shifts",
    description=(
        "Of your stations and those that are yours, in order of time. Past ones are as they were; those ahead are "
        "planned for eight weeks. Take `next` as `cursor` for the page after this one. At most 92 days at once; the "
        "next 14 where nothing is said."
    ),
    response_model=rota_shapes.ShiftPage,
    response_class=JSONResponse,
    responses=answers(401, 403, 422, ok={200: ("A page of shifts.", "application/json", rota_example.SHIFTS)}),
)
async def shifts(
    call: Caller,
    station: Annotated[UUID | None, Query(description="of this station")] = None,
    staff: Annotated[UUID | None, Query(description="of this person")] = None,
    since: Annotated[Instant | None, Query(alias="from")] = None,
    until: Annotated[Instant | None, Query(alias="to")] = None,
    limit: Annotated[int, Query(ge=1, le=_PAGE)] = _PAGE,
    cursor: Annotated[str | None, Query(max_length=100, pattern=r"^[^_\x00]+_[0-9a-f-]{36}$")] = None,
) -> Response:
    call.allow(STAFF, "see rotas")
    begin = since or await clock_now(call.conn)
    end = until or begin + _USUAL
    if not timedelta(0) < end - begin <= _LONGEST:
        raise invalid("to", "Must be after `from`, and by no more than 92 days")
    after_at, after = _position(cursor)
    asked = {"since": begin, "until": end, "station": station, "staff": staff, "after_at": after_at, "after": after}
    rows = (await call.conn.execute(_SHIFTS, {**asked, "limit": limit + 1})).all()
    return page_of(rows, limit, lambda row: f"{row.starts_at.isoformat()}_{row.id}")


@router.get(
    "/stations/{station_id}/on-call",
    operation_id="readOnCall",
    summary="Who is on call",
    description=(
        "Now, or at the moment `at`. For a moment that has been, what had been written by then: it is never rewritten, "
        "and proves who was called upon."
    ),
    response_model=rota_shapes.OnCall,
    response_class=JSONResponse,
    responses=answers(401, 403, 404, 422, ok={200: ("By tier.", "application/json", rota_example.ON_CALL)}),
)
async def on_call(
    call: Caller, station_id: UUID, at: Annotated[Instant | None, Query(description="now, when left out")] = None
) -> Response:
    call.allow(STAFF, "see rotas")
    await the_station(call, station_id)
    now = await clock_now(call.conn)
    found = await on_call_at(call.conn, station_id, at or now, now)
    body = f'{{"station":"{station_id}","at":"{shown(at or now)}","shifts":[{",".join(found)}]}}'
    return Response(body, media_type="application/json")


@router.get(
    "/rota-gaps",
    operation_id="listRotaGaps",
    summary="Where somebody is missing",
    description=(
        "In the stations of your areas, for the next `days`. `nobody`: nobody is on call on that tier; `absent`, "
        "`inactive`: whose turn it is, is away or has left, and the shift is to be covered; `unreachable`: who is on "
        "call has no verified contact method (only where the installation has channels of people's own). Shifts are "
        "planned for eight weeks; a calendar that stands still shows as a gap at their end."
    ),
    response_model=rota_shapes.RotaGapPage,
    response_class=JSONResponse,
    responses=answers(401, 403, 404, 422, ok={200: ("All of them.", "application/json", rota_example.GAPS)}),
)
async def gaps(
    call: Caller,
    parts: PartsOf,
    station: Annotated[UUID | None, Query(description="only of this station")] = None,
    days: Annotated[int, Query(ge=1, le=55)] = 14,
) -> Response:
    call.allow(STAFF, "see rotas")
    if station is not None:
        await the_station(call, station)
    now = await clock_now(call.conn)
    found = await lacking(call.conn, now, now + timedelta(days=days), station, parts.hooks.channels)
    return json_page([as_json(one.as_object()).decode() for one in found], None)


def _position(cursor: str | None) -> tuple[datetime | None, UUID | None]:
    if cursor is None:
        return None, None
    at, _, last = cursor.partition("_")
    try:
        moment, one = datetime.fromisoformat(at), UUID(last)
    except ValueError:
        raise invalid("cursor", "This cursor was not handed out by this list") from None
    if moment.tzinfo is None:
        raise invalid("cursor", "This cursor was not handed out by this list")
    return moment, one
