"""A person whose vital signs are measured, for the tests of what is found in them."""

from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from told_home import GRANDMA, GRANDPA, ToldHome, at

from ingest.detect.core import Device
from ingest.detect.vital_signs import DETECTOR

BAND = Device("band", "wristband", resident_id=GRANDMA)
OTHER_BAND = Device("band-2", "wristband", resident_id=GRANDPA)
CUFF = Device("cuff", "cuff")
THERMOMETER = Device("ear", "thermometer")
SCALE = Device("scale", "scale")
ROOM = Device("room", "temperature")
MINUTE = timedelta(minutes=1)


class Person(ToldHome):
    """A person whose first day is over, unless `settle_s` says otherwise; no values are known of her yet."""

    def __init__(self, *, residents: tuple[UUID, ...] = (GRANDMA,), **parameters: Any) -> None:
        devices = (BAND, OTHER_BAND, CUFF, THERMOMETER, SCALE, ROOM)
        super().__init__(DETECTOR, *devices, residents=residents, **{"settle_s": 0, **parameters})

    def stream(
        self, kind: str, begins_at: datetime, *values: float, every: timedelta = MINUTE, **more: Any
    ) -> datetime:
        """The band's values one after the other; when the last one was."""
        for number, value in enumerate(values):
            self.tell(begins_at + number * every, more.get("device", "band"), kind, value)
        return begins_at + (len(values) - 1) * every

    def pressure(self, when: datetime, upper: float, lower: float, unit: str | None = "mm[Hg]", **more: Any) -> None:
        self.tell(when, "cuff", "blood_pressure", data={"systolic": upper, "diastolic": lower}, unit=unit, **more)

    def mornings(self, days: int, upper: float, lower: float, first: int = 1) -> None:
        """A measurement every morning."""
        for day in range(first, first + days):
            self.pressure(at(8, day), upper + day % 3 - 1, lower + day % 3 - 1)
