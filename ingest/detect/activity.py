"""Which readings show that the person is up and about.

Many sensors repeat their state every hour or so, and meters and step counters every few minutes, whether or not
anything happened. So for those only a change counts; otherwise a home with one such sensor would never be still.
"""

from datetime import datetime
from typing import NamedTuple

from gateway.lanes import ReadingType
from gateway.message import Value

_WHEN_TRUE = frozenset({ReadingType.MOTION, ReadingType.PRESENCE})
_STATES = frozenset({ReadingType.DOOR, ReadingType.BED})
_SWITCHED = frozenset({ReadingType.WATER, ReadingType.POWER})
_COUNTED = frozenset({ReadingType.WATER, ReadingType.STEPS})


class Last(NamedTuple):
    """The newest reading of a device and type, and whether it was a change."""

    at: datetime
    value: Value
    changed: bool


def may_be_activity(kind: str, value: Value) -> bool:
    """True for motion and presence when detected, doors and beds whatever they say, taps and appliances that are
    switched, steps and water above zero. A wattage that is reported all day says nothing."""
    if kind in _WHEN_TRUE:
        return value is not False and value != 0
    if kind in _STATES:
        return True
    if isinstance(value, bool):
        return kind in _SWITCHED
    return kind in _COUNTED and isinstance(value, int | float) and value > 0


def is_compared(kind: str, value: Value) -> bool:
    """Whether it is the change that counts, so that every value must be remembered for the next."""
    return kind in _STATES or kind in _COUNTED or (kind in _SWITCHED and isinstance(value, bool))


def judge_change(last: Last | None, at: datetime, value: Value) -> Last:
    """The reading after `last` (None: the first one, which counts): is its value another one?

    What is delivered again is judged as it was the first time; what comes out of order counts, for its own time.
    """
    if last is None or at < last.at:
        return Last(at, value, changed=True)
    if at == last.at and value == last.value:
        return last
    return Last(at, value, changed=value != last.value)
