"""Vital signs: which there are, which values can be true, and reading them from a device's message.

Units are UCUM; a value without one is in the unit of the contract (docs/protocol.md). What no living person can have is
a fault of the sensor, never a finding about the person.
"""

import math
from collections.abc import Mapping
from enum import StrEnum
from uuid import UUID

import msgspec

from gateway.lanes import ReadingType
from ingest.detect.core import Device, Event, Home


class Vital(StrEnum):
    """What is measured of a person; the two halves of a blood pressure are followed apart."""

    HEART_RATE = "heart_rate"
    RESPIRATION = "respiration"
    SPO2 = "spo2"
    SYSTOLIC = "systolic"
    DIASTOLIC = "diastolic"
    TEMPERATURE = "temperature"
    BODY_WATER = "body_water"
    WEIGHT = "weight"


class Traits(msgspec.Struct, frozen=True):
    """`unit`: UCUM; `shown`: as people write it. `least`, `most`: what a sensor can truly have measured on a living
    person. `normal`: as many people are, so never unusual for anybody. `zero_is_none`: 0 is how bands say that they
    found none."""

    unit: str
    shown: str
    en: str
    zh: str
    least: float
    most: float
    normal: tuple[float, float] | None = None
    zero_is_none: bool = False


#: Bounds of the plausible are what the usual devices can show; normal is what NEWS2 gives no points (Royal College of
#: Physicians, 2017), but for blood pressure 111 to 140 above 60 to 90.
TRAITS: dict[Vital, Traits] = {
    Vital.HEART_RATE: Traits("/min", "/min", "heart rate", "心率", 20, 250, (51, 90), zero_is_none=True),
    Vital.RESPIRATION: Traits("/min", "/min", "respiration rate", "呼吸频率", 3, 60, (12, 20), zero_is_none=True),
    Vital.SPO2: Traits("%", "%", "oxygen saturation", "血氧饱和度", 50, 100, (96, 100), zero_is_none=True),
    Vital.SYSTOLIC: Traits("mm[Hg]", "mmHg", "systolic pressure", "收缩压", 50, 260, (111, 140)),
    Vital.DIASTOLIC: Traits("mm[Hg]", "mmHg", "diastolic pressure", "舒张压", 25, 160, (60, 90)),
    Vital.TEMPERATURE: Traits("Cel", "°C", "body temperature", "体温", 30, 45, (36.1, 38.0)),
    Vital.BODY_WATER: Traits("%", "%", "body water", "体水分率", 20, 85),
    Vital.WEIGHT: Traits("kg", "kg", "weight", "体重", 20, 300),
}

#: Reading types beside those of the contract's list that scales send.
WEIGHT, BODY_WATER = "weight", "body_water"

#: By reading type; blood pressure has two halves in `data`.
_VITAL_OF: dict[str, Vital] = {
    ReadingType.HEART_RATE: Vital.HEART_RATE,
    ReadingType.RESPIRATION: Vital.RESPIRATION,
    ReadingType.SPO2: Vital.SPO2,
    ReadingType.TEMPERATURE: Vital.TEMPERATURE,
    WEIGHT: Vital.WEIGHT,
    BODY_WATER: Vital.BODY_WATER,
}

READING_TYPES = frozenset({*map(str, _VITAL_OF), ReadingType.BLOOD_PRESSURE.value})

#: Kinds of devices that somebody uses to take one measurement; all others watch all the time.
SPOT_KINDS = frozenset({"cuff", "blood_pressure", "thermometer", "oximeter", "scale"})
_SPOT_VITALS = frozenset({Vital.SYSTOLIC, Vital.DIASTOLIC, Vital.WEIGHT, Vital.BODY_WATER})
#: They measure the air of a room, or the skin, which is several degrees cooler than the body.
_BODY_THERMOMETERS = frozenset({"thermometer", "oximeter"})

#: (factor, offset) that turns a value in that unit into ours.
_CONVERSIONS: dict[str, Mapping[str, tuple[float, float]]] = {
    "/min": {"/min": (1, 0), "1/min": (1, 0), "{beats}/min": (1, 0), "{breaths}/min": (1, 0), "beats/min": (1, 0),
             "bpm": (1, 0), "/s": (60, 0), "Hz": (60, 0)},
    "%": {"%": (1, 0), "1": (100, 0)},
    "mm[Hg]": {"mm[Hg]": (1, 0), "mmHg": (1, 0), "kPa": (7.50062, 0)},
    "Cel": {"Cel": (1, 0), "[degF]": (5 / 9, -160 / 9), "K": (1, -273.15)},
    "kg": {"kg": (1, 0), "g": (0.001, 0), "[lb_av]": (0.45359237, 0)},
}  # fmt: skip


class Measured(msgspec.Struct, frozen=True):
    """One plausible value, in the unit of its vital sign."""

    vital: Vital
    value: float


class Implausible(msgspec.Struct, frozen=True):
    """What cannot be so. `reason`: out_of_bounds, unit, or pressures (the upper not above the lower)."""

    reason: str
    shown: str


def read_vitals(event: Event) -> tuple[Measured, ...] | Implausible:
    """What the message says of the person: nothing where it measured something else, or found none."""
    if event.type == ReadingType.BLOOD_PRESSURE:
        return _read_pressures(event)
    vital = _VITAL_OF.get(event.type)
    if vital is None or not _of_the_body(vital, event.device):
        return ()
    read = _read(vital, event.value, event.unit)
    return (read,) if isinstance(read, Measured) else read


def is_spot(vital: Vital, device: Device) -> bool:
    """Whether each value is a measurement that somebody has taken, and not one of a stream."""
    return vital in _SPOT_VITALS or device.kind in SPOT_KINDS


def whose(device: Device, home: Home) -> UUID | None:
    """The person whom a device measures: its resident, else the only one of the home; None where it may be anybody."""
    if device.resident_id is not None:
        return device.resident_id
    return home.residents[0] if len(home.residents) == 1 else None


def _of_the_body(vital: Vital, device: Device) -> bool:
    return vital is not Vital.TEMPERATURE or device.kind in _BODY_THERMOMETERS


def _read_pressures(event: Event) -> tuple[Measured, ...] | Implausible:
    upper = _read(Vital.SYSTOLIC, event.data.get("systolic"), event.unit)
    lower = _read(Vital.DIASTOLIC, event.data.get("diastolic"), event.unit)
    found: list[Measured] = []
    for half in (upper, lower):
        if isinstance(half, Implausible):
            return half
        if isinstance(half, Measured):
            found.append(half)
    if len(found) == 2 and found[0].value <= found[1].value:
        return Implausible("pressures", f"{found[0].value:g}/{found[1].value:g} mm[Hg]")
    return tuple(found)


def _read(vital: Vital, value: object, unit: str | None) -> Measured | Implausible | tuple[()]:
    if isinstance(value, bool) or not isinstance(value, int | float):
        return ()
    traits = TRAITS[vital]
    if value == 0 and traits.zero_is_none:
        return ()
    conversion = _CONVERSIONS[traits.unit].get(unit or traits.unit)
    if conversion is None:
        return Implausible("unit", f"{value:g} {unit}")
    factor, offset = conversion
    converted = round(value * factor + offset, 2)
    if not math.isfinite(converted) or not traits.least <= converted <= traits.most:
        return Implausible("out_of_bounds", f"{value:g} {unit or traits.unit}")
    return Measured(vital, converted)
