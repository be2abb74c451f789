"""Recorded vital signs of people at home with the alerts that clinicians confirmed, in the format of the TIHM dataset.

A folder with `Physiology.csv` (patient_id, date, device_type, value, unit) and `Labels.csv` (patient_id, date, type).
TIHM: Palermo et al., "TIHM: An open dataset for remote healthcare monitoring in dementia", Zenodo 7622128, CC BY 4.0.
"""

import csv
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from uuid import UUID, uuid5
from zoneinfo import ZoneInfo

from ingest.detect.core import Device, Event, Home
from ingest.detect.vitals import Vital

#: Which vital signs an alert of that type is about. Agitation is about none and is left out.
LABEL_OF: dict[Vital, str] = {
    Vital.SYSTOLIC: "Blood pressure",
    Vital.DIASTOLIC: "Blood pressure",
    Vital.HEART_RATE: "Pulse",
    Vital.BODY_WATER: "Body water",
    Vital.TEMPERATURE: "Body temperature",
    Vital.WEIGHT: "Weight",
}
LABELS = tuple(dict.fromkeys(LABEL_OF.values()))
LEFT_OUT = "Agitation"

_PEOPLE = UUID("8d1c7b1e-4c0b-4f5c-9a55-0f5d5a1f7c11")
#: (kind of device, reading type, unit); muscle mass and skin temperature are no vital signs here.
_TYPES = {
    "Heart rate": ("cuff", "heart_rate", "/min"),
    "Body Temperature": ("thermometer", "temperature", "Cel"),
    "Total body water": ("scale", "body_water", "%"),
    "Body weight": ("scale", "weight", "kg"),
}
_PRESSURES = {"Systolic blood pressure": "systolic", "Diastolic blood pressure": "diastolic"}


@dataclass(frozen=True)
class Patient:
    """One person: the readings as a detector is shown them, and the confirmed alerts by type. Clock times as recorded;
    the labels' clock is an hour behind that of the readings (docs/evaluation-vitals.md)."""

    name: str
    home: Home
    events: tuple[Event, ...]
    labels: Mapping[str, tuple[datetime, ...]]
    _by_types: dict[frozenset[str], list[Event]] = field(default_factory=dict, compare=False, repr=False)

    def of_types(self, types: frozenset[str]) -> list[Event]:
        """The readings of these types, in order of time."""
        if types not in self._by_types:
            self._by_types[types] = [one for one in self.events if one.type in types]
        return self._by_types[types]

    @property
    def days(self) -> float:
        """From the first reading to the last."""
        if not self.events:
            return 0.0
        return (self.events[-1].at - self.events[0].at).total_seconds() / 86_400 + 1


def read_patients(root: Path) -> list[Patient]:
    """Everybody in this folder and in the folders directly below it; empty where there is nothing of that format."""
    folders = [root, *sorted(one for one in root.iterdir() if one.is_dir())] if root.is_dir() else []
    return [patient for folder in folders if (folder / "Physiology.csv").is_file() for patient in _read(folder)]


def _read(folder: Path) -> Iterator[Patient]:
    readings: dict[str, list[Mapping[str, str]]] = defaultdict(list)
    labels: dict[str, dict[str, list[datetime]]] = defaultdict(lambda: defaultdict(list))
    for row in _rows(folder / "Physiology.csv"):
        readings[row["patient_id"]].append(row)
    if (folder / "Labels.csv").is_file():
        for row in _rows(folder / "Labels.csv"):
            if row["type"] != LEFT_OUT:
                labels[row["patient_id"]][row["type"]].append(_time(row["date"]))
    for name in sorted(readings.keys() | labels.keys()):
        resident = uuid5(_PEOPLE, f"{folder.name}/{name}")
        devices = {kind: Device(kind, kind) for kind in ("cuff", "thermometer", "scale")}
        home = Home(resident, ZoneInfo("UTC"), devices, (resident,))
        told = {kind: tuple(sorted(times)) for kind, times in labels[name].items()}
        yield Patient(name, home, tuple(_events(readings[name], devices)), told)


def _events(rows: Sequence[Mapping[str, str]], devices: Mapping[str, Device]) -> list[Event]:
    """In order of time; the two halves of a blood pressure are one event."""
    pressures: dict[datetime, dict[str, Any]] = defaultdict(dict)
    events: list[Event] = []
    for number, row in enumerate(rows):
        at, kind, value = _time(row["date"]), row["device_type"], float(row["value"])
        if kind in _PRESSURES:
            pressures[at].setdefault(_PRESSURES[kind], value)
        elif kind in _TYPES:
            device, reading, unit = _TYPES[kind]
            events.append(Event(at, devices[device], reading, value, message_id=f"r-{number}", unit=unit))
    for number, (at, data) in enumerate(pressures.items()):
        pressure = Event(at, devices["cuff"], "blood_pressure", None, data, f"p-{number}", "mm[Hg]")
        events.append(pressure)
    return sorted(events, key=lambda one: one.at)


def _rows(path: Path) -> Iterator[dict[str, str]]:
    with path.open(newline="", encoding="utf-8") as lines:
        yield from csv.DictReader(lines)


def _time(written: str) -> datetime:
    return datetime.fromisoformat(written).replace(tzinfo=UTC)
