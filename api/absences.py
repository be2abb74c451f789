"""Dated absences of a home: entered and withdrawn by the desk, never deleted."""

from datetime import timedelta
from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Query
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection
from starlette.responses import JSONResponse, Response

from alerts.view import utc
from api import example, home_shapes
from api.body import NewAbsence
from api.document import answers
from api.idempotency import Answer, Key, digest_of, once
from api.page import page_of
from api.places import the_home
from api.problem import invalid, not_found
from api.scope import DESK, OFFICE, Caller
from carebed.ids import new_id

router = APIRouter(prefix="/homes/{home_id}/absences", tags=["homes"])

_PAGE = 100

#: A longer one is a move, or a mistyped year.
_LONGEST = timedelta(days=366)

_BODY = f"""
    json_build_object('id', id, 'home', home_id, 'begins_at', {utc("begins_at")}, 'ends_at', {utc("ends_at")},
        'entered_by', entered_by, 'entered_by_name', name_of_staff(entered_by), 'entered_at', {utc("created_at")},
        'note', note, 'withdrawn_at', {utc("withdrawn_at")})::text AS body
"""

# Ids are in order of time (UUID version 7), so the cursor is an id.
_LIST = text(f"""
    SELECT id, {_BODY} FROM absence
    WHERE home_id = :home AND (CAST(:before AS uuid) IS NULL OR id < :before) ORDER BY id DESC LIMIT :limit
""")
_ONE = text(f"SELECT {_BODY} FROM absence WHERE home_id = :home AND id = :id")

_ENTER = text("""
    INSERT INTO absence (id, home_id, begins_at, ends_at, entered_by, note)
    VALUES (:id, :home, :begins_at, :ends_at, :by, :note)
""")
_WITHDRAW = text("""
    UPDATE absence SET withdrawn_at = carebed_now(), withdrawn_by = :by
    WHERE home_id = :home AND id = :id AND withdrawn_at IS NULL
""")

_LOOK = text("SELECT wake_homes(:home, NULL, NULL)")


async def _the_absence(conn: AsyncConnection, home_id: UUID, absence_id: UUID) -> str:
    found: str | None = (await conn.execute(_ONE, {"home": home_id, "id": absence_id})).scalar_one_or_none()
    if found is None:
        raise not_found("There is no such absence of this home.")
    return found


@router.get(
    "",
    operation_id="listAbsences",
    summary="List a home's absences",
    description="The newest entry first, withdrawn ones too.",
    response_model=home_shapes.AbsencePage,
    response_class=JSONResponse,
    responses=answers(401, 403, 404, 422, ok={200: ("A page.", "application/json", example.ABSENCES)}),
)
async def list_(
    call: Caller,
    home_id: UUID,
    limit: Annotated[int, Query(ge=1, le=_PAGE)] = _PAGE,
    cursor: Annotated[UUID | None, Query(description="`next` of the page before")] = None,
) -> Response:
    call.allow(OFFICE, "see absences")
    await the_home(call, home_id)
    rows = (await call.conn.execute(_LIST, {"home": home_id, "before": cursor, "limit": limit + 1})).all()
    return page_of(rows, limit)


@router.post(
    "",
    operation_id="enterAbsence",
    summary="Enter an absence",
    description="Nobody is at home (hospital, holiday): silence of the home is judged accordingly. At most 366 days.",
    status_code=201,
    response_model=home_shapes.Absence,
    response_class=JSONResponse,
    responses=answers(
        400, 401, 403, 404, 413, 415, 422, ok={201: ("The absence.", "application/json", example.ABSENCE)}
    ),
)
async def enter(call: Caller, home_id: UUID, body: NewAbsence, key: Key = None) -> Response:
    call.allow(DESK, "enter absences")
    await the_home(call, home_id)
    if not timedelta(0) < body.ends_at - body.begins_at <= _LONGEST:
        raise invalid("/ends_at", "Must be after begins_at, and by no more than 366 days")

    async def work() -> Answer:
        absence_id = new_id()
        row = {"begins_at": body.begins_at, "ends_at": body.ends_at, "note": body.note, "by": call.principal.id}
        await call.conn.execute(_ENTER, {"id": absence_id, "home": home_id, **row})
        await call.conn.execute(_LOOK, {"home": home_id})
        return Answer(201, await _the_absence(call.conn, home_id, absence_id))

    digest = digest_of("POST", f"/homes/{home_id}/absences", body)
    return await once(call.conn, call.principal.id, key, digest, work)


@router.delete(
    "/{absence_id}",
    operation_id="withdrawAbsence",
    summary="Withdraw an absence",
    description="It counts no more from now on, and stays on record. Repeating it changes nothing.",
    response_model=home_shapes.Absence,
    response_class=JSONResponse,
    responses=answers(401, 403, 404, 422, ok={200: ("As it is now.", "application/json", example.ABSENCE)}),
)
async def withdraw(call: Caller, home_id: UUID, absence_id: UUID, key: Key = None) -> Response:
    call.allow(DESK, "withdraw absences")
    await the_home(call, home_id)

    async def work() -> Answer:
        await call.conn.execute(_WITHDRAW, {"home": home_id, "id": absence_id, "by": call.principal.id})
        await call.conn.execute(_LOOK, {"home": home_id})
        return Answer(200, await _the_absence(call.conn, home_id, absence_id))

    digest = digest_of("DELETE", f"/homes/{home_id}/absences/{absence_id}", None)
    return await once(call.conn, call.principal.id, key, digest, work)
