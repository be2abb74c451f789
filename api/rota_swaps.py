"""Swaps of shifts: proposed by who has the shift, accepted or declined by the colleague, on record with both."""

from collections.abc import Awaitable, Callable
from typing import Annotated, Any
from uuid import UUID

from fastapi import APIRouter, Query
from sqlalchemy import text
from starlette.responses import JSONResponse, Response

from alerts import rota_swap
from alerts.view import utc
from api import rota_example, rota_shapes
from api.document import answers
from api.idempotency import Answer, Key, digest_of, once
from api.page import page_of
from api.problem import not_found
from api.rota_body import NewSwap
from api.scope import CARERS, MANAGERS, STAFF, Call, Caller

router = APIRouter(prefix="/rota-swaps", tags=["rotas"])

_PAGE = 100


def _span(prefix: str) -> str:
    return f"""json_build_object('pattern', {prefix}pattern_id,
        'pattern_name', (SELECT name FROM rota_pattern WHERE rota_pattern.id = {prefix}pattern_id),
        'starts_at', {utc(prefix + "starts_at")}, 'ends_at', {utc(prefix + "ends_at")})"""


_BODY = f"""
    json_build_object('id', id, 'state', CASE WHEN state = 'proposed'
            AND least(starts_at, return_starts_at) <= carebed_now() THEN 'lapsed' ELSE state END,
        'proposed_by', proposed_by, 'proposed_by_name', name_of_staff(proposed_by),
        'proposed_at', {utc("proposed_at")}, 'proposed_to', proposed_to,
        'proposed_to_name', name_of_staff(proposed_to), 'shift', {_span("")},
        'in_return', CASE WHEN return_pattern_id IS NOT NULL THEN {_span("return_")} END, 'note', note,
        'answered_at', {utc("answered_at")}, 'answered_by', answered_by, 'withdrawn_at', {utc("withdrawn_at")},
        'withdrawn_by', withdrawn_by)::text
"""

# Ids are in order of time (UUID version 7), so the cursor is an id.
_LIST = text(f"""
    SELECT id, {_BODY} AS body FROM rota_swap
    WHERE (CAST(:before AS uuid) IS NULL OR id < :before) AND (NOT :mine OR :me IN (proposed_by, proposed_to))
    ORDER BY id DESC LIMIT :limit
""")
_ONE = text(f"SELECT {_BODY} FROM rota_swap WHERE id = :id")

# Is it of a post in the caller's branch?
_MANAGED = text("SELECT pattern_in_scope(pattern_id) FROM rota_swap WHERE id = :id")


async def _the_swap(call: Call, swap_id: UUID) -> str:
    found: str | None = (await call.conn.execute(_ONE, {"id": swap_id})).scalar_one_or_none()
    if found is None:
        raise not_found("There is no such swap in your areas.")
    return found


@router.get(
    "",
    operation_id="listSwaps",
    summary="List swaps",
    description="One's own and those of one's areas, the newest proposal first.",
    response_model=rota_shapes.SwapPage,
    response_class=JSONResponse,
    responses=answers(401, 403, 422, ok={200: ("A page.", "application/json", rota_example.SWAPS)}),
)
async def list_(
    call: Caller,
    mine: Annotated[bool, Query(description="only those that one is part of")] = False,
    limit: Annotated[int, Query(ge=1, le=_PAGE)] = _PAGE,
    cursor: Annotated[UUID | None, Query(description="`next` of the page before")] = None,
) -> Response:
    call.allow(STAFF, "see rotas")
    asked = {"mine": mine, "me": call.principal.id, "before": cursor, "limit": limit + 1}
    rows = (await call.conn.execute(_LIST, asked)).all()
    return page_of(rows, limit)


@router.post(
    "",
    operation_id="proposeSwap",
    summary="Offer a shift to a colleague",
    description=(
        "One's own shift that has not begun, with `in_return` for one of his. Nothing changes until he accepts. "
        "409 when he is away or on call himself in that time."
    ),
    status_code=201,
    response_model=rota_shapes.Swap,
    response_class=JSONResponse,
    responses=answers(
        400, 401, 403, 404, 409, 413, 415, 422, ok={201: ("The swap.", "application/json", rota_example.SWAP)}
    ),
)
async def propose(call: Caller, body: NewSwap, key: Key = None) -> Response:
    call.allow(CARERS, "swap shifts")
    me = call.principal.id

    async def work() -> Answer:
        async with call.beyond_scope():
            swap = await rota_swap.propose(call.conn, me, body.shift, body.to, body.in_return, body.note)
        return Answer(201, await _the_swap(call, swap))

    return await once(call.conn, me, key, digest_of("POST", "/rota-swaps", body), work)


async def _answered(
    call: Call, swap_id: UUID, move: str, key: str | None, work: Callable[[], Awaitable[None]]
) -> Response:
    """Do it once per key, seeing what both sides see: to whom the swap is visible has been checked."""
    call.allow(CARERS, "swap shifts")
    await _the_swap(call, swap_id)

    async def answer() -> Answer:
        async with call.beyond_scope():
            await work()
        return Answer(200, await _the_swap(call, swap_id))

    digest = digest_of("POST", f"/rota-swaps/{swap_id}/{move}", None)
    return await once(call.conn, call.principal.id, key, digest, answer)


def _described(move: str, summary: str, description: str) -> dict[str, Any]:
    """The arguments that the three answers' routes share."""
    return {
        "path": f"/{{swap_id}}/{move}",
        "operation_id": f"{move}Swap",
        "summary": summary,
        "description": description,
        "response_model": rota_shapes.Swap,
        "response_class": JSONResponse,
        "responses": answers(
            400, 401, 403, 404, 409, 413, 415, 422, ok={200: ("As it is now.", "application/json", rota_example.SWAP)}
        ),
    }


@router.post(
    **_described(
        "accept", "Agree to a swap",
        "By who it was proposed to, before it begins. Both shifts are looked at again; 409 when one has changed.",
    )
)  # fmt: skip
async def accept(call: Caller, swap_id: UUID, key: Key = None) -> Response:
    me = call.principal.id
    return await _answered(call, swap_id, "accept", key, lambda: rota_swap.accept(call.conn, me, swap_id))


@router.post(**_described("decline", "Say no to a swap", "By who it was proposed to."))
async def decline(call: Caller, swap_id: UUID, key: Key = None) -> Response:
    me = call.principal.id
    return await _answered(call, swap_id, "decline", key, lambda: rota_swap.decline(call.conn, me, swap_id))


@router.post(
    **_described(
        "withdraw", "Take a swap back",
        "By who proposed it, until it is accepted; by a manager, until it begins. One that has begun is not changed.",
    )
)  # fmt: skip
async def withdraw(call: Caller, swap_id: UUID, key: Key = None) -> Response:
    me = call.principal.id
    within = (await call.conn.execute(_MANAGED, {"id": swap_id})).scalar_one_or_none()
    manages = bool(within) and call.principal.role in MANAGERS
    return await _answered(
        call, swap_id, "withdraw", key, lambda: rota_swap.withdraw(call.conn, me, swap_id, manages=manages)
    )
