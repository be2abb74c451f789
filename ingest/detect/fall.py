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
from ingest.detect.core import Device, Event, Parameters, as_flag, bounded

#: What is looked at. `presence` is not: whoever lies on the floor in front of a radar is present.
SEEN: frozenset[str] = frozenset(
    {ReadingType.MOTION, ReadingType.BED, ReadingType.STEPS, ReadingType.DOOR, AlarmType.CHECK_IN}
)
#: So far back is looked for what a sensor said before; many repeat their state every hour.
LOOK_BACK = timedelta(hours=6)
#: Devices on the body, also where nobody has entered whose they are.
_WORN = frozenset({"wristband", "watch", "pendant"})


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
        return device.kind in _WORN and (device.id == self.device_id or self.alone)


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

    What a door says is no movement of the wearer, but from then on somebody else may be there, and only what is worn
    counts. Bed and steps count where they changed from something that is known, motion where it begins.
    """
    before: dict[tuple[str, str], bool | float] = {}
    ended: set[str] = set()
    visited = False
    for event in sorted(events, key=lambda one: one.at):
        moved = _moves(event, before, ended)
        if event.at >= suspicion.fallen_at and event.type == ReadingType.DOOR and moved:
            visited = True
        counts = wearer.wears(event.device) or (wearer.alone and not visited)
        if moved and counts and event.type != ReadingType.DOOR and _in_window(event, suspicion):
            return Movement(event.at, event.device.id, event.type)
    return None


def _in_window(event: Event, suspicion: Suspicion) -> bool:
    heard = event.received_at is not None and event.received_at > suspicion.heard_at
    return heard and suspicion.moves_from <= event.at < suspicion.still_until


def _moves(event: Event, before: dict[tuple[str, str], bool | float], ended: set[str]) -> bool:
    """Does this event say that something has moved? Remembers what each sensor said (`before`), and which motion
    sensors report their end too (`ended`): what those repeat is their state, what the others repeat is new."""
    key = event.device.id, event.type
    last = before.get(key)
    if event.type == AlarmType.CHECK_IN:
        return event.value is not False
    if event.type == ReadingType.STEPS:
        if isinstance(event.value, bool) or not isinstance(event.value, int | float):
            return False
        before[key] = event.value
        return last is not None and event.value > last
    flag = as_flag(event.value)
    if flag is None or event.type not in SEEN:
        return False
    before[key] = flag
    if event.type == ReadingType.MOTION:
        if not flag:
            ended.add(event.device.id)
        return flag and not (last is True and event.device.id in ended)
    if event.type == ReadingType.BED:
        return flag and last is False
    return last is None or flag != last


DETECTOR = Call("fall", FallParameters)
