"""Water: what is used when, and what a meter and a cistern tell of it."""

import random
from collections.abc import Iterator
from datetime import date

from device_sim.day import Doing
from device_sim.lives.household import Household
from device_sim.lives.mishap import Mishap
from device_sim.lives.movement import Day
from device_sim.lives.told import Draft
from gateway.wire import Lane, ReadingType

#: Litres of one use, by room; and with which chance a stay has one.
_USES = {"toilet": (5.0, 9.0, 1.0), "bathroom": (4.0, 30.0, 0.9), "kitchen": (0.5, 8.0, 0.7)}
_METER_EVERY_S = 3600.0


def uses(household: Household, day: date, people: Day, mishap: Mishap | None = None) -> list[tuple[float, float, str]]:
    """(when, litres, room) of every use of the day."""
    chance = random.Random(f"{household.name}/water/{day}")
    found = []
    for spans in people:
        for span in spans:
            if span.room not in _USES or span.doing is not Doing.BUSY:
                continue
            low, high, share = _USES[span.room]
            litres, at_s, used = chance.uniform(low, high), chance.uniform(0.5, 1.0), chance.random() < share
            when_s = span.begin_s + at_s * (span.end_s - span.begin_s)
            if used and not (mishap is not None and mishap.on("no_water", at_s=when_s)):
                found.append((when_s, litres, span.room))
    return sorted(found)


def water(household: Household, day: date, people: Day, mishap: Mishap | None, meter_l: float) -> Iterator[Draft]:
    """The meter after each use and once an hour, in m3 since it was installed; the cistern's flushes.

    `meter_l`: what the meter showed at midnight, in litres.
    """
    used = uses(household, day, people, mishap)
    if household.flush:
        for at_s, _, room in used:
            if room == "toilet":
                yield Draft(at_s, household.id("flush"), Lane.READING, ReadingType.WATER, True)
                yield Draft(at_s + 8.0, household.id("flush"), Lane.READING, ReadingType.WATER, False)
    if not household.meter:
        return
    begin_s, end_s = people[0][0].begin_s, people[0][-1].end_s
    chance = random.Random(f"{household.name}/meter")
    phase_s = chance.uniform(0, _METER_EVERY_S)
    hours = [begin_s + phase_s + n * _METER_EVERY_S for n in range(25)]
    shown = sorted([(at_s + 5.0, litres) for at_s, litres, _ in used] + [(at_s, 0.0) for at_s in hours if at_s < end_s])
    for at_s, litres in shown:
        meter_l += litres
        cubic = round(meter_l / 1000, 4)
        yield Draft(at_s, household.id("water"), Lane.READING, ReadingType.WATER, cubic, "m3")
