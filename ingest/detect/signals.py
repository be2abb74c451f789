"""What a message of the alarm lane means: a call for help, a cancel, a sign of life, or only something to keep."""

from dataclasses import dataclass
from datetime import datetime, timedelta

from gateway.lanes import CANCELS, AlarmType
from gateway.message import Message

#: Types that call for help. A `false` value ("not pressed", "no smoke") is only stored.
CALLS = frozenset(AlarmType) - frozenset(CANCELS) - {AlarmType.CHECK_IN}

#: A person's own hand was at work.
_BY_HAND = frozenset({AlarmType.SOS, AlarmType.ASSIST, AlarmType.CHECK_IN, *CANCELS})

#: Older than this when it arrives: raised as late, with its true time. A device resends every 5 to 20 s (SCAIP), so a
#: minute is more than one lost resend.
LATE = timedelta(seconds=60)


@dataclass(frozen=True, slots=True)
class Signal:
    """`call`: raise this kind. `cancel`: the wearer takes this kind back. `active`: the person was active."""

    call: str | None
    cancel: str | None
    active: bool


def read_signal(message: Message) -> Signal:
    """The meaning of one message of the alarm lane; unknown types mean nothing and are kept."""
    negative = message.value is False
    call = message.type if message.type in CALLS and not negative else None
    cancel = CANCELS.get(message.type) if not negative else None
    return Signal(call, cancel, active=message.type in _BY_HAND and not negative)


def late_s(happened_at: datetime | None, now: datetime) -> int | None:
    """Whole seconds that the message is late, or None when it is not (or nobody knows)."""
    if happened_at is None or now - happened_at <= LATE:
        return None
    return int((now - happened_at).total_seconds())
