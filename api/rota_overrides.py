"""Overrides: somebody else on a post for a span, entered by a manager and never deleted, only withdrawn."""

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
from api.problem import Problem, invalid, not_found
from api.rota_body import NewOverride
from api.rota_patterns import pattern_of_mine, the_pattern, who_can_be_on_call
from api.scope import MANAGERS, STAFF, Caller
from carebed.ids import new_id

router = APIRouter(prefix="/rota-patterns/{pattern_id}/overrides", tags=["rotas"])

_PAGE = 100
_LONGEST = timedelta(days=366)

_BODY = f"""
    json_build_object('id', id, 'pattern', pattern_id, 'staff', staff_id, 'staff_name', name_of_staff(staff_id),
        'instead_of', instead_of, 'starts_at', {utc("starts_at")}, 'ends_at', {utc("ends_at")}, 'swap', swap_id,
        'note', note, 'entered_by', entered_by, 'entered_by_name', name_of_staff(entered_by),
        'entered_at', {utc("entered_at")}, 'withdrawn_at', {utc("withdrawn_at")}, 'withdrawn_by', withdrawn_by)::text
"""

# Ids are in order of time (UUID version 7), so the cursor is an id.
_LIST = text(f"""
    SELECT id, {_BODY} AS body FROM rota_override
    WHERE pattern_id = :pattern AND (CAST(:before AS uuid) IS NULL OR id < :before) ORDER BY id DESC LIMIT :limit
""")
_ONE = text(
    f"SELECT swap_id, withdrawn_at, {_BODY} AS body FROM rota_override WHERE pattern_id = :pattern AND id = :id"
)

_ENTER = text("""
    INSERT INTO rota_override (id, pattern_id, staff_id, instead_of, starts_at, ends_at, note, entered_by, entered_at)
    VALUES (:id, :pattern, :staff, :instead_of, :starts_at, :ends_at, :note, :by, :now)
""")
_WITHDRAW = text("UPDATE rota_override SET withdrawn_at = :now, withdrawn_by = :by WHERE id = :id")

_AWAY = text("""
    SELECT EXISTS (SELECT FROM staff_absence
        WHERE staff_id = :staff AND withdrawn_at IS NULL AND begins_at <= :starts_at AND ends_at > :starts_at)
""")


@router.get(
    "",
    operation_id="listOverrides",
    summary="List a post's overrides",
    description="The newest entry first, withdrawn ones and those of swaps too.",
    response_model=rota_shapes.OverridePage,
    response_class=JSONResponse,
    responses=answers(401, 403, 404, 422, ok={200: ("A page.", "application/json", rota_example.OVERRIDES)}),
)
async def list_(
    call: Caller,
    pattern_id: UUID,
    limit: Annotated[int, Query(ge=1, le=_PAGE)] = _PAGE,
    cursor: Annotated[UUID | None, Query(description="`next` of the page before")] = None,
) -> Response:
    call.allow(STAFF, "see rotas")
    await the_pattern(call, pattern_id)
    rows = (await call.conn.execute(_LIST, {"pattern": pattern_id, "before": cursor, "limit": limit + 1})).all()
    return page_of(rows, limit)


@router.post(
    "",
    operation_id="enterOverride",
    summary="Put somebody else on call",
    description=(
        "For a span, whoever's turn it is, and where it is nobody's; with `instead_of` only where it is this person's. "
        "The latest entry counts. It holds at once; what has been stays as it was."
    ),
    status_code=201,
    response_model=rota_shapes.Override,
    response_class=JSONResponse,
    responses=answers(
        400, 401, 403, 404, 409, 413, 415, 422, ok={201: ("It.", "application/json", rota_example.OVERRIDE)}
    ),
)
async def enter(call: Caller, pattern_id: UUID, body: NewOverride, key: Key = None) -> Response:
    call.allow(MANAGERS, "change rotas")
    await pattern_of_mine(call, pattern_id)
    if body.staff not in await who_can_be_on_call(call, [body.staff]):
        raise invalid("/staff", "There is nobody in your areas with this id who can be on call")
    if body.instead_of is not None and pattern_id not in await patterns_with(call.conn, body.instead_of):
        raise invalid("/instead_of", "Is nobody who has a turn on this post: nothing would change")

    async def work() -> Answer:
        now = await lock(call.conn)
        starts_at = max(body.starts_at or now, now)
        if not timedelta(0) < body.ends_at - starts_at <= _LONGEST:
            raise invalid("/ends_at", "Must be after starts_at and after now, and by no more than 366 days")
        row = {
            "id": new_id(), "pattern": pattern_id, "staff": body.staff, "instead_of": body.instead_of,
            "starts_at": starts_at, "ends_at": body.ends_at, "note": body.note, "by": call.principal.id, "now": now,
        }  # fmt: skip
        if (await call.conn.execute(_AWAY, row)).scalar_one():
            raise Problem(409, "away", "This person is away at that time, and would not be on call: name another one.")
        await call.conn.execute(_ENTER, row)
        async with call.beyond_scope():
            await rewrite(call.conn, now, [pattern_id])
        found = (await call.conn.execute(_ONE, row)).one()
        return Answer(201, found.body)

    digest = digest_of("POST", f"/rota-patterns/{pattern_id}/overrides", body)
    return await once(call.conn, call.principal.id, key, digest, work)


@router.delete(
    "/{override_id}",
    operation_id="withdrawOverride",
    summary="Withdraw an override",
    description="It counts no more from now on, and stays on record. Repeating it changes nothing.",
    response_model=rota_shapes.Override,
    response_class=JSONResponse,
    responses=answers(401, 403, 404, 409, 422, ok={200: ("It.", "application/json", rota_example.OVERRIDE)}),
)
async def withdraw(call: Caller, pattern_id: UUID, override_id: UUID, key: Key = None) -> Response:
    call.allow(MANAGERS, "change rotas")
    await pattern_of_mine(call, pattern_id)

    async def work() -> Answer:
        now = await lock(call.conn)
        asked = {"pattern": pattern_id, "id": override_id, "now": now, "by": call.principal.id}
        found = (await call.conn.execute(_ONE, asked)).one_or_none()
        if found is None:
            raise not_found("There is no such override of this pattern.")
        if found.swap_id is not None:
            raise Problem(409, "of-a-swap", "Two people have agreed on this swap: withdraw the swap instead.")
        if found.withdrawn_at is None:
            await call.conn.execute(_WITHDRAW, asked)
            async with call.beyond_scope():
                await rewrite(call.conn, now, [pattern_id])
        return Answer(200, (await call.conn.execute(_ONE, asked)).one().body)

    digest = digest_of("DELETE", f"/rota-patterns/{pattern_id}/overrides/{override_id}", None)
    return await once(call.conn, call.principal.id, key, digest, work)
