"""What the detector is measured against: fixed spans, a street's rule, a published percentile line, and variants."""

from collections import defaultdict
from collections.abc import Callable, Iterable, Sequence
from datetime import datetime, timedelta
from math import ceil

from evaluation.stillness_watch import Limit, Still
from ingest.detect.rhythm import DAYS_KEPT

_BINS = 48
_HALF_HOUR = timedelta(minutes=30)
_DAY = timedelta(days=1)

#: Shanghai, Zhenbei Xincun: no door event in 48 h (the other half of the rule needs a water meter).
STREET_RULE = timedelta(hours=48)

LearnLimit = Callable[[Sequence[Still], datetime], Limit]


def fixed(span: timedelta) -> LearnLimit:
    """The same limit always."""
    return lambda _past, _night: lambda _still, _at: span


def percentile_line(*, absences_apart: bool) -> LearnLimit:
    """Cuddihy et al. (2007) as read by Wilhelm & Wahl (Sensors 2024, 24:6583): 48 half-hour bins over 60 days, the 97th
    percentile of the elapsed inactivity in each, alert line = maximum over +-2 bins + 0.30 x bin + 0.40 x weighted mean
    (1, 2, 3, 2, 1). `absences_apart`: not as published, with our own way to tell absences: they are left out and
    waited for as long as we do at most.
    """

    def learn(past: Sequence[Still], night: datetime) -> Limit:
        at_home = [one for one in past if not (absences_apart and one.away) and one.until > night - DAYS_KEPT * _DAY]
        bins = [_percentile(by_day.values()) for by_day in _elapsed(at_home)]
        line = [_alert(bins, number) for number in range(_BINS)]
        return lambda still, at: STREET_RULE if absences_apart and still.away else line[_bin(at)]

    return learn


def longest_by_start(shift: timedelta, buffer: float, extra: timedelta, most: timedelta) -> LearnLimit:
    """The longest stillness that began at about the same time of day (+- `shift`), with a buffer; absences apart."""

    def learn(past: Sequence[Still], night: datetime) -> Limit:
        recent = [
            one
            for one in past
            if not one.away and one.until - one.since < most and one.until > night - DAYS_KEPT * _DAY
        ]
        spans = [(_of_day(one.since), one.until - one.since) for one in recent if one.until - one.since >= _HALF_HOUR]

        def limit(still: Still, _at: datetime) -> timedelta:
            if still.away:
                return STREET_RULE
            begin = _of_day(still.since)
            alike = (length for at, length in spans if min((at - begin) % _DAY, (begin - at) % _DAY) <= shift)
            return min(most, max(timedelta(hours=2), max(alike, default=timedelta()) * (1 + buffer) + extra))

        return limit

    return learn


def _elapsed(stills: Sequence[Still]) -> list[dict[int, timedelta]]:
    """Per bin of the day: day -> the longest inactivity that had elapsed in it."""
    found: list[dict[int, timedelta]] = [defaultdict(timedelta) for _ in range(_BINS)]
    for still in stills:
        begin = still.since - _of_day(still.since) % _HALF_HOUR
        while begin < still.until:
            day, elapsed = begin.toordinal(), min(still.until, begin + _HALF_HOUR) - still.since
            by_day = found[_bin(begin)]
            by_day[day] = max(by_day[day], elapsed)
            begin += _HALF_HOUR
    return found


def _percentile(values: Iterable[timedelta]) -> timedelta:
    ordered = sorted(values)
    return ordered[ceil(len(ordered) * 0.97) - 1] if ordered else timedelta()


def _alert(bins: Sequence[timedelta], number: int) -> timedelta:
    around = [bins[(number + step) % _BINS] for step in range(-2, 3)]
    weighted = sum((weight * one for weight, one in zip((1, 2, 3, 2, 1), around, strict=True)), timedelta()) / 9
    return max(around) + 0.30 * bins[number] + 0.40 * weighted


def _of_day(at: datetime) -> timedelta:
    return timedelta(hours=at.hour, minutes=at.minute, seconds=at.second, microseconds=at.microsecond)


def _bin(at: datetime) -> int:
    return (at.hour * 60 + at.minute) // 30
