"""What a resident does at which time of day, as pure state: a moment in, the devices' readings out.

A made-up person with an ordinary day: up at about seven, out for a walk and for the market, to bed at about nine, up
once or twice at night. Days differ by chance, but one seed always gives one life.
"""

import random
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from enum import StrEnum
from zoneinfo import ZoneInfo

from gateway.wire import ReadingType

#: Somebody awake passes a motion sensor about once in this time.
_MOTION_EVERY = timedelta(seconds=90)
_HEART_RATE_EVERY = timedelta(minutes=5)
_DOOR_STAYS_OPEN = timedelta(seconds=4)


class Place(StrEnum):
    """Where the resident is."""

    BED = "bed"
    ROOMS = "rooms"
    OUT = "out"


@dataclass(frozen=True)
class Reading:
    """What one kind of device in the home notices."""

    device_kind: str
    time: datetime
    type: str
    value: float | bool
    unit: str | None = None


@dataclass(frozen=True)
class _Day:
    """One day's plan in minutes of local time."""

    up: int
    to_bed: int
    outings: tuple[tuple[int, int], ...]
    night_visits: tuple[tuple[int, int], ...]

    def place(self, minute: int) -> Place:
        if any(start <= minute < end for start, end in self.outings):
            return Place.OUT
        asleep = minute < self.up or minute >= self.to_bed
        if asleep and not any(start <= minute < end for start, end in self.night_visits):
            return Place.BED
        return Place.ROOMS


class Resident:
    """One person; `step` is called every few seconds and tells what the devices noticed since."""

    def __init__(self, seed: str, zone: ZoneInfo) -> None:
        """`zone` is where the person's day runs."""
        self._seed = seed
        self._zone = zone
        self._chance = random.Random(seed)
        self._place: Place | None = None
        self._next_motion: datetime | None = None
        self._next_heart_rate: datetime | None = None
        self._today: tuple[date, _Day] | None = None

    def place(self, now: datetime) -> Place:
        """Where the plan of the day has the person."""
        local = now.astimezone(self._zone)
        if self._today is None or self._today[0] != local.date():
            self._today = local.date(), self._day(local.date())
        return self._today[1].place(_minute(local.time()))

    def step(self, now: datetime) -> list[Reading]:
        """What the devices notice now. The first step tells the state that they find."""
        before, self._place = self._place, self.place(now)
        readings = self._found(now) if before is None else self._moved(before, now)
        if self._place is Place.ROOMS and (self._next_motion is None or now >= self._next_motion):
            readings.append(Reading("motion", now, ReadingType.MOTION, True))
            self._next_motion = now + _MOTION_EVERY * min(self._chance.expovariate(1.0), 3.0)
        if self._next_heart_rate is None or now >= self._next_heart_rate:
            rate = round(self._chance.gauss(58 if self._place is Place.BED else 74, 4))
            readings.append(Reading("wristband", now, ReadingType.HEART_RATE, rate, "/min"))
            self._next_heart_rate = now + _HEART_RATE_EVERY
        return readings

    def _found(self, now: datetime) -> list[Reading]:
        return [
            Reading("bed", now, ReadingType.BED, self._place is Place.BED),
            Reading("door", now, ReadingType.DOOR, False),
            Reading("wristband", now, ReadingType.WORN, True),
        ]

    def _moved(self, before: Place, now: datetime) -> list[Reading]:
        if before is self._place:
            return []
        readings = []
        if Place.OUT in (before, self._place):
            readings.append(Reading("door", now - _DOOR_STAYS_OPEN, ReadingType.DOOR, True))
            readings.append(Reading("door", now, ReadingType.DOOR, False))
        if before is Place.BED:
            readings.append(Reading("bed", now, ReadingType.BED, False))
        readings.append(Reading("motion", now, ReadingType.MOTION, True))
        if self._place is Place.BED:
            readings.append(Reading("bed", now, ReadingType.BED, True))
        return readings

    def _day(self, day: date) -> _Day:
        chance = random.Random(f"{self._seed}/{day}")
        morning, afternoon = chance.randrange(9 * 60, 10 * 60), chance.randrange(15 * 60 + 30, 17 * 60)
        nights = sorted(chance.randrange(60, 5 * 60) for _ in range(chance.choice((1, 1, 2))))
        return _Day(
            up=chance.randrange(6 * 60 + 15, 7 * 60 + 30),
            to_bed=chance.randrange(20 * 60 + 30, 22 * 60),
            outings=((morning, morning + 60), (afternoon, afternoon + 40)),
            night_visits=tuple((minute, minute + 7) for minute in nights),
        )


def _minute(moment: time) -> int:
    return moment.hour * 60 + moment.minute
