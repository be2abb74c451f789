"""What is usual for one person: a rolling, robust baseline, and the range that follows from it.

The baseline is median and MAD (median absolute deviation) of a few kept values, so a day of illness or a slipped band
does not move it. It makes the general range narrower where this person is far from what is usual for him, and wider
where his usual values lie beyond it; both only so far.
"""

from datetime import datetime, timedelta
from statistics import median

import msgspec

#: A normal distribution's standard deviation is this many MADs.
_MAD_TO_SD = 1.4826
#: Of a material deviation: values that were all the same by chance, or rounded, do not make a range of one point.
_LEAST_SPREAD = 0.1
#: At most one value in this time is kept: a stream weighs no more than a cuff that is used in the morning and evening.
SPACING = timedelta(hours=4)
#: So many are kept: 8 days of a stream, 48 of a daily measurement.
KEPT = 48


class Usual(msgspec.Struct, frozen=True, array_like=True):
    """Median and spread (as a standard deviation) of a person's values."""

    median: float
    spread: float


class Baseline(msgspec.Struct, frozen=True, omit_defaults=True):
    """The kept values, oldest first, when the last of them was kept, and what is usual by them (made once, not for each
    value of a stream)."""

    values: tuple[float, ...] = ()
    kept_at: datetime | None = None
    usual: Usual | None = None

    def after(self, at: datetime, value: float) -> "Baseline":
        """With a value more, unless one was kept shortly before."""
        if self.kept_at is not None and at - self.kept_at < SPACING:
            return self
        values = (*self.values, value)[-KEPT:]
        middle = median(values)
        spread = _MAD_TO_SD * median(abs(one - middle) for one in values)
        return Baseline(values, at, Usual(round(middle, 3), round(spread, 3)))

    def known(self, at_least: int) -> Usual | None:
        """What is usual, once that many values are kept."""
        return self.usual if len(self.values) >= at_least else None


class Limits(msgspec.Struct, frozen=True):
    """The general range of a vital sign, both ends inside; None: no such end.

    `material`: a deviation from the usual this large matters. `widen`: how far the range may be widened. `error`: how
    far devices err, so that a smaller difference says nothing.
    """

    low: float | None
    high: float | None
    material: float
    widen: float
    error: float


class Range(msgspec.Struct, frozen=True):
    """The range for this person, both ends inside; `personal`: an end is not the general one."""

    low: float | None
    high: float | None
    personal: bool = False

    def side(self, value: float) -> str | None:
        """`low` or `high` of it, None inside."""
        if self.low is not None and value < self.low:
            return "low"
        return "high" if self.high is not None and value > self.high else None

    def moved_in(self, by: float) -> "Range":
        """Narrower by so much at both ends: who comes back must come back well."""
        low = None if self.low is None else self.low + by
        high = None if self.high is None else self.high - by
        if low is not None and high is not None and low > high:
            low = high = (low + high) / 2
        return Range(low, high, self.personal)


def range_for(
    limits: Limits, known: Usual | None, normal: tuple[float, float] | None, unusual_sds: float, usual_sds: float
) -> Range:
    """The general range, narrowed to `unusual_sds` spreads (at least a material deviation) around the usual, never into
    what is `normal`; widened to `usual_sds` spreads around it, never by more than `widen`."""
    low, high = limits.low, limits.high
    if known is None:
        return Range(low, high)
    spread = max(known.spread, _LEAST_SPREAD * limits.material)
    own_low, own_high = known.median - usual_sds * spread, known.median + usual_sds * spread
    if low is not None and limits.widen > 0:
        low = max(min(low, own_low), low - limits.widen)
    if high is not None and limits.widen > 0:
        high = min(max(high, own_high), high + limits.widen)
    far = max(limits.material, unusual_sds * spread)
    far_low, far_high = known.median - far, known.median + far
    if normal is not None:
        far_low, far_high = min(far_low, normal[0]), max(far_high, normal[1])
    low = far_low if low is None else max(low, far_low)
    high = far_high if high is None else min(high, far_high)
    return Range(low, high, (low, high) != (limits.low, limits.high))
