"""A person's own quiet hours: when no work order is sent to him. Calls for help always are."""

from fastapi import APIRouter
from sqlalchemy import text
from starlette.responses import JSONResponse, Response

from api import example, person_shapes
from api.body import NewQuietHours
from api.document import answers
from api.problem import as_json, invalid
from api.scope import Caller

router = APIRouter(prefix="/me/quiet-hours", tags=["people"])

_READ = text("""
    SELECT to_char(quiet_from, 'HH24:MI') AS "from", to_char(quiet_until, 'HH24:MI') AS until
    FROM quiet_hours WHERE staff_id = :staff
""")
_SET = text("""
    INSERT INTO quiet_hours (staff_id, quiet_from, quiet_until)
    VALUES (:staff, CAST(:from AS time), CAST(:until AS time))
    ON CONFLICT (staff_id) DO UPDATE SET quiet_from = EXCLUDED.quiet_from, quiet_until = EXCLUDED.quiet_until
""")
_UNSET = text("DELETE FROM quiet_hours WHERE staff_id = :staff")

_HOURS = ("The hours; null where there are none.", "application/json", example.QUIET_HOURS)


async def _hours(call: Caller) -> Response:
    row = (await call.conn.execute(_READ, {"staff": call.principal.id})).one_or_none()
    content = {"from": row[0], "until": row[1]} if row is not None else {"from": None, "until": None}
    return Response(as_json(content), media_type="application/json")


@router.get(
    "", operation_id="readQuietHours", summary="Read one's quiet hours", response_model=person_shapes.QuietHours,
    response_class=JSONResponse, responses=answers(401, ok={200: _HOURS}),
)  # fmt: skip
async def read(call: Caller) -> Response:
    return await _hours(call)


@router.put(
    "", operation_id="setQuietHours", summary="Set one's quiet hours",
    description="Local times. Work orders wait for their end; calls for help never do.",
    response_model=person_shapes.QuietHours, response_class=JSONResponse,
    responses=answers(400, 401, 413, 415, 422, ok={200: _HOURS}),
)  # fmt: skip
async def set_(call: Caller, body: NewQuietHours) -> Response:
    if body.since == body.until:
        raise invalid("/until", "Must not be the time at which they begin")
    await call.conn.execute(_SET, {"staff": call.principal.id, "from": body.since, "until": body.until})
    return await _hours(call)


@router.delete(
    "", operation_id="unsetQuietHours", summary="Have no quiet hours", response_model=person_shapes.QuietHours,
    response_class=JSONResponse, responses=answers(401, ok={200: _HOURS}),
)  # fmt: skip
async def unset(call: Caller) -> Response:
    await call.conn.execute(_UNSET, {"staff": call.principal.id})
    return await _hours(call)
