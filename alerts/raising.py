"""Raising alarms: a new signal opens an alarm, a repeated one joins the open one, one that meets a closed alarm opens a
new one. Works on whole batches; the ladder's first step is the deadline engine's, armed here for now.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

import msgspec
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

from alerts import book, people
from alerts.alarm import PRIORITY_RANK, Priority, kind_of
from alerts.case import ENGINE, Actor, Case
from alerts.choosing import Rules, Spot, read_rules
from alerts.incident import GATHERING, OpenIncident, incident_of, join_incident, open_incidents
from alerts.lifecycle import fell_again, repeat
from alerts.policy import Policy, policy_json
from alerts.suspicion import Suspicion
from alerts.urgency import Urgency, press, recent_presses
from carebed.ids import new_id

#: Repeats of an open alarm beyond one a second are not counted; the device is told to hold and resend.
REPEAT_SPACING = timedelta(seconds=1)
_PASSES = 25


@dataclass(frozen=True, slots=True)
class Place:
    """Where an alarm belongs. `home_id` None: the desk of `station_id` itself (hosted gateway, platform)."""

    station_id: UUID
    area_code: str
    home_id: UUID | None = None
    resident_id: UUID | None = None


@dataclass(frozen=True, slots=True)
class Raise:
    """One signal that calls for help. `merge_key`: signals with the same key are one open alarm.

    `suspicion`: the windows of a fall in which nobody is paged; None pages at once.
    `counts_again`: a further signal counts as a repeat and pages again (a press); False just joins (a condition).
    `presses`: how often a button was pressed for it; several within the span of `urgency` bring the next step forward.
    `becomes`: what a press is instead, where the alarm that it would join has been pressed so often (a doorbell).
    `location`: where it happened, for the log of the alarm that it joins.
    `priority`: None for that of its kind.
    `gathers`: it may be one of many, so nobody is paged for it until that is known, or for as long as such a thing may
    wait (`alerts.incident`).
    `drill`: called as a drill (`alerts.drill`), with a merge key of its own kind (`alerts.alarm.DRILL_KEY`) and, in
    `policy`, the ladder that a drill climbs; None: whichever holds there.
    """

    kind: str
    place: Place
    merge_key: str
    happened_at: datetime
    why: dict[str, Any]
    actor: Actor = ENGINE
    late: bool = False
    suspicion: Suspicion | None = None
    gateway_id: str | None = None
    device_id: str | None = None
    counts_again: bool = True
    note: str | None = None
    priority: Priority | None = None
    presses: int = 0
    urgency: Urgency | None = None
    becomes: "Raise | None" = None
    location: Mapping[str, float | None] | None = None
    gathers: bool = False
    drill: bool = False
    policy: Policy | None = None


def merge_key(home_id: UUID, resident_id: UUID | None, kind: str, device_id: str | None = None) -> str:
    """Signals of one kind from one person are one alarm; two people of a household are two. `device_id`: where two
    devices are two as well."""
    key = f"home:{home_id}:{resident_id or '-'}:{kind}"
    return key if device_id is None else f"{key}:{device_id}"


@dataclass(slots=True)
class Raised:
    """What became of the signals: per signal the alarm's id, or None where it is held back (`hold`)."""

    cases: dict[UUID, Case] = field(default_factory=dict)
    alarm_ids: list[UUID | None] = field(default_factory=list)
    open_cases: dict[str, Case] = field(default_factory=dict)
    """Merge key -> its open alarm, of the signals and of the keys that were asked for besides."""


# Open alarms by merge key.
_OPEN = text("SELECT merge_key, id FROM alarm WHERE merge_key = ANY(:keys) AND closed_at IS NULL")

# A concurrent raise of the same key wins or waits here; the loser's row is not returned, and he joins.
_INSERT = text("""
    INSERT INTO alarm (id, version, kind, priority, state, area_code, station_id, home_id, resident_id, gateway_id,
        device_id, merge_key, raised_at, happened_at, late, next_step_at, policy, why, incident_id, gathering_until,
        drill)
    SELECT * FROM unnest(
        CAST(:id AS uuid[]), CAST(:version AS int[]), CAST(:kind AS text[]), CAST(:priority AS smallint[]),
        CAST(:state AS text[]), CAST(:area_code AS text[]), CAST(:station_id AS uuid[]), CAST(:home_id AS uuid[]),
        CAST(:resident_id AS uuid[]), CAST(:gateway_id AS text[]), CAST(:device_id AS text[]),
        CAST(:merge_key AS text[]), CAST(:raised_at AS timestamptz[]), CAST(:happened_at AS timestamptz[]),
        CAST(:late AS boolean[]), CAST(:next_step_at AS timestamptz[]), CAST(:policy AS jsonb[]),
        CAST(:why AS jsonb[]), CAST(:incident_id AS uuid[]), CAST(:gathering_until AS timestamptz[]),
        CAST(:drill AS boolean[]))
    ON CONFLICT (merge_key) WHERE closed_at IS NULL DO NOTHING RETURNING id
""")

# The highest desk in the tree answers for the platform itself.
_PLATFORM_DESK = text("""
    SELECT id, area_code FROM station ORDER BY length(area_prefix(area_code)), area_code, id LIMIT 1
""")


async def raise_alarms(
    conn: AsyncConnection,
    now: datetime,
    signals: Sequence[Raise],
    besides: Sequence[str] = (),
    cases: dict[UUID, Case] | None = None,
) -> Raised:
    """Open or join an alarm for every signal, in order. The caller saves the cases (`book.finish`) at its end.

    `besides`: further merge keys whose open alarms are locked and loaded at the same time, for cancels.
    `cases`: what this transaction has loaded already; what it finds besides is added to it.
    """
    raised = Raised(cases={} if cases is None else cases, alarm_ids=[None] * len(signals))
    keys = sorted({one.merge_key for signal in signals for one in (signal, signal.becomes) if one} | set(besides))
    if not keys:
        return raised
    # A further pass only when another process raised the same key between our look and our insert; many of them only
    # where one alarm is raised and closed all the time. It begins by giving back the locks of the pass before, so that
    # all are taken in one order and nobody waits in a circle.
    for _ in range(_PASSES):
        savepoint = await conn.begin_nested()
        loaded = await _look(conn, keys, raised)
        now = book.no_earlier(now, (*raised.cases.values(), *loaded.values()))
        meant = pressed_often(signals, now, raised.open_cases)
        new = await _open_missing(conn, now, meant, raised.open_cases)
        if new is not None:
            await savepoint.commit()
            raised.cases.update(loaded)
            await _answer(conn, now, meant, new, raised)
            return raised
        await savepoint.rollback()
    raise RuntimeError("alarms of the same key keep being raised and closed beside us")


async def _look(conn: AsyncConnection, keys: Sequence[str], raised: Raised) -> dict[UUID, Case]:
    """Lock and load the open alarms of these keys; one that was being closed while we waited is closed now."""
    rows = await conn.execute(_OPEN, {"keys": list(keys)})
    found: dict[str, UUID] = {row.merge_key: row.id for row in rows}
    loaded = await book.load(conn, [one for one in found.values() if one not in raised.cases])
    known = {**raised.cases, **loaded}
    raised.open_cases = {key: known[one] for key, one in found.items() if one in known and known[one].open}
    return loaded


def pressed_often(signals: Sequence[Raise], now: datetime, open_cases: Mapping[str, Case]) -> list[Raise]:
    """What the signals stand for, in order: where one `becomes` something else and its alarm has been pressed so often
    within the span, with those before it here, it is that. Held ones come again, and are judged then."""
    pressed: dict[str, tuple[list[datetime], datetime | None]] = {}
    meant: list[Raise] = []
    for signal in signals:
        case = open_cases.get(signal.merge_key)
        if signal.becomes is None or signal.urgency is None:
            meant.append(signal)
            continue
        recent, repeated_at = pressed.get(
            signal.merge_key,
            (recent_presses(case, now, signal.urgency.span_s), None if case is None else case.last_repeat_at),
        )
        held = repeated_at is not None and now - repeated_at < REPEAT_SPACING
        often = not held and len(recent) + signal.presses >= signal.urgency.presses
        meant.append(signal.becomes if often else signal)
        if not held and not often:
            joins = case is not None or signal.merge_key in pressed
            pressed[signal.merge_key] = ([*recent, *[now] * signal.presses], now if joins else None)
    return meant


async def _open_missing(
    conn: AsyncConnection, now: datetime, signals: Sequence[Raise], open_cases: dict[str, Case]
) -> dict[str, Case] | None:
    """Open an alarm for every key that has none, by its first signal; None when somebody else was quicker with one."""
    first: dict[str, Raise] = {}
    for signal in signals:
        if signal.merge_key not in open_cases:
            first.setdefault(signal.merge_key, signal)
    if not first:
        return {}
    rules = await read_rules(conn, {_spot(signal.place) for signal in first.values()})
    gathering = [signal.place for signal in first.values() if signal.gathers]
    stations, homes = {place.station_id for place in gathering}, {place.home_id for place in gathering}
    incidents = await open_incidents(conn, stations, homes) if gathering else []
    # By key, so that two who raise the same ones at once wait for each other in one order.
    new = [(open_case(signal, now, rules, incidents), signal) for _, signal in sorted(first.items())]
    inserted = await _insert(conn, new)
    return {signal.merge_key: case for case, signal in new} if len(inserted) == len(new) else None


async def _answer(
    conn: AsyncConnection, now: datetime, signals: Sequence[Raise], new: dict[str, Case], raised: Raised
) -> None:
    """Give every signal its alarm: the one it opened, or the one it joins."""
    raised.open_cases.update(new)
    raised.cases.update({case.id: case for case in new.values()})
    for index, signal in enumerate(signals):
        opened = new.pop(signal.merge_key, None)
        if opened is not None:
            raised.alarm_ids[index] = opened.id
        else:
            raised.alarm_ids[index] = await _join(conn, now, raised.open_cases[signal.merge_key], signal)


async def _join(conn: AsyncConnection, now: datetime, case: Case, signal: Raise) -> UUID | None:
    """Count the repeat and page holder and desk; None when it came within a second of the last one. A device that has
    not signalled before, or a person's word about a suspected fall, is news, and not held back; nor is what somebody
    has written down of it."""
    if not signal.counts_again:
        return case.id
    hasty = case.last_repeat_at is not None and now - case.last_repeat_at < REPEAT_SPACING
    leaves_no_doubt = case.suspected and signal.suspicion is None
    if hasty and case.knows(signal.device_id) and not leaves_no_doubt and signal.note is None:
        return None
    quiet = case.suspected and signal.suspicion is not None
    join(case, now, signal, [] if quiet else await people.desk(conn, case.station_id, now))
    return case.id


def join(case: Case, now: datetime, signal: Raise, desk: list[UUID]) -> None:
    """A further signal of an open alarm: listed, counted, told to its holder and the desk; it may make something due
    earlier, and nothing later."""
    case.signalled(signal.device_id, now)
    fell_again(case, now, signal.actor, signal.suspicion)
    said = {"location": signal.location, "note": signal.note}
    more = {what: value for what, value in said.items() if value is not None}
    repeat(case, now, signal.actor, signal.happened_at, [] if case.suspected else desk, device=signal.device_id, **more)
    if signal.urgency is not None:
        press(case, now, signal.actor, signal.presses, signal.urgency)


def _spot(place: Place) -> Spot:
    return Spot(place.station_id, place.area_code, place.home_id)


def open_case(signal: Raise, now: datetime, rules: Rules, incidents: Sequence[OpenIncident] = ()) -> Case:
    """The alarm that this signal opens. `incidents`: those that are open, for one that gathers."""
    priority = signal.priority or kind_of(signal.kind).priority
    case = Case(
        id=new_id(),
        kind=signal.kind,
        priority=priority,
        area_code=signal.place.area_code,
        station_id=signal.place.station_id,
        home_id=signal.place.home_id,
        resident_id=signal.place.resident_id,
        raised_at=now,
        policy=signal.policy or rules.choose(_spot(signal.place), signal.kind, priority, now).policy,
        drill=signal.drill,
        suspected=signal.suspicion is not None,
        suspicion=signal.suspicion,
        presses=(now,) * signal.presses,
    )
    case.signalled(signal.device_id, now)
    first = now + timedelta(seconds=case.policy.steps[0].delay_s)
    case.next_step_at = first if signal.suspicion is None else max(first, signal.suspicion.page_at)
    case.log(
        "suspected" if case.suspected else "raised", now, signal.actor, device_time=signal.happened_at,
        kind=signal.kind, late=signal.late, note=signal.note, **({"drill": True} if signal.drill else {}),
    )  # fmt: skip
    if signal.gathers:
        _gather(case, now, signal, incidents)
    return case


def _gather(case: Case, now: datetime, signal: Raise, incidents: Sequence[OpenIncident]) -> None:
    """Make it part of an incident that is there; or let it wait for others."""
    there = incident_of(incidents, case.station_id, case.area_code, case.home_id, signal.happened_at)
    if there is not None:
        join_incident(case, now, there.id)
    else:
        case.gathering_until = now + GATHERING
        case.next_step_at = max(case.next_step_at or now, case.gathering_until)


async def _insert(conn: AsyncConnection, new: list[tuple[Case, Raise]]) -> set[UUID]:
    if not new:
        return set()
    columns: dict[str, list[Any]] = {
        "id": [case.id for case, _ in new],
        "version": [0 for _ in new],
        "kind": [case.kind for case, _ in new],
        "priority": [PRIORITY_RANK[case.priority] for case, _ in new],
        "state": [str(case.state) for case, _ in new],
        "area_code": [case.area_code for case, _ in new],
        "station_id": [case.station_id for case, _ in new],
        "home_id": [case.home_id for case, _ in new],
        "resident_id": [case.resident_id for case, _ in new],
        "gateway_id": [signal.gateway_id for _, signal in new],
        "device_id": [signal.device_id for _, signal in new],
        "merge_key": [signal.merge_key for _, signal in new],
        "raised_at": [case.raised_at for case, _ in new],
        "happened_at": [signal.happened_at for _, signal in new],
        "late": [signal.late for _, signal in new],
        "next_step_at": [case.next_step_at for case, _ in new],
        "policy": [policy_json(case.policy) for case, _ in new],
        "incident_id": [case.incident_id for case, _ in new],
        "gathering_until": [case.gathering_until for case, _ in new],
        "drill": [case.drill for case, _ in new],
        "why": [msgspec.json.encode(signal.why).decode() for _, signal in new],
    }
    return set((await conn.execute(_INSERT, columns)).scalars())


async def platform_place(conn: AsyncConnection) -> Place | None:
    """The desk that answers for the platform itself; None in an empty registry."""
    row = (await conn.execute(_PLATFORM_DESK)).one_or_none()
    return None if row is None else Place(station_id=row[0], area_code=row[1])
