"""Which readings show that the person is up and about."""

from gateway.lanes import ReadingType
from gateway.message import Value

_WHEN_TRUE = frozenset({ReadingType.MOTION, ReadingType.PRESENCE})
_ON_CHANGE = frozenset({ReadingType.DOOR, ReadingType.BED})
_SWITCHED = frozenset({ReadingType.WATER, ReadingType.POWER})
_COUNTED = frozenset({ReadingType.WATER, ReadingType.STEPS})


def is_activity(kind: str, value: Value) -> bool:
    """True for motion and presence when detected, doors and beds whenever they change, taps and appliances when they
    are used, steps and water when more than zero. A wattage that is reported all day says nothing."""
    if kind in _WHEN_TRUE:
        return value is not False and value != 0
    if kind in _ON_CHANGE:
        return True
    if isinstance(value, bool):
        return kind in _SWITCHED
    return kind in _COUNTED and isinstance(value, int | float) and value > 0
