"""Drills: ordered and stopped by managers, with what came of each as evidence."""

from datetime import datetime, timedelta
from typing import Annotated, Any
from uuid import UUID

from fastapi import APIRouter, Path, Query
from sqlalchemy import text
from starlette.responses import JSONResponse, Response

from alerts.drill import HOMES, REASONS, order, why_not
from alerts.drill_result import list_drills, read_drill
from alerts.drilling import stop
from api import drill_shapes
from api.document import answers
from api.idempotency import Answer, Key, digest_of, once
from api.page import page_of
from api.places import Branch, the_area, the_station
from api.problem import Problem, as_json, invalid, not_found
from api.scope import MANAGERS, SUPERVISION, Call, Caller, PartsOf
from carebed.clock import now as clock_now
from carebed.ids import new_id
from carebed.logs import get_logger
from registry.area import scope_of

log = get_logger()

router = APIRouter(prefix="/drills", tags=["drills"])

#: A drill is planned for one of the next days; who plans further ahead forgets that he did.
_AHEAD = timedelta(days=31)

_UNKNOWN = "There is no such drill in your areas."
DrillId = Annotated[UUID, Path(description="the drill", examples=[drill_shapes.LISTED["id"]])]

# Of these homes, those that the caller cannot order drills for.
_NOT_MINE = text("""
    SELECT id FROM unnest(CAST(:homes AS uuid[])) AS id
    WHERE NOT EXISTS (SELECT FROM home WHERE home.id = id.id AND home.area_code ^@ :branch AND in_scope(home.area_code)
        AND (CAST(:station AS uuid) IS NULL OR home.station_id = CAST(:station AS uuid)))
""")


@router.post(
    "",
    operation_id="orderDrill",
    summary="Have a drill",
    description=(
        "People are called for homes of an area as if somebody had called there, over the same ladders and methods, "
        "each message marked as a drill. Who accepts has done his part; nobody goes. Homes and families hear nothing. "
        "409 while calls for help wait or come in great numbers there, or the platform is in trouble; a planned one "
        "waits for half an hour, and a running one gives way."
    ),
    status_code=201,
    response_model=drill_shapes.Drill,
    response_class=JSONResponse,
    responses=answers(
        400, 401, 403, 404, 409, 413, 415, 422, ok={201: ("The drill.", "application/json", drill_shapes.EXAMPLE)}
    ),
)
async def order_(call: Caller, body: drill_shapes.DrillOrder, key: Key = None) -> Response:
    call.allow(MANAGERS, "order drills")
    await the_area(call, body.area)
    if body.station is not None:
        await the_station(call, body.station)
    if body.homes is not None:
        asked = {"homes": body.homes, "branch": scope_of(body.area), "station": body.station}
        if (await call.conn.execute(_NOT_MINE, asked)).first() is not None:
            raise not_found("There is no such home in this area, or not in your areas.")

    async def work() -> Answer:
        now = await clock_now(call.conn)
        if body.starts_at is not None and body.starts_at > now + _AHEAD:
            raise invalid("/starts_at", "must lie within the next 31 days")
        wanted: dict[str, Any] = {
            "area": body.area, "station": body.station, "kind": body.kind, "homes": body.homes, "most": body.most,
            "lasts_s": body.lasts_s, "note": body.note, "starts_at": max(body.starts_at or now, now),
        }  # fmt: skip
        drill_id = new_id()
        if wanted["starts_at"] == now:
            await _refuse(call, drill_id, wanted, now)
        await order(call.conn, drill_id, call.principal.id, now, wanted)
        log.info("drill_ordered", drill=str(drill_id), area=body.area, by=str(call.principal.id))
        return Answer(201, as_json(await read_drill(call.conn, drill_id)).decode())

    return await once(call.conn, call.principal.id, key, digest_of("POST", "/drills", body), work)


async def _refuse(call: Call, drill_id: UUID, wanted: dict[str, Any], now: datetime) -> None:
    """409 for what would keep it from starting now."""
    homes = (await call.conn.execute(HOMES, wanted)).all()
    if all(home.in_need for home in homes):
        raise Problem(409, "conflict", "No drill now: there is no home that could be called for.")
    async with call.beyond_scope():
        reason = await why_not(call.conn, drill_id, {home.station_id for home in homes}, now)
    if reason is not None:
        raise Problem(409, "conflict", f"No drill now: {REASONS[reason][0]}. Plan it for later.")


@router.get(
    "",
    operation_id="listDrills",
    summary="List drills",
    description="Of the caller's areas, the newest first. Take `next` as `cursor` for the page after this one.",
    response_model=drill_shapes.DrillPage,
    response_class=JSONResponse,
    responses=answers(
        401, 403, 422,
        ok={200: ("A page of drills.", "application/json", {"items": [drill_shapes.LISTED], "next": None})},
    ),
)  # fmt: skip
async def list_(
    call: Caller,
    branch: Branch,
    limit: Annotated[int, Query(ge=1, le=100)] = 50,
    cursor: Annotated[UUID | None, Query(description="`next` of the page before")] = None,
) -> Response:
    call.allow(SUPERVISION, "see drills")
    return page_of(await list_drills(call.conn, branch, limit + 1, cursor), limit)


@router.get(
    "/{drill_id}",
    operation_id="readDrill",
    summary="Read a drill and what came of it",
    description=(
        "For each home how soon somebody took it, and for each person by which methods he was called, how far each "
        "message came, and what he answered. It is evidence and is kept."
    ),
    response_model=drill_shapes.Drill,
    response_class=JSONResponse,
    responses=answers(401, 403, 404, 422, ok={200: ("The drill.", "application/json", drill_shapes.EXAMPLE)}),
)
async def read(call: Caller, drill_id: DrillId) -> Response:
    call.allow(SUPERVISION, "see drills")
    return Response(as_json(await _the_drill(call, drill_id)), media_type="application/json")


@router.post(
    "/{drill_id}/stop",
    operation_id="stopDrill",
    summary="Stop a drill",
    description="A planned or a running one, at once; everybody who was called is told that it is over.",
    response_model=drill_shapes.Drill,
    response_class=JSONResponse,
    responses=answers(
        400, 401, 403, 404, 409, 413, 415, 422, ok={200: ("The drill.", "application/json", drill_shapes.EXAMPLE)}
    ),
)
async def stop_(call: Caller, parts: PartsOf, drill_id: DrillId, key: Key = None) -> Response:
    call.allow(MANAGERS, "stop drills")
    await _the_drill(call, drill_id)

    async def work() -> Answer:
        now = await clock_now(call.conn)
        if not await stop(call.conn, drill_id, call.principal.id, now, parts.hooks.channels):
            raise Problem(409, "conflict", "This drill has ended already.")
        return Answer(200, as_json(await _the_drill(call, drill_id)).decode())

    return await once(call.conn, call.principal.id, key, digest_of("POST", f"/drills/{drill_id}/stop", None), work)


async def _the_drill(call: Call, drill_id: UUID) -> dict[str, Any]:
    drill = await read_drill(call.conn, drill_id)
    if drill is None:
        raise not_found(_UNKNOWN)
    return drill
