"""A battery is low, or will be soon.

**What is truth.** The device's level is at or below the limit and stays there (low), or falls at a rate that empties it
within `soon_d` days (falling fast). The alarm of a device begins with its first level that was too low and ends when it
is charged or replaced; it clears itself then.

A level is percent, volts or millivolts by its unit; without a unit percent, and 1 or 0 (true or false) a flag: good or
low, as `mains` says present or absent, unless the device has told percents before. Words are read too. What is no level
(255 for "unknown", 80 V) is not judged. A band that is empty every night and charged every morning is not low for long.
The rate is the median of the slopes between levels half a day apart (Theil 1950, Sen 1968), which one bad level does
not bend; every rise begins it anew.
"""

from datetime import datetime, timedelta
from itertools import combinations
from statistics import median
from typing import Annotated

import msgspec

from alerts.why import why
from gateway.lanes import HealthType
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
    next_round,
)
from ingest.detect.local_day import wall_clock

KIND = "battery"

_LOW_WORDS = frozenset({"low", "very low", "critical", "empty", "replace", "bad"})
_GOOD_WORDS = frozenset({"good", "ok", "normal", "medium", "high", "full"})
_LOOK = timedelta(hours=6)
#: Levels for the rate are this far apart, and the last week of them is kept.
_SAMPLE_EVERY, _SAMPLES = timedelta(hours=12), 15
#: A rate is believed from four levels over two days on, and a fall beyond what a level wavers.
_RATE_SAMPLES, _RATE_SPAN, _RATE_FALL = 4, timedelta(days=2), 5.0
#: A level wavers with temperature and load by less than this many points, and volts.
_WAVERS, _WAVERS_V = 5.0, 0.15


class BatteryParameters(Parameters, frozen=True, kw_only=True):
    """When somebody should bring a battery."""

    enabled: bool = True
    low_percent: Annotated[
        float, bounded("%", 1.0, 90.0, "makers of battery sensors warn at 10 to 20 %, weeks before the end")
    ] = 15.0
    low_v: Annotated[
        float, bounded("V", 0.5, 60.0, "lithium coin cells (CR2032) are flat at 2.0 V and fall steeply below 2.5 V")
    ] = 2.5
    lasting_s: Annotated[
        float, bounded("s", 0.0, 604_800.0, "a band is charged within hours; a first level after a restart is often 0")
    ] = 21_600.0
    soon_d: Annotated[float, bounded("d", 1.0, 90.0, "time for a visit that is planned anyway")] = 10.0


class Level(msgspec.Struct, frozen=True, omit_defaults=True):
    """A level as it was told: one of the three."""

    percent: float | None = None
    volts: float | None = None
    low: bool | None = None

    def words(self) -> tuple[str, str]:
        """English and Chinese."""
        if self.percent is not None:
            return f"{self.percent:.0f} %", f"{self.percent:.0f}%"
        if self.volts is not None:
            return f"{self.volts:.2f} V", f"{self.volts:.2f} 伏"
        return ("low", "低") if self.low else ("good", "正常")


class Sample(msgspec.Struct, frozen=True):
    """A percentage for the rate."""

    at: datetime
    percent: float


class Cell(msgspec.Struct, frozen=True, omit_defaults=True):
    """The battery of a device. `low_since`, `seen`: the first level that was too low. `raised`: low, fast or not."""

    told_at: datetime
    level: Level
    low_since: datetime | None = None
    seen: Evidence | None = None
    samples: tuple[Sample, ...] = ()
    raised: str = ""


class BatteryState(msgspec.Struct, frozen=True, omit_defaults=True):
    """By device."""

    cells: dict[str, Cell] = {}


class BatteryDetector:
    """See the module."""

    name = "battery"
    events = frozenset({HealthType.BATTERY.value})
    wakes: frozenset[str] = frozenset()
    parameters = BatteryParameters
    state = BatteryState

    def event(self, state: BatteryState, event: Event, home: Home, parameters: BatteryParameters) -> Step:
        """A device tells its level."""
        device_id = event.device.id
        known = state.cells.get(device_id)
        level = read_level(event, percents=known is not None and known.level.percent is not None)
        if level is None or (known is not None and event.at < known.told_at):
            return _look(state.cells, event.at, home, parameters)
        cell = _take(known, event, level, parameters)
        cleared: tuple[Clearing, ...] = ()
        if cell.raised and _is_well(cell, parameters):
            cleared = (_charged(event, level, home),)
            # A rise that ends a low level begins the rate anew, also one from a level too short for a sample.
            samples = _sampled((), event, level) if cell.raised == "low" else cell.samples
            cell = msgspec.structs.replace(cell, raised="", low_since=None, seen=None, samples=samples)
        step = _look({**state.cells, device_id: cell}, event.at, home, parameters)
        return msgspec.structs.replace(step, cleared=cleared)

    def due(self, state: BatteryState, at: datetime, home: Home, parameters: BatteryParameters) -> Step:
        """Low for long enough, or the round in which levels are looked at."""
        return _look(state.cells, at, home, parameters)


DETECTOR = BatteryDetector()


def read_level(event: Event, *, percents: bool) -> Level | None:
    """The level of a `battery` message; None where it tells none. `percents`: the device has told percents before."""
    value, unit = event.value, event.unit or ""
    if isinstance(value, str):
        word = value.strip().lower()
        return Level(low=word in _LOW_WORDS) if word in _LOW_WORDS | _GOOD_WORDS else None
    if isinstance(value, bool) or (unit == "" and not percents and as_flag(value) is not None):
        return Level(low=not value)
    if value is None:
        return None
    if unit in ("V", "mV"):
        volts = value / 1000 if unit == "mV" else value
        return Level(volts=volts) if 0.5 <= volts <= 60 else None
    if unit not in ("", "%"):
        return None
    return Level(percent=value) if 0 <= value <= 100 else None


def _is_low(level: Level, parameters: BatteryParameters) -> bool:
    if level.percent is not None:
        return level.percent <= parameters.low_percent
    if level.volts is not None:
        return level.volts <= parameters.low_v
    return bool(level.low)


def _is_well(cell: Cell, parameters: BatteryParameters) -> bool:
    """Whether what was raised is over: well above the limit, and for a rate one that has begun anew."""
    level = cell.level
    if cell.raised == "fast":
        left = days_left(cell.samples)
        return len(cell.samples) == 1 or (left is not None and left > 2 * parameters.soon_d)
    if level.percent is not None:
        return level.percent >= parameters.low_percent + _WAVERS
    if level.volts is not None:
        return level.volts >= parameters.low_v + _WAVERS_V
    return level.low is False


def _take(known: Cell | None, event: Event, level: Level, parameters: BatteryParameters) -> Cell:
    """The cell with its new level."""
    cell = msgspec.structs.replace(known or Cell(event.at, level), told_at=event.at, level=level)
    if not _is_low(level, parameters):
        # Just above the limit is not well yet: what was raised stays so, but nothing new begins.
        low_since, seen = (cell.low_since, cell.seen) if cell.raised == "low" else (None, None)
    elif cell.low_since is None:
        low_since, seen = event.at, evidence(event)
    else:
        low_since, seen = cell.low_since, cell.seen
    return msgspec.structs.replace(cell, low_since=low_since, seen=seen, samples=_sampled(cell.samples, event, level))


def _sampled(samples: tuple[Sample, ...], event: Event, level: Level) -> tuple[Sample, ...]:
    if level.percent is None:
        return ()
    new = Sample(event.at, level.percent)
    if not samples or new.percent >= samples[-1].percent + _WAVERS:
        return (new,)
    if new.at - samples[-1].at < _SAMPLE_EVERY:
        return samples
    return (*samples, new)[-_SAMPLES:]


def days_left(samples: tuple[Sample, ...]) -> float | None:
    """Days until it is empty at the rate of these levels; None where it does not fall, or too little is known."""
    if len(samples) < _RATE_SAMPLES or samples[-1].at - samples[0].at < _RATE_SPAN:
        return None
    if samples[0].percent - samples[-1].percent <= _RATE_FALL:
        return None
    slopes = [(one.percent - other.percent) / _days(one.at, other.at) for one, other in combinations(samples, 2)]
    rate = median(slopes)
    return samples[-1].percent / rate if rate > 0 else None


def _days(begins_at: datetime, ends_at: datetime) -> float:
    return (ends_at - begins_at).total_seconds() / 86_400


def _look(cells: dict[str, Cell], at: datetime, home: Home, parameters: BatteryParameters) -> Step:
    kept = {one: cell for one, cell in cells.items() if one in home.devices}
    raised: list[Finding] = []
    due = [next_round(home, at, _LOOK)]
    for device_id, cell in list(kept.items()):
        finding = None
        if cell.low_since is not None and cell.raised != "low":
            due_at = cell.low_since + timedelta(seconds=parameters.lasting_s)
            if due_at > at:
                due.append(due_at)
            else:
                finding = _low(device_id, cell, home, parameters)
                kept[device_id] = msgspec.structs.replace(cell, raised="low")
        elif not cell.raised and (left := days_left(cell.samples)) is not None and left < parameters.soon_d:
            finding = _falling(device_id, cell, left, home, parameters)
            kept[device_id] = msgspec.structs.replace(cell, raised="fast")
        raised += [] if finding is None else [finding]
    return Step(BatteryState(kept), tuple(raised), due_at=min(due))


def _low(device_id: str, cell: Cell, home: Home, parameters: BatteryParameters) -> Finding:
    assert cell.low_since is not None  # nothing else is raised
    clock, (en, zh) = wall_clock(cell.low_since, home.zone), cell.level.words()
    reason = why(
        "battery_low",
        f"The battery of {device_id} has been low since {clock}: {en}.",
        f"设备 {device_id} 自 {clock} 起电量低：{zh}。",
        since=cell.low_since.isoformat(), device=device_id,
        expected={"above_percent": parameters.low_percent, "above_v": parameters.low_v}, observed=_figures(cell.level),
    )  # fmt: skip
    seen = () if cell.seen is None else (cell.seen,)
    return Finding(
        KIND, cell.low_since, reason, seen, device_id, home.devices[device_id].resident_id, per_device=True
    )  # fmt: skip


def _falling(device_id: str, cell: Cell, left: float, home: Home, parameters: BatteryParameters) -> Finding:
    first, last = cell.samples[0], cell.samples[-1]
    a_day = (first.percent - last.percent) / _days(first.at, last.at)
    clock, fallen_zh = wall_clock(first.at, home.zone), f"由 {first.percent:.0f}% 降至 {last.percent:.0f}%"
    reason = why(
        "battery_falling",
        f"The battery of {device_id} has fallen from {first.percent:.0f} % to {last.percent:.0f} % since {clock}: "
        f"empty in about {left:.0f} days.",
        f"设备 {device_id} 的电量自 {clock} 起{fallen_zh}：约 {left:.0f} 天后耗尽。",
        since=first.at.isoformat(), device=device_id, expected={"lasts_d": parameters.soon_d},
        observed={"percent": last.percent, "percent_a_day": round(a_day, 2), "days_left": round(left, 1)},
    )  # fmt: skip
    return Finding(KIND, first.at, reason, (), device_id, home.devices[device_id].resident_id, per_device=True)


def _charged(event: Event, level: Level, home: Home) -> Clearing:
    clock, (en, zh) = wall_clock(event.at, home.zone), level.words()
    reason = why(
        "battery_well",
        f"The battery of {event.device.id} was charged or replaced by {clock}: {en}.",
        f"设备 {event.device.id} 的电池已于 {clock} 前充电或更换：{zh}。",
        at=event.at.isoformat(), device=event.device.id, observed=_figures(level),
    )  # fmt: skip
    return Clearing(KIND, event.at, reason, event.device.id, event.device.resident_id, per_device=True)


def _figures(level: Level) -> dict[str, object]:
    return {name: value for name, value in msgspec.structs.asdict(level).items() if value is not None}
