"""Where the resident is, as far as doors, beds and motion tell: at home, and noticed last by which device, or out.

Who used the entrance door last and has not been noticed since is out. One sensor that fires once proves nobody's
return: motion sensors see the one who leaves, and some fire at sun and heating (the recorded home B has one). Two
people are never both out by that reasoning, for one may sleep while the other leaves: see `Parameters` of
inactivity.py.

Only what shows that somebody is up and about is looked at (activity.py).
"""

from collections.abc import Iterable
from datetime import datetime, timedelta

import msgspec

from gateway.lanes import AlarmType, ReadingType
from gateway.message import Value
from ingest.detect.activity import Last, is_compared, judge_change, may_be_activity
from ingest.detect.core import Device, Event, Home

#: What may show that somebody is at home and awake.
TYPES: frozenset[str] = frozenset(
    {
        ReadingType.MOTION, ReadingType.PRESENCE, ReadingType.DOOR, ReadingType.BED, ReadingType.WATER,
        ReadingType.POWER, ReadingType.STEPS, AlarmType.CHECK_IN,
    }
)  # fmt: skip

#: What an animal sets off as well.
_SEEN_FROM_AFAR = frozenset({ReadingType.MOTION, ReadingType.PRESENCE})
#: Somebody who lies or sits down is there.
_BODY = frozenset({ReadingType.BED, ReadingType.PRESENCE})
#: Carried about, so that they say nothing of the home.
CARRIED = frozenset({ReadingType.STEPS, AlarmType.CHECK_IN})
#: A hall sensor sees who leaves for about so long after the door.
_LEAVING = timedelta(seconds=60)
#: Noticed by two devices within this span, or so often by one, or thrice in an hour, so far apart: he is at home.
_BACK_WITHIN = timedelta(minutes=10)
_BACK_EVENTS = 4
_STAYS_WITHIN = timedelta(hours=1)
_STAYS_TIMES = 3


class Whereabouts(msgspec.Struct, frozen=True, omit_defaults=True):
    """What is known. `active_at`: newest activity, None before the first. `by`: the device that noticed it (a bed that
    is occupied has a `+` behind its id). `left_at`: the entrance door, where nobody has surely been at home since;
    `noticed`: (time, device) of what was noticed after it. `lasts`: of devices and types whose changes count."""

    active_at: datetime | None = None
    by: str = ""
    left_at: datetime | None = None
    noticed: tuple[tuple[datetime, str], ...] = ()
    lasts: dict[str, tuple[datetime, Value]] = {}

    @property
    def still_since(self) -> datetime | None:
        """Since when nothing is known of the person: for somebody who is out, since the door."""
        return self.active_at if self.left_at is None else self.left_at


def entrances(devices: Iterable[Device]) -> frozenset[str]:
    """The doors that lead out: those in the entrance, or the only door of a home whose doors have no room."""
    doors = [one for one in devices if one.kind == ReadingType.DOOR]
    named = frozenset(one.id for one in doors if one.room == "entrance")
    if not named and len(doors) == 1 and doors[0].room is None:
        return frozenset({doors[0].id})
    return named


def follow(before: Whereabouts, event: Event, home: Home, *, pets: bool = False) -> Whereabouts:
    """What is known after this event; the same object where it shows nothing. What comes late changes nothing either,
    and `pets` leaves out what an animal sets off."""
    if event.type not in TYPES or (pets and event.type in _SEEN_FROM_AFAR):
        return before
    if before.active_at is not None and event.at < before.active_at:
        return before
    return _followed.after(before, event, home)


class _Followed:
    """The last answer: several detectors of a home ask the same of each event, one after another."""

    def __init__(self) -> None:
        self._asked: tuple[Whereabouts, Event, Home] | None = None
        self._answer = Whereabouts()

    def after(self, before: Whereabouts, event: Event, home: Home) -> Whereabouts:
        if self._asked is not None:
            known, of, there = self._asked
            if of is event and there is home and (known is before or known == before):
                return before if self._answer is known else self._answer
        self._asked, self._answer = (before, event, home), _follow(before, event, home)
        return self._answer


_followed = _Followed()


def _follow(before: Whereabouts, event: Event, home: Home) -> Whereabouts:
    lasts, active = _judge(before.lasts, event)
    if not active:
        return before if lasts is before.lasts else msgspec.structs.replace(before, lasts=lasts)
    left_at, noticed = _left(before, event, home)
    return Whereabouts(event.at, _by(before, event), left_at, noticed, lasts)


def _by(before: Whereabouts, event: Event) -> str:
    if event.type in CARRIED:  # says that somebody is awake, and not where
        return before.by or event.device.id
    return f"{event.device.id}+" if event.type == ReadingType.BED and event.value else event.device.id


def _judge(
    lasts: dict[str, tuple[datetime, Value]], event: Event
) -> tuple[dict[str, tuple[datetime, Value]], bool]:  # fmt: skip
    """The newest values, and whether this one is activity."""
    if event.type == AlarmType.CHECK_IN:
        return lasts, event.value is not False
    value = bool(event.value) if event.value in (0, 1) and event.type != ReadingType.STEPS else event.value
    if not is_compared(event.type, value):
        return lasts, may_be_activity(event.type, value)
    key = f"{event.device.id} {event.type}"
    known = lasts.get(key)
    if known is not None and (event.at < known[0] or known == (event.at, value)):
        return lasts, False  # late, or said again
    judged = judge_change(None if known is None else Last(*known, changed=True), event.at, value)
    return {**lasts, key: (judged.at, judged.value)}, judged.changed and may_be_activity(event.type, value)


def _left(
    before: Whereabouts, event: Event, home: Home
) -> tuple[datetime | None, tuple[tuple[datetime, str], ...]]:  # fmt: skip
    device = event.device
    if event.type == ReadingType.DOOR and device.id in entrances(home.devices.values()):
        return event.at, ()
    if before.left_at is None or event.type in CARRIED:
        return before.left_at, before.noticed
    if event.type in _BODY and event.value and device.kind == event.type:
        return None, ()
    if event.at - before.left_at <= _LEAVING:
        return before.left_at, before.noticed
    noticed = (*(one for one in before.noticed if event.at - one[0] <= _STAYS_WITHIN), (event.at, device.id))
    return (None, ()) if _is_back(noticed) else (before.left_at, noticed)


def _is_back(noticed: tuple[tuple[datetime, str], ...]) -> bool:
    newest = noticed[-1][0]
    lately = [device_id for at, device_id in noticed if newest - at <= _BACK_WITHIN]
    if len(set(lately)) > 1 or len(lately) >= _BACK_EVENTS:
        return True
    times, last = 0, None
    for at, _ in noticed:
        if last is None or at - last >= _BACK_WITHIN:
            times, last = times + 1, at
    return times >= _STAYS_TIMES
