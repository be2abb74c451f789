"""How a person can be reached: he keeps his own methods; managers see those of their branch, and keep those of people
who never sign in (neighbours, volunteers, family).

Nothing is sent to a method but its code until it is verified by that.
"""

from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Path
from sqlalchemy import text
from starlette.responses import JSONResponse, Response

from alerts.channel import PER_MESSAGE
from alerts.contact_method import ADDRESSES, FRESH
from alerts.verification import ATTEMPTS, Verdict, enter_code, send_code
from alerts.view import utc
from api import example, person_shapes
from api.body import ContactOrder, EnteredCode, NewContactMethod
from api.document import answers
from api.idempotency import Answer, Key, digest_of, once
from api.page import json_page
from api.problem import Problem, as_json, forbidden, invalid, not_found
from api.scope import MANAGERS, Call, Caller, PartsOf
from carebed.ids import new_id

router = APIRouter(prefix="/staff/{staff_id}/contact-methods", tags=["people"])

#: More telephones than anybody has.
_METHODS_AT_MOST = 10

_PERSON = text("""
    SELECT login IS NULL AS never_signs_in FROM staff
    WHERE id = :staff AND active AND (id = current_staff() OR in_scope(area_code))
""")

_BODY = f"""
    json_build_object('id', id, 'staff', staff_id, 'channel', channel, 'address', address, 'rank', rank,
        'wait_s', wait_s, 'verified', coalesce(verified_at IS NOT NULL
            AND greatest(verified_at, delivered_at) > carebed_now()
                - CASE channel WHEN 'webpush' THEN interval '7 days' ELSE CAST(:fresh AS interval) END
            AND (failed_at IS NULL OR greatest(verified_at, delivered_at) > failed_at), false),
        'verified_at', {utc("verified_at")}, 'delivered_at', {utc("delivered_at")}, 'failed_at', {utc("failed_at")},
        'failures', failures, 'created_at', {utc("created_at")})::text AS body
"""
_LIST = text(f"""
    SELECT {_BODY} FROM contact_method WHERE staff_id = :staff AND removed_at IS NULL ORDER BY rank, created_at, id
""")
_ONE = text(f"SELECT {_BODY} FROM contact_method WHERE staff_id = :staff AND id = :id AND removed_at IS NULL")
_COUNT = text("SELECT count(*) FROM contact_method WHERE staff_id = :staff AND removed_at IS NULL")

# One that was removed comes back unverified: the number may be somebody else's by now.
_ADD = text("""
    INSERT INTO contact_method (id, staff_id, channel, address, rank, wait_s, added_by)
    VALUES (:id, :staff, :channel, :address, :rank, :wait_s, :by)
    ON CONFLICT (staff_id, channel, address) DO UPDATE SET rank = EXCLUDED.rank, wait_s = EXCLUDED.wait_s,
        added_by = EXCLUDED.added_by, removed_at = NULL,
        verified_at = CASE WHEN contact_method.removed_at IS NULL THEN contact_method.verified_at END,
        delivered_at = CASE WHEN contact_method.removed_at IS NULL THEN contact_method.delivered_at END
    RETURNING id, verified_at IS NOT NULL AS verified
""")
_ORDER = text("""
    UPDATE contact_method SET rank = :rank, wait_s = :wait_s
    WHERE staff_id = :staff AND id = :id AND removed_at IS NULL
""")
_REMOVE = text("""
    UPDATE contact_method SET removed_at = carebed_now(), verified_at = NULL, code_hash = NULL
    WHERE staff_id = :staff AND id = :id AND removed_at IS NULL
""")

StaffId = Annotated[UUID, Path(description="whose methods")]
MethodId = Annotated[UUID, Path(description="one of his methods")]

_METHOD = ("The method.", "application/json", example.CONTACT_METHOD)
_WRITES = (400, 401, 403, 404, 413, 415, 422)


async def _may(call: Call, staff: UUID, *, write: bool) -> None:
    """One's own; for managers also those of their branch: to see, and of people who never sign in to keep as well."""
    if staff != call.principal.id:
        call.allow(MANAGERS, "see how other people are reached")
    person = (await call.conn.execute(_PERSON, {"staff": staff})).one_or_none()
    if person is None:
        raise not_found("There is no such person in your areas.")
    if write and staff != call.principal.id and not person.never_signs_in:
        raise forbidden("Whoever signs in keeps his own contact methods.")


async def _the_method(call: Call, staff: UUID, method: UUID) -> str:
    found: str | None = (
        await call.conn.execute(_ONE, {"staff": staff, "id": method, "fresh": FRESH})
    ).scalar_one_or_none()
    if found is None:
        raise not_found("There is no such contact method of this person.")
    return found


@router.get(
    "",
    operation_id="listContactMethods",
    summary="List a person's contact methods",
    description="In the order in which they are tried. `verified`: it counts as verified now.",
    response_model=person_shapes.ContactMethodPage,
    response_class=JSONResponse,
    responses=answers(401, 403, 404, 422, ok={200: ("All.", "application/json", example.CONTACT_METHODS)}),
)
async def list_(call: Caller, staff_id: StaffId) -> Response:
    await _may(call, staff_id, write=False)
    rows = await call.conn.execute(_LIST, {"staff": staff_id, "fresh": FRESH})
    return json_page([row.body for row in rows], None)


@router.post(
    "",
    operation_id="addContactMethod",
    summary="Add a contact method",
    description="A code is sent over it at once; it is not used before that is entered.",
    status_code=201,
    response_model=person_shapes.ContactMethod,
    response_class=JSONResponse,
    responses=answers(*_WRITES, ok={201: _METHOD}),
)
async def add(call: Caller, parts: PartsOf, staff_id: StaffId, body: NewContactMethod, key: Key = None) -> Response:
    await _may(call, staff_id, write=True)
    there = [one for one in parts.hooks.channels if one not in PER_MESSAGE and one in ADDRESSES]
    if body.channel not in there:
        raise invalid("/channel", f"Is not set up here; these are: {', '.join(there) or 'none'}")
    try:
        address = ADDRESSES[body.channel](body.address)
    except ValueError as error:
        raise invalid("/address", f"It {error}") from None

    async def work() -> Answer:
        if (await call.conn.execute(_COUNT, {"staff": staff_id})).scalar_one() >= _METHODS_AT_MOST:
            raise invalid("/address", f"Nobody has more than {_METHODS_AT_MOST} contact methods: remove one first")
        row = {"staff": staff_id, "channel": body.channel, "address": address, "by": call.principal.id}
        order = {"id": new_id(), "rank": body.rank, "wait_s": body.wait_s}
        added = (await call.conn.execute(_ADD, row | order)).one()
        if not added.verified:
            await send_code(call.conn, added.id, staff_id)
        return Answer(201, await _the_method(call, staff_id, added.id))

    digest = digest_of("POST", f"/staff/{staff_id}/contact-methods", body)
    return await once(call.conn, call.principal.id, key, digest, work)


@router.put(
    "/{method_id}",
    operation_id="orderContactMethod",
    summary="Change a method's place in the order",
    response_model=person_shapes.ContactMethod,
    response_class=JSONResponse,
    responses=answers(*_WRITES, ok={200: _METHOD}),
)
async def order(
    call: Caller, staff_id: StaffId, method_id: MethodId, body: ContactOrder, key: Key = None
) -> Response:  # fmt: skip
    await _may(call, staff_id, write=True)

    async def work() -> Answer:
        row = {"staff": staff_id, "id": method_id, "rank": body.rank, "wait_s": body.wait_s}
        await call.conn.execute(_ORDER, row)
        return Answer(200, await _the_method(call, staff_id, method_id))

    digest = digest_of("PUT", f"/staff/{staff_id}/contact-methods/{method_id}", body)
    return await once(call.conn, call.principal.id, key, digest, work)


@router.delete(
    "/{method_id}",
    operation_id="removeContactMethod",
    summary="Remove a contact method",
    description="Nothing is sent to it any more, and its links end. Repeating it changes nothing.",
    status_code=204,
    response_class=Response,
    responses=answers(401, 403, 404, 422, ok={}),
)
async def remove(call: Caller, staff_id: StaffId, method_id: MethodId) -> Response:
    await _may(call, staff_id, write=True)
    await call.conn.execute(_REMOVE, {"staff": staff_id, "id": method_id})
    return Response(status_code=204)


@router.post(
    "/{method_id}/code",
    operation_id="sendContactCode",
    summary="Send a new code",
    description="At most one a minute, five a day for a method and fifteen for a person. It ends the one before.",
    status_code=202,
    response_model=person_shapes.ContactMethod,
    response_class=JSONResponse,
    responses=answers(*_WRITES, 429, ok={202: _METHOD}),
)
async def code(call: Caller, staff_id: StaffId, method_id: MethodId, key: Key = None) -> Response:
    await _may(call, staff_id, write=True)

    async def work() -> Answer:
        shown = await _the_method(call, staff_id, method_id)
        if not await send_code(call.conn, method_id, staff_id):
            detail = "Too many codes were sent lately: wait a minute, or until tomorrow."
            raise Problem(429, "too-many-attempts", detail, headers={"Retry-After": "60"})
        return Answer(202, shown)

    digest = digest_of("POST", f"/staff/{staff_id}/contact-methods/{method_id}/code", None)
    return await once(call.conn, call.principal.id, key, digest, work)


@router.post(
    "/{method_id}/verify",
    operation_id="verifyContactMethod",
    summary="Enter the code",
    description=f"Holds for ten minutes and {ATTEMPTS} attempts.",
    response_model=person_shapes.ContactMethod,
    response_class=JSONResponse,
    responses=answers(*_WRITES, ok={200: _METHOD}),
)
async def verify(call: Caller, staff_id: StaffId, method_id: MethodId, body: EnteredCode, key: Key = None) -> Response:
    await _may(call, staff_id, write=True)

    async def work() -> Answer:
        await _the_method(call, staff_id, method_id)
        verdict = await enter_code(call.conn, method_id, body.code)
        if verdict is Verdict.VERIFIED:
            return Answer(200, await _the_method(call, staff_id, method_id))
        wrong = "Is not the code that was sent" if verdict is Verdict.WRONG else "Holds no more: have a new one sent"
        # Answered, not raised: the attempt has to stay on record.
        return Answer(422, as_json(invalid("/code", wrong).document()).decode())

    digest = digest_of("POST", f"/staff/{staff_id}/contact-methods/{method_id}/verify", body)
    return await once(call.conn, call.principal.id, key, digest, work)
