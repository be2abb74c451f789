"""What moving about sets off: motion sensors, the entrance door, the fridge, bed mats."""

import random
from collections.abc import Iterator, Sequence
from datetime import date
from itertools import pairwise

from device_sim.day import Doing
from device_sim.lives.household import Household
from device_sim.lives.mishap import Mishap
from device_sim.lives.people import Span, Visit
from device_sim.lives.told import Draft
from gateway.wire import Lane, ReadingType

#: Mean and longest pause (s) between two movements that a motion sensor sees.
_PAUSES = {
    Doing.BUSY: (75.0, 240.0),
    Doing.QUIET: (420.0, 2100.0),
    Doing.NAP: (3600.0, 7200.0),
    Doing.ASLEEP: (9000.0, 28800.0),
}
#: A motion sensor says nothing new within a minute, and that nobody moves after a minute and a half.
_COOL_DOWN_S = 60.0
_CLEAR_AFTER_S = 90.0
_REPEATED_EVERY_S = 3600.0
#: A chattering mat lets go for a second about once a minute (as in recorded homes).
_CHATTER_EVERY_S = 55.0

Day = Sequence[Sequence[Span]]
"""The spans of everybody in the home."""


def motion(household: Household, day: date, people: Day, guests: Sequence[Visit], mishap: Mishap | None) -> list[Draft]:
    """Motion in every room that has a sensor."""
    chance = random.Random(f"{household.name}/motion/{day}")
    seen: dict[str, list[float]] = {room: [] for room in household.rooms}
    for number, spans in enumerate(people):
        his = mishap if mishap is not None and mishap.person == number else None
        stirs_until_s = 0.0 if his is None else his.begins_s + his.stirs_s
        for before, span in zip((None, *spans), spans, strict=False):
            motionless = (
                his is not None and span.doing is his.doing is Doing.ASLEEP and his.on(his.kind, at_s=span.begin_s)
            )
            if span.room in seen and not motionless:
                first = before is not None and before.room != span.room
                seen[span.room] += _movements(span, chance, stirs_until_s, first=first)
            if "hall" in seen and before is not None and (before.room is None) != (span.room is None):
                seen["hall"] += [span.begin_s - 6.0, span.begin_s + 3.0]
    for visit in guests:
        seen.get("living_room", []).extend(_paced(visit.begin_s + 60, visit.end_s, chance, (90.0, 300.0)))
    begin_s, end_s = people[0][0].begin_s, people[0][-1].end_s
    if household.pet > 0:
        for at_s in _paced(begin_s, end_s, chance, (3600.0 / household.pet, 1e9)):
            seen[chance.choice(household.rooms)].append(at_s)
    drafts: list[Draft] = []
    for room, times in seen.items():
        drafts += _sensor(household.id(f"motion-{room}"), sorted(one for one in times if begin_s <= one < end_s))
    return drafts


def _movements(span: Span, chance: random.Random, stirs_until_s: float, *, first: bool) -> Iterator[float]:
    if first and span.doing is not Doing.ASLEEP:
        yield span.begin_s + chance.uniform(0.5, 3.0)
    if span.doing is Doing.DOWN:
        yield from _paced(span.begin_s, min(span.end_s, stirs_until_s), chance, (200.0, 600.0))
    elif span.doing in _PAUSES:
        yield from _paced(span.begin_s, span.end_s, chance, _PAUSES[span.doing])


def _paced(begin_s: float, end_s: float, chance: random.Random, pause: tuple[float, float]) -> Iterator[float]:
    mean, longest = pause
    at_s = begin_s + min(chance.expovariate(1 / mean), longest)
    while at_s < end_s:
        yield at_s
        at_s += 1.0 + min(chance.expovariate(1 / mean), longest)


def _sensor(device: str, times: Sequence[float]) -> Iterator[Draft]:
    """Movements as a passive infrared sensor tells them: true, pauses, false."""
    told = -_COOL_DOWN_S
    for number, at_s in enumerate(times):
        if at_s - told >= _COOL_DOWN_S:
            yield Draft(at_s, device, Lane.READING, ReadingType.MOTION, True)
            told = at_s
        following = times[number + 1] if number + 1 < len(times) else float("inf")
        if following - at_s > _CLEAR_AFTER_S:
            yield Draft(at_s + _CLEAR_AFTER_S, device, Lane.READING, ReadingType.MOTION, False)


def doors(household: Household, day: date, people: Day, guests: Sequence[Visit], mishap: Mishap | None) -> list[Draft]:
    """The entrance door, with its hourly repetition, and the fridge."""
    chance = random.Random(f"{household.name}/doors/{day}")
    opened: list[tuple[float, float]] = []
    for spans in people:
        for before, span in pairwise(spans):
            if (before.room is None) != (span.room is None):
                opened.append((span.begin_s - 4.0, span.begin_s + chance.uniform(2.0, 9.0)))
    for visit in guests:
        opened += [(visit.begin_s, visit.begin_s + 20.0), (visit.end_s, visit.end_s + 30.0)]
    begin_s, end_s = people[0][0].begin_s, people[0][-1].end_s
    parcel_s = chance.uniform(begin_s + 9 * 3600, begin_s + 18 * 3600)
    rings = chance.random() < 0.3
    if rings and any(one.doing in (Doing.BUSY, Doing.QUIET) for one in _at(people, parcel_s)):
        opened.append((parcel_s, parcel_s + 25.0))
    if mishap is not None and mishap.kind == "door_open_night":
        opened = [one for one in opened if not mishap.begins_s <= one[0] < mishap.ends_s]
        opened.append((mishap.begins_s, mishap.ends_s))
    door = household.id("door")
    changes = sorted((at_s, value) for one in opened for at_s, value in ((one[0], True), (one[1], False)))
    drafts = [Draft(at_s, door, Lane.READING, ReadingType.DOOR, value) for at_s, value in changes]
    drafts += _repeated(door, ReadingType.DOOR, changes, begin_s, end_s, chance, value=False)
    drafts = [one for one in drafts if begin_s <= one.at_s < end_s]
    if household.fridge:
        drafts += _fridge(household, people, chance)
    return drafts


def _at(people: Day, at_s: float) -> list[Span]:
    return [one for spans in people for one in spans if one.begin_s <= at_s < one.end_s]


def _fridge(household: Household, people: Day, chance: random.Random) -> Iterator[Draft]:
    device = household.id("fridge")
    for spans in people:
        for span in spans:
            if span.room == "kitchen" and span.doing is Doing.BUSY and chance.random() < 0.6:
                at_s = chance.uniform(span.begin_s, span.end_s)
                yield Draft(at_s, device, Lane.READING, ReadingType.DOOR, True)
                yield Draft(at_s + chance.uniform(5, 20), device, Lane.READING, ReadingType.DOOR, False)


def _repeated(
    device: str, kind: str, changes: Sequence[tuple[float, bool]], begin_s: float, end_s: float,
    chance: random.Random, *, value: bool,
) -> Iterator[Draft]:  # fmt: skip
    """The state once an hour, as many sensors repeat it."""
    at_s = begin_s + chance.uniform(0, _REPEATED_EVERY_S)
    while at_s < end_s:
        state = next((one for when_s, one in reversed(changes) if when_s <= at_s), value)
        yield Draft(at_s, device, Lane.READING, kind, state)
        at_s += _REPEATED_EVERY_S


def beds(household: Household, day: date, people: Day, mishap: Mishap | None) -> list[Draft]:
    """Every person's bed mat."""
    drafts: list[Draft] = []
    for number, person in enumerate(household.people):
        if not person.mat:
            continue
        chance = random.Random(f"{household.name}/bed-{number}/{day}")
        device, spans = household.id(f"bed-{number}"), people[number]
        lies = _merged([(one.begin_s, one.end_s) for one in spans if one.doing is Doing.ASLEEP])
        begin_s, end_s = spans[0].begin_s, spans[-1].end_s
        changes = [
            (at_s, on) for one in lies for at_s, on in ((one[0], True), (one[1], False)) if begin_s < at_s < end_s
        ]
        if household.chatters:
            changes += [change for one in lies for change in _chatter(*one, chance)]
        changes.sort()
        first = bool(lies) and lies[0][0] <= begin_s
        made = [Draft(at_s, device, Lane.READING, ReadingType.BED, on) for at_s, on in changes]
        made += _repeated(device, ReadingType.BED, changes, begin_s, end_s, chance, value=first)
        if mishap is not None and mishap.device == f"bed-{number}" and mishap.kind == "sensor_stuck":
            for one in made:
                if mishap.begins_s <= one.at_s < mishap.ends_s:
                    one.value = True
        drafts += made
    return drafts


def _merged(found: list[tuple[float, float]]) -> list[tuple[float, float]]:
    """Neighbours that touch as one."""
    merged: list[tuple[float, float]] = []
    for begin_s, end_s in found:
        touches = bool(merged) and merged[-1][1] == begin_s
        merged.append((merged.pop()[0] if touches else begin_s, end_s))
    return merged


def _chatter(begin_s: float, end_s: float, chance: random.Random) -> Iterator[tuple[float, bool]]:
    for at_s in _paced(begin_s + 5, end_s - 5, chance, (_CHATTER_EVERY_S, 600.0)):
        yield at_s, False
        yield at_s + 1.0, True
