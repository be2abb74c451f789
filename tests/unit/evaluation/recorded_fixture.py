"""A home of our own writing in the format of van Kasteren et al., with every oddity of the recorded ones in it."""

from collections.abc import Iterator
from datetime import datetime, timedelta
from pathlib import Path

START = datetime(2010, 3, 1)  # noqa: DTZ001  local time of the home
DAYS = 12


def write_home(folder: Path) -> Path:
    """Twelve days of a life by the clock: up at seven, out from ten to twelve, to bed at eleven."""
    folder.mkdir()
    (folder / "sensorMapX-ids.txt").write_text("1,front door,Outside\n2,PIR keuken,Kitchen\n3,press bed links,Sleep\n")
    (folder / "actionMapX.txt").write_text("14,leave-house\n18,go-to-bed\n")
    (folder / "houseX-ss.txt").write_text("".join(_lines(sorted(set(_sensors())))))
    (folder / "houseX-as.txt").write_text("".join(_lines(_labels())))
    return folder


def _sensors() -> Iterator[tuple[datetime, datetime, str]]:
    second = timedelta(seconds=1)
    for day in range(DAYS):
        midnight = START + timedelta(days=day)
        for minute in (*range(7 * 60, 10 * 60, 5), *range(12 * 60 + 5, 23 * 60, 5)):
            at = midnight + timedelta(minutes=minute)
            yield at, at + second, "2"
        for hour in (10, 12):
            at = midnight + timedelta(hours=hour, minutes=2)
            yield at, at + 5 * second, "1"
        for turn in range(60):  # a mat that chatters while somebody falls asleep
            at = midnight + timedelta(hours=23, minutes=1, seconds=2 * turn)
            yield at, at + second, "3"
    yield START + timedelta(hours=8), START + timedelta(hours=8) + second, "99"  # no map names it
    yield START + timedelta(hours=9), START + timedelta(hours=8), "99"  # ends before it begins


def _labels() -> Iterator[tuple[datetime, datetime, str]]:
    for day in range(DAYS - 1):  # the last day has none
        midnight = START + timedelta(days=day)
        yield midnight + timedelta(hours=10), midnight + timedelta(hours=12), "14"
        yield midnight + timedelta(hours=23), midnight + timedelta(hours=30), "18"
    yield START + timedelta(days=3), START + timedelta(days=2), "14"  # ends before it begins


def _lines(rows: object) -> Iterator[str]:
    for first, last, name in rows:
        yield f"{first:%d-%b-%Y %H:%M:%S}\t{last:%d-%b-%Y %H:%M:%S}\t{name}\n"
