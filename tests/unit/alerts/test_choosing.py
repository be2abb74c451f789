"""Which of several policies an alarm gets: where, what, priority, time of day, in this order."""

from datetime import UTC, datetime, time, timedelta
from uuid import UUID
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from alerts.alarm import Priority
from alerts.choosing import Rule, Rules, Spot
from alerts.policy import (
    DEFAULT_POLICY,
    INCIDENT_POLICY,
    PLATFORM_POLICY,
    READINESS_POLICY,
    WORK_ORDER_POLICY,
    Policy,
    Step,
)

STATION, OTHER, HOME = UUID(int=1), UUID(int=2), UUID(int=3)
SPOT = Spot(STATION, "350102001001", HOME)
SHANGHAI, BERLIN = ZoneInfo("Asia/Shanghai"), ZoneInfo("Europe/Berlin")
NOON = datetime(2026, 11, 22, 4, tzinfo=UTC)


def rule(name: str, **match: object) -> Rule:
    """A policy of this name for what it is said to be for."""
    return Rule(Policy(name=name, steps=(Step(delay_s=0, call=("desk",)),)), id=UUID(int=len(name)), **match)


#: From the widest to the most specific: each wins over all before it.
LADDERS = (
    rule("everywhere"),
    rule("everywhere sos", kind="sos"),
    rule("province", area_code="350000000000"),
    rule("street", area_code="350102001000"),
    rule("street life-critical", area_code="350102001000", priority=0),
    rule("station", station_id=STATION),
    rule("station by day", station_id=STATION, from_time=time(6), to_time=time(22)),
    rule("station at noon", station_id=STATION, from_time=time(11), to_time=time(13)),
    rule("station life-critical", station_id=STATION, priority=0),
    rule("station sos", station_id=STATION, kind="sos"),
    rule("home", home_id=HOME),
    rule("home sos by day", home_id=HOME, kind="sos", from_time=time(6), to_time=time(22)),
)


@pytest.mark.parametrize("count", range(1, len(LADDERS) + 1))
def test_the_more_specific_one_counts_however_they_are_stored(count: int) -> None:
    for rules in (LADDERS[:count], LADDERS[:count][::-1]):
        chosen = Rules(rules, {STATION: SHANGHAI}).choose(SPOT, "sos", Priority.LIFE_CRITICAL, NOON)
        assert chosen.policy.name == LADDERS[count - 1].policy.name


def test_what_is_for_others_does_not_count() -> None:
    others = (
        rule("other home", home_id=OTHER), rule("other station", station_id=OTHER), rule("fall", kind="fall"),
        rule("other street", area_code="350102002000"), rule("urgent", priority=1),
        rule("night", from_time=time(22), to_time=time(6)),
    )  # fmt: skip
    chosen = Rules(others, {STATION: SHANGHAI}).choose(SPOT, "sos", Priority.LIFE_CRITICAL, NOON)
    assert chosen.policy is DEFAULT_POLICY


@pytest.mark.parametrize(
    ("kind", "priority", "default"),
    [("battery", Priority.WORK_ORDER, WORK_ORDER_POLICY), ("lag", Priority.URGENT, PLATFORM_POLICY),
     ("outage", Priority.URGENT, INCIDENT_POLICY)],
)  # fmt: skip
def test_what_is_set_for_calls_for_help_is_not_meant_for_batteries(
    kind: str, priority: Priority, default: Policy
) -> None:
    general = Rules((rule("station", station_id=STATION), rule("home", home_id=HOME)))
    assert general.choose(SPOT, kind, priority, NOON).policy is default
    named = Rules((rule("home", home_id=HOME), rule("kind", kind=kind)))
    assert named.choose(SPOT, kind, priority, NOON).policy.name == "kind"


@pytest.mark.parametrize(
    ("kind", "default"), [("readiness", READINESS_POLICY), ("lag", PLATFORM_POLICY), ("audit", PLATFORM_POLICY)]
)
def test_caregivers_are_not_called_for_a_gap_in_a_rota(kind: str, default: Policy) -> None:
    """Whoever calls them to urgent alarms means a home."""
    urgent = rule("urgent", station_id=STATION, priority=1)
    assert Rules((urgent,)).choose(SPOT, kind, Priority.URGENT, NOON).policy is default
    assert Rules((urgent,)).choose(SPOT, "outage", Priority.URGENT, NOON).policy.name == "urgent"
    named = rule("by its name", area_code="350000000000", kind=kind)
    assert Rules((urgent, named)).choose(SPOT, kind, Priority.URGENT, NOON).policy.name == "by its name"


@pytest.mark.parametrize(
    ("at", "name"),
    [
        ("2026-11-22T13:59:59Z", "day"),  # 21:59:59 in Shanghai
        ("2026-11-22T14:00:00Z", "night"), ("2026-11-22T16:00:00Z", "night"), ("2026-11-22T21:59:59Z", "night"),
        ("2026-11-22T22:00:00Z", "day"),
    ],
)  # fmt: skip
def test_a_span_over_midnight_is_local_time(at: str, name: str) -> None:
    rules = (rule("day"), rule("night", from_time=time(22), to_time=time(6)))
    chosen = Rules(rules, {STATION: SHANGHAI}).choose(SPOT, "sos", Priority.URGENT, datetime.fromisoformat(at))
    assert chosen.policy.name == name


def test_a_night_on_which_the_clock_changes_has_one_policy_at_every_moment() -> None:
    """Berlin, 2026: no 02:00 to 03:00 on 29 March, twice on 25 October."""
    rules = Rules((rule("any"), rule("small hours", from_time=time(2), to_time=time(3))), {STATION: BERLIN})

    def minutes_of_small_hours(day: datetime) -> int:
        moments = (day + timedelta(minutes=minute) for minute in range(24 * 60))
        return sum(rules.choose(SPOT, "sos", Priority.URGENT, at).policy.name == "small hours" for at in moments)

    assert minutes_of_small_hours(datetime(2026, 3, 28, 12, tzinfo=UTC)) == 0
    assert minutes_of_small_hours(datetime(2026, 10, 24, 12, tzinfo=UTC)) == 120
    assert minutes_of_small_hours(datetime(2026, 6, 1, 12, tzinfo=UTC)) == 60


@pytest.mark.parametrize(
    ("local", "name"),
    [
        ("2026-11-20T21:59", "any"), ("2026-11-20T22:00", "weekend nights"),  # a Friday
        ("2026-11-21T05:59", "weekend nights"), ("2026-11-21T06:00", "weekend"), ("2026-11-21T23:00", "weekend nights"),
        ("2026-11-22T12:00", "weekend"), ("2026-11-22T23:00", "weekend"), ("2026-11-23T00:00", "any"),
    ],
)  # fmt: skip
def test_nights_and_weekends_belong_to_the_day_on_which_they_begin(local: str, name: str) -> None:
    rules = (rule("any"), rule("weekend", days=frozenset({6, 7})),
             rule("weekend nights", days=frozenset({5, 6}), from_time=time(22), to_time=time(6)))  # fmt: skip
    at = datetime.fromisoformat(local).replace(tzinfo=SHANGHAI)
    for order in (rules, rules[::-1]):
        assert Rules(order, {STATION: SHANGHAI}).choose(SPOT, "sos", Priority.URGENT, at).policy.name == name
    assert Rules(rules).choose(SPOT, "sos", Priority.URGENT, at).policy.name == "any", "no zone is known"


def test_a_saturday_night_on_which_the_clock_changes_is_of_saturday_all_the_way() -> None:
    """Berlin, 2026: 25 October is a Sunday with 25 hours, 29 March one with 23."""
    rules = Rules((rule("any"), rule("saturday", days=frozenset({6}), from_time=time(20), to_time=time(4))),
                  {STATION: BERLIN})  # fmt: skip

    def hours(day: datetime) -> float:
        moments = (day + timedelta(minutes=minute) for minute in range(48 * 60))
        return sum(rules.choose(SPOT, "sos", Priority.URGENT, at).policy.name == "saturday" for at in moments) / 60

    assert hours(datetime(2026, 10, 24, tzinfo=UTC)) == 9
    assert hours(datetime(2026, 3, 28, tzinfo=UTC)) == 7
    assert hours(datetime(2026, 6, 6, tzinfo=UTC)) == 8


def test_without_a_zone_no_time_of_day_is_guessed() -> None:
    rules = Rules((rule("any"), rule("night", from_time=time(0), to_time=time(23, 59))))
    assert rules.choose(SPOT, "sos", Priority.URGENT, NOON).policy.name == "any"


@given(st.permutations(LADDERS), st.integers(0, 2 * 86_400))
def test_whatever_is_set_there_is_one_policy_and_the_order_of_the_rows_does_not_matter(
    rules: list[Rule], seconds: int
) -> None:
    at = NOON + timedelta(seconds=seconds)
    chosen = Rules(rules, {STATION: SHANGHAI}).choose(SPOT, "sos", Priority.LIFE_CRITICAL, at)
    assert chosen == Rules(LADDERS, {STATION: SHANGHAI}).choose(SPOT, "sos", Priority.LIFE_CRITICAL, at)
