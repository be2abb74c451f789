"""A home's own rhythm: how long it is usually still at which time of day, learned from its last 60 days.

In the spirit of Cuddihy et al. (2007): for every half hour of the local day the longest stillness that was under way on
each past day, of which a high percentile is what is usual. Beyond that, what is usual depends on the device that
noticed the person last: who was last noticed in bed may be still for hours, who was last noticed at the stove may not.

Never learned as usual: spans away from home (kept apart), spans in an entered absence, in an outage of the sensors or
of an emergency, and spans as long as those that raise an alarm without a rhythm.

Spans are learned once, when they have ended: `learn` takes what happened since the last time.
"""

from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

import msgspec

from ingest.detect.core import Event, Home
from ingest.detect.whereabouts import Whereabouts, follow

#: As Cuddihy et al. and Wilhelm & Wahl (Sensors 2024, 24:6583): 60 days, 48 bins, the 97th percentile.
DAYS_KEPT = 60
PERCENT = 97
_BINS = 48
_BIN_MIN = 30

#: From so many days on it is used.
DAYS_NEEDED = 7
#: Shorter stillness is never unusual: see the least limit in inactivity.py.
_SHORTEST = timedelta(minutes=30)
#: Somebody may do what he usually does so much earlier or later.
_SHIFT_MIN = 30
#: A device that has noticed the person on fewer days says nothing of its own.
_DEVICE_DAYS = 5
#: So much of what is usual after other devices is allowed after this one as well (docs/evaluation.md).
_ALSO_OF_OTHERS = 0.6

#: The key of all devices together, and of spans away.
ALL, AWAY = "", "-"

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MINUTE = timedelta(minutes=1)

Gap = tuple[datetime, datetime]
"""From, to: a time of which nothing is to be learned."""


class Rhythm(msgspec.Struct, frozen=True):
    """What is usual. `days`: over how many. `lines`: device (`ALL` for all of them) -> minutes of stillness, for every
    half hour of the local day. `away_min`: the longest usual absence, None where there was none."""

    days: int
    lines: dict[str, tuple[int, ...]]
    away_min: int | None = None

    def __post_init__(self) -> None:
        """ValueError where half hours, or the line of all devices, are missing: what another version stored."""
        if ALL not in self.lines or any(len(line) != _BINS for line in self.lines.values()):
            raise ValueError("a rhythm has a line of all devices, and each has 48 half hours")

    def usual(self, by: str, at: datetime, zone: ZoneInfo) -> timedelta:
        """How long it is usually still at most at this time of day, after that device noticed the person."""
        number = _half_hour(at, zone)
        of_all = self.lines[ALL][number]
        of_device = min(self.lines.get(by, self.lines[ALL])[number], of_all)
        return (of_device + _ALSO_OF_OTHERS * (of_all - of_device)) * _MINUTE

    def quickest(self) -> "Rhythm":
        """The same with the shortest of all lines for every device."""
        lowest = [min(of_bin) for of_bin in zip(*self.lines.values(), strict=True)]
        mixed = (int(low + _ALSO_OF_OTHERS * (high - low)) for low, high in zip(lowest, self.lines[ALL], strict=True))
        return Rhythm(self.days, {ALL: tuple(mixed)}, self.away_min)


class History(msgspec.Struct, frozen=True, omit_defaults=True):
    """What rhythms are computed from. `since`: the first activity. `until`: what happened before it is in here.

    `spans`: (start in minutes since 1970, minutes, number of its key in `keys`). `days`: local day (as ordinal) -> the
    keys (numbers) of the devices that noticed somebody on it."""

    until: datetime
    since: datetime | None = None
    whereabouts: Whereabouts = Whereabouts()
    keys: tuple[str, ...] = (AWAY,)
    spans: tuple[tuple[int, int, int], ...] = ()
    days: dict[int, tuple[int, ...]] = {}


class _Spans:
    """Collects what is learned in one go."""

    def __init__(self, history: History, zone: ZoneInfo) -> None:
        self._zone = zone
        self.numbers = {key: number for number, key in enumerate(history.keys)}
        self.spans = list(history.spans)
        self.days = {day: set(keys) for day, keys in history.days.items()}
        self._day, self._day_ends_at = 0, _EPOCH

    def number(self, key: str) -> int:
        return self.numbers.setdefault(key, len(self.numbers))

    def noticed(self, key: str, at: datetime) -> None:
        if at >= self._day_ends_at:
            local = at.astimezone(self._zone)
            self._day = local.toordinal()
            midnight = datetime.combine(date.fromordinal(self._day + 1), datetime.min.time(), self._zone)
            self._day_ends_at = midnight.astimezone(UTC)
        self.days.setdefault(self._day, set()).add(self.number(key))

    def still(self, key: str, begins_at: datetime, ends_at: datetime) -> None:
        self.spans.append(((begins_at - _EPOCH) // _MINUTE, (ends_at - begins_at) // _MINUTE, self.number(key)))


def learn(
    known: History | None,
    events: Iterable[Event],
    home: Home,
    until: datetime,
    *,
    longest: timedelta,
    outages: Sequence[Gap] = (),
    emergencies: Sequence[Gap] = (),
    pets: bool = False,
) -> History:
    """What is known after these events (in order of time, all from `known.until` to before `until`).

    `longest`: stillness from this length on raises an alarm without any rhythm, so it is not usual. `outages`: sensors
    were not heard, `emergencies`: an alarm turned out to be real, both as far back as the spans that end now.
    """
    history = known or History(until)
    found = _Spans(history, home.zone)
    gaps = [*((one.begins_at, one.ends_at) for one in home.absences), *outages, *emergencies]
    before, since = history.whereabouts, history.since
    for event in events:
        after = follow(before, event, home, pets=pets)
        if after.active_at != before.active_at or after.by != before.by:
            since = since or event.at
            found.noticed(after.by, event.at)
            begins_at = before.still_since
            # Somebody who is out stays out, whatever fires alone, until he is back or uses the door again.
            ended = before.left_at is None or after.left_at != before.left_at
            if begins_at is not None and ended and event.at - begins_at >= _SHORTEST:
                away = before.left_at is not None
                if (away or event.at - begins_at < longest) and not _meets(gaps, begins_at, event.at):
                    found.still(AWAY if away else before.by, begins_at, event.at)
        before = after
    for gap in outages:
        for day in range(gap[0].astimezone(home.zone).toordinal(), gap[1].astimezone(home.zone).toordinal() + 1):
            found.days.pop(day, None)
    return _forget(found, until, since, before, home.zone)


def _meets(gaps: Sequence[Gap], begins_at: datetime, ends_at: datetime) -> bool:
    return any(first < ends_at and begins_at < last for first, last in gaps)


def _forget(
    found: _Spans, until: datetime, since: datetime | None, whereabouts: Whereabouts, zone: ZoneInfo
) -> History:
    """Without what is older than it may be, and without the names that nothing needs any more."""
    oldest = until.astimezone(zone).toordinal() - DAYS_KEPT
    days = {day: keys for day, keys in sorted(found.days.items()) if day >= oldest}
    first_minute = (until - timedelta(days=DAYS_KEPT) - _EPOCH) // _MINUTE
    spans = [one for one in found.spans if one[0] + one[1] >= first_minute]
    used = sorted({0, *(key for _, _, key in spans), *(key for keys in days.values() for key in keys)})
    names = {number: name for name, number in found.numbers.items()}
    numbers = {old: new for new, old in enumerate(used)}
    return History(
        until, since, whereabouts, tuple(names[old] for old in used),
        tuple((start, length, numbers[key]) for start, length, key in spans),
        {day: tuple(sorted(numbers[key] for key in keys)) for day, keys in days.items()},
    )  # fmt: skip


def rhythm_of(history: History, zone: ZoneInfo) -> Rhythm | None:
    """What is usual by this history; None until it has seven days."""
    days = len(history.days)
    if history.since is None or history.until - history.since < timedelta(days=DAYS_NEEDED) or days < DAYS_NEEDED:
        return None
    at_home = [one for one in history.spans if one[2] != 0]
    noticed: dict[int, int] = {}
    for keys in history.days.values():
        for key in keys:
            noticed[key] = noticed.get(key, 0) + 1
    lines = {ALL: _line(at_home, zone, days)}
    for key, on_days in sorted(noticed.items()):
        if on_days >= _DEVICE_DAYS:
            lines[history.keys[key]] = _line([one for one in at_home if one[2] == key], zone, days)
    away = sorted((length for _, length, key in history.spans if key == 0), reverse=True)
    return Rhythm(days, lines, away[_beyond(len(away))] if away else None)


def _line(spans: Sequence[tuple[int, int, int]], zone: ZoneInfo, days: int) -> tuple[int, ...]:
    """For every half hour of the day the percentile over the days of the longest stillness under way, in minutes. What
    goes on half an hour earlier or later counts as well."""
    longest: list[dict[int, int]] = [{} for _ in range(_BINS)]
    for start, length, _ in spans:
        began_at = _EPOCH + start * _MINUTE
        local = start + _offset_min(began_at, zone)
        # Where the clock was changed meanwhile, the wall says when it ended, and not how long it was.
        changed = _offset_min(began_at + length * _MINUTE, zone) - _offset_min(began_at, zone)
        end = local + length + changed
        for number in range(local // _BIN_MIN, (end + _SHIFT_MIN) // _BIN_MIN + 1):
            elapsed = min(length, min(end, (number + 1) * _BIN_MIN + _SHIFT_MIN) - local - changed)
            day, place = divmod(number, _BINS)
            if elapsed > longest[place].get(day, 0):
                longest[place][day] = elapsed
    return tuple(_percentile(by_day, days) for by_day in longest)


def _percentile(by_day: Mapping[int, int], days: int) -> int:
    """Days on which there was no stillness count as none."""
    falling = sorted(by_day.values(), reverse=True)
    beyond = _beyond(days)
    return falling[beyond] if beyond < len(falling) else 0


def _beyond(count: int) -> int:
    """How many of so many lie beyond the percentile."""
    return count * (100 - PERCENT) // 100


def next_half_hour(at: datetime, zone: ZoneInfo) -> datetime:
    """When the next one begins, by the home's clock."""
    local = at.astimezone(zone)
    passed = timedelta(minutes=local.minute % _BIN_MIN, seconds=local.second, microseconds=local.microsecond)
    return at + _BIN_MIN * _MINUTE - passed


def _half_hour(at: datetime, zone: ZoneInfo) -> int:
    local = at.astimezone(zone)
    return (local.hour * 60 + local.minute) // _BIN_MIN


def _offset_min(at: datetime, zone: ZoneInfo) -> int:
    offset = at.astimezone(zone).utcoffset()
    assert offset is not None  # a zone always has one
    return offset // _MINUTE
