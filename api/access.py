"""Access notes: written by managers, read by who has accepted an open alarm of the home; and who has read them."""

from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Query
from sqlalchemy import text
from starlette.responses import JSONResponse, Response

from alerts.access import read_access_notes
from alerts.view import utc
from api import example, home_shapes
from api.alarms import AlarmId
from api.body import AccessNote
from api.document import answers
from api.idempotency import Answer, Key, digest_of, once
from api.page import page_of
from api.places import the_home
from api.problem import forbidden
from api.scope import MANAGERS, SUPERVISION, Caller, PartsOf

router = APIRouter(tags=["access notes"])

_PAGE = 100

# Without EXCLUDED, whose columns this role would have to be able to read.
_WRITE = text("""
    INSERT INTO access_note (home_id, key_box, door_code, hazards, updated_at, updated_by)
    VALUES (:home, :key_box, :door_code, :hazards, carebed_now(), :by)
    ON CONFLICT (home_id) DO UPDATE SET key_box = :key_box, door_code = :door_code, hazards = :hazards,
        updated_at = carebed_now(), updated_by = :by
""")
_WRITTEN = text(f"""
    SELECT json_build_object('home', CAST(:home AS uuid), 'updated_at', {utc("note.updated_at")},
        'updated_by', note.updated_by, 'updated_by_name', name_of_staff(note.updated_by))::text
    FROM (SELECT) AS one
    LEFT JOIN (SELECT home_id, updated_at, updated_by FROM access_note) AS note ON note.home_id = :home
""")
_LOG = text(f"""
    SELECT id, json_build_object('at', {utc("at")}, 'alarm', alarm_id, 'staff', staff_id,
        'name', name_of_staff(staff_id), 'what', what)::text AS body
    FROM access_log WHERE home_id = :home AND (CAST(:before AS bigint) IS NULL OR id < :before)
    ORDER BY id DESC LIMIT :limit
""")


@router.get(
    "/alarms/{alarm_id}/access",
    operation_id="readAccessNotes",
    summary="Read how to get in",
    description=(
        "Key box, door code, hazards: for who has accepted the alarm, is on the way or there, while it is open. Every "
        "read is on record, in the alarm's event log and in the home's access log."
    ),
    response_model=home_shapes.AccessNotes,
    response_class=JSONResponse,
    responses=answers(401, 403, 404, 422, ok={200: ("The notes.", "application/json", example.ACCESS)}),
)
async def read(call: Caller, parts: PartsOf, alarm_id: AlarmId) -> Response:
    notes = await read_access_notes(call.conn, alarm_id, call.principal.id, parts.hooks)
    if notes is None:
        raise forbidden("Only who has accepted the alarm sees how to get in, and only while it is open.")
    return Response(notes, media_type="application/json")


@router.get(
    "/homes/{home_id}/access-note",
    operation_id="seeAccessNote",
    summary="See when a home's access notes were written",
    description="And by whom; `updated_at` null: there are none. What they say is read at an alarm, and nowhere else.",
    response_model=home_shapes.AccessNoteWritten,
    response_class=JSONResponse,
    responses=answers(401, 403, 404, 422, ok={200: ("When, and by whom.", "application/json", example.ACCESS_NOTE)}),
)
async def see(call: Caller, home_id: UUID) -> Response:
    call.allow(MANAGERS, "write access notes")
    await the_home(call, home_id)
    body: str = (await call.conn.execute(_WRITTEN, {"home": home_id})).scalar_one()
    return Response(body, media_type="application/json")


@router.put(
    "/homes/{home_id}/access-note",
    operation_id="writeAccessNote",
    summary="Write a home's access notes",
    description="By a manager of its branch. They replace what was there, which nobody can read any more.",
    response_model=home_shapes.AccessNoteWritten,
    response_class=JSONResponse,
    responses=answers(
        400, 401, 403, 404, 413, 415, 422, ok={200: ("Written.", "application/json", example.ACCESS_NOTE)}
    ),
)
async def write(call: Caller, home_id: UUID, body: AccessNote, key: Key = None) -> Response:
    call.allow(MANAGERS, "write access notes")
    await the_home(call, home_id)

    async def work() -> Answer:
        row = {"home": home_id, "by": call.principal.id, **body.model_dump()}
        await call.conn.execute(_WRITE, row)
        return Answer(200, (await call.conn.execute(_WRITTEN, {"home": home_id})).scalar_one())

    # Without the body: the digest of a code of four digits would be the code, to who can read the table of keys.
    digest = digest_of("PUT", f"/homes/{home_id}/access-note", None)
    return await once(call.conn, call.principal.id, key, digest, work)


@router.get(
    "/homes/{home_id}/access-log",
    operation_id="listAccessLog",
    summary="See who has read or written a home's access notes",
    description="The newest first; nothing is ever removed.",
    response_model=home_shapes.AccessLogPage,
    response_class=JSONResponse,
    responses=answers(401, 403, 404, 422, ok={200: ("A page.", "application/json", example.ACCESS_LOG)}),
)
async def log(
    call: Caller,
    home_id: UUID,
    limit: Annotated[int, Query(ge=1, le=_PAGE)] = _PAGE,
    cursor: Annotated[int | None, Query(ge=0, le=2**62, description="`next` of the page before")] = None,
) -> Response:
    call.allow(SUPERVISION, "see who has read access notes")
    await the_home(call, home_id)
    rows = (await call.conn.execute(_LOG, {"home": home_id, "before": cursor, "limit": limit + 1})).all()
    return page_of(rows, limit)
