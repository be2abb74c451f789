"""Reported falls on the simulated lives: who lies still is paged, who walks on or cancels is left alone.

The same frozen lives as for the detectors (`scenario_lives.py`), through the same rule as live: `suspect` when the
report comes, `find_movement` at the end of each window with what has come by then.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from benchmarks.report import line
from device_sim.lives.life import Life
from device_sim.lives.told import Told, moment
from evaluation.intervals import wilson_interval
from evaluation.options import Figures, Options
from evaluation.playing import home_of
from evaluation.scenario_lives import Emergency, emergencies
from gateway.wire import AlarmType
from ingest.detect.core import Event, Home
from ingest.detect.fall import FallParameters, Wearer, find_movement, suspect

#: What ought to become of each.
EXPECTED = {"fall_still": "paged", "fall_moving": "moved", "fall_cancelled": "cancelled"}
_DAY = timedelta(days=1)


@dataclass(frozen=True)
class Fate:
    """What became of a reported fall, and how many seconds after it. `alone`: nobody else lives there."""

    kind: str
    alone: bool
    end: str
    after_s: float


def measure(options: Options) -> Figures:
    """What became of every fall, by what it was."""
    which = "development" if options.development else "judged"
    fates = [fate_of(one) for one in emergencies(which) if one.mishap.kind in EXPECTED]
    line(f"\nReported falls ({which}): what became of them\n")
    line(f"{'':16} {'home':9} {'of':>4} {'paged':>6} {'moved':>6} {'cancelled':>10} {'as it ought, 95 %':>21}"
         f" {'after, median':>14}")  # fmt: skip
    figures: Figures = {}
    for kind in EXPECTED:
        for alone in (True, False):
            mine = [one for one in fates if one.kind == kind and one.alone is alone]
            if mine:
                figures[f"{kind}_{'alone' if alone else 'together'}"] = _figures(kind, mine)
                _print(kind, alone, mine)
    still = [one for one in fates if one.kind == "fall_still"]
    figures["missed"] = sum(one.end != "paged" for one in still)
    figures["latest_page_s"] = max(one.after_s for one in still)
    return {"fall": figures}


def fate_of(emergency: Emergency) -> Fate:
    """What would become of this reported fall."""
    household, mishap = emergency.household, emergency.mishap
    life, home = Life(household), home_of(household)
    told = [*life.day(emergency.day - _DAY), *life.day(emergency.day, mishap), *life.day(emergency.day + _DAY)]
    begins_at, device = moment(mishap.begins_s), home.devices[household.id(mishap.device)]
    report = next(one for one in told if one.type == AlarmType.FALL and one.device == device.id)
    cancels = [one.received_at for one in told if one.type == AlarmType.FALL_CANCEL and one.device == device.id]
    parameters = FallParameters()
    suspicion = suspect(report.data, min(report.time, report.received_at), report.received_at, parameters)
    alone = len(home.residents) == 1
    wearer = Wearer(device.resident_id, device.id, alone)
    for look in sorted({max(suspicion.still_until, report.received_at), suspicion.page_at}):
        cancelled = min((at for at in cancels if at <= look), default=None)
        if cancelled is not None:
            return Fate(mishap.kind, alone, "cancelled", (cancelled - begins_at).total_seconds())
        movement = find_movement(suspicion, wearer, _events(home, told, look))
        if movement is not None:
            return Fate(mishap.kind, alone, "moved", (look - begins_at).total_seconds())
    return Fate(mishap.kind, alone, "paged", (suspicion.page_at - begins_at).total_seconds())


def _events(home: Home, told: Sequence[Told], by: datetime) -> list[Event]:
    """What the home's devices had said, as far as it had come by then."""
    return [
        Event(min(one.time, one.received_at), home.devices[one.device], one.type, one.value,
              received_at=one.received_at)
        for one in told if one.received_at <= by and by - one.time < _DAY
    ]  # fmt: skip


def _figures(kind: str, fates: Sequence[Fate]) -> Figures:
    right = sum(one.end == EXPECTED[kind] for one in fates)
    low, high = wilson_interval(right, len(fates))
    return {
        "of": len(fates), **{end: sum(one.end == end for one in fates) for end in EXPECTED.values()},
        "as_expected_interval": [round(low, 3), round(high, 3)], "median_s": round(_median(fates), 1),
    }  # fmt: skip


def _print(kind: str, alone: bool, fates: Sequence[Fate]) -> None:
    figures = _figures(kind, fates)
    right = figures[EXPECTED[kind]] / figures["of"]
    low, high = figures["as_expected_interval"]
    line(
        f"{kind:16} {'alone' if alone else 'together':9} {figures['of']:4} {figures['paged']:6} {figures['moved']:6}"
        f" {figures['cancelled']:10} {f'{right:.2f} [{low:.2f}, {high:.2f}]':>21} {figures['median_s']:12.0f} s"
    )


def _median(fates: Sequence[Fate]) -> float:
    return sorted(one.after_s for one in fates)[len(fates) // 2]
