"""What people do with an alarm: one address per move.

Who may make a move is decided here; whether the alarm's state allows it, in `alerts.lifecycle`. A refused move is on
record and answered 409 with the alarm as it is; repeating one's own move is 200.
"""

from typing import Any
from uuid import UUID

from fastapi import APIRouter
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection
from starlette.responses import JSONResponse, Response

from alerts.alarm import Outcome
from alerts.moves import Hooks, Move, MoveRequest, perform
from api import alarm_shapes, body, example
from api.alarms import AlarmId, the_alarm
from api.document import answers
from api.idempotency import Answer, Key, digest_of, once
from api.problem import Problem, as_json, forbidden, invalid
from api.scope import CARERS, DESK, RESPONDERS, Call, Caller, PartsOf

router = APIRouter(prefix="/alarms/{alarm_id}", tags=["moves"])

_ALLOWED: dict[Move, tuple[frozenset[str], str]] = {
    Move.ACKNOWLEDGE: (DESK, "acknowledge alarms"),
    Move.ACCEPT: (RESPONDERS, "accept alarms"),
    Move.DECLINE: (RESPONDERS, "decline alarms"),
    Move.EN_ROUTE: (RESPONDERS, "respond to alarms"),
    Move.ARRIVE: (RESPONDERS, "respond to alarms"),
    Move.LEAVE: (RESPONDERS, "respond to alarms"),
    Move.HAND_BACK: (RESPONDERS, "hand alarms back"),
    Move.RESOLVE: (CARERS, "resolve alarms"),
    Move.REOPEN: (DESK, "reopen alarms"),
    Move.ESCALATE: (DESK, "escalate alarms"),
    Move.COMMENT: (RESPONDERS, "comment on alarms"),
}

# A caregiver closes what he went to, or has closed already (repeating one's own move is no error).
_WENT_THERE = text("""
    SELECT EXISTS (SELECT FROM response WHERE alarm_id = :alarm AND staff_id = :staff
                   AND state IN ('accepted', 'en_route', 'arrived', 'left'))
        OR EXISTS (SELECT FROM alarm WHERE id = :alarm AND closed_by = :staff)
""")

_CAN_RESPOND = text("SELECT EXISTS (SELECT FROM staff WHERE id = :staff AND active AND role <> 'supervisor')")


async def _make(
    move: Move, alarm_id: UUID, call: Call, hooks: Hooks, key: str | None, content: body.Move | None
) -> Response:
    """Check the caller's rights, then make the move once per key."""
    content = content or body.Move()
    responder = content.responder if isinstance(content, body.ResponderMove) else None
    await _allow(move, alarm_id, call, responder)
    request = MoveRequest(
        move=move,
        alarm_id=alarm_id,
        staff_id=call.principal.id,
        responder_id=responder,
        at=content.at,
        step=content.step,
        outcome=content.outcome if isinstance(content, body.Resolution) else None,
        leave_unticked=isinstance(content, body.Resolution) and content.leave_unticked,
        note=content.note,
        reference=content.reference if isinstance(content, body.Resolution) else None,
    )
    digest = digest_of("POST", f"/alarms/{alarm_id}/{move}", content)
    return await once(call.conn, call.principal.id, key, digest, lambda: _perform(call.conn, request, hooks))


async def _allow(move: Move, alarm_id: UUID, call: Call, responder: UUID | None) -> None:
    roles, what = _ALLOWED[move]
    call.allow(roles, what)
    me = call.principal.id
    if responder is not None and responder != me:
        call.allow(DESK, "answer for somebody else")
        if not (await call.conn.execute(_CAN_RESPOND, {"staff": responder})).scalar_one():
            raise invalid("/responder", "There is no such responder in your areas")
    if move is Move.RESOLVE and call.principal.role == "caregiver":
        await the_alarm(call.conn, alarm_id)
        if not (await call.conn.execute(_WENT_THERE, {"alarm": alarm_id, "staff": me})).scalar_one():
            raise forbidden("Only who has accepted the alarm may resolve it: accept it first.")


async def _perform(conn: AsyncConnection, request: MoveRequest, hooks: Hooks) -> Answer:
    result = await perform(conn, request, hooks)
    alarm = await the_alarm(conn, result.alarm_id)
    if result.refused is None:
        return Answer(200, f'{alarm.json[:-1]},"stale":{"true" if result.stale else "false"}}}')
    document = as_json(Problem(409, "move-refused", result.refused).document()).decode()
    return Answer(409, f'{document[:-1]},"alarm":{alarm.json}}}')


def _described(move: Move, summary: str, description: str | None = None) -> dict[str, Any]:
    """The arguments that all moves' routes share."""
    words = str(move).split("-")
    return {
        "path": f"/{move}",
        "operation_id": words[0] + "".join(word.title() for word in words[1:]) + "Alarm",
        "summary": summary,
        "description": description,
        "response_model": alarm_shapes.MovedAlarm,
        "response_class": JSONResponse,
        "responses": answers(
            400, 401, 403, 404, 409, 413, 415, 422,
            ok={200: ("Done; the alarm as it is now.", "application/json", example.MOVED)},
        ),
    }  # fmt: skip


@router.post(**_described(Move.ACKNOWLEDGE, "Take charge at the desk", "The ladder pauses until it expires."))
async def acknowledge(
    call: Caller, parts: PartsOf, alarm_id: AlarmId, content: body.Move | None = None, key: Key = None
) -> Response:
    return await _make(Move.ACKNOWLEDGE, alarm_id, call, parts.hooks, key, content)


@router.post(**_described(Move.ACCEPT, "Accept", "A responder will go."))
async def accept(
    call: Caller, parts: PartsOf, alarm_id: AlarmId, content: body.ResponderMove | None = None, key: Key = None
) -> Response:
    return await _make(Move.ACCEPT, alarm_id, call, parts.hooks, key, content)


@router.post(**_described(Move.DECLINE, "Decline", "Cannot go; when nobody is left, the next step comes at once."))
async def decline(
    call: Caller, parts: PartsOf, alarm_id: AlarmId, content: body.ResponderMove | None = None, key: Key = None
) -> Response:
    return await _make(Move.DECLINE, alarm_id, call, parts.hooks, key, content)


@router.post(**_described(Move.EN_ROUTE, "On the way", "Accepts as well, where that was not done."))
async def en_route(
    call: Caller, parts: PartsOf, alarm_id: AlarmId, content: body.ResponderMove | None = None, key: Key = None
) -> Response:
    return await _make(Move.EN_ROUTE, alarm_id, call, parts.hooks, key, content)


@router.post(**_described(Move.ARRIVE, "At the door", "A visit begins."))
async def arrive(
    call: Caller, parts: PartsOf, alarm_id: AlarmId, content: body.ResponderMove | None = None, key: Key = None
) -> Response:
    return await _make(Move.ARRIVE, alarm_id, call, parts.hooks, key, content)


@router.post(**_described(Move.LEAVE, "Left", "The visit ends; an alarm that is still open goes on."))
async def leave(
    call: Caller, parts: PartsOf, alarm_id: AlarmId, content: body.ResponderMove | None = None, key: Key = None
) -> Response:
    return await _make(Move.LEAVE, alarm_id, call, parts.hooks, key, content)


@router.post(**_described(Move.HAND_BACK, "Hand back", "The ladder goes on at once, unless the desk holds the alarm."))
async def hand_back(
    call: Caller, parts: PartsOf, alarm_id: AlarmId, content: body.ResponderMove | None = None, key: Key = None
) -> Response:
    return await _make(Move.HAND_BACK, alarm_id, call, parts.hooks, key, content)


@router.post(**_described(Move.RESOLVE, "Close with what was found", "A caregiver closes what he has accepted."))
async def resolve(
    call: Caller, parts: PartsOf, alarm_id: AlarmId, content: body.Resolution, key: Key = None
) -> Response:
    if content.outcome is Outcome.HANDED_TO_120 and not (content.reference or "").strip():
        detail = "must be given for handed_to_120: the number under which the ambulance service has it"
        raise invalid("/reference", detail)
    return await _make(Move.RESOLVE, alarm_id, call, parts.hooks, key, content)


@router.post(**_described(Move.REOPEN, "Open again", "Within a day of its close; the ladder starts anew."))
async def reopen(
    call: Caller, parts: PartsOf, alarm_id: AlarmId, content: body.Move | None = None, key: Key = None
) -> Response:
    return await _make(Move.REOPEN, alarm_id, call, parts.hooks, key, content)


@router.post(**_described(Move.ESCALATE, "Take the next step now", "Whoever holds the alarm keeps it."))
async def escalate(
    call: Caller, parts: PartsOf, alarm_id: AlarmId, content: body.Move | None = None, key: Key = None
) -> Response:
    return await _make(Move.ESCALATE, alarm_id, call, parts.hooks, key, content)


@router.post(**_described(Move.COMMENT, "Add a remark", "To the event log; closed alarms take remarks too."))
async def comment(call: Caller, parts: PartsOf, alarm_id: AlarmId, content: body.Remark, key: Key = None) -> Response:
    return await _make(Move.COMMENT, alarm_id, call, parts.hooks, key, content)
