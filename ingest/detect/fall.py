"""Falls: how long one is only suspected, and which movement shows that it was none. Pure functions.

A reported fall is not judged by the fold of `ingest.detect`: it is a call for help of the alarm lane, its windows are
the deadline of its alarm, and nothing but `suspect` and `find_movement` decides. Every doubt counts for the fall
(ADR 0015): who is seen moving must be the wearer, and the movement no echo of the fall itself.
"""

from collections.abc import Iterable, Mapping
from datetime import datetime, timedelta
from typing import Annotated, Any
from uuid import UUID

import msgspec

from alerts.suspicion import Movement, Suspicion
from gateway.lanes import AlarmType, ReadingType
from ingest.detect.call import Call
from ingest.detect.core import WORN, Device, Event, Parameters, as_flag, bounded

#: What is looked at. `presence` is not: whoever lies on the floor in front of a radar is present.
SEEN: frozenset[str] = frozenset(
    {ReadingType.MOTION, ReadingType.BED, ReadingType.STEPS, ReadingType.DOOR, AlarmType.CHECK_IN}
)
#: So far back is looked for what a sensor said before; many repeat their state every hour.
LOOK_BACK = timedelta(hours=6)
#: Where doors lead into the house; nobody has said of None.
_WAYS_IN = frozenset({"entrance", "hall", "other", None})


class FallParameters(Parameters, frozen=True):
    """The windows of a fall. Switched off it cannot be: a reported fall is a call for help."""

    still_s: Annotated[float, bounded("s", 0, 600, "immobile for about a minute (Apple Watch guide, hard fall)")] = 60.0
    cancel_s: Annotated[float, bounded("s", 0, 600, "15 to 30 s of countdown (Apple Watch guide, hard fall)")] = 20.0
    settle_s: Annotated[float, bounded("s", 0, 30, "ours: the impact, and what it leaves moving, is no movement")] = 3.0

    def __post_init__(self) -> None:
        if not self.enabled:
            raise ValueError("A reported fall cannot be switched off; set its windows instead.")


class Wearer(msgspec.Struct, frozen=True):
    """Whose fall it is. `resident_id` None: nobody knows. `device_id`: what reported it, where it was one device.
    `alone`: nobody else lives there, so whoever moves at home is the wearer."""

    resident_id: UUID | None
    device_id: str | None
    alone: bool

    def wears(self, device: Device) -> bool:
        """Is it this person's own, so that its movement is the wearer's whoever else is there?"""
        if device.resident_id is not None:
            return device.resident_id == self.resident_id
        return device.kind in WORN and (device.id == self.device_id or self.alone)


def suspect(data: Mapping[str, Any], happened_at: datetime, now: datetime, parameters: FallParameters) -> Suspicion:
    """The windows of a fall that is reported now. `data`: of its message; `happened_at`: not later than `now`.

    A device that has waited itself (`confirmed`, or `immobile_s` seconds) is not waited for again. The stillness window
    counts from the fall, so it is shorter, or over, where the report was late; the cancel window from then, or from
    now: the wearer always has it whole.
    """
    still_s = 0.0 if data.get("confirmed") is True else max(0.0, parameters.still_s - _immobile_s(data))
    still_until = happened_at + timedelta(seconds=still_s)
    return Suspicion(
        fallen_at=happened_at,
        heard_at=now,
        moves_from=happened_at + timedelta(seconds=parameters.settle_s),
        still_until=still_until,
        page_at=max(still_until, now) + timedelta(seconds=parameters.cancel_s),
        watching=still_until > now,
    )


def _immobile_s(data: Mapping[str, Any]) -> float:
    """Seconds for which the device says that the wearer has not moved; 0 for anything that is no such number."""
    value = data.get("immobile_s")
    return float(value) if isinstance(value, int | float) and not isinstance(value, bool) and 0 <= value < 1e6 else 0.0


def find_movement(suspicion: Suspicion, wearer: Wearer, events: Iterable[Event]) -> Movement | None:
    """The first movement that ends this suspicion. `events`: of the home's devices, from `LOOK_BACK` before the fall.

    What the door of the house says is no movement of the wearer: from then on somebody else may be there, and only what
    is worn counts.
    """
    said = _Said(suspicion.moves_from)
    visited = False
    for event in sorted(events, key=lambda one: one.at):
        moved = said.shows_movement(event)
        if not moved:
            continue
        if event.type == ReadingType.DOOR and event.device.room in _WAYS_IN:
            visited = visited or event.at >= suspicion.fallen_at
            continue
        at_home = wearer.alone and not visited and event.device.resident_id is None
        if (wearer.wears(event.device) or at_home) and _in_window(event, suspicion):
            return Movement(event.at, event.device.id, event.type)
    return None


def _in_window(event: Event, suspicion: Suspicion) -> bool:
    heard = event.received_at is not None and event.received_at > suspicion.heard_at
    return heard and suspicion.moves_from <= event.at < suspicion.still_until


class _Said:
    """What each sensor said last, so that only news is movement."""

    def __init__(self, moves_from: datetime) -> None:
        self._moves_from = moves_from
        self._flags: dict[tuple[str, str], bool] = {}
        self._steps: dict[str, float] = {}
        self._ended: set[str] = set()

    def shows_movement(self, event: Event) -> bool:
        """Does this event say that something has moved?"""
        if event.type == AlarmType.CHECK_IN:
            return event.value is not False
        if event.type == ReadingType.STEPS:
            return self._more_steps(event)
        flag = as_flag(event.value)
        if flag is None or event.type not in SEEN:
            return False
        key = event.device.id, event.type
        last = self._flags.get(key)
        self._flags[key] = flag
        if event.type == ReadingType.MOTION:
            return self._motion_begins(event.device.id, flag, last)
        if event.type == ReadingType.BED:
            return flag and last is False
        # Whatever the door of the house says may be somebody coming; that of a cupboard falls shut by itself.
        return flag != last if event.device.room in _WAYS_IN else flag and last is False

    def _more_steps(self, event: Event) -> bool:
        """Counters are reported every few minutes: what they have counted since before the fall was before it."""
        if isinstance(event.value, bool) or not isinstance(event.value, int | float):
            return False
        last = self._steps.get(event.device.id)
        if event.at >= self._moves_from:
            self._steps[event.device.id] = event.value
        return last is not None and event.value > last

    def _motion_begins(self, device_id: str, flag: bool, last: bool | None) -> bool:
        """Sensors that also report the end of motion repeat their state; what the others repeat is new."""
        if not flag:
            self._ended.add(device_id)
        return flag and not (last is True and device_id in self._ended)


DETECTOR = Call("fall", FallParameters)
