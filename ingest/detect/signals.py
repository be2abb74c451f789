"""What a message of the alarm lane means: a call for help, a cancel, a sign of life, or only something to keep."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from gateway.lanes import CANCELS, AlarmType
from gateway.message import Message

#: Types that call for help. A `false` value ("not pressed", "no smoke") is only stored.
CALLS = frozenset(AlarmType) - frozenset(CANCELS) - {AlarmType.CHECK_IN}

#: The house is in danger, and everybody in it: one alarm, whichever detectors see it. That one of them sees it no
#: longer is a remark, for people judge whether it is over.
OF_THE_HOUSE = frozenset({AlarmType.SMOKE, AlarmType.GAS, AlarmType.LEAK})

#: A person's own hand was at work.
_BY_HAND = frozenset({AlarmType.SOS, AlarmType.ASSIST, AlarmType.CHECK_IN, *CANCELS})

#: Older than this when it arrives: raised as late, with its true time. A device resends every 5 to 20 s (SCAIP), so a
#: minute is more than one lost resend.
LATE = timedelta(seconds=60)


@dataclass(frozen=True, slots=True)
class Signal:
    """`call`: raise this kind. `cancel`: the wearer takes this kind back. `active`: the person was active. `over`: a
    detector sees this kind no longer."""

    call: str | None
    cancel: str | None
    active: bool
    over: str | None = None


def read_signal(message: Message) -> Signal:
    """The meaning of one message of the alarm lane; unknown types mean nothing and are kept."""
    negative = message.value is False
    call = message.type if message.type in CALLS and not negative else None
    cancel = CANCELS.get(message.type) if not negative else None
    over = message.type if negative and message.type in OF_THE_HOUSE else None
    return Signal(call, cancel, active=message.type in _BY_HAND and not negative, over=over)


def read_location(data: Mapping[str, Any]) -> dict[str, float | None] | None:
    """Where it happened: `lat`, `lon` (degrees, WGS-84) and `accuracy_m` (None: not told), in `data` itself or in its
    `location`; None where there is none that could be on a map."""
    inner = data.get("location")
    place = inner if isinstance(inner, dict) else data
    lat, lon, accuracy = (_number(place.get(key)) for key in ("lat", "lon", "accuracy_m"))
    if lat is None or lon is None or abs(lat) > 90 or abs(lon) > 180:
        return None
    return {"lat": lat, "lon": lon, "accuracy_m": accuracy if accuracy is not None and accuracy >= 0 else None}


def _number(value: object) -> float | None:
    if isinstance(value, bool) or not isinstance(value, int | float) or not -1e9 < value < 1e9:
        return None
    return float(value)


def late_s(happened_at: datetime | None, now: datetime) -> int | None:
    """Whole seconds that the message is late, or None when it is not (or nobody knows)."""
    if happened_at is None or now - happened_at <= LATE:
        return None
    return int((now - happened_at).total_seconds())
