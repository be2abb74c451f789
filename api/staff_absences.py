"""Dated absences of staff: entered by the desk, one's own illness by oneself; never deleted, only withdrawn."""

from datetime import timedelta
from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Query
from sqlalchemy import text
from starlette.responses import JSONResponse, Response

from alerts.rota_rewrite import lock, patterns_with, rewrite
from alerts.view import utc
from api import rota_example, rota_shapes
from api.document import answers
from api.idempotency import Answer, Key, digest_of, once
from api.page import page_of
from api.problem import forbidden, invalid, not_found
from api.rota_body import NewStaffAbsence
from api.scope import DESK, OFFICE, STAFF, Call, Caller
from carebed.ids import new_id

router = APIRouter(prefix="/staff/{staff_id}/absences", tags=["rotas"])

_PAGE = 100

#: A longer one is a departure, or a mistyped year.
_LONGEST = timedelta(days=366)

_PERSON = text("SELECT EXISTS (SELECT FROM staff WHERE id = :staff AND (id = current_staff() OR in_scope(area_code)))")

_BODY = f"""
    json_build_object('id', id, 'staff', staff_id, 'kind', kind, 'begins_at', {utc("begins_at")},
        'ends_at', {utc("ends_at")}, 'note', note, 'entered_by', entered_by,
        'entered_by_name', name_of_staff(entered_by), 'entered_at', {utc("entered_at")},
        'withdrawn_at', {utc("withdrawn_at")}, 'withdrawn_by', withdrawn_by)::text
"""

# Ids are in order of time (UUID version 7), so the cursor is an id.
_LIST = text(f"""
    SELECT id, {_BODY} AS body FROM staff_absence
    WHERE staff_id = :staff AND (CAST(:before AS uuid) IS NULL OR id < :before) ORDER BY id DESC LIMIT :limit
""")
_ONE = text(f"SELECT kind, withdrawn_at, {_BODY} AS body FROM staff_absence WHERE staff_id = :staff AND id = :id")

_ENTER = text("""
    INSERT INTO staff_absence (id, staff_id, kind, begins_at, ends_at, note, entered_by, entered_at)
    VALUES (:id, :staff, :kind, :begins_at, :ends_at, :note, :by, :now)
""")
_WITHDRAW = text("UPDATE staff_absence SET withdrawn_at = :now, withdrawn_by = :by WHERE id = :id")


async def _the_person(call: Call, staff_id: UUID, roles: frozenset[str], what: str) -> None:
    """One's own, or with one of `roles` those of one's areas; why somebody is away is for nobody else."""
    call.allow(STAFF if staff_id == call.principal.id else roles, what)
    if not (await call.conn.execute(_PERSON, {"staff": staff_id})).scalar_one():
        raise not_found("There is no such person in your areas.")


@router.get(
    "",
    operation_id="listStaffAbsences",
    summary="List somebody's absences",
    description="One's own, or of the people of one's areas; the newest entry first, withdrawn ones too.",
    response_model=rota_shapes.StaffAbsencePage,
    response_class=JSONResponse,
    responses=answers(401, 403, 404, 422, ok={200: ("A page.", "application/json", rota_example.STAFF_ABSENCES)}),
)
async def list_(
    call: Caller,
    staff_id: UUID,
    limit: Annotated[int, Query(ge=1, le=_PAGE)] = _PAGE,
    cursor: Annotated[UUID | None, Query(description="`next` of the page before")] = None,
) -> Response:
    await _the_person(call, staff_id, OFFICE, "see when somebody else is away")
    rows = (await call.conn.execute(_LIST, {"staff": staff_id, "before": cursor, "limit": limit + 1})).all()
    return page_of(rows, limit)


@router.post(
    "",
    operation_id="enterStaffAbsence",
    summary="Enter that somebody is away",
    description=(
        "From now on he is called for nothing in that time, whatever he would be called as, and his shifts show as "
        "gaps to be covered. Who falls ill may enter that himself; everything else is the desk's. At most 366 days."
    ),
    status_code=201,
    response_model=rota_shapes.StaffAbsence,
    response_class=JSONResponse,
    responses=answers(
        400, 401, 403, 404, 413, 415, 422, ok={201: ("It.", "application/json", rota_example.STAFF_ABSENCE)}
    ),
)
async def enter(call: Caller, staff_id: UUID, body: NewStaffAbsence, key: Key = None) -> Response:
    await _the_person(call, staff_id, DESK, "enter that somebody else is away")
    if body.kind != "sick" and call.principal.role not in DESK:
        raise forbidden("You may report yourself sick; ask the desk to enter any other absence.")

    async def work() -> Answer:
        now = await lock(call.conn)
        if body.ends_at <= now or not timedelta(0) < body.ends_at - body.begins_at <= _LONGEST:
            raise invalid("/ends_at", "Must be after begins_at and after now, and by no more than 366 days")
        row = {
            "id": new_id(), "staff": staff_id, "kind": body.kind, "begins_at": body.begins_at,
            "ends_at": body.ends_at, "note": body.note, "by": call.principal.id, "now": now,
        }  # fmt: skip
        await call.conn.execute(_ENTER, row)
        async with call.beyond_scope():
            await rewrite(call.conn, now, await patterns_with(call.conn, staff_id))
        return Answer(201, (await call.conn.execute(_ONE, row)).one().body)

    digest = digest_of("POST", f"/staff/{staff_id}/absences", body)
    return await once(call.conn, call.principal.id, key, digest, work)


@router.delete(
    "/{absence_id}",
    operation_id="withdrawStaffAbsence",
    summary="Withdraw an absence",
    description="It counts no more from now on, and stays on record. Repeating it changes nothing.",
    response_model=rota_shapes.StaffAbsence,
    response_class=JSONResponse,
    responses=answers(401, 403, 404, 422, ok={200: ("It.", "application/json", rota_example.STAFF_ABSENCE)}),
)
async def withdraw(call: Caller, staff_id: UUID, absence_id: UUID, key: Key = None) -> Response:
    await _the_person(call, staff_id, DESK, "withdraw somebody else's absence")

    async def work() -> Answer:
        now = await lock(call.conn)
        asked = {"staff": staff_id, "id": absence_id, "now": now, "by": call.principal.id}
        found = (await call.conn.execute(_ONE, asked)).one_or_none()
        if found is None:
            raise not_found("There is no such absence of this person.")
        if found.kind != "sick" and call.principal.role not in DESK:
            raise forbidden("You may withdraw that you are sick; ask the desk to withdraw any other absence.")
        if found.withdrawn_at is None:
            await call.conn.execute(_WITHDRAW, asked)
            async with call.beyond_scope():
                await rewrite(call.conn, now, await patterns_with(call.conn, staff_id))
        return Answer(200, (await call.conn.execute(_ONE, asked)).one().body)

    digest = digest_of("DELETE", f"/staff/{staff_id}/absences/{absence_id}", None)
    return await once(call.conn, call.principal.id, key, digest, work)
