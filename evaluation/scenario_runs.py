"""One simulated household through all detectors: its ordinary months, and from a morning of them each emergency."""

import os
from collections import Counter
from collections.abc import Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Any

import msgspec

from device_sim.lives.household import Household
from device_sim.lives.life import Life
from device_sim.lives.mishap import Truth
from device_sim.lives.told import Told, moment
from evaluation.nights import Nights
from evaluation.playing import Checkpoint, Noticed, Player
from evaluation.scenario_answers import answers, settings
from evaluation.scenario_lives import LEARNING_DAYS, Emergency, emergencies, households
from evaluation.scenario_rules import OFFLINE, Heard, offline_alarms
from ingest.detect import inactivity
from ingest.detect.catalogue import detectors
from ingest.detect.core import Detector, Finding, Parameters
from ingest.detect.inactivity import InactivityParameters

_DAY = timedelta(days=1)
_PROCESSES = 2


@dataclass(frozen=True)
class Alarm:
    """What a detector raised."""

    detector: str
    kind: str
    known_at: datetime
    happened_at: datetime
    device: str | None
    why: str


@dataclass(frozen=True)
class Outcome:
    """What became of one emergency. `answers`: detector -> when it raised, None where it did not."""

    household: str
    kind: str
    begins_at: datetime
    answers: Mapping[str, datetime | None]


@dataclass(frozen=True)
class Run:
    """One household's months: everything raised in the judged ones, and what became of its emergencies.

    `judged_days`: without entered absences, in which nothing of the person is judged. `dues`, `largest_state`: how
    often each detector was asked at a due time, and the JSON of its largest state in bytes.
    """

    household: str
    judged_days: float
    alarms: Sequence[Alarm]
    truths: Sequence[Truth]
    outcomes: Sequence[Outcome]
    largest_state: Mapping[str, int]


def run_all(which: str) -> list[Run]:
    """All households of a set, in two processes; the longest first."""
    names = [one.household.name for one in emergencies(which)]
    order = sorted(households(which), key=lambda one: -names.count(one.name))
    with ProcessPoolExecutor(min(_PROCESSES, os.cpu_count() or 1)) as pool:
        return list(pool.map(run_household, [which] * len(order), [one.name for one in order]))


def switched_on(chosen: Sequence[Detector[Any, Any]], household: Household) -> dict[str, Parameters]:
    """All of them, with what the station has set and nothing else."""
    entered = settings(household)
    return {one.name: msgspec.convert({"enabled": True, **entered.get(one.name, {})}, one.parameters) for one in chosen}


def run_household(which: str, name: str) -> Run:
    """The months of one household."""
    household = next(one for one in households(which) if one.name == name)
    mine = [one for one in emergencies(which) if one.household.name == name]
    parameters = switched_on(detectors(), household)
    life, player = Life(household), Player(household, detectors(), parameters)
    nights, outcomes, sizes = Nights(_of_inactivity(parameters)), list[Outcome](), Counter[str]()
    pending: list[Told] = []
    heard: Heard = {}
    for day in life.dates():
        here = player.checkpoint()
        outcomes += [_play(one, life, here, pending, heard) for one in mine if one.day == day]
        told = life.day(day)
        pending = feed(player, pending, told, household, day)
        heard = heard_also(heard, told)
        player.learn(nights.learn(player, household.local(day + _DAY)))
        for detector, known in player.memory.items():
            sizes[detector] = max(sizes[detector], len(msgspec.json.encode(known.state)))
    judged_from = household.local(household.first + timedelta(days=LEARNING_DAYS))
    ends = household.local(household.first + timedelta(days=household.days))
    alarms = [one for one in map(_alarm, player.noticed) if one is not None] + _silent(household, heard, ends)
    alarms = [one for one in alarms if one.known_at >= judged_from]
    return Run(name, _judged_days(household, judged_from, ends), alarms, life.truths(), outcomes, sizes)


def feed(player: Player, pending: list[Told], told: list[Told], household: Household, day: date) -> list[Told]:
    """Tell the player what came by the end of this local day; returns what comes later."""
    midnight = household.local(day + _DAY)
    coming = sorted([*pending, *told], key=lambda one: one.received_at)
    player.tell([one for one in coming if one.received_at < midnight], midnight)
    return [one for one in coming if one.received_at >= midnight]


def heard_also(heard: Heard, told: Sequence[Told]) -> Heard:
    """When devices were heard, with these messages."""
    more: dict[str, list[datetime]] = {}
    for one in told:
        more.setdefault(one.device, []).append(one.received_at)
    return {device: sorted([*heard.get(device, ()), *more.get(device, ())]) for device in heard.keys() | more.keys()}


def _silent(household: Household, heard: Heard, until: datetime) -> list[Alarm]:
    return [Alarm(OFFLINE, OFFLINE, at, at, device, "silent") for at, device in offline_alarms(household, heard, until)]


def _play(emergency: Emergency, life: Life, start: Checkpoint, pending: list[Told], heard: Heard) -> Outcome:
    """The emergency from the morning of its day on, for those detectors that ought to notice it."""
    mishap, household = emergency.mishap, emergency.household
    expected = answers(mishap.kind, household)
    chosen = tuple(one for one in detectors() if one.name in expected)
    player = Player(household, chosen, switched_on(chosen, household))
    player.resume(start)
    begins_at, ends_at = moment(mishap.begins_s), moment(mishap.ends_s)
    found: dict[str, datetime | None] = {one.name: None for one in chosen}
    if OFFLINE in expected:
        found[OFFLINE] = None
    day = emergency.day
    while household.local(day) < ends_at and None in found.values():
        told = life.day(day, mishap)
        pending = feed(player, pending, told, household, day)
        day += _DAY
        alarms = [one for one in map(_alarm, player.noticed) if one is not None]
        if OFFLINE in expected:
            heard = heard_also(heard, told)
            alarms += _silent(household, heard, min(ends_at, household.local(day)))
        for name in found:
            found[name] = min(
                (one.known_at for one in alarms if one.detector == name and one.kind in expected[name]
                 and begins_at <= one.known_at < ends_at and _about(one, household, mishap.device)),
                default=None,
            )  # fmt: skip
    return Outcome(household.name, mishap.kind, begins_at, found)


def _about(alarm: Alarm, household: Household, device: str) -> bool:
    return not device or alarm.device is None or alarm.device in (household.id(device), household.gateway)


def _alarm(noticed: Noticed) -> Alarm | None:
    what = noticed.found.what
    if not isinstance(what, Finding):
        return None
    text = what.why["text"]["en"]
    return Alarm(noticed.found.detector, what.kind, noticed.known_at, what.happened_at, what.device_id, text)


def _of_inactivity(parameters: Mapping[str, Parameters]) -> InactivityParameters:
    chosen = parameters[inactivity.NAME]
    assert isinstance(chosen, InactivityParameters)
    return chosen


def _judged_days(household: Household, begins: datetime, ends: datetime) -> float:
    absent = timedelta()
    for away in household.aways:
        if away.entered:
            absent += max(timedelta(), min(ends, household.at(away.ends)) - max(begins, household.at(away.begins)))
    return (ends - begins - absent) / _DAY
