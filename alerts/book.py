"""Loads alarms as locked cases and saves what became of them, with responses, deadlines and outbox, all in one go.

Lock order, here as everywhere: deadline, alarm, state; each by id. `finish` ends with the event log's lock, so it must
be the last thing a transaction does.
"""

from collections.abc import Iterable, Sequence
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

import msgspec
from sqlalchemy import RowMapping, text
from sqlalchemy.ext.asyncio import AsyncConnection

from alerts import family, journal, telling
from alerts.alarm import Priority, State
from alerts.case import Answer, Calling, Case
from alerts.command import put_commands
from alerts.policy import DEFAULT_POLICY, Policy, snapshot_from
from alerts.response import ResponseState
from alerts.suspicion import Suspicion
from carebed.deadline import KEEP_MOVING
from carebed.logs import get_logger

log = get_logger()

#: The in-app live stream; the webhook joins it where one is set up.
LIVE_ONLY = ("live",)

_PRIORITIES = tuple(Priority)

# Deadlines first: whoever fires one of these must finish before we look, and we before him.
_LOCK_DEADLINES = text("SELECT FROM deadline WHERE alarm_id = ANY(:ids) ORDER BY alarm_id FOR UPDATE")

# NO KEY UPDATE: rows elsewhere that only refer to an alarm hold nobody up.
_ALARMS = """
    SELECT id, kind, priority, state, area_code, station_id, home_id, resident_id, raised_at, policy, version, step,
           next_step_at, exhausted, last_resort_at, last_resorts, acknowledged_by, acknowledged_at,
           acknowledgement_expires_at, repeats,
           last_repeat_at, suspicion, presses, urged_at, devices, outcome, note, reference, closed_at, closed_by,
           incident_id, gathering_until, drill
    FROM alarm WHERE id = ANY(:ids) ORDER BY id FOR NO KEY UPDATE
"""
_LOCK_ALARMS = text(_ALARMS)
_LOCK_FREE_ALARMS = text(_ALARMS + " SKIP LOCKED")

# And the time: after the locks, so that it cannot lie before what whoever had them has logged.
_RESPONSES = text("""
    SELECT clock.now, alarm_id, staff_id, state, step, called_at, accepted_at, declined_at, en_route_at, arrived_at,
           left_at, device_at, expires_at, overdue_at
    FROM (SELECT carebed_now() AS now) AS clock LEFT JOIN response ON alarm_id = ANY(:ids) ORDER BY staff_id
""")

_SAVE_ALARM = text("""
    UPDATE alarm SET version = :version, state = :state, step = :step, next_step_at = :next_step_at,
        exhausted = :exhausted, last_resort_at = :last_resort_at, last_resorts = :last_resorts,
        owner_staff_id = :owner_staff_id, acknowledged_by = :acknowledged_by,
        acknowledged_at = :acknowledged_at, acknowledgement_expires_at = :acknowledgement_expires_at,
        repeats = :repeats, last_repeat_at = :last_repeat_at,
        suspicion = CAST(:suspicion AS jsonb), presses = CAST(:presses AS jsonb), urged_at = :urged_at,
        devices = CAST(:devices AS jsonb), outcome = :outcome, note = :note, reference = :reference,
        closed_at = :closed_at, closed_by = :closed_by, incident_id = :incident_id,
        gathering_until = :gathering_until
    WHERE id = :id
""")

_SAVE_RESPONSE = text("""
    INSERT INTO response (alarm_id, staff_id, state, step, called_at, accepted_at, declined_at, en_route_at,
        arrived_at, left_at, device_at, expires_at, overdue_at)
    VALUES (:alarm_id, :staff_id, :state, :step, :called_at, :accepted_at, :declined_at, :en_route_at, :arrived_at,
        :left_at, :device_at, :expires_at, :overdue_at)
    ON CONFLICT (alarm_id, staff_id) DO UPDATE SET state = EXCLUDED.state, step = EXCLUDED.step,
        called_at = EXCLUDED.called_at, accepted_at = EXCLUDED.accepted_at, declined_at = EXCLUDED.declined_at,
        en_route_at = EXCLUDED.en_route_at, arrived_at = EXCLUDED.arrived_at, left_at = EXCLUDED.left_at,
        device_at = EXCLUDED.device_at, expires_at = EXCLUDED.expires_at, overdue_at = EXCLUDED.overdue_at
""")

# The alarm's one deadline: armed, moved to what is due next, or (below) ended with the alarm.
_SAVE_DEADLINE = text("""
    INSERT INTO deadline (kind, subject, alarm_id, life_critical, due_at)
    VALUES ('alarm', :subject, :id, :life_critical, :due_at)
    ON CONFLICT (kind, subject) DO UPDATE SET due_at = EXCLUDED.due_at, attempts = 0, retry_at = NULL
    WHERE deadline.due_at <> EXCLUDED.due_at OR deadline.attempts > 0
""")

_END_DEADLINE = text("DELETE FROM deadline WHERE alarm_id = :id")

_WAKE_ENGINE = text("SELECT pg_notify('carebed_deadline', '')")

#: What an alarm keeps as JSON: its type, and what counts where it cannot be read.
_REMEMBERED: dict[str, tuple[Any, object]] = {
    "suspicion": (Suspicion | None, None), "presses": (tuple[datetime, ...], ()), "devices": (tuple[Calling, ...], ()),
}  # fmt: skip


async def load(conn: AsyncConnection, alarm_ids: Iterable[UUID], *, skip_locked: bool = False) -> dict[UUID, Case]:
    """Lock and load these alarms, closed ones too; unknown ids are left out.

    `skip_locked`: for a caller who holds the deadlines already and comes again; leaves out what somebody else works on.
    """
    ids = sorted(set(alarm_ids))
    if not ids:
        return {}
    await conn.execute(KEEP_MOVING)
    if not skip_locked:
        await conn.execute(_LOCK_DEADLINES, {"ids": ids})
    lock = _LOCK_FREE_ALARMS if skip_locked else _LOCK_ALARMS
    rows = (await conn.execute(lock, {"ids": ids})).mappings().all()
    cases = {row["id"]: _case(row) for row in rows}
    responses = (await conn.execute(_RESPONSES, {"ids": ids})).mappings().all()
    for case in cases.values():
        case.in_hand_at = responses[0]["now"]
    for row in responses:
        values = dict(row)
        del values["now"]
        answering = cases.get(values.pop("alarm_id"))
        if answering is not None:
            values["state"] = ResponseState(values["state"])
            answering.answers[values["staff_id"]] = Answer(**values)
    return cases


def no_earlier(now: datetime, cases: Iterable[Case]) -> datetime:
    """`now`, or when these were in hand, if that is later: what is then done with them is done by one time."""
    return max((case.no_earlier(now) for case in cases), default=now)


def _case(row: RowMapping) -> Case:
    values: dict[str, Any] = dict(row)
    state = State(values.pop("state"))
    values["priority"] = _PRIORITIES[values["priority"]]
    values["policy"] = _ladder(values["id"], values["policy"])
    for what, (kind, otherwise) in _REMEMBERED.items():
        values[what] = _readable(values["id"], what, kind, values[what], otherwise)
    closed = state in (State.RESOLVED, State.CANCELLED)
    return Case(**values, suspected=state is State.SUSPECTED, closed_state=state if closed else None)


def _ladder(alarm_id: UUID, snapshot: object) -> Policy:
    """The alarm's own ladder; one that cannot be read must leave neither its alarm nor those beside it unanswered."""
    try:
        return snapshot_from(snapshot)
    except msgspec.ValidationError as error:
        log.error("policy_unreadable", alarm=str(alarm_id), error=str(error))
        return DEFAULT_POLICY


def _readable(alarm_id: UUID, what: str, kind: Any, value: object, otherwise: object) -> Any:
    """The same of what else it remembers: a fall without its windows pages when its next step is due."""
    try:
        return msgspec.convert(value, kind)
    except msgspec.ValidationError as error:
        log.error("alarm_memory_unreadable", alarm=str(alarm_id), what=what, error=str(error))
        return otherwise


def _json(value: object) -> str | None:
    return None if value is None else msgspec.json.encode(value).decode()


async def finish(
    conn: AsyncConnection, now: datetime, cases: Iterable[Case], channels: Sequence[str] = LIVE_ONLY
) -> None:
    """Save every case that logged an event, then write the log. The last thing a transaction does."""
    changed = [case for case in cases if case.events]
    await save(conn, now, changed, channels)
    await journal.write(conn, changed)


async def save(
    conn: AsyncConnection, now: datetime, cases: Iterable[Case], channels: Sequence[str] = LIVE_ONLY
) -> None:
    """Write alarms, responses, deadlines and outbox of what has changed since the last save in this transaction.

    The event log is `journal.write`'s, at the very end.
    """
    changed = sorted((case for case in cases if len(case.events) > case.saved_events), key=lambda case: case.id)
    if not changed:
        return
    now = no_earlier(now, changed)
    await family.tell(conn, now, changed)
    for case in changed:
        case.version += 1
        case.saved_events = len(case.events)
    await conn.execute(_SAVE_ALARM, [_alarm_row(case) for case in changed])
    responses = [_response_row(case, answer) for case in changed for answer in case.answers.values()]
    if responses:
        await conn.execute(_SAVE_RESPONSE, responses)
    await _save_deadlines(conn, now, changed)
    await telling.write(conn, now, changed, channels)
    await put_commands(conn, now, [(case.id, phrase) for case in changed for phrase in case.said])
    for case in changed:
        case.said.clear()


async def _save_deadlines(conn: AsyncConnection, now: datetime, changed: list[Case]) -> None:
    armed = [
        {
            "id": case.id, "subject": str(case.id), "due_at": case.due_at,
            "life_critical": case.priority is Priority.LIFE_CRITICAL and not case.drill,
        }
        for case in changed if case.open
    ]  # fmt: skip
    if armed:
        await conn.execute(_SAVE_DEADLINE, armed)
    closed = [{"id": case.id} for case in changed if not case.open]
    if closed:
        await conn.execute(_END_DEADLINE, closed)
    soon = now + timedelta(seconds=1)
    if any(case.due_at is not None and case.due_at <= soon for case in changed):
        await conn.execute(_WAKE_ENGINE)


def _alarm_row(case: Case) -> dict[str, Any]:
    return {
        "id": case.id, "version": case.version, "state": str(case.state), "step": case.step,
        "next_step_at": case.next_step_at, "exhausted": case.exhausted, "last_resort_at": case.last_resort_at,
        "last_resorts": case.last_resorts, "reference": case.reference, "owner_staff_id": case.owner_staff_id,
        "acknowledged_by": case.acknowledged_by, "acknowledged_at": case.acknowledged_at,
        "acknowledgement_expires_at": case.acknowledgement_expires_at, "repeats": case.repeats,
        "last_repeat_at": case.last_repeat_at, "urged_at": case.urged_at,
        **{what: _json(getattr(case, what)) for what in _REMEMBERED}, "outcome": case.outcome, "note": case.note,
        "closed_at": case.closed_at, "closed_by": case.closed_by, "incident_id": case.incident_id,
        "gathering_until": case.gathering_until,
    }  # fmt: skip


def _response_row(case: Case, answer: Answer) -> dict[str, Any]:
    return {
        "alarm_id": case.id, "staff_id": answer.staff_id, "state": str(answer.state), "step": answer.step,
        "called_at": answer.called_at, "accepted_at": answer.accepted_at, "declined_at": answer.declined_at,
        "en_route_at": answer.en_route_at, "arrived_at": answer.arrived_at, "left_at": answer.left_at,
        "device_at": answer.device_at, "expires_at": answer.expires_at, "overdue_at": answer.overdue_at,
    }  # fmt: skip
