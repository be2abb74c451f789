"""Alarms: the board's list, one alarm, its event log, and raising one by hand. Moves: `api.moves`."""

from typing import Annotated, Literal
from uuid import UUID

from fastapi import APIRouter, Path, Query
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection
from starlette.responses import JSONResponse, Response

from alerts.by_hand import raise_by_hand
from alerts.moves import AlarmUnknown
from alerts.view import PAGE, AlarmView, list_alarms, list_members, read_views, utc
from api import alarm_shapes, example
from api.body import CallByHand
from api.document import answers
from api.idempotency import Answer, Key, digest_of, once
from api.page import json_page, page_of
from api.scope import DESK, Caller, PartsOf

router = APIRouter(prefix="/alarms", tags=["alarms"])

AlarmId = Annotated[UUID, Path(description="the alarm", examples=[example.ALARM["id"]])]

_EVENTS_PAGE = 1_000

_EVENTS = text(f"""
    SELECT seq, json_build_object(
        'seq', seq, 'at', {utc("at")}, 'device_time', {utc("device_time")}, 'type', type,
        'actor', json_build_object(
            'type', actor_type, 'id', actor_id,
            'name', CASE WHEN actor_type = 'staff' THEN name_of_staff(CAST(actor_id AS uuid)) END),
        'channel', channel, 'version', version, 'data', data)::text AS body
    FROM alarm_event WHERE alarm_id = :id AND seq > :after ORDER BY seq LIMIT :limit
""")


async def the_alarm(conn: AsyncConnection, alarm_id: UUID) -> AlarmView:
    """One alarm that the caller may see; `AlarmUnknown` otherwise."""
    alarms = await read_views(conn, [alarm_id])
    if not alarms:
        raise AlarmUnknown("There is no such alarm in your areas.")
    return alarms[0]


@router.get(
    "",
    operation_id="listAlarms",
    summary="List alarms",
    description=(
        "Open alarms by priority, then by what falls due next; closed ones newest first. Take `next` as `cursor` for "
        "the page after this one. To follow open alarms use the live stream instead of asking again."
    ),
    response_model=alarm_shapes.AlarmPage,
    response_class=JSONResponse,
    responses=answers(401, 422, ok={200: ("A page of alarms.", "application/json", example.PAGE)}),
)
async def list_(
    call: Caller,
    state: Annotated[Literal["open", "closed"], Query(description="open: still somebody's business")] = "open",
    limit: Annotated[int, Query(ge=1, le=PAGE)] = 100,
    cursor: Annotated[str | None, Query(max_length=500)] = None,
) -> Response:
    page = await list_alarms(call.conn, state, limit, cursor)
    return json_page([alarm.json for alarm in page.items], page.next)


@router.get(
    "/{alarm_id}",
    operation_id="readAlarm",
    summary="Read one alarm",
    description=(
        "`why` explains it: a sentence in both languages, the figures in it, the events that led to it (`evidence`)."
    ),
    response_model=alarm_shapes.Alarm,
    response_class=JSONResponse,
    responses=answers(401, 404, 422, ok={200: ("The alarm.", "application/json", example.EXPLAINED)}),
)
async def read(call: Caller, alarm_id: AlarmId) -> Response:
    return Response((await the_alarm(call.conn, alarm_id)).json, media_type="application/json")


@router.get(
    "/{alarm_id}/members",
    operation_id="listMembers",
    summary="List the alarms of an incident",
    description=(
        "Every home of an incident (`kind` `outage`) has an alarm of its own. Open and closed, in the order in which "
        "they were raised. Take `next` as `cursor` for the page after this one."
    ),
    response_model=alarm_shapes.AlarmPage,
    response_class=JSONResponse,
    responses=answers(401, 404, 422, ok={200: ("A page of alarms.", "application/json", example.PAGE)}),
)
async def members(
    call: Caller,
    alarm_id: AlarmId,
    limit: Annotated[int, Query(ge=1, le=PAGE)] = 100,
    cursor: Annotated[UUID | None, Query(description="the last alarm of the page before")] = None,
) -> Response:
    await the_alarm(call.conn, alarm_id)
    alarms, following = await list_members(call.conn, alarm_id, limit, cursor)
    return json_page([alarm.json for alarm in alarms], None if following is None else str(following))


@router.get(
    "/{alarm_id}/events",
    operation_id="listAlarmEvents",
    summary="Read an alarm's event log",
    description="Everything that happened to it, oldest first: append-only, in commit order.",
    response_model=alarm_shapes.EventPage,
    response_class=JSONResponse,
    responses=answers(401, 404, 422, ok={200: ("A page of events.", "application/json", example.EVENTS)}),
)
async def events(
    call: Caller,
    alarm_id: AlarmId,
    limit: Annotated[int, Query(ge=1, le=_EVENTS_PAGE)] = _EVENTS_PAGE,
    cursor: Annotated[int, Query(ge=0, le=2**62, description="`next` of the page before")] = 0,
) -> Response:
    await the_alarm(call.conn, alarm_id)
    rows = (await call.conn.execute(_EVENTS, {"id": alarm_id, "after": cursor, "limit": limit + 1})).all()
    return page_of(rows, limit, lambda row: row.seq)


@router.post(
    "",
    operation_id="raiseAlarm",
    summary="Raise an alarm by hand",
    description="After a telephone call, by an operator. Joins the open alarm of the same kind at that home, if any.",
    status_code=201,
    response_model=alarm_shapes.Alarm,
    response_class=JSONResponse,
    responses=answers(400, 401, 403, 404, 413, 415, 422, ok={201: ("The alarm.", "application/json", example.ALARM)}),
)
async def raise_(call: Caller, parts: PartsOf, body: CallByHand, key: Key = None) -> Response:
    call.allow(DESK, "raise alarms")
    staff = call.principal.id

    async def work() -> Answer:
        alarm_id = await raise_by_hand(
            call.conn, staff_id=staff, home_id=body.home, kind=body.kind, note=body.note, at=body.at,
            channels=parts.hooks.channels,
        )  # fmt: skip
        return Answer(201, (await the_alarm(call.conn, alarm_id)).json)

    return await once(call.conn, staff, key, digest_of("POST", "/alarms", body), work)
