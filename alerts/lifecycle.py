"""How an alarm moves when somebody does something: pure functions over a `Case`; no I/O, no clock but `now`.

Every function either changes the case and logs it, or raises `Refused` with a sentence; the caller logs the refusal.
"""

from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from alerts.alarm import Closing, Outcome, State, kind_of
from alerts.case import ENGINE, Actor, Answer, Calling, Case
from alerts.response import ResponseState
from alerts.suspicion import Movement, Suspicion
from gateway.command import Phrase


class Refused(Exception):
    """The state of the alarm does not allow this move; `str()` says why."""


def _need_open(case: Case) -> None:
    if not case.open:
        raise Refused(f"The alarm is already {case.state}.")


def _answer(case: Case, staff_id: UUID) -> Answer:
    """The person's row; a person who was not called comes in by himself."""
    if staff_id not in case.answers:
        case.answers[staff_id] = Answer(staff_id, ResponseState.CALLED, case.step)
    return case.answers[staff_id]


def _lost_answer(case: Case, now: datetime) -> None:
    """Nobody is answering any more: the desk that holds it gets its time anew, otherwise the ladder goes on at once."""
    if case.answered or not case.open:
        return
    if case.acknowledged_by is not None:
        case.acknowledgement_expires_at = now + timedelta(seconds=case.policy.acknowledged_s)
        case.next_step_at = None
        case.tell("handed_back", [case.acknowledged_by])
    else:
        case.next_step_at = now


def acknowledge(case: Case, now: datetime, staff_id: UUID, actor: Actor, at: datetime | None = None) -> None:
    """The desk takes charge; the ladder pauses until the acknowledgement expires. Another desk may take over: whoever
    was in charge is told, for he may have answered by telephone and see no board."""
    _need_open(case)
    if case.acknowledged_by == staff_id:
        return
    if case.acknowledged_by is not None:
        case.tell("taken_over", [case.acknowledged_by])
    case.suspected = False
    case.acknowledged_by, case.acknowledged_at = staff_id, now
    case.acknowledgement_expires_at = now + timedelta(seconds=case.policy.acknowledged_s)
    case.next_step_at = case.last_resort_at = None
    case.log("acknowledged", now, actor, device_time=at)
    case.say(Phrase.HELP_IS_COMING)


def accept(case: Case, now: datetime, staff_id: UUID, actor: Actor, at: datetime | None = None) -> None:
    """A responder will go; the others who were called are told that they need not, but for those who are going: if two
    accept at once, neither must stay at home for the other. A drill is over with it: nobody is to set out."""
    _need_open(case)
    if _answer(case, staff_id).overdue:
        en_route(case, now, staff_id, actor, at)
        return
    if _accepts(case, now, staff_id, actor, at) and case.open and actor.id != str(staff_id):
        # By the desk's word: it may have taken the wrong name.
        case.tell("sent", [staff_id])


def _accepts(case: Case, now: datetime, staff_id: UUID, actor: Actor, at: datetime | None) -> bool:
    """True when this is news."""
    answer = _answer(case, staff_id)
    if answer.active:
        return False
    case.suspected = False
    if not case.answered:
        case.say(Phrase.HELP_IS_COMING)
    answer.state, answer.accepted_at, answer.device_at = ResponseState.ACCEPTED, now, at
    # Whoever was there before and comes again has not arrived this time; the log keeps the first time.
    answer.declined_at = answer.en_route_at = answer.arrived_at = answer.left_at = None
    answer.expires_at = now + timedelta(seconds=case.policy.accepted_s)
    case.next_step_at = case.last_resort_at = None
    case.log("accepted", now, actor, device_time=at, responder=str(staff_id))
    if case.drill:
        end_drill(case, now, ENGINE, "drill_answered")
        return True
    case.tell("handled", [one for one in case.everybody() if one not in case.going])
    _tell_last_resort(case, "handled")
    return True


def decline(case: Case, now: datetime, staff_id: UUID, actor: Actor, at: datetime | None = None) -> None:
    """A person cannot go; when he was the last one called, what comes next comes at once.

    Whoever was not called changes nothing for the others: a suspected fall keeps its cancel window.
    """
    _need_open(case)
    answer = _answer(case, staff_id)
    if answer.state is ResponseState.DECLINED:
        return
    if answer.active:
        raise Refused("You have accepted this alarm: hand it back instead of declining it.")
    was_called = answer.state is ResponseState.CALLED and answer.called_at is not None
    answer.state, answer.declined_at, answer.device_at, answer.expires_at = ResponseState.DECLINED, now, at, None
    case.log("declined", now, actor, device_time=at, responder=str(staff_id))
    anybody_left = any(one.state is ResponseState.CALLED for one in case.answers.values())
    if was_called and not anybody_left and not case.held:
        _nobody_left(case, now)


def _nobody_left(case: Case, now: datetime) -> None:
    """Everybody who was called has declined: the next step comes at once. After a ladder that has come to its end it is
    the last resort that comes at once; its next round keeps its distance, or those who have just declined would be
    called again, and again, as fast as they can say no. A drill goes round once."""
    if not (case.between_rounds and (case.exhausted or case.drill)):
        case.next_step_at = now
    elif case.last_resort_at is not None:
        case.last_resort_at = now


def en_route(case: Case, now: datetime, staff_id: UUID, actor: Actor, at: datetime | None = None) -> None:
    """A responder is on the way; whoever had not accepted yet accepts with it. One who is overdue has his time anew."""
    _need_open(case)
    answer = _answer(case, staff_id)
    if answer.state is ResponseState.EN_ROUTE and not answer.overdue:
        return
    if answer.state is ResponseState.ARRIVED:
        raise Refused("This responder has already arrived.")
    if answer.overdue:
        _comes_after_all(case, answer)
    else:
        accept(case, now, staff_id, actor, at)
    if not case.open:
        return
    answer.state, answer.en_route_at, answer.device_at = ResponseState.EN_ROUTE, now, at
    answer.expires_at = now + timedelta(seconds=case.policy.en_route_s)
    case.next_step_at = None
    case.log("en_route", now, actor, device_time=at, responder=str(staff_id))


def arrive(case: Case, now: datetime, staff_id: UUID, actor: Actor, at: datetime | None = None) -> bool:
    """A responder is at the door; True when this is news (a visit begins)."""
    _need_open(case)
    answer = _answer(case, staff_id)
    if answer.state is ResponseState.ARRIVED:
        return False
    if answer.overdue:
        _comes_after_all(case, answer)
    else:
        _accepts(case, now, staff_id, actor, at)
    if not case.open:
        return False
    answer.state, answer.arrived_at, answer.device_at = ResponseState.ARRIVED, now, at
    answer.expires_at = now + timedelta(seconds=case.policy.on_scene_s)
    case.next_step_at = None
    case.log("arrived", now, actor, device_time=at, responder=str(staff_id))
    return True


def _comes_after_all(case: Case, answer: Answer) -> None:
    """The ladder pauses again, and those who have been called since he set out are told that they need not; unless
    somebody else goes, who has paused it and by whom they know."""
    paused, set_out_at = case.answered, answer.en_route_at
    answer.overdue_at = None
    if paused:
        return
    case.say(Phrase.HELP_IS_COMING)
    case.next_step_at = case.last_resort_at = None
    called = {one.staff_id: one.called_at for one in case.answers.values() if one.state is ResponseState.CALLED}
    case.tell("handled", [one for one, at in called.items() if at is not None and at > (set_out_at or at)])
    _tell_last_resort(case, "handled")


def leave(case: Case, now: datetime, staff_id: UUID, actor: Actor, at: datetime | None = None) -> bool:
    """A responder has left; True when this is news (the visit ends). An alarm that is still open goes on."""
    answer = case.answers.get(staff_id)
    if answer is not None and answer.state is ResponseState.LEFT:
        return False
    _need_open(case)
    if answer is None or answer.state is not ResponseState.ARRIVED:
        raise Refused("Only a responder who has arrived can leave.")
    answer.state, answer.left_at, answer.device_at, answer.expires_at = ResponseState.LEFT, now, at, None
    case.log("left", now, actor, device_time=at, responder=str(staff_id))
    _lost_answer(case, now)
    return True


def hand_back(case: Case, now: datetime, staff_id: UUID, actor: Actor, at: datetime | None = None) -> bool:
    """A responder, or the desk, gives the alarm back; True when a visit ends with it."""
    answer = case.answers.get(staff_id)
    if answer is not None and answer.state is ResponseState.HANDED_BACK and case.acknowledged_by != staff_id:
        return False
    _need_open(case)
    holds = case.acknowledged_by == staff_id
    if not holds and (answer is None or not answer.active):
        raise Refused("Only who holds the alarm can hand it back.")
    was_there = answer is not None and answer.state is ResponseState.ARRIVED
    relied_on = holds or answer is None or not answer.overdue
    if answer is not None and answer.active:
        answer.state, answer.device_at, answer.expires_at, answer.overdue_at = ResponseState.HANDED_BACK, at, None, None
        if was_there:
            answer.left_at = now
    if holds:
        _release(case)
    case.log("handed_back", now, actor, device_time=at, responder=str(staff_id))
    if relied_on:  # else the ladder has gone on already
        _lost_answer(case, now)
    return was_there


def return_to_station(case: Case, now: datetime, actor: Actor, reason: str) -> bool:
    """Whoever took charge at the desk is not there any more (`reason`: signed_off, board_silent): the alarm is the
    station's again, and the ladder goes on unless a responder holds it. True when that is news."""
    if not case.open or case.acknowledged_by is None:
        return False
    holder = case.acknowledged_by
    _release(case)
    case.log("returned", now, actor, by=str(holder), reason=reason)
    _lost_answer(case, now)
    return True


def _release(case: Case) -> None:
    case.acknowledged_by = case.acknowledgement_expires_at = None


def resolve(
    case: Case, now: datetime, staff_id: UUID, actor: Actor, outcome: Outcome, note: str | None,
    at: datetime | None = None, reference: str | None = None,
) -> None:  # fmt: skip
    """Close with what was found; everybody who was called is told. `reference`: of the ambulance service, which who
    hands somebody to it must name."""
    if outcome is Outcome.HANDED_TO_120 and not reference:
        raise ValueError("a hand-over to 120 needs its reference")
    same = case.state is State.RESOLVED and case.closed_by == staff_id and case.outcome == outcome
    if same and note in (None, case.note) and reference in (None, case.reference):
        return
    _need_open(case)
    if outcome is Outcome.NOT_ANSWERED or (case.drill and outcome is not Outcome.TEST):
        raise Refused(_NO_DRILL if case.drill else "Only a drill ends like that: say what was found.")
    people = [one for one in case.everybody() if one != staff_id]
    case.outcome, case.note, case.closed_by, case.reference = outcome, note, staff_id, reference
    _close(case, State.RESOLVED, now)
    more = {} if reference is None else {"reference": reference}
    case.log("resolved", now, actor, device_time=at, outcome=str(outcome), note=note, **more)
    case.tell("resolved", people)
    _tell_last_resort(case, "resolved")


_NO_DRILL = "This is a drill: close it as a test. For somebody who needs help raise an alarm of its own."


def end_drill(case: Case, now: datetime, actor: Actor, reason: str) -> None:
    """The drill of this home is over; everybody who was called is told. `reason`: drill_answered, drill_over (its time
    is), drill_stopped, drill_gave_way (to real alarms). Where nobody took it, the outcome says so."""
    _need_open(case)
    if not case.drill:
        raise Refused("This is no drill.")
    people = [one for one in case.everybody() if not (one in case.answers and case.answers[one].active)]
    case.outcome = Outcome.TEST if case.taken else Outcome.NOT_ANSWERED
    _close(case, State.RESOLVED, now)
    case.log("resolved", now, actor, outcome=str(case.outcome), reason=reason)
    case.tell("resolved", people)


def cancel(case: Case, now: datetime, actor: Actor, happened_at: datetime | None) -> bool:
    """The wearer cancels: closes the alarm until somebody has acknowledged or accepted it. Afterwards, also when that
    has expired, it is a remark for people to judge.

    True when the alarm was closed by it.
    """
    _need_open(case)
    if case.taken:
        case.log("cancel_remark", now, actor, device_time=happened_at)
        case.tell("cancel_remark", [*([case.owner_staff_id] if case.owner_staff_id else []), *case.answers])
        return False
    _close(case, State.CANCELLED, now)
    case.log("cancelled", now, actor, device_time=happened_at)
    case.say(Phrase.ALARM_CANCELLED)
    case.tell("cancelled", case.everybody())
    _tell_last_resort(case, "cancelled")
    return True


def clear(case: Case, now: datetime, happened_at: datetime, why: Mapping[str, Any]) -> bool:
    """What the alarm was raised for is over. Closes it as `cancelled` where its kind ends by itself and nobody has
    taken it; otherwise it is a remark for people to judge, and whoever holds it is told.

    `why`: what shows it, as in an alarm's reason. True when the alarm was closed by it.
    """
    _need_open(case)
    if case.taken or kind_of(case.kind).closing is Closing.BY_PERSON:
        case.log("cleared_remark", now, ENGINE, device_time=happened_at, why=why)
        case.tell("cleared_remark", [case.owner_staff_id] if case.owner_staff_id else sorted(case.going))
        return False
    _close(case, State.CANCELLED, now)
    case.log("cleared", now, ENGINE, device_time=happened_at, why=why)
    case.tell("cleared", case.everybody())
    _tell_last_resort(case, "cleared")
    return True


def moved(case: Case, now: datetime, actor: Actor, movement: Movement) -> None:
    """The person who was thought to have fallen moves: ends the suspicion, with its record. Nothing but a suspicion is
    ended by it; what people have taken is theirs to close."""
    _need_open(case)
    if not case.suspected or case.taken:
        raise Refused("Only a suspicion ends by movement.")
    _close(case, State.CANCELLED, now)
    case.log(
        "movement_after_fall", now, actor, device_time=movement.at, device=movement.device_id, type=movement.type
    )  # fmt: skip
    case.tell("cancelled", case.everybody())


def stayed_still(case: Case, now: datetime, actor: Actor) -> None:
    """The stillness window is over, and nothing has moved as far as is known: the cancel window is what is left."""
    if case.suspicion is not None:
        case.suspicion = case.suspicion.judged()
        case.log("no_movement", now, actor, pages_at=case.suspicion.page_at.isoformat())


def fell_again(case: Case, now: datetime, actor: Actor, later: Suspicion | None) -> None:
    """Another report of a fall that is suspected. `later` None: a report that leaves no doubt (a person's word), so
    people are paged at once."""
    if not case.suspected:
        return
    if later is not None and case.suspicion is not None:
        case.suspicion = case.suspicion.fallen_again(later)
        case.next_step_at = min(case.next_step_at or now, max(case.suspicion.page_at, now))
    elif later is None:
        case.suspected = False
        case.next_step_at = now
        case.log("confirmed", now, actor)


def over(case: Case, now: datetime, actor: Actor, device_id: str, happened_at: datetime | None) -> bool:
    """A detector says that it is over: a remark for people to judge; True when it is news. Whoever only repeats that
    all is well with it says nothing."""
    _need_open(case)
    if not any(one.id == device_id and one.over_at is None for one in case.devices):
        return False
    over_at = case.no_earlier(now)
    case.devices = tuple(Calling(one.id, one.since, over_at) if one.id == device_id else one for one in case.devices)
    case.log("signal_over", now, actor, device_time=happened_at, device=device_id)
    return True


def _tell_last_resort(case: Case, kind: str) -> None:
    if case.last_resorts:
        case.tell_last_resort(kind)


def _close(case: Case, state: State, now: datetime) -> None:
    now = case.no_earlier(now)
    case.closed_state, case.closed_at = state, now
    case.next_step_at = case.acknowledgement_expires_at = case.last_resort_at = None
    for answer in case.answers.values():
        answer.expires_at = answer.overdue_at = None
        if answer.state is ResponseState.ARRIVED:
            answer.state, answer.left_at = ResponseState.LEFT, now


def reopen(case: Case, now: datetime, actor: Actor, note: str | None, at: datetime | None = None) -> None:
    """Open a closed alarm again, within the time that its policy allows: the ladder starts anew, at once."""
    if case.open:
        return
    if case.drill:
        raise Refused("A drill that is over is not opened again: start another one.")
    if case.closed_at is not None and now - case.closed_at > timedelta(seconds=case.policy.reopen_s):
        raise Refused("The alarm was closed too long ago to be opened again: raise a new one.")
    case.closed_state = case.closed_at = case.closed_by = case.outcome = case.note = case.reference = None
    _release(case)
    for answer in case.answers.values():
        if answer.active:
            answer.state = ResponseState.HANDED_BACK
    case.suspected = case.exhausted = False
    case.step, case.last_resorts, case.next_step_at = 0, 0, now
    case.log("reopened", now, actor, device_time=at, note=note)


def repeat(
    case: Case, now: datetime, actor: Actor, happened_at: datetime | None, desk: list[UUID], **data: object
) -> None:
    """The signal came again: it joins, pages holder and desk again, and leaves every deadline where it is. `data`:
    what is new with it."""
    case.repeats += 1
    case.last_repeat_at = now
    case.log("repeated", now, actor, device_time=happened_at, repeats=case.repeats, **data)
    holders = [answer.staff_id for answer in case.answers.values() if answer.active]
    case.tell("repeated", [*([case.owner_staff_id] if case.owner_staff_id else []), *holders, *desk])


def comment(case: Case, now: datetime, actor: Actor, note: str, at: datetime | None = None) -> None:
    """A remark for the log; allowed on closed alarms too."""
    case.log("comment", now, actor, device_time=at, note=note)
