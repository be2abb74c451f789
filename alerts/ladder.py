"""The ladder: what happens to an alarm when its deadline falls due. Pure functions over a `Case`.

The ladder never ends in silence: after its last step it starts again; the alarm is marked exhausted, which the board
shows in red until it is closed, and the last-resort list is called once for each exhausted round in which nobody
answers. A round of which nobody hears exhausts it at once, however many there are to be.
"""

from collections.abc import Collection
from datetime import datetime, timedelta
from uuid import UUID

from alerts.case import ENGINE, Actor, Answer, Case
from alerts.policy import DESKS, Step
from alerts.response import ResponseState


def expire(case: Case, now: datetime) -> None:
    """Take back what was promised and not kept by `now`; each lets the ladder go on at once. Whoever was to be there by
    now holds the alarm no longer: the ladder then goes its way, as if he were not coming, until he or somebody else
    says that he is."""
    for answer in case.answers.values():
        if not answer.active or answer.expires_at is None or answer.expires_at > now:
            continue
        who = str(answer.staff_id)
        goes_on = True
        if answer.state is ResponseState.ACCEPTED:
            # Accepted and not moving is no answer: he is called again, and so are the next.
            answer.state, answer.called_at, answer.expires_at = ResponseState.CALLED, answer.called_at or now, None
            case.log("acceptance_expired", now, ENGINE, responder=who)
        elif answer.state is ResponseState.EN_ROUTE:
            was_overdue, answer.overdue_at = answer.overdue, answer.overdue_at or now
            goes_on = not was_overdue and not case.answered  # else it has already, or somebody else comes
            answer.expires_at = now + timedelta(seconds=case.policy.en_route_s)
            case.log("arrival_overdue", now, ENGINE, responder=who)
        else:
            answer.expires_at = now + timedelta(seconds=case.policy.on_scene_s)
            case.log("on_scene_overdue", now, ENGINE, responder=who)
        case.tell("expired", [answer.staff_id])
        if goes_on:
            case.next_step_at = now
    expires_at = case.acknowledgement_expires_at
    if case.acknowledged_by is not None and not case.answered and expires_at is not None and expires_at <= now:
        case.log("acknowledgement_expired", now, ENGINE, by=str(case.acknowledged_by))
        case.tell("expired", [case.acknowledged_by])
        case.acknowledged_by = case.acknowledgement_expires_at = None
        case.next_step_at = now
    if not case.held and case.next_step_at is None:
        case.next_step_at = now  # nothing armed: damaged data must not make an alarm silent


def next_step(case: Case) -> Step:
    """The step that comes next; the ladder goes round."""
    return case.policy.steps[case.step % len(case.policy.steps)]


def take_step(
    case: Case, now: datetime, people: dict[str, list[UUID]], actor: Actor = ENGINE, *, at: datetime | None = None,
    unreachable: Collection[UUID] = (),
) -> None:  # fmt: skip
    """Page the people of the next step. `people`: target -> who answers to it now (empty: nobody on call);
    `unreachable`: who of them hears nothing, for he has no method and no page open.

    Whoever is answering already is not called again. Nobody to send to the door, or nobody who hears of it: the step
    after it comes at once, and the log says so.
    """
    if case.suspected:
        case.suspected = False
        case.log("confirmed", now, actor)
    case.step += 1
    everybody = list(dict.fromkeys(one for some in people.values() for one in some))
    responders = {one for target, some in people.items() if target not in DESKS for one in some}
    called = [one for one in everybody if one not in case.answers or not case.answers[one].active]
    for staff_id in called:
        if staff_id in responders:
            _call(case, now, staff_id)
    case.tell("called", called)
    empty = [target for target, some in people.items() if not some]
    if empty:
        case.log("no_one_on_call", now, actor, step=case.step, targets=empty)
    for staff_id in called:
        if staff_id in responders and staff_id in unreachable:
            case.log("not_reached", now, actor, responder=str(staff_id), step=case.step, channels=[])
    told = bool(set(called).difference(unreachable))
    more = {} if told else {"heard": False}
    names = [str(one) for one in called]
    case.log("paged", now, actor, device_time=at, step=case.step, targets=list(people), called=names, **more)
    there = responders.intersection(called).difference(unreachable)
    reached = bool(there) or (people.keys() <= DESKS and bool(everybody))
    _schedule(case, now, reached=reached, told=told)


def _call(case: Case, now: datetime, staff_id: UUID) -> None:
    answer = case.answers.get(staff_id)
    if answer is None:
        case.answers[staff_id] = Answer(staff_id, ResponseState.CALLED, case.step, called_at=now)
    else:
        answer.state, answer.step, answer.called_at = ResponseState.CALLED, case.step, now


def _schedule(case: Case, now: datetime, *, reached: bool, told: bool) -> None:
    """When the ladder goes on by itself. While somebody holds the alarm a step comes because he is overdue, or by hand:
    one that tells anybody is enough, and one that tells nobody is followed by the next at once, once round."""
    rounds, rest = divmod(case.step, len(case.policy.steps))
    round_is_over = rest == 0
    # Steps that nobody hears of follow each other in one transaction, so what is in memory is all of them.
    case.unheard = 0 if told else case.unheard + 1
    if round_is_over and (rounds > case.policy.repeat or case.unheard >= len(case.policy.steps)):
        case.exhausted = True
        _arm_last_resort(case, now, reached=reached)
    if case.held:
        case.next_step_at = None if told or case.unheard >= len(case.policy.steps) else now
    elif round_is_over:
        case.next_step_at = now + timedelta(seconds=case.policy.loop_s + next_step(case).delay_s)
    elif not reached:
        case.next_step_at = now
    else:
        case.next_step_at = now + timedelta(seconds=next_step(case).delay_s)


def _arm_last_resort(case: Case, now: datetime, *, reached: bool) -> None:
    """The last-resort list is called when the last step has had its time; at once where it had nobody to call. One
    that is armed already stays."""
    wait_s = case.policy.last_resort_s
    if case.held or wait_s is None or case.drill:
        return
    at = now + timedelta(seconds=wait_s if reached else 0)
    case.last_resort_at = at if case.last_resort_at is None else min(at, case.last_resort_at)


def call_last_resort(case: Case, now: datetime) -> None:
    """Call the last-resort list if that is due."""
    if case.last_resort_at is None or case.last_resort_at > now or case.held or not case.open:
        return
    case.last_resort_at = None
    case.last_resorts += 1
    case.log("last_resort", now, ENGINE, round=case.step // len(case.policy.steps), times=case.last_resorts)
    case.tell_last_resort("last_resort")
