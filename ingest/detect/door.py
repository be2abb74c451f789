"""The entrance door at night: it stands open, or somebody at risk went out by it.

What must raise `door` (urgent, clears by itself), and by when:

- `door_open`: an entrance door has been open at night for `open_min`; one that was open before the night begins
  counts from its beginning. One alarm a door; cleared when it is closed.
- `door_left_home`: an entrance door moved at night and nobody was noticed at home within `back_min` (`left_home`, off
  by default: for persons at risk). One alarm a home, raised that span after the door; cleared when somebody is
  noticed at home again.

What must not: a door that is open by day, or for a parcel at night; other doors (the fridge has one too); a door whose
sensor died open (one alarm, until it says otherwise or a person closes it); somebody who went out and is back within
the span; a visitor who goes while everybody lies in bed; an entered absence (for `door_left_home` only: a
home that stands open while nobody is there is worth an alarm all the more).
"""

from collections.abc import Iterator
from datetime import datetime, timedelta
from typing import Annotated, Any

import msgspec

from alerts.why import why
from gateway.lanes import ReadingType
from ingest.detect.core import (
    Clearing,
    Event,
    Evidence,
    Finding,
    Home,
    Parameters,
    Step,
    as_flag,
    bounded,
    evidence,
)  # fmt: skip
from ingest.detect.local_day import DailySpan, wall_clock
from ingest.detect.whereabouts import CARRIED, TYPES, Whereabouts, entrances, follow

_OWN = "chosen for this project; see the scenarios"


#: A hall sensor sees who leaves for about so long after the door.
_LEAVING = timedelta(seconds=60)


class DoorParameters(Parameters, frozen=True, kw_only=True):
    """The night's hours are of the local day (22.5: half past ten). `pets`: what an animal sets off as well does not
    show that somebody is at home."""

    enabled: bool = True
    night_begins_h: Annotated[float, bounded("h", 18, 24, _OWN)] = 22.0
    night_ends_h: Annotated[float, bounded("h", 2, 12, _OWN)] = 6.0
    open_min: Annotated[float, bounded("min", 1, 240, "the programme's rule for doors at night")] = 10.0
    left_home: bool = False
    pets: bool = False
    back_min: Annotated[float, bounded("min", 1, 120, _OWN)] = 10.0

    def __post_init__(self) -> None:
        """ValueError where no night is long enough for a door to be open for too long."""
        if self.open_min > (24 - self.night_begins_h + self.night_ends_h) * 60:
            raise ValueError("open_min must fit into the night, from night_begins_h to night_ends_h")


class OpenDoor(msgspec.Struct, frozen=True, omit_defaults=True):
    """What one entrance door said last. `opened`: since when it is open; `told`: the alarm has been raised for that."""

    heard_at: datetime
    opened: Evidence | None = None
    told: bool = False


class DoorState(msgspec.Struct, frozen=True, omit_defaults=True):
    """`in_bed`: the mats that are occupied. `passed`: the newest change of an entrance door at night after which nobody
    has been noticed yet; `gone`: that has been raised."""

    doors: dict[str, OpenDoor] = {}
    where: Whereabouts = Whereabouts()
    in_bed: frozenset[str] = frozenset()
    passed: Evidence | None = None
    gone: bool = False


class DoorDetector:
    """See the module."""

    name = "door"
    events = TYPES
    wakes = frozenset({ReadingType.DOOR})
    parameters = DoorParameters
    state = DoorState

    def event(self, state: DoorState, event: Event, home: Home, parameters: DoorParameters) -> Step:
        """Doors are remembered as they stand; whoever is noticed is at home."""
        where, flag = follow(state.where, event, home, pets=parameters.pets), as_flag(event.value)
        active = where is not state.where and where.active_at == event.at and event.type not in CARRIED
        state = msgspec.structs.replace(state, where=where)
        if event.type == ReadingType.BED and flag is not None:
            others = state.in_bed - {event.device.id}
            state = msgspec.structs.replace(state, in_bed=others | {event.device.id} if flag else others)
        cleared: list[Clearing] = []
        if event.type == ReadingType.DOOR and flag is not None and event.device.id in entrances(home.devices.values()):
            state, cleared = _heard(state, event, home, parameters, is_open=flag)
            active = False
        state, back = _back(state, event.at, home, active=active)
        return Step(state, cleared=(*cleared, *back), due_at=_next(state, home, parameters))

    def due(self, state: DoorState, at: datetime, home: Home, parameters: DoorParameters) -> Step:
        """A door has been open long enough, or nobody came back."""
        raised = []
        for when, device_id in list(_plans(state, home, parameters)):
            if when > at:
                continue
            if device_id is not None:
                door = state.doors[device_id]
                if door.opened is not None:
                    raised.append(_stands_open(device_id, door.opened, when, home, parameters))
                doors = {**state.doors, device_id: msgspec.structs.replace(door, told=True)}
                state = msgspec.structs.replace(state, doors=doors)
            elif state.passed is not None:
                if home.absent(at) is None:
                    raised.append(_went_out(state.passed, home, parameters))
                state = msgspec.structs.replace(state, gone=True)
        return Step(state, raised=tuple(raised), due_at=_next(state, home, parameters))


DETECTOR = DoorDetector()


def _night(parameters: DoorParameters) -> DailySpan:
    return DailySpan(parameters.night_begins_h, parameters.night_ends_h)


def _heard(
    state: DoorState, event: Event, home: Home, parameters: DoorParameters, *, is_open: bool
) -> tuple[DoorState, list[Clearing]]:
    name = event.device.id
    known = state.doors.get(name)
    if known is not None and event.at <= known.heard_at:
        return state, []
    was_open = known is not None and known.opened is not None
    cleared = []
    if known is not None and is_open and was_open:
        door = msgspec.structs.replace(known, heard_at=event.at)  # a sensor that repeats its state
    else:
        door = OpenDoor(event.at, evidence(event) if is_open else None)
        cleared = [_closed(name, event.at, home)] if known is not None and known.told else []
    there = {one: said for one, said in state.doors.items() if one in home.devices}
    state = msgspec.structs.replace(state, doors={**there, name: door})
    moved = is_open != was_open and (is_open or known is not None)
    if moved and parameters.left_home and _night(parameters).covers(event.at, home.zone) and not state.gone:
        state = msgspec.structs.replace(state, passed=evidence(event))
    return state, cleared


def _back(state: DoorState, at: datetime, home: Home, *, active: bool) -> tuple[DoorState, list[Clearing]]:
    """Whether somebody was noticed at home since the door; `active`: something but the door has noticed him now."""
    if state.passed is None:
        return state, []
    everybody = sum(name in home.devices for name in state.in_bed) >= max(1, len(home.residents))
    if not everybody and not (active and at > state.passed.at + _LEAVING):
        return state, []
    cleared = [_noticed(at, home)] if state.gone else []
    return msgspec.structs.replace(state, passed=None, gone=False), cleared


def _next(state: DoorState, home: Home, parameters: DoorParameters) -> datetime | None:
    return min((when for when, _ in _plans(state, home, parameters)), default=None)


def _plans(state: DoorState, home: Home, parameters: DoorParameters) -> Iterator[tuple[datetime, str | None]]:
    """(when, door): a door will have been open for too long; without a door: nobody has come back."""
    night = _night(parameters)
    for name, door in sorted(state.doors.items()):
        if door.opened is not None and not door.told and name in entrances(home.devices.values()):
            yield _open_too_long(door.opened.at, night, home, parameters), name
    if state.passed is not None and not state.gone and parameters.left_home:
        yield state.passed.at + timedelta(minutes=parameters.back_min), None


def _open_too_long(opened_at: datetime, night: DailySpan, home: Home, parameters: DoorParameters) -> datetime:
    """When it has been open for the span within one night."""
    span = timedelta(minutes=parameters.open_min)
    for begins_at, ends_at in night.rounds(opened_at, home.zone):
        due_at = max(begins_at, opened_at) + span
        if due_at <= ends_at:
            return due_at
    raise AssertionError("nights never end")


# --- what is said ---------------------------------------------------------------------------------------------------


def _stands_open(
    device_id: str, opened: Evidence, due_at: datetime, home: Home, parameters: DoorParameters
) -> Finding:  # fmt: skip
    since, span = wall_clock(opened.at, home.zone), parameters.open_min
    reason = why(
        "door_open",
        f"The entrance door has been open since {since}. Expected at night: open for at most {span:g} min.",
        f"入户门自 {since} 起一直开着。夜间预期最多开启 {span:g} 分钟。",
        since=opened.at.isoformat(),
        expected_min=span,
        due_at=due_at.isoformat(),
    )
    return Finding("door", opened.at, reason, (opened,), device_id, per_device=True)


def _went_out(passed: Evidence, home: Home, parameters: DoorParameters) -> Finding:
    clock, span = wall_clock(passed.at, home.zone), parameters.back_min
    reason = why(
        "door_left_home",
        f"The entrance door moved at {clock}, at night, and nobody was noticed at home since. "
        f"Expected within {span:g} min.",
        f"夜间 {clock} 入户门有动作，此后家中未见活动。预期 {span:g} 分钟内恢复。",
        since=passed.at.isoformat(),
        expected_min=span,
    )
    return Finding("door", passed.at, reason, (passed,))


def _closed(device_id: str, at: datetime, home: Home) -> Clearing:
    clock = wall_clock(at, home.zone)
    reason: dict[str, Any] = why("door_closed", f"Closed at {clock}.", f"已于 {clock} 关闭。", at=at.isoformat())
    return Clearing("door", at, reason, device_id, per_device=True)


def _noticed(at: datetime, home: Home) -> Clearing:
    clock = wall_clock(at, home.zone)
    en, zh = f"Somebody was noticed at home at {clock}.", f"{clock} 家中已见活动。"
    return Clearing("door", at, why("door_back_home", en, zh, at=at.isoformat()))
