"""What a resident does now, as pure state: a moment in, the devices' readings out; for homes that live in real time.

The days are those of `device_sim.day`; whole months at once are made by `device_sim.lives`.
"""

import random
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from enum import StrEnum
from zoneinfo import ZoneInfo

from device_sim.day import Doing, Habits, Stay, plan_day
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


_PLACES = {Doing.ASLEEP: Place.BED, Doing.OUT: Place.OUT}


@dataclass(frozen=True)
class Reading:
    """What one kind of device in the home notices."""

    device_kind: str
    time: datetime
    type: str
    value: float | bool
    unit: str | None = None


class Resident:
    """One person; `step` is called every few seconds and tells what the devices noticed since."""

    def __init__(self, seed: str, zone: ZoneInfo, habits: Habits | None = None) -> None:
        """`zone` is where the person's day runs."""
        self._seed = seed
        self._zone = zone
        self._habits = habits or Habits()
        self._chance = random.Random(seed)
        self._place: Place | None = None
        self._next_motion: datetime | None = None
        self._next_heart_rate: datetime | None = None
        self._today: tuple[date, tuple[Stay, ...]] | None = None

    def place(self, now: datetime) -> Place:
        """Where the plan of the day has the person."""
        local = now.astimezone(self._zone)
        if self._today is None or self._today[0] != local.date():
            self._today = local.date(), plan_day(self._seed, local.date(), self._habits)
        second = (local.hour * 60 + local.minute) * 60 + local.second
        stay = next(one for one in self._today[1] if one.begin_s <= second < one.end_s)
        return _PLACES.get(stay.doing, Place.ROOMS)

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
