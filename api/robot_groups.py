"""Group chats that show alarms: set up, tried out and removed by managers of the branch. They are no route to anyone.

The robot's address and its secret are taken and never given out again: whoever has them can post into the group.
"""

from typing import Annotated, Any
from uuid import UUID

from fastapi import APIRouter, Path, Query
from sqlalchemy import TextClause, text
from sqlalchemy.exc import IntegrityError
from starlette.responses import JSONResponse, Response

from alerts.robot import robot_url
from alerts.robot.robots import ROBOTS
from alerts.view import utc
from api.document import answers
from api.idempotency import Answer, Key, digest_of, once
from api.page import page_of
from api.places import the_area
from api.problem import Problem, invalid, not_found
from api.robot_body import SHOWN, NewRobotGroup, RobotGroup, RobotGroupChange, RobotGroupPage
from api.scope import MANAGERS, OFFICE, Call, Caller, Parts, PartsOf
from carebed.ids import new_id
from carebed.logs import get_logger

log = get_logger()

router = APIRouter(prefix="/robot-groups", tags=["escalation"])

_PAGE = 100

_BODY = f"""
    json_build_object('id', id, 'name', name, 'channel', channel,
        'place', json_build_object('scope', CASE WHEN station_id IS NULL THEN 'area' ELSE 'station' END,
            'id', coalesce(station_id::text, area_code)),
        'language', language, 'shows', shows, 'work_orders', work_orders,
        'posted_at', {utc("posted_at")}, 'tested_at', {utc("tested_at")}, 'test_wanted', test_wanted,
        'failed_at', {utc("failed_at")}, 'last_error', last_error, 'failures', failures,
        'paused_until', CASE WHEN paused_until > clock_timestamp() THEN {utc("paused_until")} END,
        'set_by_name', name_of_staff(set_by), 'created_at', {utc("created_at")})::text AS body
"""
_LIST = text(f"""
    SELECT id, {_BODY} FROM robot_group WHERE CAST(:after AS uuid) IS NULL OR id > :after ORDER BY id LIMIT :limit
""")
_ONE = text(f"SELECT {_BODY} FROM robot_group WHERE id = :id")

# Not one's own station alone, which one sees wherever it is.
_STATION_IS_MINE = text("SELECT coalesce(station_in_scope(:station), false)")

_ADD = text("""
    INSERT INTO robot_group (id, name, channel, area_code, station_id, webhook_url, secret, language, shows,
        work_orders, set_by)
    VALUES (:id, :name, :channel, :area, :station, :url, :secret, :language, :shows, :work_orders, :by)
""")
_CHANGE = text("""
    UPDATE robot_group SET name = :name, area_code = :area, station_id = :station, language = :language,
        shows = :shows, work_orders = :work_orders, set_by = :by
    WHERE id = :id AND channel = :channel
    RETURNING id
""")
# Another robot: what went wrong with the one before says nothing about it.
_REPLACE = text("""
    UPDATE robot_group SET channel = :channel, webhook_url = :url, secret = :secret, last_error = NULL, failures = 0,
        paused_until = NULL
    WHERE id = :id
""")
_REMOVE = text("DELETE FROM robot_group WHERE id = :id")
_TEST = text("UPDATE robot_group SET test_wanted = true WHERE id = :id")

GroupId = Annotated[UUID, Path(description="one of the groups", examples=[SHOWN["id"]])]

_GROUP = ("The group.", "application/json", SHOWN)
_WRITES = (400, 401, 403, 404, 409, 413, 415, 422)


@router.get(
    "",
    operation_id="listRobotGroups",
    summary="List group chats with a robot",
    description="Those of the caller's branch, and how posting to them goes.",
    response_model=RobotGroupPage,
    response_class=JSONResponse,
    responses=answers(401, 403, 422, ok={200: ("A page.", "application/json", {"items": [SHOWN], "next": None})}),
)
async def list_(
    call: Caller, cursor: Annotated[UUID | None, Query(description="`next` of the page before")] = None
) -> Response:
    call.allow(OFFICE, "see group chats")
    rows = (await call.conn.execute(_LIST, {"after": cursor, "limit": _PAGE + 1})).all()
    return page_of(rows, _PAGE)


@router.post(
    "",
    operation_id="addRobotGroup",
    summary="Set up a group chat",
    description=(
        "It shows the alarms of an area or a station from now on, each event by itself while there are few, otherwise "
        "gathered. It is a display: nobody counts as reached by it. Address and secret are never given out again."
    ),
    status_code=201,
    response_model=RobotGroup,
    response_class=JSONResponse,
    responses=answers(*_WRITES, ok={201: _GROUP}),
)
async def add(call: Caller, parts: PartsOf, body: NewRobotGroup, key: Key = None) -> Response:
    call.allow(MANAGERS, "set up group chats")
    row = await _row(call, parts, body)

    async def work() -> Answer:
        await _write(call, _ADD, row | {"id": (group := new_id())})
        log.info("robot_group_added", group=str(group), channel=body.channel, by=str(call.principal.id))
        return Answer(201, await _the_group(call, group))

    return await once(call.conn, call.principal.id, key, digest_of("POST", "/robot-groups", body), work)


@router.put(
    "/{group_id}",
    operation_id="changeRobotGroup",
    summary="Change a group chat",
    description="What it shows. With an address: another robot takes the place of the one before.",
    response_model=RobotGroup,
    response_class=JSONResponse,
    responses=answers(*_WRITES, ok={200: _GROUP}),
)
async def change(call: Caller, parts: PartsOf, group_id: GroupId, body: RobotGroupChange, key: Key = None) -> Response:
    call.allow(MANAGERS, "change group chats")
    row = await _row(call, parts, body)
    if body.webhook_url is None and body.secret is not None:
        raise invalid("/secret", "Comes with the address of its robot")

    async def work() -> Answer:
        await _the_group(call, group_id)
        if body.webhook_url is not None:
            await _write(call, _REPLACE, row | {"id": group_id})
        if (await call.conn.execute(_CHANGE, row | {"id": group_id})).one_or_none() is None:
            raise invalid("/channel", "Is another one: give the address of its robot")
        log.info("robot_group_changed", group=str(group_id), by=str(call.principal.id))
        return Answer(200, await _the_group(call, group_id))

    return await once(call.conn, call.principal.id, key, digest_of("PUT", f"/robot-groups/{group_id}", body), work)


@router.delete(
    "/{group_id}",
    operation_id="removeRobotGroup",
    summary="Remove a group chat",
    description="Nothing is posted to it any more. Answers what was removed.",
    response_model=RobotGroup,
    response_class=JSONResponse,
    responses=answers(*_WRITES, ok={200: _GROUP}),
)
async def remove(call: Caller, group_id: GroupId, key: Key = None) -> Response:
    call.allow(MANAGERS, "remove group chats")

    async def work() -> Answer:
        there = await _the_group(call, group_id)
        await call.conn.execute(_REMOVE, {"id": group_id})
        log.info("robot_group_removed", group=str(group_id), by=str(call.principal.id))
        return Answer(200, there)

    return await once(call.conn, call.principal.id, key, digest_of("DELETE", f"/robot-groups/{group_id}", None), work)


@router.post(
    "/{group_id}/test",
    operation_id="testRobotGroup",
    summary="Post a test to a group chat",
    description=(
        "Within seconds, also to a group that rests after a mistake, but not while its provider blocks it. What came "
        "of it: `tested_at`, or `failed_at` with `last_error`."
    ),
    status_code=202,
    response_model=RobotGroup,
    response_class=JSONResponse,
    responses=answers(*_WRITES, ok={202: _GROUP}),
)
async def try_out(call: Caller, group_id: GroupId, key: Key = None) -> Response:
    call.allow(MANAGERS, "test group chats")

    async def work() -> Answer:
        await _the_group(call, group_id)
        await call.conn.execute(_TEST, {"id": group_id})
        return Answer(202, await _the_group(call, group_id))

    digest = digest_of("POST", f"/robot-groups/{group_id}/test", None)
    return await once(call.conn, call.principal.id, key, digest, work)


async def _the_group(call: Call, group_id: UUID) -> str:
    found: str | None = (await call.conn.execute(_ONE, {"id": group_id})).scalar_one_or_none()
    if found is None:
        raise not_found("There is no such group in your areas.")
    return found


async def _row(call: Call, parts: Parts, body: NewRobotGroup | RobotGroupChange) -> dict[str, Any]:
    """What is written; `Problem` 422 for what cannot be so, 404 for a place that is not the caller's."""
    if (body.area is None) == (body.station is None):
        raise invalid("/area", "Give either an area or a station")
    url = body.webhook_url
    if url is not None:
        try:
            url = robot_url(ROBOTS[body.channel], url, parts.robot_hosts)
        except ValueError as error:
            raise invalid("/webhook_url", f"It {error}") from None
    if body.area is not None:
        await the_area(call, body.area)
    elif not (await call.conn.execute(_STATION_IS_MINE, {"station": body.station})).scalar_one():
        raise not_found("There is no such station in your areas.")
    return {
        **body.columns(), "channel": body.channel, "url": url, "secret": body.secret, "by": call.principal.id,
    }  # fmt: skip


async def _write(call: Call, statement: TextClause, row: dict[str, Any]) -> None:
    """`Problem` 409 where another group has the same robot: two would not know of each other's pace."""
    try:
        async with call.conn.begin_nested():
            await call.conn.execute(statement, row)
    except IntegrityError:
        raise Problem(409, "conflict", "This robot is set up already: change that group, or remove it.") from None
