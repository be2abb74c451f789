"""What may go wrong on a day of a household's life, and when: one function a kind.

Each gives the `Mishap` that fits the day, or None where the household or the day has no place for it (no band, nobody
went out). Chance is handed in, so one seed gives one mishap.
"""

import random
from collections.abc import Callable
from datetime import date
from itertools import pairwise

from device_sim.day import Doing
from device_sim.lives.household import Household
from device_sim.lives.mishap import Mishap
from device_sim.lives.people import Span, spans

Pick = Callable[[Household, date, random.Random], Mishap | None]

_HOUR_S = 3600.0
_DAY_S = 24 * _HOUR_S
_AWAKE = (Doing.BUSY, Doing.QUIET)


def pick(kind: str, household: Household, day: date, chance: random.Random) -> Mishap | None:
    """The mishap of this kind on this day, or None; none within a day of an absence or an outage."""
    found = PICKS[kind](household, day, chance)
    if found is None:
        return None
    oddities = [(one.begins, one.ends) for one in household.aways]
    oddities += [(one.begins, one.ends) for one in household.outages]
    for begins, ends in oddities:
        if household.at(begins).timestamp() < found.ends_s and found.begins_s < household.at(ends).timestamp() + _DAY_S:
            return None
    return found


# --- the person -----------------------------------------------------------------------------------------------------


def _collapse_day(household: Household, day: date, chance: random.Random) -> Mishap | None:
    """Falls somewhere at home between getting up and going to bed, and stays there; half of them stir for a while."""
    awake = [one for one in _alone(household, day) if one.doing in _AWAKE and one.end_s - one.begin_s > 60]
    if not awake:
        return None
    (span,) = chance.choices(awake, [one.end_s - one.begin_s for one in awake])
    return _lying("collapse_day", chance.uniform(span.begin_s + 30, span.end_s), span.room, chance)


def _collapse_night(household: Household, day: date, chance: random.Random) -> Mishap | None:
    """Falls on the way back from the toilet at night."""
    night = [one for one in _alone(household, day)[1:] if one.room == "toilet" and _hour(household, day, one) < 5.2]
    return _lying("collapse_night", chance.choice(night).end_s + 8, "hall", chance) if night else None


def _not_getting_up(household: Household, day: date, chance: random.Random) -> Mishap | None:
    """Lies in bed helpless from some time of the early morning on."""
    slept = [one for one in _alone(household, day) if one.doing is Doing.ASLEEP and _hour(household, day, one) < 7]
    if not slept or not household.people[0].mat:
        return None
    begins_s = chance.uniform(slept[-1].begin_s, slept[-1].end_s)
    return Mishap("not_getting_up", begins_s, begins_s + _DAY_S, doing=Doing.ASLEEP, room="bedroom")


def _behind_the_door(household: Household, day: date, chance: random.Random) -> Mishap | None:
    """Comes home, closes the door and falls in the hall."""
    day_spans = _alone(household, day)
    home = [now for before, now in pairwise(day_spans) if before.room is None and now.room]
    return _lying("behind_the_door", chance.choice(home).begin_s + 12, "hall", chance) if home else None


def _fall(kind: str) -> Pick:
    """The band tells a fall; still: the wearer stays where he is; moving: he goes on; cancelled: he says so in time."""

    def fall(household: Household, day: date, chance: random.Random) -> Mishap | None:
        at_home = [one for one in _alone(household, day) if one.doing is Doing.BUSY and one.end_s - one.begin_s > 150]
        if not at_home or not household.people[0].band:
            return None
        span = chance.choice(at_home)
        begins_s = span.begin_s + 20
        still = kind == "fall_still"
        ends_s = begins_s + (8 * _HOUR_S if still else 600)
        return Mishap(
            kind, begins_s, ends_s, doing=Doing.DOWN if still else None, room=span.room if still else None,
            device="band-0", figure=chance.uniform(5, 25),
        )  # fmt: skip

    return fall


def _wander_night(household: Household, day: date, chance: random.Random) -> Mishap | None:
    """Leaves the house in the night."""
    if not household.people[0].located or len(household.people) > 1:
        return None
    begins_s = household.local(day, chance.uniform(0.5, 4.0) * _HOUR_S).timestamp()
    ends_s = begins_s + chance.uniform(2, 4) * _HOUR_S
    return Mishap("wander_night", begins_s, ends_s, doing=Doing.OUT, figure=chance.uniform(1500, 4000))


def _wander_far(household: Household, day: date, chance: random.Random) -> Mishap | None:
    """Goes out for an errand and goes astray: farther and farther."""
    out = [one for one in spans(household, 0, day) if one.room is None]
    if not household.people[0].located or not out:
        return None
    begins_s = chance.choice(out).begin_s
    return Mishap("wander_far", begins_s, begins_s + 5 * _HOUR_S, doing=Doing.OUT, figure=chance.uniform(3000, 8000))


def _missed_check_in(household: Household, day: date, _: random.Random) -> Mishap | None:
    """Does not press "I'm OK" on this day."""
    if not household.people[0].checks_in:
        return None
    return Mishap(
        "missed_check_in", household.local(day, 5 * _HOUR_S).timestamp(), household.local(day, _DAY_S - 1).timestamp()
    )


def _no_water(household: Household, day: date, chance: random.Random) -> Mishap | None:
    """From one hour on no water is used, for a day and a half."""
    if not household.meter:
        return None
    begins_s = household.local(day, chance.uniform(6, 20) * _HOUR_S).timestamp()
    return Mishap("no_water", begins_s, begins_s + 36 * _HOUR_S)


def _door_open_night(household: Household, day: date, chance: random.Random) -> Mishap | None:
    """The entrance door is opened late in the evening and stays open until the morning."""
    begins_s = household.local(day, chance.uniform(22, 26) * _HOUR_S).timestamp()
    return Mishap("door_open_night", begins_s, household.local(day, _DAY_S + 7 * _HOUR_S).timestamp(), device="door")


# --- the body -------------------------------------------------------------------------------------------------------


def _vital(kind: str, figure: tuple[float, float], hours: tuple[float, float], *, measured: bool = False) -> Pick:
    """A measurement that stays where it should not be, from a random time on."""

    def vital(household: Household, day: date, chance: random.Random) -> Mishap | None:
        person = household.people[0]
        if not (person.measures if measured else person.band):
            return None
        begins_s = household.local(day, chance.uniform(0, 24) * _HOUR_S).timestamp()
        return Mishap(kind, begins_s, begins_s + chance.uniform(*hours) * _HOUR_S, figure=chance.uniform(*figure))

    return vital


# --- the devices ----------------------------------------------------------------------------------------------------


def _band_off(household: Household, day: date, chance: random.Random) -> Mishap | None:
    """Takes the band off at home in the daytime and leaves it lying."""
    at_home = [one for one in spans(household, 0, day) if one.doing in _AWAKE and 8 <= _hour(household, day, one) < 18]
    if not at_home or not household.people[0].band:
        return None
    span = chance.choice(at_home)
    begins_s = chance.uniform(span.begin_s, span.end_s)
    return Mishap("band_off", begins_s, begins_s + 30 * _HOUR_S, device="band-0")


def _device(
    kind: str, devices: tuple[str, ...], hours: tuple[float, float], figure: tuple[float, float] = (0, 0)
) -> Pick:
    """Something is wrong with one of these devices, as far as the household has it, from a random time on."""

    def fault(household: Household, day: date, chance: random.Random) -> Mishap | None:
        there = {one.id for one in household.fixtures()} | {"gateway"}
        have = [one for one in devices if one == "gateway" or household.id(one) in there]
        if not have:
            return None
        begins_s = household.local(day, chance.uniform(0, 24) * _HOUR_S).timestamp()
        ends_s = begins_s + chance.uniform(*hours) * _HOUR_S
        return Mishap(kind, begins_s, ends_s, device=chance.choice(have), figure=chance.uniform(*figure))

    return fault


PICKS: dict[str, Pick] = {
    "collapse_day": _collapse_day,
    "collapse_night": _collapse_night,
    "not_getting_up": _not_getting_up,
    "behind_the_door": _behind_the_door,
    "fall_still": _fall("fall_still"),
    "fall_moving": _fall("fall_moving"),
    "fall_cancelled": _fall("fall_cancelled"),
    "wander_night": _wander_night,
    "wander_far": _wander_far,
    "missed_check_in": _missed_check_in,
    "no_water": _no_water,
    "door_open_night": _door_open_night,
    "spo2_low": _vital("spo2_low", (83, 87), (4, 10)),
    "respiration_high": _vital("respiration_high", (27, 32), (4, 10)),
    "heart_rate_high": _vital("heart_rate_high", (128, 150), (3, 8)),
    "fever": _vital("fever", (38.6, 39.6), (48, 72), measured=True),
    "blood_pressure_high": _vital("blood_pressure_high", (52, 70), (48, 72), measured=True),
    "heart_rate_trend": _vital("heart_rate_trend", (1.5, 2.5), (240, 240)),
    "band_off": _band_off,
    "battery_low": _device("battery_low", ("door", "motion-hall", "button"), (90, 96), (18, 30)),
    "power_cut": _device("power_cut", ("gateway",), (2, 9)),
    "gateway_silent": _device("gateway_silent", ("gateway",), (8, 20)),
    "device_silent": _device("device_silent", ("motion-living_room", "door", "bed-0", "motion-kitchen"), (40, 48)),
    "sensor_stuck": _device("sensor_stuck", ("bed-0", "band-0"), (70, 72), (68, 82)),
    "sensor_implausible": _device("sensor_implausible", ("band-0", "thermometer-0"), (47, 48)),
    "clock_drift": _device("clock_drift", ("motion-living_room", "band-0", "door"), (44, 48), (-7200, -900)),
    "tamper": _device("tamper", ("door", "motion-hall", "button"), (5, 6)),
}


def _lying(kind: str, begins_s: float, room: str | None, chance: random.Random) -> Mishap:
    stirs_s = chance.uniform(60, 1200) if chance.random() < 0.5 else 0.0
    return Mishap(kind, begins_s, begins_s + _DAY_S, doing=Doing.DOWN, room=room, stirs_s=stirs_s)


def _alone(household: Household, day: date) -> tuple[Span, ...]:
    """The day of somebody who lives alone; nobody lies helpless for hours beside somebody else."""
    return spans(household, 0, day) if len(household.people) == 1 else ()


def _hour(household: Household, day: date, span: Span) -> float:
    return (span.begin_s - household.local(day).timestamp()) / _HOUR_S
