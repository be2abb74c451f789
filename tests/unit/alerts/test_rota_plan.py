"""From pattern to shifts: exactly what the pattern says, through every change of the clocks."""

from datetime import UTC, date, datetime, time, timedelta
from functools import lru_cache
from itertools import pairwise
from uuid import UUID
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from alerts.rota_pattern import Layer, Span
from alerts.rota_plan import Away, Missing, Origin, Override, Shift, Version, holes, instant_of, pattern_shifts, plan

LIN, CHEN, WU, ZHANG = PEOPLE = tuple(UUID(int=number) for number in range(1, 5))
BERLIN, NEW_YORK, SHANGHAI = ZoneInfo("Europe/Berlin"), ZoneInfo("America/New_York"), ZoneInfo("Asia/Shanghai")
QUARTER = timedelta(minutes=15)
EVERY_DAY = (1, 2, 3, 4, 5, 6, 7)


def utc(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


def said(shifts: list[Shift], zone: ZoneInfo) -> list[tuple[UUID, str, str]]:
    """Shifts as people of that zone read them."""
    show = "%d %H:%M%z"
    return [
        (one.staff_id, one.starts_at.astimezone(zone).strftime(show), one.ends_at.astimezone(zone).strftime(show))
        for one in shifts
    ]


def hours(shifts: list[Shift]) -> list[float]:
    return [(one.ends_at - one.starts_at) / timedelta(hours=1) for one in shifts]


NIGHT = Layer((LIN, CHEN), date(2026, 3, 1), turn_days=1, handover=time(8), spans=(Span(EVERY_DAY, time(20), time(8)),))


@pytest.mark.parametrize(
    ("zone", "evening", "long"),
    [
        (BERLIN, date(2026, 3, 28), 11), (BERLIN, date(2026, 10, 24), 13),
        (NEW_YORK, date(2026, 3, 7), 11), (NEW_YORK, date(2026, 10, 31), 13),
        (SHANGHAI, date(2026, 3, 28), 12),
    ],
)  # fmt: skip
def test_a_night_on_which_clocks_change_is_an_hour_shorter_or_longer(zone: ZoneInfo, evening: date, long: int) -> None:
    begin = instant_of(zone, evening, time(12))
    shifts = pattern_shifts([NIGHT], zone, begin - timedelta(days=1), begin + timedelta(days=2))
    assert hours(shifts) == [12, long, 12]


def test_a_handover_at_a_time_that_is_left_out_is_made_when_clocks_go_forward() -> None:
    forward = utc("2026-03-29 01:00")
    for minute in (0, 15, 59):
        assert instant_of(BERLIN, date(2026, 3, 29), time(2, minute)) == forward
    assert instant_of(BERLIN, date(2026, 3, 29), time(3)) == forward
    daily = Layer((LIN, CHEN), date(2026, 3, 28), turn_days=1, handover=time(2, 30))
    shifts = pattern_shifts([daily], BERLIN, utc("2026-03-28 01:30"), utc("2026-03-30 00:30"))
    assert said(shifts, BERLIN) == [(LIN, "28 02:30+0100", "29 03:00+0200"), (CHEN, "29 03:00+0200", "30 02:30+0200")]


def test_a_handover_at_a_time_that_comes_twice_is_made_the_first_time() -> None:
    daily = Layer((LIN, CHEN), date(2026, 10, 31), turn_days=1, handover=time(1, 30))
    shifts = pattern_shifts([daily], NEW_YORK, utc("2026-10-31 05:30"), utc("2026-11-02 06:30"))
    assert said(shifts, NEW_YORK) == [(LIN, "31 01:30-0400", "01 01:30-0400"), (CHEN, "01 01:30-0400", "02 01:30-0500")]
    assert hours(shifts) == [24, 25]


def test_a_shift_that_lies_wholly_in_the_hour_left_out_is_none() -> None:
    short = Layer((LIN,), date(2026, 3, 1), spans=(Span(EVERY_DAY, time(2, 10), time(2, 50)),))
    shifts = pattern_shifts([short], BERLIN, utc("2026-03-28 00:00"), utc("2026-03-31 00:00"))
    assert [one.starts_at.day for one in shifts] == [28, 30]


def test_a_weekly_turn_hands_over_on_the_anchors_day_of_the_week() -> None:
    weekly = Layer((LIN, CHEN, WU), date(2026, 11, 2), turn_days=7, handover=time(9))
    shifts = pattern_shifts([weekly], SHANGHAI, utc("2026-11-22 16:00"), utc("2026-12-08 00:00"))
    assert said(shifts, SHANGHAI) == [
        (WU, "23 00:00+0800", "23 09:00+0800"), (LIN, "23 09:00+0800", "30 09:00+0800"),
        (CHEN, "30 09:00+0800", "07 09:00+0800"), (WU, "07 09:00+0800", "08 08:00+0800"),
    ]  # fmt: skip
    before = pattern_shifts([weekly], SHANGHAI, utc("2026-10-27 00:00"), utc("2026-10-28 00:00"))
    assert [one.staff_id for one in before] == [WU], "turns go on before the anchor"


def test_a_later_layer_counts_above_the_earlier_ones() -> None:
    base = Layer((LIN,), date(2026, 11, 2))
    weekend = Layer((CHEN,), date(2026, 11, 2), spans=(Span((6, 7), time(0), time(0)),))
    shifts = pattern_shifts([base, weekend], SHANGHAI, utc("2026-11-19 16:00"), utc("2026-11-23 16:00"))
    assert [(one.staff_id, one.starts_at.astimezone(SHANGHAI).day) for one in shifts] == [
        (LIN, 20), (CHEN, 21), (CHEN, 22), (LIN, 23), (LIN, 23)
    ]  # fmt: skip


def test_a_version_that_is_set_later_counts_from_its_instant_on() -> None:
    lin, chen, wu = ((Layer((one,), date(2026, 11, 2)),) for one in (LIN, CHEN, WU))
    begin, end = utc("2026-11-02 00:00"), utc("2026-11-08 00:00")
    versions = [
        Version(utc("2026-10-01 00:00"), lin), Version(utc("2026-11-06 00:00"), chen),
        Version(utc("2026-11-04 00:00"), wu), Version(utc("2026-11-07 00:00"), ()),
    ]  # fmt: skip
    shifts = plan(versions, [], [], ZoneInfo("UTC"), begin, end).shifts
    assert [(one.staff_id, one.starts_at.day, one.ends_at.day) for one in shifts] == [
        (LIN, 2, 2),
        (LIN, 2, 4),
        (WU, 4, 7),
    ]


ROUND_THE_CLOCK = [Version(utc("2026-01-01 00:00"), (Layer((LIN, CHEN), date(2026, 11, 1), turn_days=1),))]
_SPAN = (utc("2026-11-01 08:00"), utc("2026-11-05 08:00"))


def test_who_takes_over_for_a_span_is_on_call_and_the_others_keep_the_rest() -> None:
    override = Override(UUID(int=9), WU, utc("2026-11-01 20:00"), utc("2026-11-02 20:00"))
    shifts = plan(ROUND_THE_CLOCK, [override], [], ZoneInfo("UTC"), *_SPAN).shifts
    assert [(one.staff_id, one.starts_at.day, one.starts_at.hour, one.origin) for one in shifts] == [
        (LIN, 1, 8, Origin.PATTERN), (WU, 1, 20, Origin.OVERRIDE), (CHEN, 2, 20, Origin.PATTERN),
        (LIN, 3, 8, Origin.PATTERN), (CHEN, 4, 8, Origin.PATTERN),
    ]  # fmt: skip


def test_who_stands_in_for_somebody_does_so_only_where_it_is_his_turn() -> None:
    for_lin = Override(UUID(int=9), WU, *_SPAN, instead_of=LIN, origin=Origin.SWAP)
    for_wu = Override(UUID(int=10), ZHANG, utc("2026-11-03 00:00"), _SPAN[1], instead_of=WU)
    shifts = plan(ROUND_THE_CLOCK, [for_lin, for_wu], [], ZoneInfo("UTC"), *_SPAN).shifts
    assert [one.staff_id for one in shifts] == [WU, CHEN, ZHANG, CHEN]


def test_who_is_away_is_never_on_call_and_leaves_a_gap_unless_somebody_covers_it() -> None:
    away = [
        Away(LIN, utc("2026-11-01 10:00"), utc("2026-11-01 12:00")),
        Away(LIN, utc("2026-11-03 00:00"), utc("2026-12-01 00:00"), Missing.INACTIVE),
        Away(WU, utc("2026-11-03 20:00"), utc("2026-11-03 21:00")),
    ]
    cover = Override(UUID(int=9), WU, utc("2026-11-03 16:00"), utc("2026-11-04 00:00"))
    planned = plan(ROUND_THE_CLOCK, [cover], away, ZoneInfo("UTC"), *_SPAN)
    gaps = [(one.staff_id, one.starts_at, one.ends_at) for one in planned.gaps]
    assert gaps == [
        (LIN, utc("2026-11-01 10:00"), utc("2026-11-01 12:00")),
        (LIN, utc("2026-11-03 08:00"), utc("2026-11-03 16:00")),
        (WU, utc("2026-11-03 20:00"), utc("2026-11-03 21:00")),
        (LIN, utc("2026-11-04 00:00"), utc("2026-11-04 08:00")),
    ]  # fmt: skip
    assert planned.gaps[1].why is Missing.INACTIVE
    spans = [(one.starts_at, one.ends_at) for one in planned.shifts]
    assert holes(spans, *_SPAN) == [(since, until) for _, since, until in gaps]


# What chance makes of it: the same question asked in the plainest way, by the clock on the wall.


@lru_cache(maxsize=200_000)
def first_shown(zone: ZoneInfo, local: datetime) -> datetime:
    """The first quarter of an hour at which the clock on the wall shows `local` or later."""
    instant = local.replace(tzinfo=UTC) - timedelta(hours=14)
    while instant.astimezone(zone).replace(tzinfo=None) < local:
        instant += QUARTER
    return instant


def counts(layer: Layer, zone: ZoneInfo, at: datetime) -> bool:
    if not layer.spans:
        return True
    day = at.astimezone(zone).date()
    for one in (day - timedelta(days=2), day - timedelta(days=1), day, day + timedelta(days=1)):
        for span in layer.spans:
            if one.isoweekday() in span.days:
                until = one if span.until > span.from_ else one + timedelta(days=1)
                since = first_shown(zone, datetime.combine(one, span.from_))
                if since <= at < first_shown(zone, datetime.combine(until, span.until)):
                    return True
    return False


def turn(layer: Layer, zone: ZoneInfo, at: datetime) -> UUID:
    day = at.astimezone(zone).date() + timedelta(days=1)
    while True:
        passed = (day - layer.anchor).days
        if passed % layer.turn_days == 0 and first_shown(zone, datetime.combine(day, layer.handover)) <= at:
            return layer.people[passed // layer.turn_days % len(layer.people)]
        day -= timedelta(days=1)


def on_call(layers: list[Layer], zone: ZoneInfo, at: datetime) -> UUID | None:
    return next((turn(layer, zone, at) for layer in reversed(layers) if counts(layer, zone, at)), None)


#: Midnights of days around changes of the clocks: forward and back, by an hour and by half an hour, at odd places.
CHANGES = [
    (BERLIN, date(2026, 3, 29)), (BERLIN, date(2026, 10, 25)), (NEW_YORK, date(2026, 3, 8)),
    (NEW_YORK, date(2026, 11, 1)), (ZoneInfo("Australia/Lord_Howe"), date(2026, 4, 5)),
    (ZoneInfo("Australia/Lord_Howe"), date(2026, 10, 4)), (ZoneInfo("America/Santiago"), date(2026, 9, 6)),
    (ZoneInfo("America/Santiago"), date(2026, 4, 5)), (SHANGHAI, date(2026, 11, 22)),
]  # fmt: skip

quarters = st.integers(0, 95).map(lambda number: time(number // 4, number % 4 * 15))
# Most handovers are at quiet hours, which is when clocks change.
small_hours = st.integers(0, 15).map(lambda number: time(number // 4, number % 4 * 15))
times = st.one_of(small_hours, quarters)
spans = st.builds(Span, st.lists(st.integers(1, 7), min_size=1, max_size=7, unique=True).map(tuple), times, times)
layers = st.builds(
    Layer,
    people=st.lists(st.sampled_from(PEOPLE), min_size=1, max_size=4).map(tuple),
    anchor=st.dates(date(2025, 12, 1), date(2026, 12, 31)),
    turn_days=st.sampled_from((1, 1, 2, 3, 7, 14)),
    handover=times,
    spans=st.lists(spans, max_size=3).map(tuple),
)


@settings(max_examples=60, deadline=None)
@given(change=st.sampled_from(CHANGES), layers=st.lists(layers, min_size=1, max_size=3), back=st.integers(0, 300))
def test_shifts_are_exactly_what_the_pattern_says_through_every_change_of_the_clocks(
    change: tuple[ZoneInfo, date], layers: list[Layer], back: int
) -> None:
    zone, day = change
    begin = datetime.combine(day, time(0), tzinfo=UTC) - back * QUARTER
    end = begin + timedelta(days=4)
    shifts = pattern_shifts(layers, zone, begin, end)
    assert all(begin <= one.starts_at < one.ends_at <= end for one in shifts)
    assert all(one.ends_at <= following.starts_at for one, following in pairwise(shifts))
    at = begin
    while at < end:
        there = [one.staff_id for one in shifts if one.starts_at <= at < one.ends_at]
        wanted = on_call(layers, zone, at)
        assert there == ([] if wanted is None else [wanted]), at.astimezone(zone)
        at += QUARTER
    # And nothing changes within a quarter of an hour.
    edges = {edge for one in shifts for edge in (one.starts_at, one.ends_at)}
    assert all(edge.minute % 15 == 0 and edge.second == edge.microsecond == 0 for edge in edges)


@settings(max_examples=40, deadline=None)
@given(
    change=st.sampled_from(CHANGES), layers=st.lists(layers, min_size=1, max_size=3), data=st.data(),
    cut=st.integers(1, 500),
)  # fmt: skip
def test_what_is_planned_in_two_parts_is_what_is_planned_at_once(
    change: tuple[ZoneInfo, date], layers: list[Layer], data: st.DataObject, cut: int
) -> None:
    zone, day = change
    begin = datetime.combine(day, time(0), tzinfo=UTC) - timedelta(days=2)
    end, middle = begin + timedelta(days=6), begin + cut * QUARTER
    some = st.integers(-50, 600).map(lambda number: begin + number * QUARTER)
    who = st.sampled_from(PEOPLE)
    overrides = [
        Override(UUID(int=100 + number), data.draw(who), *sorted(data.draw(st.tuples(some, some))),
                 data.draw(st.one_of(st.none(), who)))
        for number in range(data.draw(st.integers(0, 4)))
    ]  # fmt: skip
    away = [
        Away(data.draw(who), *sorted(data.draw(st.tuples(some, some)))) for _ in range(data.draw(st.integers(0, 3)))
    ]
    versions = [Version(begin - timedelta(days=1), tuple(layers))]

    def at_each(parts: list[tuple[datetime, datetime]]) -> list[tuple[list[UUID], list[UUID]]]:
        plans = [plan(versions, overrides, away, zone, *part) for part in parts]
        for one in plans:
            assert all(first.ends_at <= then.starts_at for first, then in pairwise(one.shifts))
        moments = [begin + number * QUARTER for number in range(int((end - begin) / QUARTER))]
        return [
            ([one.staff_id for part in plans for one in part.shifts if one.starts_at <= at < one.ends_at],
             [one.staff_id for part in plans for one in part.gaps if one.starts_at <= at < one.ends_at])
            for at in moments
        ]  # fmt: skip

    whole = at_each([(begin, end)])
    assert whole == at_each([(begin, middle), (middle, end)])
    away_at = [
        [one.staff_id for one in away if one.begins_at <= begin + n * QUARTER < one.ends_at] for n in range(len(whole))
    ]
    for (there, missing), gone in zip(whole, away_at, strict=True):
        assert len(there) + len(missing) <= 1
        assert not set(there) & set(gone), "who is away is never on call"
        assert set(missing) <= set(gone), "and nobody else is missing"
