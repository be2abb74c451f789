"""Read recorded homes: sensor intervals as van Kasteren et al. (2008, 2011) or Ordonez et al. (2013) wrote them.

Every data line becomes two readings, one at the interval's start and one at its end, however odd the line is: sensors
that no map names, repeated lines, ends before starts. A line that cannot be read at all is an error, never left out.
"""

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from gateway.wire import ReadingType


class RecordingError(Exception):
    """The folder holds no recording of a known format, or a line that cannot be read; the text names it."""


@dataclass(frozen=True)
class Sensor:
    """One sensor of a recorded home. `id` may stand in a topic; `kind` is the kind of device and the type it sends."""

    id: str
    kind: ReadingType
    name: str


@dataclass(frozen=True)
class Interval:
    """One line: a sensor was active between two local times (naive, the home's own clock)."""

    line: int
    sensor: str
    start: datetime
    end: datetime


@dataclass(frozen=True)
class RecordedReading:
    """One reading, with the local time of the recording and an id that its line gives it."""

    id: str
    sensor: Sensor
    local_time: datetime
    value: bool


@dataclass(frozen=True)
class Recording:
    """A recorded home: its sensors (those of its map and all that report) and its intervals in the file's order."""

    home: str
    sensors: dict[str, Sensor]
    intervals: list[Interval]

    def readings(self) -> list[RecordedReading]:
        """All readings in time order; twice as many as intervals. At one moment the file's order holds."""
        both = [reading for interval in self.intervals for reading in self._two(interval)]
        return sorted(both, key=lambda reading: reading.local_time)

    def _two(self, interval: Interval) -> tuple[RecordedReading, RecordedReading]:
        sensor = self.sensors[interval.sensor]
        return (
            RecordedReading(f"{interval.line}-start", sensor, interval.start, True),
            RecordedReading(f"{interval.line}-end", sensor, interval.end, False),
        )


def read_recording(folder: Path) -> Recording:
    """Read a folder of either format; `RecordingError` when it is none."""
    for pattern, read in _FORMATS.items():
        files = sorted(folder.glob(pattern))
        if len(files) == 1:
            recording = read(folder, files[0])
            if not recording.intervals:
                raise RecordingError(f"{files[0]}: no intervals")
            return recording
    raise RecordingError(f"{folder}: expected exactly one file named {' or '.join(_FORMATS)}")


# --- van Kasteren ---------------------------------------------------------------------------------------------------

_MONTHS = ("jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec")
_KASTEREN_TIME = re.compile(r"(\d{1,2})-([A-Za-z]{3})-(\d{4}) (\d{1,2}):(\d{2}):(\d{2})")

#: What the words of a sensor map mean, first match first. Home A is named in English, home B half in Dutch
#: (kwik: mercury switch, gootsteen: sink, magnetron: microwave oven, deur: door).
_WORDS: tuple[tuple[re.Pattern[str], ReadingType], ...] = (
    (re.compile(r"\bpir\b"), ReadingType.MOTION),
    (re.compile(r"flush|float|gootsteen|sink|shower"), ReadingType.WATER),
    (re.compile(r"\bpress bed\b|bed mat|\bbed$"), ReadingType.BED),
    (re.compile(r"microwave|magnetron|dishwasher|washing machine|toaster|stove|oven"), ReadingType.POWER),
    (re.compile(r"door|deur|cupboard|drawer|dresser|fridge|freezer|cabinet|window"), ReadingType.DOOR),
)


def _read_kasteren(folder: Path, file: Path) -> Recording:
    intervals = []
    for number, fields in _lines(file):
        if len(fields) != 3:
            raise RecordingError(f"{file}, line {number}: expected start, end and sensor id")
        start, end = (_kasteren_time(text, file, number) for text in fields[:2])
        intervals.append(Interval(number, fields[2], start, end))
    sensors: dict[str, Sensor] = {}
    for path in sorted(folder.glob("sensorMap*")):
        for number, parts in _lines(path, ","):
            if len(parts) < 2:
                raise RecordingError(f"{path}, line {number}: expected sensor id and name")
            sensor_id, name = parts[:2]
            sensors[sensor_id] = Sensor(_topic_word(sensor_id), _meaning(name), name)
    return Recording(_topic_word(folder.name), _with_unmapped(sensors, intervals), intervals)


def _kasteren_time(text: str, file: Path, number: int) -> datetime:
    match = _KASTEREN_TIME.fullmatch(text)
    try:
        if match is None:
            raise ValueError(text)
        day, month, year, *clock = match.groups()
        hour, minute, second = map(int, clock)
        return datetime(int(year), _MONTHS.index(month.lower()) + 1, int(day), hour, minute, second)  # noqa: DTZ001  local
    except ValueError as error:
        raise RecordingError(f"{file}, line {number}: no time: {text!r}") from error


def _meaning(name: str) -> ReadingType:
    lowered = name.lower()
    return next((kind for word, kind in _WORDS if word.search(lowered)), ReadingType.PRESENCE)


# --- Ordonez --------------------------------------------------------------------------------------------------------

_ORDONEZ_KINDS = {
    "pir": ReadingType.MOTION,
    "magnetic": ReadingType.DOOR,
    "pressure": ReadingType.PRESENCE,
    "flush": ReadingType.WATER,
    "electric": ReadingType.POWER,
}


def _read_ordonez(folder: Path, file: Path) -> Recording:
    intervals = []
    sensors: dict[str, Sensor] = {}
    for number, fields in _lines(file):
        if fields[0].startswith(("Start time", "---")):
            continue
        if len(fields) != 5:
            raise RecordingError(f"{file}, line {number}: expected start, end, location, type and place")
        location, kind_word, place = fields[2:]
        sensor_id = _topic_word(f"{place}.{location}.{kind_word}")
        kind = _ORDONEZ_KINDS.get(kind_word.lower(), ReadingType.PRESENCE)
        if location.lower() == "bed" and kind is ReadingType.PRESENCE:
            kind = ReadingType.BED
        sensors[sensor_id] = Sensor(sensor_id, kind, f"{location} ({place})")
        start, end = (_ordonez_time(text, file, number) for text in fields[:2])
        intervals.append(Interval(number, sensor_id, start, end))
    return Recording(_topic_word(folder.name), sensors, intervals)


def _ordonez_time(text: str, file: Path, number: int) -> datetime:
    try:
        return datetime.strptime(text, "%Y-%m-%d %H:%M:%S")  # noqa: DTZ007  local times of the home
    except ValueError as error:
        raise RecordingError(f"{file}, line {number}: no time: {text!r}") from error


# --- both -----------------------------------------------------------------------------------------------------------

_FORMATS: dict[str, Callable[[Path, Path], Recording]] = {
    "*-ss.txt": _read_kasteren,
    "*_Sensors.txt": _read_ordonez,
}


def _lines(file: Path, separator: str = "\t") -> Iterator[tuple[int, list[str]]]:
    """Numbered lines (from 1, as editors count) that are not blank, split at runs of the separator."""
    for number, line in enumerate(file.read_text(encoding="utf-8", errors="replace").split("\n"), 1):
        fields = [field.strip() for field in line.split(separator) if field.strip()]
        if fields:
            yield number, fields


def _with_unmapped(sensors: dict[str, Sensor], intervals: list[Interval]) -> dict[str, Sensor]:
    """Sensors that report but that no map names are somebody's presence; what else they are nobody wrote down."""
    unmapped = {interval.sensor for interval in intervals} - sensors.keys()
    return sensors | {
        name: Sensor(_topic_word(name), ReadingType.PRESENCE, f"unmapped sensor {name}") for name in sorted(unmapped)
    }


def _topic_word(text: str) -> str:
    return re.sub(r"[^A-Za-z0-9_.-]", "_", text)
