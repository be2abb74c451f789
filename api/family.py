"""What relatives want to be told of the alarms of their home: each his own choice, or a manager's for them."""

from uuid import UUID

import msgspec
from fastapi import APIRouter
from sqlalchemy import text
from starlette.responses import JSONResponse, Response

from alerts.family import Tells
from api import example, home_shapes
from api.body import FamilyChoice
from api.document import answers
from api.idempotency import Answer, Key, digest_of, once
from api.page import json_page
from api.places import the_home
from api.problem import not_found
from api.scope import MANAGERS, OFFICE, Caller

router = APIRouter(tags=["family"])

# The relatives of a home. Names of whom the caller may not see are left out.
_OF_HOME = text("""
    SELECT json_build_object('staff', staff_id, 'name', name_of_staff(staff_id), 'home', home_id, 'rank', rank,
        'tells', tells)::text AS body
    FROM care_circle WHERE home_id = :home AND relation = 'family' AND home_in_scope(home_id) ORDER BY rank, id
""")
_MINE = text("""
    SELECT json_build_object('home', home_id, 'home_name', home_name, 'tells', tells)::text AS body FROM my_families()
""")
_CHOOSE = text("""
    UPDATE care_circle SET tells = CAST(:tells AS jsonb)
    WHERE home_id = :home AND staff_id = :staff AND relation = 'family'
        AND (staff_id = current_staff() OR home_in_scope(home_id))
    RETURNING json_build_object('staff', staff_id, 'name', name_of_staff(staff_id), 'home', home_id, 'rank', rank,
        'tells', tells)::text AS body
""")


@router.get(
    "/homes/{home_id}/family",
    operation_id="listFamily",
    summary="List the relatives of a home who are told of its alarms",
    description="With what each wants to be told. They are told beside those who go, and nobody waits for them.",
    response_model=home_shapes.RelativePage,
    response_class=JSONResponse,
    responses=answers(401, 403, 404, 422, ok={200: ("Relatives.", "application/json", example.FAMILY)}),
)
async def list_(call: Caller, home_id: UUID) -> Response:
    call.allow(OFFICE, "see the family of a home")
    await the_home(call, home_id)
    return json_page([row.body for row in await call.conn.execute(_OF_HOME, {"home": home_id})], None)


@router.put(
    "/homes/{home_id}/family/{staff_id}",
    operation_id="chooseForRelative",
    summary="Set what a relative is told of",
    description="By himself, or by a manager of the home's branch. It holds from the next news on.",
    response_model=home_shapes.Relative,
    response_class=JSONResponse,
    responses=answers(
        400, 401, 403, 404, 413, 415, 422, ok={200: ("As it is now.", "application/json", example.RELATIVE)}
    ),
)
async def choose(call: Caller, home_id: UUID, staff_id: UUID, body: FamilyChoice, key: Key = None) -> Response:
    if staff_id != call.principal.id:
        call.allow(MANAGERS, "choose for a relative")

    async def work() -> Answer:
        chosen = {"home": home_id, "staff": staff_id, "tells": _stored(body)}
        found: str | None = (await call.conn.execute(_CHOOSE, chosen)).scalar_one_or_none()
        if found is None:
            raise not_found("There is no such relative of a home in your areas.")
        return Answer(200, found)

    digest = digest_of("PUT", f"/homes/{home_id}/family/{staff_id}", body)
    return await once(call.conn, call.principal.id, key, digest, work)


def _stored(body: FamilyChoice) -> str:
    """As the circle keeps it."""
    kinds = None if body.kinds is None else tuple(body.kinds)
    return msgspec.json.encode(Tells(body.when, kinds, body.since, body.until)).decode()


@router.get(
    "/me/family",
    operation_id="listMyFamily",
    summary="List the homes whose alarms you are told of as a relative",
    response_model=home_shapes.MyFamilyPage,
    response_class=JSONResponse,
    responses=answers(401, ok={200: ("Homes.", "application/json", example.MY_FAMILY)}),
)
async def mine(call: Caller) -> Response:
    return json_page([row.body for row in await call.conn.execute(_MINE)], None)
