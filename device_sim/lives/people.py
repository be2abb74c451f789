"""Where everybody is on one day, in seconds since the epoch: the day's plan, absences, guests, and what went wrong."""

import random
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from functools import lru_cache

from device_sim.day import DAY_S, Doing, plan_day
from device_sim.lives.household import Household
from device_sim.lives.mishap import Mishap


@dataclass(frozen=True, slots=True)
class Span:
    """From `begin_s` to before `end_s` (seconds since the epoch) in one room; None: out of the house."""

    begin_s: float
    end_s: float
    room: str | None
    doing: Doing


@lru_cache(maxsize=4096)
def spans(household: Household, number: int, day: date, mishap: Mishap | None = None) -> tuple[Span, ...]:
    """One person's day from local midnight to midnight, without gaps."""
    person = household.people[number]
    epoch = [
        Span(_epoch(household, day, one.begin_s), _epoch(household, day, one.end_s), one.room, one.doing)
        for one in plan_day(f"{household.name}/{number}", day, person.habits)
    ]
    found = [one for one in epoch if one.begin_s < one.end_s]
    for away in household.aways:
        begin_s, end_s = household.at(away.begins).timestamp(), household.at(away.ends).timestamp()
        found = _replaced(found, begin_s, end_s, None, Doing.OUT)
    if mishap is not None and mishap.person == number and mishap.doing is not None:
        found = _replaced(found, mishap.begins_s, mishap.ends_s, mishap.room, mishap.doing)
    return tuple(found)


@dataclass(frozen=True, slots=True)
class Visit:
    """Guests are there from one moment to another (seconds since the epoch)."""

    begin_s: float
    end_s: float


def visits(household: Household, day: date, mishap: Mishap | None = None) -> tuple[Visit, ...]:
    """Guests of the afternoon: only while somebody is at home, and none while nobody opens to them."""
    chance = random.Random(f"{household.name}/guests/{day}")
    if chance.random() >= household.guests:
        return ()
    begin_s = _epoch(household, day, chance.randrange(14 * 3600, 16 * 3600))
    visit = Visit(begin_s, begin_s + chance.randrange(45 * 60, 150 * 60))
    if mishap is not None and mishap.doing is not None and visit.end_s > mishap.begins_s:
        return ()
    return (visit,) if any(_in(spans(household, n, day), visit) for n in range(len(household.people))) else ()


def doing_at(day_spans: Sequence[Span], at_s: float) -> Span | None:
    """Where the person is at this moment of the day."""
    return next((one for one in day_spans if one.begin_s <= at_s < one.end_s), None)


def _in(day_spans: Sequence[Span], visit: Visit) -> bool:
    return all(one.room is not None for one in day_spans if one.begin_s < visit.end_s and visit.begin_s < one.end_s)


def _epoch(household: Household, day: date, second: float) -> float:
    if second >= DAY_S:
        return household.local(date.fromordinal(day.toordinal() + 1), second - DAY_S).timestamp()
    return household.local(day, second).timestamp()


def _replaced(found: list[Span], begin_s: float, end_s: float, room: str | None, doing: Doing) -> list[Span]:
    """The same with one stay put over what was planned."""
    if not found or begin_s >= found[-1].end_s or end_s <= found[0].begin_s:
        return found
    begin_s, end_s = max(begin_s, found[0].begin_s), min(end_s, found[-1].end_s)
    before = [Span(one.begin_s, min(one.end_s, begin_s), one.room, one.doing) for one in found if one.begin_s < begin_s]
    after = [Span(max(one.begin_s, end_s), one.end_s, one.room, one.doing) for one in found if one.end_s > end_s]
    return [*before, Span(begin_s, end_s, room, doing), *after]
