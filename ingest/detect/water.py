"""No water used for a set span: who drinks, washes and flushes uses some every half day.

What must raise `water` (urgent, clears by itself): less than `least_l` used in the last `span_h`, in a home that has
a meter, a flush or a tap that tells; raised when the span is over, or with the first reading that shows it where a
meter speaks at fixed times only (a silent meter is no dry tap). A span that ends between `night_begins_h` and
`night_ends_h` is raised when that is over: a long night is no emergency. Cleared by the next use.

What must not: an entered absence, and the span after it; somebody who went out by the door and has not been noticed
since, for `away_h`; a meter that was replaced (its count goes back), is silent, or dies; a flush that is all there is.

What it cannot see: somebody down while a tap drips; a leak is the alarm lane's.

Meters count up, in m3 unless the unit says L. A flush or a tap (true) is a use of any amount.
"""

from datetime import datetime, timedelta
from typing import Annotated, Any

import msgspec

from alerts.why import why
from gateway.lanes import ReadingType
from ingest.detect.core import Clearing, Event, Evidence, Finding, Home, Parameters, Step, bounded, evidence
from ingest.detect.local_day import DailySpan, wall_clock
from ingest.detect.whereabouts import TYPES, Whereabouts, follow

_OWN = "chosen for this project; see the scenarios"
_STREET = "street rule of Zhenbei Xincun, Shanghai, 2023: below 0.01 m3 in 12 h"

_LITRES = {"l": 1.0, "litre": 1.0, "dm3": 1.0, "ml": 0.001, "m3": 1000.0, None: 1000.0}

#: No meter of a home counts so far: a figure beyond it is a fault, and the sum of two may be no number at all.
_MOST_L = 1e9

#: Uses within this are one, at the later time; so a day of drops stays short.
_ONE_USE = timedelta(minutes=15)

#: A meter that has so often said the same count again, or spoken at equal spans of an hour or more, speaks by the clock
#: and not when water runs: its silence says nothing.
_BY_CLOCK_FROM = 3
_REGULAR = 0.02
_REGULAR_FROM_S = 3600.0 * (1 - _REGULAR)


class WaterParameters(Parameters, frozen=True, kw_only=True):
    """Hours of the night are of the local day (22.5: half past ten). `pets`: what an animal sets off as well does not
    show that somebody is at home."""

    enabled: bool = True
    span_h: Annotated[float, bounded("h", 4, 96, _STREET)] = 12.0
    least_l: Annotated[float, bounded("L", 0.1, 1000, _STREET)] = 10.0
    night_begins_h: Annotated[float, bounded("h", 0, 6, _OWN)] = 2.0
    night_ends_h: Annotated[float, bounded("h", 4, 12, _OWN)] = 8.0
    pets: bool = False
    away_h: Annotated[float, bounded("h", 0, 240, _OWN)] = 48.0

    def __post_init__(self) -> None:
        """ValueError where the night would end before it begins."""
        if self.night_ends_h <= self.night_begins_h:
            raise ValueError("night_ends_h must be later than night_begins_h")


class Meter(msgspec.Struct, frozen=True, omit_defaults=True):
    """`litres`: its count. `every_s`: the time between its last two readings; `by_clock`: how often it has spoken
    without water running."""

    read_at: datetime
    litres: float
    every_s: float = 0.0
    by_clock: int = 0


class Use(msgspec.Struct, frozen=True, array_like=True):
    """Some water."""

    at: datetime
    litres: float


class WaterState(msgspec.Struct, frozen=True, omit_defaults=True):
    """`since`: when the first water sensor was heard, or somebody came home. `uses`: the newest ones, as few as are
    enough together; `last`: what showed the newest."""

    since: datetime | None = None
    meters: dict[str, Meter] = {}
    uses: tuple[Use, ...] = ()
    last: Evidence | None = None
    told: bool = False
    where: Whereabouts = Whereabouts()


class WaterDetector:
    """See the module."""

    name = "water"
    events = TYPES
    wakes = frozenset({ReadingType.WATER})
    parameters = WaterParameters
    state = WaterState

    def event(self, state: WaterState, event: Event, home: Home, parameters: WaterParameters) -> Step:
        """Water is counted; what else happens tells whether anybody is at home."""
        was_out = state.where.left_at is not None
        state = msgspec.structs.replace(state, where=follow(state.where, event, home, pets=parameters.pets))
        if was_out and state.where.left_at is None and state.since is not None:
            state = msgspec.structs.replace(state, since=event.at)
        cleared: tuple[Clearing, ...] = ()
        if event.type == ReadingType.WATER:
            state, litres = _read(state, event, home, parameters)
            if litres > 0:
                uses = _enough((*state.uses, Use(event.at, litres)), parameters.least_l)
                state = msgspec.structs.replace(state, uses=uses, last=evidence(event))
        if state.told and _dry_at(state, home, parameters) > event.at:
            cleared = (_runs_again(event.at, home),)
            state = msgspec.structs.replace(state, told=False)
        return Step(state, cleared=cleared, due_at=_due_at(state, home, parameters))

    def due(self, state: WaterState, at: datetime, home: Home, parameters: WaterParameters) -> Step:
        """The span is over."""
        due_at = _due_at(state, home, parameters)
        if due_at is None or due_at > at:
            return Step(state, due_at=due_at)
        return Step(
            msgspec.structs.replace(state, told=True), raised=(_finding(state, due_at, home, parameters),), due_at=None
        )


DETECTOR = WaterDetector()


def _read(state: WaterState, event: Event, home: Home, parameters: WaterParameters) -> tuple[WaterState, float]:
    """What a water sensor says, and how much was used by that."""
    if not isinstance(event.value, int | float):
        return state, 0.0
    since = event.at if state.since is None else state.since
    meters = {name: one for name, one in state.meters.items() if name in home.devices}
    state = msgspec.structs.replace(state, since=since, meters=meters)
    if isinstance(event.value, bool):
        return state, parameters.least_l if event.value else 0.0
    known = meters.get(event.device.id)
    litres = float(event.value) * _LITRES.get(event.unit.lower() if event.unit else None, 1000.0)
    if abs(litres) > _MOST_L:
        return state, 0.0
    if known is None:
        meter, used = Meter(event.at, litres), 0.0
    elif event.at <= known.read_at:
        return state, 0.0
    else:
        every_s = (event.at - known.read_at).total_seconds()
        regular = every_s >= _REGULAR_FROM_S and abs(every_s - known.every_s) <= _REGULAR * every_s
        by_clock = min(known.by_clock + (regular or litres == known.litres), _BY_CLOCK_FROM)
        meter = Meter(event.at, litres, every_s, by_clock)
        used = max(0.0, litres - known.litres)
    return msgspec.structs.replace(state, meters={**meters, event.device.id: meter}), used


def _enough(uses: tuple[Use, ...], least_l: float) -> tuple[Use, ...]:
    """The newest uses, as few as are enough together."""
    kept: list[Use] = []
    litres = 0.0
    for one in sorted(uses, key=lambda use: use.at, reverse=True):
        if litres >= least_l:
            break
        litres += one.litres
        if kept and kept[-1].at - one.at < _ONE_USE:
            kept[-1] = Use(kept[-1].at, kept[-1].litres + one.litres)
        else:
            kept.append(one)
    return tuple(reversed(kept))


def _due_at(state: WaterState, home: Home, parameters: WaterParameters) -> datetime | None:
    """When that is to be raised; None while nobody can know."""
    if state.since is None or state.told:
        return None
    due_at = _dry_at(state, home, parameters)
    heard = all(one.by_clock < _BY_CLOCK_FROM or one.read_at >= due_at for one in state.meters.values())
    return due_at if heard else None


def _dry_at(state: WaterState, home: Home, parameters: WaterParameters) -> datetime:
    """When too little will have been used, if no more is."""
    assert state.since is not None
    span = timedelta(hours=parameters.span_h)
    counts_from = state.since
    if sum(one.litres for one in state.uses) >= parameters.least_l:
        counts_from = max(counts_from, state.uses[0].at)
    due_at = counts_from + span
    if state.where.left_at is not None:
        due_at = max(due_at, state.where.left_at + timedelta(hours=parameters.away_h))
    for absence in sorted(home.absences, key=lambda one: one.begins_at):
        if absence.begins_at < due_at:
            due_at = max(due_at, absence.ends_at + span)
    night = DailySpan(parameters.night_begins_h, parameters.night_ends_h)
    return night.end(due_at, home.zone) if night.covers(due_at, home.zone) else due_at


# --- what is said ---------------------------------------------------------------------------------------------------


def _finding(state: WaterState, due_at: datetime, home: Home, parameters: WaterParameters) -> Finding:
    span_at = due_at - timedelta(hours=parameters.span_h)
    used_l = sum(one.litres for one in state.uses if one.at > span_at)
    last_at = state.uses[-1].at if state.uses else state.since or due_at
    clock = wall_clock(last_at, home.zone)
    expected = f"{parameters.least_l:g} L", f"{parameters.span_h:g} h"
    reason = why(
        "water_unused",
        f"{used_l:.0f} L of water used until {wall_clock(due_at, home.zone)}, the last at {clock}. "
        f"Expected at least {expected[0]} in {expected[1]}.",
        f"截至 {wall_clock(due_at, home.zone)} 用水 {used_l:.0f} 升，最近一次用水为 {clock}。"
        f"预期每 {parameters.span_h:g} 小时至少 {parameters.least_l:g} 升。",
        since=last_at.isoformat(),
        used_l=round(used_l, 1),
        least_l=parameters.least_l,
        span_h=parameters.span_h,
    )
    return Finding("water", last_at, reason, () if state.last is None else (state.last,))


def _runs_again(at: datetime, home: Home) -> Clearing:
    clock = wall_clock(at, home.zone)
    reason: dict[str, Any] = why("water_used", f"Water was used at {clock}.", f"{clock} 已有用水。", at=at.isoformat())
    return Clearing("water", at, reason)
