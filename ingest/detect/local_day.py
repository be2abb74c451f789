"""The home's own day: clock time in its zone, and spans that come round every day (the night, a wear window).

A span is by the clock on the wall: where the clock is put forward or back it is an hour shorter or longer.
"""

from collections.abc import Iterator
from datetime import date, datetime, timedelta
from datetime import time as wall_time
from functools import lru_cache
from zoneinfo import ZoneInfo

import msgspec

_UTC = ZoneInfo("UTC")
_DAY = timedelta(days=1)


def wall_clock(at: datetime, zone: ZoneInfo) -> str:
    """For people: `11-22 21:05`, by the home's clock."""
    return at.astimezone(zone).strftime("%m-%d %H:%M")


class DailySpan(msgspec.Struct, frozen=True):
    """From `begins_h` to before `ends_h`, hours of the local day (22.5: half past ten at night).

    Ends on the next day where `ends_h` is not later; two equal ones are the whole day, and so are 24 and 0.
    """

    begins_h: float
    ends_h: float

    def covers(self, at: datetime, zone: ZoneInfo) -> bool:
        """Whether this moment lies in it."""
        begins_at, _ = next(self.rounds(at, zone))
        return begins_at <= at

    def next_begin(self, at: datetime, zone: ZoneInfo) -> datetime:
        """When it begins the next time after `at`."""
        return next(begins_at for begins_at, _ in self.rounds(at, zone) if begins_at > at)

    def end(self, at: datetime, zone: ZoneInfo) -> datetime:
        """When the round ends that `at` lies in, or the next one."""
        return next(self.rounds(at, zone))[1]

    def after(self, begins_at: datetime, length: timedelta, zone: ZoneInfo) -> datetime:
        """When `length` of such time has passed since `begins_at`; what lies between two rounds does not count."""
        left = length
        for round_begins_at, closes_at in self.rounds(begins_at, zone):
            opens_at = max(round_begins_at, begins_at)
            if closes_at - opens_at >= left:
                return opens_at + left
            left -= closes_at - opens_at
        raise AssertionError("days never end")

    def rounds(self, at: datetime, zone: ZoneInfo) -> Iterator[tuple[datetime, datetime]]:
        """(begin, end) of the round that is under way at `at`, if any, and of all after it."""
        day = at.astimezone(zone).date() - _DAY
        begins, ends = timedelta(hours=self.begins_h) % _DAY, timedelta(hours=self.ends_h)
        days = timedelta(0) if ends > begins else _DAY
        while True:
            begins_at = _instant(day, begins, zone)
            ends_at = _instant(day + days, ends, zone)
            if ends_at > max(at, begins_at):
                yield begins_at, ends_at
            day += _DAY


@lru_cache(maxsize=10_000)
def _instant(day: date, into_it: timedelta, zone: ZoneInfo) -> datetime:
    """Wall-clock arithmetic: the hours are added to the date as written, and the zone applied to what results. Asked of
    all homes of a zone for the same few hours of today and tomorrow, so the answers are kept."""
    return (datetime.combine(day, wall_time(), zone) + into_it).astimezone(_UTC)
