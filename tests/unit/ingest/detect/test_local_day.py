"""Spans of the local day: by the clock on the wall, across midnight and across its changes."""

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

from hypothesis import given
from hypothesis import strategies as st

from ingest.detect.local_day import DailySpan, wall_clock

FUZHOU = ZoneInfo("Asia/Shanghai")
BERLIN = ZoneInfo("Europe/Berlin")
NIGHT = DailySpan(22, 6)

moments = st.integers(0, 2 * 365 * 24 * 60).map(
    lambda minute: datetime(2026, 1, 1, tzinfo=UTC) + timedelta(minutes=minute)
)
hours = st.integers(0, 95).map(lambda quarter: quarter / 4)
spans = st.builds(DailySpan, hours, hours)
zones = st.sampled_from([FUZHOU, BERLIN, ZoneInfo("America/New_York"), ZoneInfo("Australia/Lord_Howe")])


def _at(zone: ZoneInfo, *wall: int) -> datetime:
    return datetime(*wall, tzinfo=zone).astimezone(UTC)


def test_a_night_reaches_into_the_morning() -> None:
    assert NIGHT.covers(_at(FUZHOU, 2026, 11, 22, 23, 59), FUZHOU)
    assert NIGHT.covers(_at(FUZHOU, 2026, 11, 23, 5, 59), FUZHOU)
    assert not NIGHT.covers(_at(FUZHOU, 2026, 11, 23, 6, 0), FUZHOU)
    assert NIGHT.next_begin(_at(FUZHOU, 2026, 11, 22, 23, 0), FUZHOU) == _at(FUZHOU, 2026, 11, 23, 22, 0)
    assert NIGHT.end(_at(FUZHOU, 2026, 11, 22, 23, 0), FUZHOU) == _at(FUZHOU, 2026, 11, 23, 6, 0)


def test_the_night_in_which_the_clock_is_put_back_is_an_hour_longer() -> None:
    """Berlin, 25 October 2026, and an hour shorter on 29 March."""
    autumn, spring = _at(BERLIN, 2026, 10, 24, 22, 0), _at(BERLIN, 2026, 3, 28, 22, 0)
    assert NIGHT.end(autumn, BERLIN) - autumn == timedelta(hours=9)
    assert NIGHT.end(spring, BERLIN) - spring == timedelta(hours=7)


def test_time_between_two_rounds_does_not_count() -> None:
    day = DailySpan(8, 20)
    began = _at(FUZHOU, 2026, 11, 22, 19, 0)
    assert day.after(began, timedelta(hours=4), FUZHOU) == _at(FUZHOU, 2026, 11, 23, 11, 0)
    assert day.after(began, timedelta(hours=1), FUZHOU) == _at(FUZHOU, 2026, 11, 22, 20, 0)


def test_people_read_their_own_clock() -> None:
    assert wall_clock(datetime(2026, 11, 22, 16, 5, tzinfo=UTC), FUZHOU) == "11-23 00:05"


@given(span=spans, at=moments, zone=zones)
def test_rounds_follow_one_another_and_covering_is_lying_in_one(span: DailySpan, at: datetime, zone: ZoneInfo) -> None:
    rounds = span.rounds(at, zone)
    (first, end), (second, second_end) = next(rounds), next(rounds)
    assert first < end <= second < second_end
    assert at < end
    assert span.covers(at, zone) == (first <= at < end)
    assert at < span.next_begin(at, zone) <= at + timedelta(days=2, hours=2)


@given(span=spans, at=moments, zone=zones, minutes=st.integers(1, 3000))
def test_the_length_asked_for_lies_inside(span: DailySpan, at: datetime, zone: ZoneInfo, minutes: int) -> None:
    """Counted minute by minute."""
    until = span.after(at, timedelta(minutes=minutes), zone)
    inside = timedelta(0)
    for begins_at, ends_at in span.rounds(at, zone):
        if begins_at >= until:
            break
        inside += min(ends_at, until) - max(begins_at, at)
    assert inside == timedelta(minutes=minutes)


@given(at=moments, zone=zones)
def test_a_span_from_24_to_0_is_the_whole_day(at: datetime, zone: ZoneInfo) -> None:
    for span in (DailySpan(24.0, 0.0), DailySpan(24.0, 24.0), DailySpan(8.0, 8.0 + 1e-12)):
        assert span.covers(at, zone)
        assert at < span.end(at, zone) <= at + timedelta(hours=25.5)


@given(at=moments, zone=zones, ends_h=st.sampled_from([0.5, 6.0, 12.0]))
def test_hour_24_is_the_midnight_after(at: datetime, zone: ZoneInfo, ends_h: float) -> None:
    assert DailySpan(24.0, ends_h).covers(at, zone) == DailySpan(0.0, ends_h).covers(at, zone)
