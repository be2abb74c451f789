"""Escalation policies: listed, set and removed by managers of the branch in which they hold."""

from typing import Annotated, Any
from uuid import UUID

from fastapi import APIRouter, Path, Query
from sqlalchemy import text
from sqlalchemy.exc import IntegrityError
from starlette.responses import JSONResponse, Response

from alerts.alarm import Priority
from alerts.policy import person_of, policy_json
from alerts.view import utc
from api.document import answers
from api.idempotency import Answer, Key, digest_of, once
from api.page import page_of
from api.policy_body import EXAMPLE, PolicyBody, PolicyPage, PolicyShape
from api.problem import Problem, invalid_parts, not_found
from api.scope import MANAGERS, OFFICE, Call, Caller
from carebed.logs import get_logger

log = get_logger()

router = APIRouter(prefix="/policies", tags=["escalation"])

_PAGE = 100
_PRIORITY = "CASE priority " + " ".join(f"WHEN {rank} THEN '{one}'" for rank, one in enumerate(Priority)) + " END"

# What an older ladder does not say is what holds for it (`alerts.policy.Policy`).
_BODY = f"""
    (jsonb_build_object('loop_s', 120, 'repeat', 0, 'last_resort_s', 60, 'acknowledged_s', 120, 'accepted_s', 180,
        'en_route_s', 1800, 'on_scene_s', 3600, 'reopen_s', 86400) || ladder || jsonb_build_object(
        'id', id, 'kind', kind, 'priority', {_PRIORITY},
        'from_time', to_char(from_time, 'HH24:MI'), 'to_time', to_char(to_time, 'HH24:MI'),
        'days', to_jsonb(days),
        'place', jsonb_build_object(
            'scope', CASE WHEN home_id IS NOT NULL THEN 'home' WHEN station_id IS NOT NULL THEN 'station'
                          WHEN area_code IS NOT NULL THEN 'area' ELSE 'everywhere' END,
            'id', coalesce(home_id::text, station_id::text, area_code)),
        'set_at', {utc("set_at")}, 'set_by_name', name_of_staff(set_by)))::text AS body
"""

_MINE = "(home_in_scope(home_id) OR station_in_scope(station_id) OR in_scope(area_code))"

_LIST = text(f"""
    SELECT id, {_BODY} FROM policy
    WHERE {_MINE} AND (CAST(:after AS uuid) IS NULL OR id > :after) ORDER BY id LIMIT :limit
""")
_ONE = text(f"SELECT {_BODY}, {_MINE} AS mine FROM policy WHERE id = :id")

_PLACE_IS_MINE = text("""
    SELECT coalesce(home_in_scope(:home) OR station_in_scope(:station)
        OR in_scope(:area) AND EXISTS (SELECT FROM area WHERE code = :area), false)
""")

_UNKNOWN_PEOPLE = text("""
    SELECT wanted FROM unnest(CAST(:people AS uuid[])) AS wanted
    WHERE NOT EXISTS (SELECT FROM staff WHERE id = wanted AND active)
""")

_SET = text("""
    INSERT INTO policy (id, home_id, station_id, area_code, kind, priority, from_time, to_time, days, ladder, set_by,
        set_at)
    VALUES (:id, :home, :station, :area, :kind, :priority, :from_time, :to_time, CAST(:days AS smallint[]),
        CAST(:ladder AS jsonb), :by, carebed_now())
    ON CONFLICT (id) DO UPDATE SET home_id = EXCLUDED.home_id, station_id = EXCLUDED.station_id,
        area_code = EXCLUDED.area_code, kind = EXCLUDED.kind, priority = EXCLUDED.priority,
        from_time = EXCLUDED.from_time, to_time = EXCLUDED.to_time, days = EXCLUDED.days, ladder = EXCLUDED.ladder,
        set_by = EXCLUDED.set_by, set_at = EXCLUDED.set_at
""")

_REMOVE = text("DELETE FROM policy WHERE id = :id")

_UNKNOWN = "There is no such policy in your areas."

PolicyId = Annotated[UUID, Path(description="chosen by whoever sets it first", examples=[EXAMPLE["id"]])]


@router.get(
    "",
    operation_id="listPolicies",
    summary="List escalation policies",
    description=(
        "Those that are set for homes, stations and areas of the caller's branch. Which one an alarm gets: the most "
        "specific by place (home, station, nearest area), then by kind, by priority, by time of day and week. To see "
        "what holds for a home, read its escalation."
    ),
    response_model=PolicyPage,
    response_class=JSONResponse,
    responses=answers(
        401, 403, 422, ok={200: ("A page of policies.", "application/json", {"items": [EXAMPLE], "next": None})}
    ),
)
async def list_(
    call: Caller, cursor: Annotated[UUID | None, Query(description="`next` of the page before")] = None
) -> Response:
    call.allow(OFFICE, "see escalation policies")
    rows = (await call.conn.execute(_LIST, {"after": cursor, "limit": _PAGE + 1})).all()
    return page_of(rows, _PAGE)


_CHANGED = answers(
    400, 401, 403, 404, 409, 413, 415, 422, ok={200: ("The policy.", "application/json", EXAMPLE)},
)  # fmt: skip


@router.put(
    "/{policy_id}",
    operation_id="setPolicy",
    summary="Set an escalation policy",
    description="A new one, or in the place of the one with this id. Alarms that are open keep the one they have.",
    response_model=PolicyShape,
    response_class=JSONResponse,
    responses=_CHANGED,
)
async def set_(call: Caller, policy_id: PolicyId, body: PolicyBody, key: Key = None) -> Response:
    call.allow(MANAGERS, "set escalation policies")
    await _check(call, body)
    there = (await call.conn.execute(_ONE, {"id": policy_id})).one_or_none()
    if there is not None and not there.mine:
        raise not_found(_UNKNOWN)

    async def work() -> Answer:
        row = {"id": policy_id, "ladder": policy_json(body.ladder()), "by": call.principal.id}
        try:
            async with call.conn.begin_nested():
                await call.conn.execute(_SET, {**body.columns(), **row})
        except IntegrityError:
            detail = "Another policy is for the same place, kind, priority, time and days: change that one."
            raise Problem(409, "conflict", detail) from None
        log.info("policy_set", policy=str(policy_id), by=str(call.principal.id))
        return Answer(200, (await call.conn.execute(_ONE, {"id": policy_id})).one().body)

    return await once(call.conn, call.principal.id, key, digest_of("PUT", f"/policies/{policy_id}", body), work)


@router.delete(
    "/{policy_id}",
    operation_id="removePolicy",
    summary="Remove an escalation policy",
    description="The next less specific one holds for new alarms. Answers what was removed.",
    response_model=PolicyShape,
    response_class=JSONResponse,
    responses=_CHANGED,
)
async def remove(call: Caller, policy_id: PolicyId, key: Key = None) -> Response:
    call.allow(MANAGERS, "remove escalation policies")

    async def work() -> Answer:
        there = (await call.conn.execute(_ONE, {"id": policy_id})).one_or_none()
        if there is None or not there.mine:
            raise not_found(_UNKNOWN)
        await call.conn.execute(_REMOVE, {"id": policy_id})
        log.info("policy_removed", policy=str(policy_id), by=str(call.principal.id))
        return Answer(200, there.body)

    return await once(call.conn, call.principal.id, key, digest_of("DELETE", f"/policies/{policy_id}", None), work)


async def _check(call: Call, body: PolicyBody) -> None:
    """`Problem` 422 for what cannot be so; 404 for a place that is not the caller's."""
    errors = body.wrong()
    if errors:
        raise invalid_parts(errors)
    place: dict[str, Any] = {name: body.columns()[name] for name in ("home", "station", "area")}
    if not (await call.conn.execute(_PLACE_IS_MINE, place)).scalar_one():
        raise not_found("There is no such home, station or area in your areas.")
    people = body.people()
    unknown = set((await call.conn.execute(_UNKNOWN_PEOPLE, {"people": people})).scalars()) if people else set()
    if unknown:
        raise invalid_parts([
            {"pointer": f"/steps/{number}/call/{place}", "detail": "there is no such person in your areas"}
            for number, step in enumerate(body.steps) for place, target in enumerate(step.call)
            if person_of(target) in unknown
        ])  # fmt: skip
