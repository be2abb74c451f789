"""A recorded home as detectors see it: its events, and what its resident wrote down of absences.

The recordings' times are the home's own clock without a zone; none of them crosses a change of the clock, so they are
read as UTC. What is odd in them stays in the events (`device_sim.recordings`); of labels that end before they begin
nothing can be used, and where labels cover a part of the recording only, nothing else is judged.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from uuid import NAMESPACE_URL, uuid5
from zoneinfo import ZoneInfo

from device_sim.recordings import Recording, RecordingError, Sensor, read_recording
from ingest.detect.core import Device, Event, Home

Span = tuple[datetime, datetime]
"""From, to before."""

_WAY_OUT = re.compile(r"front ?door|main ?door", re.IGNORECASE)
#: The labels of absence: of van Kasteren's action maps, and of Ordonez.
_LEAVING = re.compile(r"leav", re.IGNORECASE)


@dataclass(frozen=True)
class RecordedHome:
    """`absences`: labelled; `labelled`: the time that labels cover."""

    name: str
    home: Home
    events: list[Event]
    absences: list[Span]
    labelled: Span

    def absent(self, at: datetime) -> bool:
        """Whether it is labelled so."""
        return any(first <= at < last for first, last in self.absences)


def read_homes(folder: Path) -> list[RecordedHome]:
    """All recordings in the folders of `folder`, by name; `RecordingError` where one cannot be read."""
    return [_read_home(one) for one in sorted(folder.iterdir()) if one.is_dir()] if folder.is_dir() else []


def _read_home(folder: Path) -> RecordedHome:
    recording = read_recording(folder)
    devices = {one.id: _device(one) for one in recording.sensors.values()}
    home = Home(uuid5(NAMESPACE_URL, folder.name), ZoneInfo("UTC"), devices, (uuid5(NAMESPACE_URL, "resident"),))
    events = list(_events(recording, devices))
    labels = list(_labels(folder))
    absences = sorted((first, last) for first, last, name in labels if _LEAVING.search(name))
    span = (events[0].at, events[-1].at)
    if labels:
        span = max(span[0], min(one[0] for one in labels)), min(span[1], max(one[1] for one in labels))
    return RecordedHome(folder.name, home, events, absences, span)


def _device(sensor: Sensor) -> Device:
    """What no map names may be anything, and so is no mat that somebody sits on."""
    unnamed = sensor.name.startswith("unmapped")
    return Device(
        sensor.id, "unknown" if unnamed else str(sensor.kind), "entrance" if _WAY_OUT.search(sensor.name) else None
    )


def _events(recording: Recording, devices: dict[str, Device]) -> Iterator[Event]:
    for one in recording.readings():
        at = one.local_time.replace(tzinfo=UTC)
        yield Event(at, devices[one.sensor.id], str(one.sensor.kind), one.value, message_id=one.id)


def _labels(folder: Path) -> Iterator[tuple[datetime, datetime, str]]:
    """(from, to, activity); those that end before they begin are left out."""
    names = dict(_action_names(folder))
    for file in (*sorted(folder.glob("*-as.txt")), *sorted(folder.glob("*_ADLs.txt"))):
        for line in file.read_text(encoding="utf-8").splitlines():
            fields = [field.strip() for field in line.split("\t") if field.strip()]
            if len(fields) != 3 or fields[0].startswith(("Start time", "---")):
                continue
            first, last = _time(fields[0], file), _time(fields[1], file)
            if first <= last:
                yield first, last, names.get(fields[2], fields[2])


def _action_names(folder: Path) -> Iterator[tuple[str, str]]:
    for file in folder.glob("actionMap*"):
        for line in file.read_text(encoding="utf-8").splitlines():
            if "," in line:
                number, name = (field.strip() for field in line.split(",")[:2])
                yield number, name


def _time(text: str, file: Path) -> datetime:
    for form in ("%d-%b-%Y %H:%M:%S", "%Y-%m-%d %H:%M:%S"):
        try:
            return datetime.strptime(text, form).replace(tzinfo=UTC)
        except ValueError:
            continue
    raise RecordingError(f"{file}: no time: {text!r}")
