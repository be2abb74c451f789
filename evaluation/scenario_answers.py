"""Which detector ought to notice which emergency, what is no false alarm of it, and what its station has set.

The same for judged and development lives. Four lines were changed after figures of the development lives, and before
any of the judged ones, had been seen: an implausible reading is no longer asked of `stuck`, wandering at night not of
`bed`, nothing of `bed` where there is no mat, and check-ins have the window that each home would have agreed on.
"""

from collections.abc import Mapping
from datetime import timedelta
from typing import Any

from device_sim.lives.body import HOME_LAT, HOME_LON
from device_sim.lives.household import Household

#: Scenario -> detector -> the kinds of alarm that answer it.
ANSWERS: Mapping[str, Mapping[str, frozenset[str]]] = {
    "collapse_day": {"inactivity": frozenset({"inactivity"})},
    "collapse_night": {"inactivity": frozenset({"inactivity"}), "bed": frozenset({"bed"})},
    "not_getting_up": {"inactivity": frozenset({"inactivity"}), "bed": frozenset({"bed"})},
    "behind_the_door": {"inactivity": frozenset({"inactivity"})},
    "wander_night": {"zone": frozenset({"zone"})},
    "wander_far": {"zone": frozenset({"zone"})},
    "missed_check_in": {"check_in": frozenset({"check_in"})},
    "no_water": {"water": frozenset({"water"})},
    "door_open_night": {"door": frozenset({"door"})},
    "spo2_low": {"vital_signs": frozenset({"vital_signs"})},
    "respiration_high": {"vital_signs": frozenset({"vital_signs"})},
    "heart_rate_high": {"vital_signs": frozenset({"vital_signs"})},
    "fever": {"vital_signs": frozenset({"vital_signs"})},
    "blood_pressure_high": {"vital_signs": frozenset({"vital_signs"})},
    "heart_rate_trend": {"vital_trend": frozenset({"vital_trend"})},
    "band_off": {"not_worn": frozenset({"not_worn"})},
    "battery_low": {"battery": frozenset({"battery"})},
    "power_cut": {"mains": frozenset({"mains"})},
    "gateway_silent": {"offline": frozenset({"offline"})},
    "device_silent": {"offline": frozenset({"offline"})},
    "sensor_stuck": {"stuck": frozenset({"sensor"})},
    "sensor_implausible": {"vital_signs": frozenset({"sensor"})},
    "clock_drift": {"clock": frozenset({"clock"})},
    "tamper": {"tamper": frozenset({"tamper"})},
}

#: Nobody knows where the person is: for so long after leaving an alarm about that is false, then it is not.
_MISSED_AFTER = timedelta(hours=24)
_AT_ONCE = timedelta(0)

#: What is so in ordinary months too: detector -> truth -> an alarm from so long after its beginning is no false one.
EXCUSED: Mapping[str, Mapping[str, timedelta]] = {
    "inactivity": {"away_unannounced": _MISSED_AFTER},
    "bed": {"away_unannounced": _MISSED_AFTER},
    "water": {"away_unannounced": _MISSED_AFTER},
    "not_worn": {"away_unannounced": _MISSED_AFTER},
    "check_in": {"away_unannounced": _AT_ONCE},
    "zone": {"away_unannounced": _AT_ONCE},
    "stuck": {"device_silent": _AT_ONCE, "gateway_silent": _AT_ONCE},
    "battery": {"battery_low": -timedelta(days=30)},
    "offline": {"device_silent": _AT_ONCE, "gateway_silent": _AT_ONCE},
}

#: Alarms of these kinds stay open for a day; a call is closed within the hour. Until then it is no further one.
WORK_ORDERS = frozenset({"battery", "tamper", "clock", "sensor", "not_worn", "offline", "mains", "vital_trend"})
OPEN_FOR = {True: timedelta(days=1), False: timedelta(hours=1)}


def answers(kind: str, household: Household) -> Mapping[str, frozenset[str]]:
    """Who ought to notice it in this home: where nobody has a mat, no bed can."""
    mat = any(one.mat for one in household.people)
    return {name: kinds for name, kinds in ANSWERS.get(kind, {}).items() if mat or name != "bed"}


def settings(household: Household) -> Mapping[str, Mapping[str, Any]]:
    """What a station enters when it sets this home up: detector -> parameters. Everything else is as it comes."""
    first = household.people[0]
    return {
        "zone": {"zones": [{"shape": "circle", "name": "home", "lat": HOME_LAT, "lon": HOME_LON, "radius_m": 600.0}]},
        # Agreed with those who press in the morning, be they early or late risers.
        "check_in": {"enabled": first.checks_in, "begins_h": 5.0, "ends_h": 12.0},
    }
