"""A home's rhythm: what is usual at which time of day, and what must never become so."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from zoneinfo import ZoneInfo

import msgspec
from hypothesis import given, settings
from hypothesis import strategies as st
from told_home import FUZHOU, GRANDMA, HOME
from told_home import at as november

from ingest.detect.core import Absence, Device, Event, Home
from ingest.detect.rhythm import AWAY, Gap, History, Rhythm, learn, rhythm_of

BED, KITCHEN = Device("bed", "bed", "bedroom"), Device("kitchen", "motion", "kitchen")
DOOR = Device("door", "door", "entrance")
A_HOME = Home(HOME, FUZHOU, {one.id: one for one in (BED, KITCHEN, DOOR)}, (GRANDMA,))
TWELVE_H = timedelta(hours=12)
BERLIN = ZoneInfo("Europe/Berlin")


def at(hour: float, day: int = 22, zone: ZoneInfo = FUZHOU) -> datetime:
    """That hour of a day of November 2026, also of days before the first and after the last."""
    return november(hour + 24 * (day - 1), 1, zone)


def _day(day: int, zone: ZoneInfo = FUZHOU, up_h: float = 7, to_bed_h: float = 22) -> Iterator[Event]:
    """Up at seven, about the kitchen every twenty minutes, to bed at ten."""
    yield Event(at(up_h, day, zone), BED, "bed", False)
    minutes = int(up_h * 60) + 10
    while minutes < to_bed_h * 60:
        yield Event(at(minutes / 60, day, zone), KITCHEN, "motion", True)
        minutes += 20
    yield Event(at(to_bed_h, day, zone), BED, "bed", True)


def _days(first: int, last: int, zone: ZoneInfo = FUZHOU) -> list[Event]:
    return [event for day in range(first, last + 1) for event in _day(day, zone)]


def _learned(events: list[Event], until: datetime, home: Home = A_HOME, **more: list[Gap]) -> History:
    return learn(None, sorted(events, key=lambda one: one.at), home, until, longest=TWELVE_H, **more)


def _rhythm(history: History, zone: ZoneInfo = FUZHOU) -> Rhythm:
    rhythm = rhythm_of(history, zone)
    assert rhythm is not None
    return rhythm


def _usual_h(rhythm: Rhythm, by: str, hour: float, zone: ZoneInfo = FUZHOU) -> float:
    return rhythm.usual(by, at(hour, 22, zone), zone) / timedelta(hours=1)


def test_after_seven_days_the_night_is_long_and_the_day_is_not() -> None:
    rhythm = _rhythm(_learned(_days(1, 8), at(3, 9)))
    assert rhythm.days == 8
    assert 7.5 < _usual_h(rhythm, "bed+", 6) <= 9
    assert _usual_h(rhythm, "bed+", 12) < 1
    assert _usual_h(rhythm, "kitchen", 15) < 1


def test_who_was_noticed_last_in_the_kitchen_is_not_expected_to_sleep_there() -> None:
    """Part of the difference is believed; a device that nobody has known for five days says nothing of its own."""
    rhythm = _rhythm(_learned(_days(1, 8), at(3, 9)))
    assert _usual_h(rhythm, "kitchen", 6) < 0.7 * _usual_h(rhythm, "bed+", 6)
    assert _usual_h(rhythm, "new sensor", 6) == _usual_h(rhythm, "bed+", 6)


def test_before_seven_days_nothing_is_usual() -> None:
    assert rhythm_of(_learned(_days(1, 7), at(3, 8)), FUZHOU) is None
    assert rhythm_of(_learned([], at(3, 8)), FUZHOU) is None


def test_a_day_out_is_no_stillness_and_known_apart() -> None:
    events = [one for one in _days(1, 8) if not (one.at.astimezone(FUZHOU).day == 5 and 9 < _hour(one) < 19)]
    events += [Event(at(9.1, 5), DOOR, "door", True), Event(at(18.9, 5), DOOR, "door", True)]
    rhythm = _rhythm(_learned(events, at(3, 9)))
    assert _usual_h(rhythm, "kitchen", 15) < 1
    assert rhythm.away_min is not None
    assert 588 <= rhythm.away_min <= 588 + 60
    assert AWAY not in rhythm.lines


def test_what_raised_an_alarm_anyway_is_not_usual_from_then_on() -> None:
    """Found after fourteen hours: longer than the fixed span."""
    events = [one for one in _days(1, 8) if not (one.at.astimezone(FUZHOU).day == 5 and 7.5 < _hour(one) < 21.5)]
    assert _usual_h(_rhythm(_learned(events, at(3, 9))), "kitchen", 15) < 1


def test_absences_emergencies_and_outages_are_left_out() -> None:
    still = [one for one in _days(1, 9) if not (one.at.astimezone(FUZHOU).day == 5 and 10 < _hour(one) < 16)]
    assert _usual_h(_rhythm(_learned(still, at(3, 10))), "kitchen", 15) > 3
    gap = at(10, 5), at(16, 5)
    away = msgspec.structs.replace(A_HOME, absences=(Absence(*gap),))
    assert _usual_h(_rhythm(_learned(still, at(3, 10), away)), "kitchen", 15) < 1
    assert _usual_h(_rhythm(_learned(still, at(3, 10), emergencies=[gap])), "kitchen", 15) < 1
    without = _rhythm(_learned(still, at(3, 10), outages=[gap]))
    assert _usual_h(without, "kitchen", 15) < 1
    assert without.days == 8


def test_learning_night_by_night_is_learning_at_once() -> None:
    events = _days(1, 12)
    history: History | None = None
    for day in range(2, 14):
        night, before = at(3, day), at(3, day - 1)
        news = [one for one in events if before <= one.at < night]
        history = learn(history, news, A_HOME, night, longest=TWELVE_H)
        history = msgspec.json.decode(msgspec.json.encode(history), type=History)
    assert history is not None
    once = _learned(events, at(3, 13))
    assert rhythm_of(history, FUZHOU) == rhythm_of(once, FUZHOU)
    assert len(msgspec.json.encode(history)) < 3000


def test_what_was_two_months_ago_is_forgotten() -> None:
    old = _learned(_days(1, 10), at(3, 11))
    late = learn(old, _days(80, 90), A_HOME, at(3, 91), longest=TWELVE_H)
    assert len(late.days) == 11
    assert all(
        start > (at(0, 31) - datetime(1970, 1, 1, tzinfo=UTC)) // timedelta(minutes=1) for start, *_ in late.spans
    )


def test_the_clock_is_put_back_and_the_morning_stays_in_its_place() -> None:
    """Berlin, from the 18th of October 2026 on, over the 25th."""
    home = msgspec.structs.replace(A_HOME, zone=BERLIN)
    rhythm = _rhythm(_learned(_days(-13, 1, BERLIN), at(3, 2, BERLIN), home), BERLIN)
    assert 7.5 < _usual_h(rhythm, "bed+", 6, BERLIN) <= 10.1
    assert _usual_h(rhythm, "bed+", 9, BERLIN) < 1


times = st.lists(st.integers(0, 40 * 24 * 60), min_size=2, max_size=200, unique=True).map(sorted)


@settings(max_examples=60, deadline=None)
@given(minutes=times, zone=st.sampled_from([FUZHOU, BERLIN, ZoneInfo("Asia/Kathmandu")]))
def test_nothing_is_ever_usual_that_never_was(minutes: list[int], zone: ZoneInfo) -> None:
    """And whatever the times, what was learned can be kept."""
    home = msgspec.structs.replace(A_HOME, zone=zone)
    start = datetime(2026, 9, 20, tzinfo=UTC)
    events = [Event(start + timedelta(minutes=one), KITCHEN, "motion", True) for one in minutes]
    history = learn(None, events, home, events[-1].at + timedelta(hours=1), longest=TWELVE_H)
    assert msgspec.json.decode(msgspec.json.encode(history), type=History) == history
    rhythm = rhythm_of(history, zone)
    longest = max(length for length in _lengths(minutes) if length < 12 * 60) if rhythm else 0
    assert rhythm is None or max(max(line) for line in rhythm.lines.values()) <= max(longest, 0)


def _lengths(minutes: list[int]) -> list[int]:
    return [0, *(after - before for before, after in pairwise(minutes))]


def _hour(event: Event) -> float:
    local = event.at.astimezone(FUZHOU)
    return local.hour + local.minute / 60
