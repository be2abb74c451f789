"""What must hold after every act, looked up in the database: each broken promise as a sentence."""

from collections import defaultdict
from collections.abc import Sequence
from datetime import datetime, timedelta
from itertools import pairwise
from typing import Any
from uuid import UUID

from sqlalchemy import Row

from alerts.policy import Policy, policy_from
from alerts.telling import NOT_CALLS
from tests.nights.log_replay import Line, Replay, Wrong
from tests.nights.program import CAST
from tests.nights.stage import Stage

_ALARMS = """
    SELECT alarm.*, alarm.suspicion ->> 'page_at' AS pages_at, deadline.due_at, deadline.attempts,
        (SELECT count(*) FROM deadline WHERE deadline.alarm_id = alarm.id) AS deadlines,
        carebed_now() AS now, deadline.life_critical
    FROM alarm LEFT JOIN deadline ON deadline.alarm_id = alarm.id
    WHERE station_id = :station ORDER BY alarm.id
"""
_RESPONSES = """
    SELECT response.* FROM response JOIN alarm ON alarm.id = alarm_id WHERE station_id = :station
"""
_LOG = """
    SELECT alarm_event.* FROM alarm_event JOIN alarm ON alarm.id = alarm_id WHERE station_id = :station ORDER BY seq
"""
# A call still to come, although the alarm is over, or somebody has said since that he goes.
_NOT_WITHDRAWN = """
    SELECT message.id FROM notification AS message JOIN alarm ON alarm.id = message.alarm_id
    WHERE station_id = :station AND contact_method_id IS NOT NULL AND message.kind <> ALL (:not_calls)
        AND message.state IN ('pending', 'handed_over') AND message.due_at < 'infinity'
        AND (alarm.closed_at IS NOT NULL OR EXISTS (
            SELECT FROM alarm_event WHERE alarm_event.alarm_id = alarm.id
                AND type IN ('accepted', 'en_route', 'arrived') AND at > message.created_at + :back))
"""
# The same words to the same method, by one event.
_DOUBLED = """
    SELECT message.kind, count(*) FROM notification AS message JOIN alarm ON alarm.id = message.alarm_id
    WHERE station_id = :station AND message.kind <> 'answer'
    GROUP BY message.alarm_id, message.channel, staff_id, contact_method_id, message.kind, message.created_at
    HAVING count(*) > 1
"""
_VISITS = """
    SELECT alarm_id, staff_id FROM visit JOIN alarm ON alarm.id = alarm_id
    WHERE station_id = :station AND ended_at IS NULL
"""
_ACTIVE = ("accepted", "en_route", "arrived")


async def broken(stage: Stage, *, settled: bool) -> list[str]:
    """All that does not hold. `settled`: everything that was due has been dealt with."""
    station = stage.ground.station
    alarms = await stage.rows(_ALARMS, station=station)
    if not alarms:
        return []
    answers: dict[UUID, list[Row[Any]]] = defaultdict(list)
    for row in await stage.rows(_RESPONSES, station=station):
        answers[row.alarm_id].append(row)
    log: dict[UUID, list[Row[Any]]] = defaultdict(list)
    for row in await stage.rows(_LOG, station=station):
        log[row.alarm_id].append(row)
    found = []
    for alarm in alarms:
        wrong = [*_is_due(alarm, stage.settled_at if settled else None), *_has_its_owner(alarm, answers[alarm.id])]
        wrong += [*_is_told_in_order(alarm, log[alarm.id], stage.back_s)]
        wrong += [*_stands_as_told(stage, alarm, answers[alarm.id], log[alarm.id])]
        found += [f"{alarm.kind}, {alarm.state}, step {alarm.step}: {one}" for one in wrong]
    back = timedelta(seconds=stage.back_s)
    left = await stage.rows(_NOT_WITHDRAWN, station=station, not_calls=sorted(NOT_CALLS), back=back)
    found += [f"a call is still to come that was answered: {row.id}" for row in left]
    found += [f"{row.kind} twice to one method by one event" for row in await stage.rows(_DOUBLED, station=station)]
    there = {(one.alarm_id, one.staff_id) for some in answers.values() for one in some if one.state == "arrived"}
    visits = {(row.alarm_id, row.staff_id) for row in await stage.rows(_VISITS, station=station)}
    return found + (["visits are not those who are there"] if visits != there else [])


def _is_due(alarm: Row[Any], settled_at: datetime | None) -> list[str]:
    """An open alarm has one deadline, that comes; a closed one has none."""
    if alarm.closed_at is not None:
        return ["closed, and a deadline is armed"] if alarm.deadlines else []
    if alarm.deadlines != 1:
        return [f"open, with {alarm.deadlines} armed deadlines"]
    found = ["its handler failed"] if alarm.attempts else []
    if settled_at is not None and alarm.due_at <= settled_at:
        found.append(f"due at {alarm.due_at}, and nothing was done")
    if alarm.due_at > alarm.now + timedelta(hours=25):
        found.append(f"nothing happens before {alarm.due_at}")
    if alarm.life_critical != (alarm.priority == 0):
        found.append("its deadline is of the wrong class")
    return found


def _has_its_owner(alarm: Row[Any], answers: Sequence[Row[Any]]) -> list[str]:
    """A person while somebody holds it who is not overdue, else the station, whose ladder runs."""
    active = {one.staff_id for one in answers if one.state in _ACTIVE and one.overdue_at is None}
    if alarm.closed_at is not None:
        return [] if not any(one.expires_at for one in answers) else ["closed, and an answer is to expire"]
    found = []
    held = alarm.acknowledged_by is not None or bool(active)
    owners = {alarm.acknowledged_by} if alarm.acknowledged_by is not None else active or {None}
    if alarm.owner_staff_id not in owners:
        found.append(f"owned by {alarm.owner_staff_id}, held by {owners}")
    if not held and alarm.next_step_at is None:
        found.append("nobody holds it, and no step is to come")
    if any((one.expires_at is not None) != (one.state in _ACTIVE) for one in answers):
        found.append("an answer holds for ever, or one that is none expires")
    return found


def _is_told_in_order(alarm: Row[Any], log: Sequence[Row[Any]], back_s: float) -> list[str]:
    """The log is whole: it ends with the alarm's version, and neither times nor versions go back."""
    found = []
    for before, line in pairwise(log):
        # The clock may have been set back.
        if line.at < before.at - timedelta(seconds=back_s):
            found.append(f"{line.type} at {line.at} after {before.type} at {before.at}")
        if not before.version <= line.version <= before.version + 1:
            found.append(f"version {line.version} after {before.version}")
    if not log or log[-1].version != alarm.version:
        found.append(f"version {alarm.version}, and the log ends with {log[-1].version if log else None}")
    return found


def _stands_as_told(
    stage: Stage, alarm: Row[Any], answers: Sequence[Row[Any]], log: Sequence[Row[Any]]
) -> list[str]:  # fmt: skip
    """The row is what the log leads to: each step was taken, in order, at its time, or the log says why it was not."""
    try:
        replay = replayed(stage, alarm, log)
    except Wrong as wrong:
        return [str(wrong)]
    if alarm.closed_at is not None:
        answers = []
    active = {str(one.staff_id) for one in answers if one.state in _ACTIVE}
    late = {str(one.staff_id) for one in answers if one.overdue_at is not None}
    told = {
        "step": replay.step, "next_step_at": replay.next_at, "last_resort_at": replay.last_resort_at,
        "last_resorts": replay.last_resorts, "active": set(replay.active), "late": replay.late, "due_at": replay.due_at,
        "acknowledged_by": replay.desk,
    }  # fmt: skip
    stands = {
        "step": alarm.step, "next_step_at": alarm.next_step_at, "last_resort_at": alarm.last_resort_at,
        "last_resorts": alarm.last_resorts, "active": active, "late": late, "due_at": alarm.due_at,
        "acknowledged_by": str(alarm.acknowledged_by) if alarm.acknowledged_by else None,
    }  # fmt: skip
    return [f"{what} is {stands[what]}, by the log {told[what]}" for what in told if told[what] != stands[what]]


def replayed(stage: Stage, alarm: Row[Any], log: Sequence[Row[Any]]) -> Replay:
    """What the log of this alarm leads to."""
    policy: Policy = policy_from(alarm.policy)
    operators = frozenset(str(stage.ground.people[name]) for name, role, _ in CAST if role == "operator")
    pages_at = (alarm.suspicion or {}).get("page_at")
    lines = [Line(one.type, one.at, one.actor_type, one.actor_id, one.data) for one in log]
    return Replay(policy, operators, _time(pages_at)).read(lines)


def _time(value: str | None) -> datetime | None:
    return None if value is None else datetime.fromisoformat(value)
