"""What devices tell of themselves: heartbeats, batteries, mains, tampering; and falls, which a band tells."""

import random
from collections.abc import Iterator
from datetime import date

from device_sim.lives.household import Fixture, Household
from device_sim.lives.mishap import Mishap
from device_sim.lives.told import Draft
from gateway.wire import AlarmType, HealthType, Lane

_DAY_S = 86400.0
#: A coin cell loses so many percent a day; a band's goes in two days and is charged every evening.
_FADES_A_DAY = 0.06
_BAND_FADES_AN_HOUR = 1.6
_BATTERY_EVERY_S, _BAND_BATTERY_EVERY_S = 6 * 3600.0, 2 * 3600.0
#: A battery that runs down in these months does so within this time.
_DYING_DAYS = 30


def upkeep(household: Household, day: date, begin_s: float, end_s: float, mishap: Mishap | None) -> Iterator[Draft]:
    """Health messages of all devices on one day, and what a mishap makes a device say."""
    number = (day - household.first).days
    for fixture in household.fixtures():
        phase = random.Random(f"{fixture.id}/phase").random()
        chance = random.Random(f"{fixture.id}/upkeep/{day}")
        at_s = begin_s + phase * fixture.heartbeat_s
        while at_s < end_s:
            yield Draft(at_s, fixture.id, Lane.HEALTH, HealthType.HEARTBEAT, True)
            at_s += fixture.heartbeat_s * chance.uniform(0.98, 1.0)
        if fixture.kind != "gateway":
            yield from _battery(household, fixture, number, begin_s, end_s, mishap)
    mains_s = begin_s + 6 * 3600
    if not (mishap is not None and mishap.on("power_cut", at_s=mains_s)):
        yield Draft(mains_s, household.gateway, Lane.HEALTH, HealthType.MAINS, True)
    if mishap is not None:
        yield from (one for one in _said(household, mishap) if begin_s <= one.at_s < end_s)


def _battery(
    household: Household, fixture: Fixture, number: int, begin_s: float, end_s: float, mishap: Mishap | None
) -> Iterator[Draft]:
    band = fixture.kind == "wristband"
    every_s = _BAND_BATTERY_EVERY_S if band else _BATTERY_EVERY_S
    at_s = begin_s + random.Random(f"{fixture.id}/battery").uniform(0.02, 0.98) * every_s
    while at_s < end_s:
        days = number + (at_s - begin_s) / _DAY_S
        if band:
            hours = ((at_s - begin_s) / 3600 - 20.5) % 24
            level = 100 - _BAND_FADES_AN_HOUR * hours
        else:
            level = 97 - _FADES_A_DAY * days
        if household.dying is not None and fixture.id == household.id(household.dying[0]):
            level = min(level, 97 - 97 * (days - household.dying[1]) / _DYING_DAYS)
        if mishap is not None and mishap.on("battery_low", at_s=at_s) and fixture.id == household.id(mishap.device):
            level = min(level, 60 - mishap.figure * (at_s - mishap.begins_s) / _DAY_S)
        if level > 0:
            yield Draft(at_s, fixture.id, Lane.HEALTH, HealthType.BATTERY, float(round(level)), "%")
        at_s += every_s


def _said(household: Household, mishap: Mishap) -> Iterator[Draft]:
    """The one thing that a device itself says about a mishap."""
    device, at_s = household.id(mishap.device), mishap.begins_s
    if mishap.kind == "power_cut":
        yield Draft(at_s, household.gateway, Lane.HEALTH, HealthType.MAINS, False)
        yield Draft(mishap.ends_s, household.gateway, Lane.HEALTH, HealthType.MAINS, True)
    elif mishap.kind == "tamper":
        yield Draft(at_s, device, Lane.HEALTH, HealthType.TAMPER, True)
        yield Draft(mishap.ends_s, device, Lane.HEALTH, HealthType.TAMPER, False)
    elif mishap.kind in ("fall_still", "fall_moving", "fall_cancelled"):
        yield Draft(at_s, device, Lane.ALARM, AlarmType.FALL, True)
        if mishap.kind == "fall_cancelled":
            yield Draft(at_s + mishap.figure, device, Lane.ALARM, AlarmType.FALL_CANCEL, True)


def dies_at_s(household: Household, level: float) -> tuple[str, float] | None:
    """The device whose battery runs down in these months, and when it falls below so many percent."""
    if household.dying is None:
        return None
    device, begins = household.dying
    days = begins + _DYING_DAYS * (97 - level) / 97
    return household.id(device), household.local(household.first).timestamp() + days * _DAY_S
