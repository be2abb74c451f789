"""The care circle of a home: who is assigned to it, its neighbours, volunteers and family, in calling order."""

from uuid import UUID

from fastapi import APIRouter
from sqlalchemy import text
from starlette.responses import JSONResponse, Response

from api.circle_shapes import MEMBER, CircleMember, CirclePage, CirclePlace, Relation
from api.document import answers
from api.idempotency import Answer, Key, digest_of, once
from api.page import json_page
from api.places import the_home
from api.problem import not_found
from api.scope import MANAGERS, Caller
from carebed.ids import new_id
from carebed.logs import get_logger

log = get_logger()

router = APIRouter(prefix="/homes/{home_id}/circle", tags=["homes"])

_BODY = """
    json_build_object('staff', staff_id, 'name', name_of_staff(staff_id), 'relation', relation, 'rank', rank)::text
        AS body
"""

_LIST = text(f"SELECT {_BODY} FROM care_circle WHERE home_id = :home ORDER BY relation, rank, id")
# Somebody of the caller's own areas, or a person who is in this circle already.
_THERE = text("""
    SELECT EXISTS (SELECT FROM staff WHERE id = :staff AND active)
        OR EXISTS (SELECT FROM care_circle WHERE home_id = :home AND staff_id = :staff AND relation = :relation)
""")
_SET = text(f"""
    INSERT INTO care_circle (id, home_id, staff_id, relation, rank) VALUES (:id, :home, :staff, :relation, :rank)
    ON CONFLICT (home_id, staff_id, relation) DO UPDATE SET rank = EXCLUDED.rank RETURNING {_BODY}
""")
_REMOVE = text(f"""
    DELETE FROM care_circle WHERE home_id = :home AND staff_id = :staff AND relation = :relation RETURNING {_BODY}
""")

_CHANGED = answers(400, 401, 403, 404, 409, 413, 415, 422, ok={200: ("The pairing.", "application/json", MEMBER)})


@router.get(
    "",
    operation_id="listCareCircle",
    summary="List who is paired with a home",
    description="Whom `assigned`, `neighbours`, `volunteers` and `family` of a policy's steps mean here.",
    response_model=CirclePage,
    response_class=JSONResponse,
    responses=answers(
        401, 403, 404, 422, ok={200: ("All of them.", "application/json", {"items": [MEMBER], "next": None})}
    ),
)
async def list_(call: Caller, home_id: UUID) -> Response:
    call.allow(MANAGERS, "see the care circle of a home")
    await the_home(call, home_id)
    return json_page([row.body for row in await call.conn.execute(_LIST, {"home": home_id})], None)


@router.put(
    "/{relation}/{staff_id}",
    operation_id="setCareCircle",
    summary="Pair somebody with a home, or change his place",
    description="Somebody of the caller's areas. It holds from the next step of a ladder on, also of open alarms.",
    response_model=CircleMember,
    response_class=JSONResponse,
    responses=_CHANGED,
)
async def set_(
    call: Caller, home_id: UUID, relation: Relation, staff_id: UUID, body: CirclePlace, key: Key = None
) -> Response:
    call.allow(MANAGERS, "change the care circle of a home")
    await the_home(call, home_id)

    async def work() -> Answer:
        row = {"id": new_id(), "home": home_id, "staff": staff_id, "relation": relation, "rank": body.rank}
        if not (await call.conn.execute(_THERE, row)).scalar_one():
            raise not_found("There is no such person in your areas.")
        kept: str = (await call.conn.execute(_SET, row)).scalar_one()
        log.info("care_circle_set", home=str(home_id), relation=relation, by=str(call.principal.id))
        return Answer(200, kept)

    digest = digest_of("PUT", f"/homes/{home_id}/circle/{relation}/{staff_id}", body)
    return await once(call.conn, call.principal.id, key, digest, work)


@router.delete(
    "/{relation}/{staff_id}",
    operation_id="removeFromCareCircle",
    summary="End a pairing with a home",
    description="He is not called to it any more. Answers what was removed.",
    response_model=CircleMember,
    response_class=JSONResponse,
    responses=_CHANGED,
)
async def remove(call: Caller, home_id: UUID, relation: Relation, staff_id: UUID, key: Key = None) -> Response:
    call.allow(MANAGERS, "change the care circle of a home")
    await the_home(call, home_id)

    async def work() -> Answer:
        row = {"home": home_id, "staff": staff_id, "relation": relation}
        gone: str | None = (await call.conn.execute(_REMOVE, row)).scalar_one_or_none()
        if gone is None:
            raise not_found("There is no such pairing with this home.")
        log.info("care_circle_removed", home=str(home_id), relation=relation, by=str(call.principal.id))
        return Answer(200, gone)

    digest = digest_of("DELETE", f"/homes/{home_id}/circle/{relation}/{staff_id}", None)
    return await once(call.conn, call.principal.id, key, digest, work)
