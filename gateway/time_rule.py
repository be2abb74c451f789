"""When a message's time cannot be used: the one place that decides between rejecting and raising all the same."""

from datetime import datetime

import msgspec

from gateway.lanes import RAISED_WITHOUT_TIME, Lane
from gateway.limits import MAX_CLOCK_AHEAD
from gateway.message import Bad, Message, encode
from gateway.reason import Reason


def judge_time(item: Message | Bad, lane: Lane, received: datetime) -> Message | Bad:
    """Settle a decoded item by its lane's rule for times.

    - `sos`, `assist`, `fall`, `smoke`, `gas`, `leak` on the alarm lane whose time is missing, unreadable or more than
      10 min ahead of `received` come back as a message with `time` None: raise them with the received time.
    - A health message with `time` null stays as it is: the received time counts (a last will cannot know its own).
    - Everything else without a usable time is `Bad`, `bad_time` or `future_time`.

    The digest for idempotency is that of the item as it was decoded (`Bad.message` where there is one), so that it
    does not change between a first delivery and a later one.
    """
    if isinstance(item, Message) and item.time is not None and item.time - received <= MAX_CLOCK_AHEAD:
        return item
    raised_anyway = lane is Lane.ALARM and item.type in RAISED_WITHOUT_TIME
    if isinstance(item, Bad):
        return item.message if raised_anyway and item.message is not None else item
    if item.time is None:
        if raised_anyway or lane is Lane.HEALTH:
            return item
        return _bad(item, Reason.BAD_TIME, "no time")
    if raised_anyway:
        return msgspec.structs.replace(item, time=None)
    return _bad(item, Reason.FUTURE_TIME, item.time.isoformat())


def _bad(message: Message, reason: Reason, detail: str) -> Bad:
    return Bad(reason=reason, detail=detail, raw=encode(message), id=message.id, type=message.type, message=message)
