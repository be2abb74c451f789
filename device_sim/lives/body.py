"""What is worn and measured: band, blood pressure cuff, thermometer, and the daily "I'm OK"."""

import math
import random
from collections.abc import Iterator, Sequence
from datetime import date
from typing import Any

from device_sim.day import Doing
from device_sim.lives.household import Household, Person
from device_sim.lives.mishap import Mishap
from device_sim.lives.people import Span, doing_at
from device_sim.lives.told import Draft
from gateway.wire import AlarmType, Lane, ReadingType

#: Where simulated homes stand (WGS-84), and how far ordinary errands lead, in metres.
HOME_LAT, HOME_LON = 26.0745, 119.2965
_ERRAND_M = (150.0, 480.0)
_M_PER_DEGREE = 111_320.0
#: Somebody who is away is in another town.
_ELSEWHERE_M = 60_000.0

#: How much faster heart and breath go.
_EFFORT = {Doing.ASLEEP: (-11.0, -2.0), Doing.NAP: (-6.0, -1.0), Doing.BUSY: (11.0, 2.0), Doing.OUT: (17.0, 3.0)}
_HEART_RATE_EVERY_S, _SPO2_EVERY_S, _STEPS_EVERY_S, _FIX_EVERY_S = 600.0, 1200.0, 1800.0, 600.0
#: A band that sits badly, now and then: a share of its measurements says nonsense.
_MISFIT = 0.002


def band(household: Household, day: date, number: int, spans: Sequence[Span], mishap: Mishap | None) -> Iterator[Draft]:
    """What one person's band tells on one day."""
    person = household.people[number]
    if not person.band:
        return
    his = mishap if mishap is not None and mishap.person == number else None
    for one in _band(household, day, number, spans, his):
        away = (span := doing_at(spans, one.at_s)) is not None and span.room is None
        if away and not person.located:
            continue  # out of reach of the home's gateway
        yield one


def _band(
    household: Household, day: date, number: int, spans: Sequence[Span], mishap: Mishap | None
) -> Iterator[Draft]:
    chance = random.Random(f"{household.name}/band-{number}/{day}")
    person, device = household.people[number], household.id(f"band-{number}")
    off = _taken_off(spans, chance, mishap)
    yield from _worn(device, off, spans, mishap)
    for one in (*_heart(person, device, spans, chance, mishap), *_breath(person, device, spans, chance, mishap)):
        if not any(low <= one.at_s < high for low, high in off):
            yield one
    yield from _steps(device, spans, chance)
    if person.located:
        yield from _fixes(device, household, day, number, spans, chance, mishap)


def _taken_off(spans: Sequence[Span], chance: random.Random, mishap: Mishap | None) -> list[tuple[float, float]]:
    """From when to when the band is not worn: in the evening it is charged, unless the wearer lies helpless."""
    begin_s, end_s = spans[0].begin_s, spans[-1].end_s
    low = begin_s + 19 * 3600 + chance.uniform(0, 3600)
    off = [(low, low + chance.uniform(35, 55) * 60)]
    if any(one.doing is Doing.DOWN for one in spans if one.begin_s < off[0][1] and off[0][0] < one.end_s):
        off = []
    if mishap is not None and mishap.kind == "band_off" and mishap.begins_s < end_s and begin_s < mishap.ends_s:
        off = [one for one in off if not mishap.begins_s < one[1] < mishap.ends_s]
        off.append((max(begin_s, mishap.begins_s), min(end_s, mishap.ends_s)))
    return off


def _worn(
    device: str, off: Sequence[tuple[float, float]], spans: Sequence[Span], mishap: Mishap | None
) -> Iterator[Draft]:
    """What the band says of being worn, where that changes."""
    for low, high in off:
        if low > spans[0].begin_s or (mishap is not None and low == mishap.begins_s):
            yield Draft(low, device, Lane.READING, ReadingType.WORN, False)
        if high < spans[-1].end_s:
            yield Draft(high, device, Lane.READING, ReadingType.WORN, True)


def _heart(
    person: Person, device: str, spans: Sequence[Span], chance: random.Random, mishap: Mishap | None
) -> Iterator[Draft]:
    for at_s in _every(spans[0].begin_s, spans[-1].end_s, _HEART_RATE_EVERY_S, chance):
        rate = _heart_rate(person.body.heart_rate, doing_at(spans, at_s), at_s, chance, mishap)
        yield Draft(at_s, device, Lane.READING, ReadingType.HEART_RATE, rate, "/min")


def _breath(
    person: Person, device: str, spans: Sequence[Span], chance: random.Random, mishap: Mishap | None
) -> Iterator[Draft]:
    """Oxygen saturation and respiration, measured together."""
    for at_s in _every(spans[0].begin_s, spans[-1].end_s, _SPO2_EVERY_S, chance):
        saturation, rate, effort = person.body.spo2, person.body.respiration, _effort(doing_at(spans, at_s))[1]
        if mishap is not None and mishap.on("spo2_low", at_s=at_s):
            saturation = mishap.figure
        if mishap is not None and mishap.on("respiration_high", at_s=at_s):
            rate, effort = mishap.figure, 0.0
        spo2 = float(min(100, round(chance.gauss(saturation, 0.9))))
        if chance.random() < _MISFIT * 2:
            spo2 = float(chance.randrange(70, 88))
        yield Draft(at_s, device, Lane.READING, ReadingType.SPO2, spo2, "%")
        breath = float(round(chance.gauss(rate + effort, 1.2)))
        yield Draft(at_s + 2, device, Lane.READING, ReadingType.RESPIRATION, breath, "/min")


def _heart_rate(base: float, span: Span | None, at_s: float, chance: random.Random, mishap: Mishap | None) -> float:
    noise, misfit = chance.gauss(0, 3.5), chance.random() < _MISFIT
    middle = base + _effort(span)[0]
    if mishap is not None and mishap.on("heart_rate_trend", at_s=at_s):
        middle += mishap.figure * (at_s - mishap.begins_s) / 86400
    if mishap is not None and mishap.on("heart_rate_high", at_s=at_s):
        middle = mishap.figure
    if mishap is not None and mishap.device.startswith("band"):
        if mishap.on("sensor_stuck", at_s=at_s):
            return round(mishap.figure)
        if mishap.on("sensor_implausible", at_s=at_s):
            return float(chance.choice((0, 255, 254)))
    return 0.0 if misfit else float(max(35, round(middle + noise)))


def _effort(span: Span | None) -> tuple[float, float]:
    return _EFFORT.get(span.doing, (0.0, 0.0)) if span is not None else (0.0, 0.0)


def _steps(device: str, spans: Sequence[Span], chance: random.Random) -> Iterator[Draft]:
    """Steps since midnight, each half hour."""
    pace = {Doing.BUSY: 12.0, Doing.OUT: 55.0, Doing.QUIET: 0.4}
    begin_s, end_s = spans[0].begin_s, spans[-1].end_s
    walked, at_s = 0.0, begin_s + chance.uniform(60, _STEPS_EVERY_S)
    for span in spans:
        while at_s < span.end_s and at_s < end_s:
            steps = walked + (at_s - span.begin_s) / 60 * pace.get(span.doing, 0.0)
            yield Draft(at_s, device, Lane.READING, ReadingType.STEPS, float(round(steps)))
            at_s += _STEPS_EVERY_S
        walked += (span.end_s - span.begin_s) / 60 * pace.get(span.doing, 0.0)


def _fixes(
    device: str, household: Household, day: date, number: int, spans: Sequence[Span], chance: random.Random,
    mishap: Mishap | None,
) -> Iterator[Draft]:  # fmt: skip
    """Where the band is: often while out, once an hour at home; now and then a bad fix, with an honest accuracy."""
    for span in spans:
        errand = random.Random(f"{household.name}/{number}/errand/{day}/{int(span.begin_s) // 3600}")
        bearing, reach_m = errand.uniform(0, 2 * math.pi), errand.uniform(*_ERRAND_M)
        every_s = _FIX_EVERY_S if span.room is None else 3600.0
        for at_s in _every(span.begin_s, span.end_s, every_s, chance):
            out_m = 0.0
            if span.room is None:
                lasts_s = span.end_s - span.begin_s
                way = math.sin(math.pi * min(1.0, (at_s - span.begin_s) / lasts_s))
                out_m = _ELSEWHERE_M if _is_away(household, at_s) else reach_m * way
                if mishap is not None and mishap.on("wander_far", "wander_night", at_s=at_s):
                    out_m = 150.0 + min(mishap.figure, (at_s - mishap.begins_s) * 0.8)
            accuracy_m = chance.uniform(8, 25) if span.room is None else chance.uniform(20, 60)
            if chance.random() < 0.02:
                accuracy_m = chance.uniform(300, 1500)
            wrong_m, wrong = abs(chance.gauss(0, accuracy_m / 2)), chance.uniform(0, 2 * math.pi)
            data = _position(out_m, bearing, wrong_m, wrong)
            data["accuracy_m"] = round(accuracy_m, 1)
            yield Draft(at_s, device, Lane.READING, ReadingType.LOCATION, None, None, data)


def _is_away(household: Household, at_s: float) -> bool:
    return any(
        household.at(one.begins).timestamp() <= at_s < household.at(one.ends).timestamp() for one in household.aways
    )


def _position(out_m: float, bearing: float, wrong_m: float, wrong: float) -> dict[str, Any]:
    north = out_m * math.cos(bearing) + wrong_m * math.cos(wrong)
    east = out_m * math.sin(bearing) + wrong_m * math.sin(wrong)
    return {
        "lat": round(HOME_LAT + north / _M_PER_DEGREE, 6),
        "lon": round(HOME_LON + east / (_M_PER_DEGREE * math.cos(math.radians(HOME_LAT))), 6),
    }


def _every(begin_s: float, end_s: float, every_s: float, chance: random.Random) -> Iterator[float]:
    at_s = begin_s + chance.uniform(0.02, 1.0) * every_s
    while at_s < end_s:
        yield at_s
        at_s += every_s * chance.uniform(0.9, 1.1)


def measurements(
    household: Household, day: date, number: int, spans: Sequence[Span], mishap: Mishap | None
) -> Iterator[Draft]:
    """Blood pressure and temperature after getting up, and on some evenings; "I'm OK" in the morning."""
    person = household.people[number]
    chance = random.Random(f"{household.name}/measured-{number}/{day}")
    his = mishap if mishap is not None and mishap.person == number else None
    up_s = next(
        (one.begin_s for one in spans if one.doing is not Doing.ASLEEP and one.begin_s > spans[0].begin_s + 18000), None
    )
    morning_s = (up_s or spans[0].begin_s + 25200) + chance.uniform(10, 35) * 60
    evening_s = spans[0].begin_s + chance.uniform(18.3, 19.2) * 3600
    plans = ((morning_s, 0.92), (morning_s + 150, 0.35), (evening_s, 0.45))
    for at_s, share in plans:
        wanted, figures = chance.random() < share, [chance.gauss(0, 1) for _ in range(3)]
        ill = his is not None and his.on("fever", "blood_pressure_high", at_s=at_s)
        if person.measures and (wanted or ill) and _can(spans, at_s):
            yield from _measured(household, number, at_s, figures, his)
    check_s = morning_s + chance.uniform(5, 45) * 60
    missed = his is not None and his.on("missed_check_in", at_s=check_s)
    if person.checks_in and number == 0 and not missed and _can(spans, check_s):
        yield Draft(check_s, household.id("button"), Lane.ALARM, AlarmType.CHECK_IN, True)


def _can(spans: Sequence[Span], at_s: float) -> bool:
    span = doing_at(spans, at_s)
    return span is not None and span.doing in (Doing.BUSY, Doing.QUIET)


def _measured(
    household: Household, number: int, at_s: float, figures: Sequence[float], mishap: Mishap | None
) -> Iterator[Draft]:
    body = household.people[number].body
    high = mishap.figure if mishap is not None and mishap.on("blood_pressure_high", at_s=at_s) else 0.0
    systolic, diastolic = (
        round(body.systolic + high + 7 * figures[0]),
        round(body.diastolic + high / 2.5 + 4 * figures[1]),
    )
    yield Draft(
        at_s, household.id(f"cuff-{number}"), Lane.READING, ReadingType.BLOOD_PRESSURE, None, "mm[Hg]",
        {"systolic": systolic, "diastolic": diastolic},
    )  # fmt: skip
    hot = mishap.figure if mishap is not None and mishap.on("fever", at_s=at_s) else body.temperature
    temperature = round(hot + 0.18 * figures[2], 1)
    if mishap is not None and mishap.device.startswith("thermometer") and mishap.on("sensor_implausible", at_s=at_s):
        temperature = 12.4
    yield Draft(
        at_s + 60, household.id(f"thermometer-{number}"), Lane.READING, ReadingType.TEMPERATURE, temperature, "Cel"
    )
