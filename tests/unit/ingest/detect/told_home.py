"""One detector in one home: it is told what happened, and what it found is read off, as it runs live."""

from collections.abc import Iterable
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID
from zoneinfo import ZoneInfo

import msgspec

from gateway.message import Value
from ingest.detect.core import Absence, Clearing, Detector, Device, Event, Finding, Home
from ingest.detect.fold import Found, Memory, look

FUZHOU = ZoneInfo("Asia/Shanghai")
HOME = UUID(int=1)
GRANDMA, GRANDPA = UUID(int=11), UUID(int=12)


def at(hour: float, day: int = 22, zone: ZoneInfo = FUZHOU) -> datetime:
    """That hour of a day of November 2026, by the home's clock; hours beyond 24 are of the days after."""
    return (datetime(2026, 11, day, tzinfo=zone) + timedelta(hours=hour)).astimezone(UTC)


class ToldHome:
    """`parameters`: of the detector, beside those that it has; it is switched on."""

    def __init__(
        self,
        detector: Detector[Any, Any],
        *devices: Device,
        zone: ZoneInfo = FUZHOU,
        residents: tuple[UUID, ...] = (GRANDMA,),
        absences: Iterable[Absence] = (),
        **parameters: Any,
    ) -> None:
        self.detector = detector
        self.parameters = msgspec.convert({"enabled": True, **parameters}, detector.parameters)
        self.home = Home(HOME, zone, {one.id: one for one in devices}, residents, tuple(absences))
        self.memory: Memory = {}
        self.events: list[Event] = []

    def tell(self, when: datetime, device: str, kind: str, value: Value = None, **more: Any) -> None:
        """Something happened; `more`: further fields of the event."""
        number = f"m-{len(self.events)}"
        self.events.append(Event(when, self.home.devices[device], kind, value, message_id=number, **more))

    def found(self, until: datetime) -> list[Found]:
        """What is found by looking at everything told since the last look, in order of time; its memory goes through
        JSON as it does live."""
        told, self.events = sorted(self.events, key=lambda one: one.at), []
        for event in told:
            assert event.at <= until, "told of something that lies beyond the look"
        by_name = {self.detector.name: self.parameters}
        self.memory, found = look([self.detector], by_name, self.home, self.memory, told, until)
        for name, kept in self.memory.items():
            copy = msgspec.json.decode(msgspec.json.encode(kept.state), type=self.detector.state)
            self.memory[name] = msgspec.structs.replace(kept, state=copy)
        return found

    def raised(self, until: datetime) -> list[Finding]:
        """Only what is to be raised."""
        return [one.what for one in self.found(until) if isinstance(one.what, Finding)]

    def cleared(self, until: datetime) -> list[Clearing]:
        """Only what is so no longer."""
        return [one.what for one in self.found(until) if isinstance(one.what, Clearing)]
