"""A span of local time: from one time of the day up to and without another, over midnight where that is not later; on
some days of the week or on all. What runs over midnight belongs to the day on which it begins.

Compared by the clock on the wall. Every moment has exactly one local time, so on a night when clocks change a span in
the hour that is left out does not come, and one in the hour that is there twice comes twice.
"""

from collections.abc import Set
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta

_DAY_S = 86_400


@dataclass(frozen=True, slots=True)
class LocalSpan:
    """`since` and `until` the same: the whole day from then on. `days`: ISO weekdays (1 is Monday); None: all."""

    since: time = time.min
    until: time = time.min
    days: Set[int] | None = None

    @property
    def length_s(self) -> int:
        """Of one day's."""
        return (_seconds(self.until) - _seconds(self.since)) % _DAY_S or _DAY_S

    @property
    def week_s(self) -> int:
        """Of all of a week."""
        return self.length_s * (7 if self.days is None else len(self.days))

    def at_clock(self, clock: time) -> bool:
        """Is it within, on a day on which the span is?"""
        return (_seconds(clock) - _seconds(self.since)) % _DAY_S < self.length_s

    def holds(self, local: datetime) -> bool:
        """Is this local time within?"""
        if not self.at_clock(local.time()):
            return False
        return self.days is None or self.begun_on(local).isoweekday() in self.days

    def begun_on(self, local: datetime) -> date:
        """The day on which the span that this local time lies in began."""
        return local.date() - timedelta(days=local.time() < self.since)

    def end(self, local: datetime) -> datetime:
        """The local time at which the span ends that this one lies in."""
        over_midnight = self.until <= self.since
        return datetime.combine(self.begun_on(local) + timedelta(days=over_midnight), self.until, local.tzinfo)


def _seconds(at: time) -> int:
    return at.hour * 3_600 + at.minute * 60 + at.second
