"""Ordinary days of somebody who lives alone, told to a home: bed, rooms, the way out, water, the daily "I'm OK"."""

import random
from datetime import UTC, datetime, timedelta

from ingest.detect.core import Device
from tests.unit.ingest.detect.told_home import ToldHome

BED = Device("bed", "bed", "bedroom")
BEDROOM = Device("pir-bedroom", "motion", "bedroom")
LIVING = Device("pir-living", "motion", "living_room")
BATH = Device("pir-bath", "motion", "bathroom")
DOOR = Device("door", "door", "entrance")
METER = Device("meter", "water", "kitchen")
FLUSH = Device("flush", "water", "toilet")
BUTTON = Device("button", "button")
HOUSE = (BED, BEDROOM, LIVING, BATH, DOOR, METER, BUTTON)


class Days:
    """Up at about half past six, at the market from nine, to bed at about half past nine; one seed, one life.

    `until` cuts a day off: what happens later is not told, as when the person fell then.
    """

    def __init__(self, home: ToldHome, first: datetime, seed: int = 0) -> None:
        """`first`: any moment of the first day, of which the evening is the first thing told."""
        self._home, self._first, self._seed = home, first, seed
        self._litres = 40_000.0

    def tell(self, days: int, until: datetime | None = None) -> None:
        """So many nights and days after the first evening."""
        for day in range(days):
            chance = random.Random(f"{self._seed}/{day}")
            for minute, device, kind, value in sorted(self._day(chance), key=lambda one: one[0]):
                when = self._at(day, minute)
                if device in self._home.home.devices and (until is None or when < until):
                    self._home.tell(when, device, kind, value, unit="m3" if device == "meter" else None)

    def _at(self, day: int, minute: float) -> datetime:
        local = self._first.astimezone(self._home.home.zone).replace(hour=0, minute=0, second=0, microsecond=0)
        return (local + timedelta(days=day, minutes=minute)).astimezone(UTC)

    def _day(self, chance: random.Random) -> list[tuple[float, str, str, float | bool]]:
        """(minutes since midnight of the evening's day, device, type, value) from bedtime to bedtime."""
        to_bed = 21.5 * 60 + chance.uniform(-25, 25)
        up = 30.5 * 60 + chance.uniform(-25, 25)
        told: list[tuple[float, str, str, float | bool]] = [(to_bed, "bed", "bed", True)]
        for begins in sorted(chance.uniform(24.5 * 60, 28.5 * 60) for _ in range(chance.choice((1, 1, 2)))):
            told += [(begins, "bed", "bed", False), (begins + 0.3, "pir-bedroom", "motion", True)]
            told += [(begins + 1, "pir-bath", "motion", True), (begins + 4, "meter", "water", self._use(6))]
            told += [(begins + 5, "pir-bath", "motion", True), (begins + 6, "bed", "bed", True)]
        told += [(up, "bed", "bed", False), (up + 0.5, "pir-bedroom", "motion", True)]
        out, home = 33 * 60 + chance.uniform(-20, 20), 34 * 60 + chance.uniform(0, 30)
        told.append((up + chance.uniform(20, 50), "button", "check_in", True))
        told += [(up + 12, "meter", "water", self._use(9)), (up + 13, "pir-bath", "motion", True)]
        minute, evening = up + 15, to_bed + 24 * 60 - 40
        while minute < evening:
            if not out - 1 < minute < home + 1:
                room = chance.choice(("pir-living", "pir-bath", "pir-bedroom"))
                told.append((minute, room, "motion", True))
                if room == "pir-bath":
                    told.append((minute + 2, "meter", "water", self._use(chance.uniform(2, 9))))
            minute += min(chance.expovariate(1 / 14), 55)
        for passes in (out, home):
            told += [(passes, "door", "door", True), (passes + 0.1, "door", "door", False)]
        told.append((evening + 5, "meter", "water", self._use(12)))
        return [*told, (home + 0.5, "pir-living", "motion", True)]

    def _use(self, litres: float) -> float:
        self._litres += litres
        return round(self._litres / 1000, 4)
