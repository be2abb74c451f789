"""Can somebody be reached for one home: its own ladder, and its own people."""

from collections.abc import Mapping
from datetime import UTC, datetime, time, timedelta
from uuid import UUID
from zoneinfo import ZoneInfo

import pytest

from alerts.choosing import Rule
from alerts.policy import Policy, Step
from alerts.readiness import Away, OnCall, Reach, Reason, present
from alerts.readiness_homes import Ahead, HomeGap, Household, Station, bounded, needs_homes
from alerts.readiness_ladders import Ladders, Place

NOW = datetime(2026, 11, 22, 10, tzinfo=UTC)
END = NOW + timedelta(hours=24)
HOME, STATION = UUID(int=100), UUID(int=200)
LIN, ZHOU, QIU = (UUID(int=number) for number in (1, 2, 3))
REACHED = Reach(None)
ZONE = ZoneInfo("Asia/Shanghai")


def hour(hours: float) -> datetime:
    return NOW + timedelta(hours=hours)


def ladder(*calls: tuple[str, ...]) -> Ahead:
    return Ahead([NOW], [[Policy("own", tuple(Step(30, call) for call in calls))]])


def gap(
    ladders: Ahead, circle: Mapping[str, list[UUID]], reach: Mapping[UUID, Reach], *, shared: bool = True,
    on_call: tuple[OnCall, ...] = (), away: Mapping[UUID, list[Away]] | None = None,
) -> tuple[object, ...] | None:  # fmt: skip
    """Step, hours from and until, reason."""
    station = Station(present(on_call, away or {}), reach, away or {}, NOW, END)
    found = station.first_gap(Household(HOME, "陈家", circle), ladders, shared=shared)
    if found is None:
        return None
    return found.step, *((at - NOW) / timedelta(hours=1) for at in (found.since, found.until)), found.reason


def test_a_step_of_the_homes_own_people_reaches_one_of_them_or_says_why_not() -> None:
    own = ladder(("assigned",), ("neighbours", "desk"))
    circle = {"assigned": [LIN], "neighbours": [ZHOU, QIU]}
    assert gap(own, circle, {LIN: REACHED, QIU: REACHED}) is None
    assert gap(own, circle, {LIN: REACHED, ZHOU: Reach(Reason.FAILED)}) == (2, 0, 24, Reason.FAILED)
    assert gap(own, circle, {QIU: REACHED}) == (1, 0, 24, Reason.NO_METHOD)


def test_a_step_for_which_the_home_has_nobody_is_passed_unless_all_are() -> None:
    own = ladder(("assigned",), ("family",), ("neighbours",))
    assert gap(own, {"neighbours": [ZHOU]}, {ZHOU: REACHED}) is None
    assert gap(own, {"neighbours": [ZHOU]}, {}) == (3, 0, 24, Reason.NO_METHOD)
    assert gap(own, {}, {}) == (1, 0, 24, Reason.NOBODY)
    assert gap(own, {}, {}, shared=False) == (1, 0, 24, Reason.NOBODY)


def test_of_a_step_that_calls_the_station_too_either_is_enough() -> None:
    own = ladder(("assigned", "rota:1"))
    on_call = (OnCall("rota:1", LIN, NOW, hour(8)),)
    assert gap(own, {"assigned": [ZHOU]}, {LIN: REACHED, ZHOU: REACHED}, on_call=on_call) is None
    assert gap(own, {"assigned": [ZHOU]}, {LIN: REACHED}, on_call=on_call) == (1, 8, 24, Reason.NO_METHOD)
    assert gap(own, {}, {LIN: REACHED}, on_call=on_call) == (1, 8, 24, Reason.NOBODY)
    # Where the ladder is the station's, its verdict says that, once for all homes.
    assert gap(own, {}, {LIN: REACHED}, on_call=on_call, shared=False) is None


def test_who_is_away_or_only_signed_in_counts_while_he_is_there() -> None:
    own = ladder(("assigned",))
    away = {LIN: [Away(LIN, hour(2), hour(5))]}
    assert gap(own, {"assigned": [LIN]}, {LIN: REACHED}, away=away) == (1, 2, 5, Reason.NOBODY)
    named = ladder((f"person:{LIN}",))
    on_call = (OnCall(f"person:{LIN}", LIN, NOW, END),)
    assert gap(named, {}, {LIN: REACHED}, on_call=on_call, away=away) == (1, 2, 5, Reason.NOBODY)
    signed_in = {LIN: Reach(Reason.UNVERIFIED, hour(0.25))}
    assert gap(own, {"assigned": [LIN]}, signed_in) == (1, 0.25, 24, Reason.UNVERIFIED)


def test_an_absence_is_cut_out_of_a_shift() -> None:
    shift = OnCall("rota:1", LIN, NOW, hour(8))
    away = {LIN: [Away(LIN, hour(6), hour(20)), Away(LIN, hour(-1), hour(1)), Away(LIN, hour(2), hour(3))]}
    assert [(one.since, one.until) for one in present([shift], away)] == [(hour(1), hour(2)), (hour(3), hour(6))]
    assert present([shift], {LIN: [Away(LIN, hour(-1), hour(9))]}) == []


@pytest.mark.parametrize(
    ("calls", "needs"),
    [([("assigned", "rota:1"), ("rota:2", "neighbours")], False), ([("rota:1",), ("neighbours", "desk")], True),
     ([("rota:1",), ("rota:2",), ("family",)], False)],
)  # fmt: skip
def test_homes_are_looked_at_one_by_one_only_where_the_stations_verdict_does_not_say_it(
    calls: list[tuple[str, ...]], needs: bool
) -> None:
    assert needs_homes(ladder(*calls).all()) is needs


def test_a_home_has_its_own_ladder_or_that_of_its_part_of_the_area() -> None:
    def rule(name: str, **match: object) -> Rule:
        return Rule(Policy(name, (Step(0, ("desk",)),)), UUID(int=len(name)), **match)  # type: ignore[arg-type]

    place = Place(STATION, "S", "350102001000", ZONE)
    rules = [rule("here", station_id=STATION), rule("yard", area_code="350102001001"),
             rule("hers at night", home_id=HOME, from_time=time(22), to_time=time(6))]  # fmt: skip
    ladders = Ladders(place, rules, NOW, END)
    assert [one.name for one in ladders.usual.all()] == ["here"]
    assert ladders.of(UUID(int=1), "350102001000") == (ladders.usual, False)
    other = Ladders(place, [rules[1]], NOW, END)
    yard, is_other = other.of(UUID(int=1), "350102001001")
    assert ([one.name for one in yard.all()], is_other) == (["yard"], True)
    assert other.of(UUID(int=1), "350102001002") == (other.usual, False)
    hers, is_other = ladders.of(HOME, "350102001001")
    assert is_other
    # It is 18:00 in Shanghai.
    assert [hers.at(hour(after))[0].name for after in (0, 4, 11.9, 12)] == [
        "here", "hers at night", "hers at night", "here"
    ]  # fmt: skip


def test_a_ladder_of_some_days_holds_on_those_days() -> None:
    """It is Sunday, 18:00 in Shanghai."""
    sundays = Rule(Policy("sundays", (Step(0, ("desk",)),)), UUID(int=1), station_id=STATION, days=frozenset({7}))
    usual = Ladders(Place(STATION, "S", "350102001000", ZONE), [sundays], NOW, END).usual
    assert [usual.at(hour(after))[0].name for after in (0, 5.9, 6, 23)] == ["sundays", "sundays", "default", "default"]


def test_of_many_homes_the_first_by_time_are_named_and_all_are_counted() -> None:
    gaps = [HomeGap(UUID(int=one), f"{one}", "p", 1, ("family",), hour(24 - one), END, Reason.NOBODY)
            for one in range(1, 24)]  # fmt: skip
    found = bounded(gaps)
    assert found.count == 23
    assert [one.name for one in found.first] == [f"{one}" for one in range(23, 3, -1)]
