"""What people do with an alarm, as one entry for every door (API now; SMS, voice and robot callbacks later).

A move that the state does not allow is logged and answered, never swallowed; repeating one's own move changes nothing.
"""

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from uuid import UUID

from sqlalchemy import text
from sqlalchemy.exc import IntegrityError
from sqlalchemy.ext.asyncio import AsyncConnection

from alerts import book, ladder, lifecycle, people
from alerts.alarm import Outcome
from alerts.book import LIVE_ONLY
from alerts.case import Actor, Case
from alerts.incident import KIND as INCIDENT
from alerts.incident_tick import unticked
from alerts.lifecycle import Refused
from alerts.response import ResponseState
from carebed.clock import now as clock_now
from carebed.errors import CarebedError


class Move(StrEnum):
    """The moves, named as in the HTTP interface."""

    ACKNOWLEDGE = "acknowledge"
    ACCEPT = "accept"
    DECLINE = "decline"
    EN_ROUTE = "en-route"
    ARRIVE = "arrive"
    LEAVE = "leave"
    HAND_BACK = "hand-back"
    RESOLVE = "resolve"
    REOPEN = "reopen"
    ESCALATE = "escalate"
    COMMENT = "comment"


class AlarmUnknown(CarebedError):
    """There is no such alarm, or the caller may not see it."""


@dataclass(frozen=True, slots=True)
class Arrival:
    """A responder is at the door: a visit begins."""

    alarm_id: UUID
    home_id: UUID | None
    resident_id: UUID | None
    area_code: str
    staff_id: UUID
    at: datetime
    device_at: datetime | None


@dataclass(frozen=True, slots=True)
class Departure:
    """A responder has left, or the alarm was closed: the visit ends."""

    alarm_id: UUID
    staff_id: UUID
    at: datetime
    outcome: Outcome | None


@dataclass(frozen=True, slots=True)
class Hooks:
    """What other rooms do when somebody arrives or leaves; handed in by the process's `main`."""

    on_arrival: Callable[[AsyncConnection, Arrival], Awaitable[None]]
    on_departure: Callable[[AsyncConnection, Departure], Awaitable[None]]
    channels: Sequence[str] = LIVE_ONLY


@dataclass(frozen=True, slots=True)
class MoveRequest:
    """One move. `staff_id`: who makes it; `responder_id`: for whom (None: himself); `at`: his device's time;
    `step`: the ladder step he answers; `reference`: of the ambulance service (a hand-over to 120)."""

    move: Move
    alarm_id: UUID
    staff_id: UUID
    responder_id: UUID | None = None
    at: datetime | None = None
    step: int | None = None
    outcome: Outcome | None = None
    note: str | None = None
    reference: str | None = None
    channel: str = "api"
    leave_unticked: bool = False
    """Of a resolve: close an incident although homes are still out that nobody has asked after."""


@dataclass(frozen=True, slots=True)
class MoveResult:
    """`stale`: it answered a step already passed, and counts all the same. `refused`: why it does not count."""

    alarm_id: UUID
    stale: bool
    refused: str | None


async def perform(conn: AsyncConnection, request: MoveRequest, hooks: Hooks) -> MoveResult:
    """Make the move in the caller's transaction. A refusal is logged in it too, so the caller commits either way.

    Raises `AlarmUnknown`; ValueError for a resolve without an outcome, a hand-over to 120 without its reference, or a
    comment without a note.
    """
    case = (await book.load(conn, [request.alarm_id])).get(request.alarm_id)
    if case is None:
        raise AlarmUnknown("There is no such alarm in your areas.")
    now = await clock_now(conn)
    actor = Actor("staff", str(request.staff_id), request.channel)
    stale = case.open and request.step is not None and request.step < case.step
    there = {one for one, answer in case.answers.items() if answer.state is ResponseState.ARRIVED}
    refused = None
    try:
        arrived = await _apply(conn, case, now, request, actor)
    except Refused as refusal:
        arrived = False
        if not await _desk_repeats_hand_back(conn, case, request):
            refused = str(refusal)
            more = {} if request.outcome is None else {"outcome": str(request.outcome)}
            case.log("move_refused", now, actor, device_time=request.at, move=str(request.move), reason=refused, **more)
    await _remark(conn, case, now, request, actor)
    if stale and refused is None:
        for event in case.events:
            event.data["answered_step"] = request.step
    who = request.responder_id or request.staff_id
    if arrived:
        await hooks.on_arrival(
            conn,
            Arrival(case.id, case.home_id, case.resident_id, case.area_code, who, now, request.at),
        )
    for one in sorted(there):
        if case.answers[one].state is not ResponseState.ARRIVED:
            await hooks.on_departure(conn, Departure(case.id, one, now, request.outcome))
    await book.finish(conn, now, [case], hooks.channels)
    return MoveResult(case.id, stale and refused is None, refused)


# Has this person written this beside a move before?
_WRITTEN = text("""
    SELECT EXISTS (SELECT FROM alarm_event WHERE alarm_id = :id AND actor_id = :who AND data ->> 'note' = :note)
""")


async def _remark(conn: AsyncConnection, case: Case, now: datetime, request: MoveRequest, actor: Actor) -> None:
    """What somebody has written beside his move is on record with it, also where that is refused or changes nothing."""
    if not request.note or any(event.data.get("note") == request.note for event in case.events):
        return
    if case.events:
        case.events[0].data["note"] = request.note
        return
    asked = {"id": case.id, "who": actor.id, "note": request.note}
    if not (await conn.execute(_WRITTEN, asked)).scalar_one():
        lifecycle.comment(case, now, actor, request.note, request.at)


# Was the last thing that this person did with the alarm's ownership to hand it back?
_GAVE_IT_BACK = text("""
    SELECT type = 'handed_back' FROM alarm_event
    WHERE alarm_id = :id AND type IN ('acknowledged', 'accepted', 'handed_back')
      AND (actor_id = :who OR data->>'responder' = :who)
    ORDER BY seq DESC LIMIT 1
""")


async def _desk_repeats_hand_back(conn: AsyncConnection, case: Case, request: MoveRequest) -> bool:
    """A desk that hands back has no response row to tell a repeat by; the event log knows."""
    if request.move is not Move.HAND_BACK or not case.open:
        return False
    who = str(request.responder_id or request.staff_id)
    return bool((await conn.execute(_GAVE_IT_BACK, {"id": case.id, "who": who})).scalar())


#: The moves that a responder makes, or an operator for him.
_RESPONDER_MOVES = {
    Move.ACCEPT: lifecycle.accept,
    Move.DECLINE: lifecycle.decline,
    Move.EN_ROUTE: lifecycle.en_route,
    Move.ARRIVE: lifecycle.arrive,
    Move.LEAVE: lifecycle.leave,
    Move.HAND_BACK: lifecycle.hand_back,
}

# Takes the place of the open alarm of its cause; fails, if need be after waiting, when another one has it.
_TAKE_KEY = text("""
    UPDATE alarm SET state = 'raised', closed_at = NULL, outcome = NULL WHERE id = :id
""")


async def _apply(conn: AsyncConnection, case: Case, now: datetime, request: MoveRequest, actor: Actor) -> bool:
    """Change the case; True when somebody has newly arrived."""
    at = request.at
    if request.move in _RESPONDER_MOVES:
        who = request.responder_id or request.staff_id
        changed = _RESPONDER_MOVES[request.move](case, now, who, actor, at)
        return request.move is Move.ARRIVE and bool(changed)
    if request.move is Move.ACKNOWLEDGE:
        lifecycle.acknowledge(case, now, request.staff_id, actor, at)
    elif request.move is Move.RESOLVE:
        if request.outcome is None:
            raise ValueError("a resolve needs an outcome")
        if case.kind == INCIDENT and case.open:
            await _see_to_members(conn, case, now, actor, leave=request.leave_unticked)
        lifecycle.resolve(case, now, request.staff_id, actor, request.outcome, request.note, at, request.reference)
    elif request.move is Move.REOPEN:
        if not case.open:
            await _take_key(conn, case)
        lifecycle.reopen(case, now, actor, request.note, at)
    elif request.move is Move.ESCALATE:
        await _escalate(conn, case, now, actor, at)
    else:
        if not request.note:
            raise ValueError("a comment needs a note")
        lifecycle.comment(case, now, actor, request.note, at)
    return False


async def _see_to_members(conn: AsyncConnection, case: Case, now: datetime, actor: Actor, *, leave: bool) -> None:
    """Of an incident, everybody has been asked after, or somebody says that he leaves the others."""
    left = await unticked(conn, case.id)
    if left and not leave:
        homes = "1 home" if left == 1 else f"{left} homes"
        raise Refused(f"{homes} of this incident nobody has asked after: tick them off, or say `leave_unticked`.")
    if left:
        case.log("left_unticked", now, actor, homes=left)


async def _take_key(conn: AsyncConnection, case: Case) -> None:
    """Judged by the unique index, for a press may be opening the other alarm at this very moment."""
    try:
        async with conn.begin_nested():
            await conn.execute(_TAKE_KEY, {"id": case.id})
    except IntegrityError:
        raise Refused("Another alarm of the same kind is open at this home: use that one.") from None


async def _escalate(conn: AsyncConnection, case: Case, now: datetime, actor: Actor, at: datetime | None) -> None:
    """The next step now; whoever holds the alarm keeps it."""
    if not case.open:
        raise Refused(f"The alarm is already {case.state}.")
    case.log("escalated", now, actor, device_time=at)
    targets = ladder.next_step(case).call
    called = await people.answering(conn, case.station_id, targets, now, case.home_id)
    ladder.take_step(case, now, called, actor, at=at)
