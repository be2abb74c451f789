"""Months of a made-up household: they are what a gateway would send, and what is said to be true of them is."""

import random
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from itertools import pairwise
from zoneinfo import ZoneInfo

import pytest

from device_sim.day import DAY_S, Habits, plan_day
from device_sim.lives.household import Away, Household, Outage, Person
from device_sim.lives.life import LOW_BATTERY, Life
from device_sim.lives.mishap import Mishap
from device_sim.lives.mishaps import PICKS, pick
from device_sim.lives.told import Told
from gateway.wire import Message, decode, encode, judge_time, parse_topic

DAY = date(2026, 3, 10)
HOME = Household(
    "h01", ZoneInfo("Asia/Shanghai"), date(2026, 3, 1), 30, (Person("a", Habits(siesta=0.5, nap=0.5), located=True),),
    guests=0.5, flush=True,
)  # fmt: skip
MOVING = {"motion", "door", "bed", "water", "steps"}
local = datetime.fromisoformat


def happens(kind: str, household: Household = HOME, day: date = DAY) -> Mishap:
    mishap = pick(kind, household, day, random.Random(kind))
    assert mishap is not None, kind
    return mishap


def between(messages: list[Told], mishap: Mishap, after_s: float = 0.0) -> list[Told]:
    begins, ends = (datetime.fromtimestamp(one, UTC) for one in (mishap.begins_s + after_s, mishap.ends_s - 60))
    return [one for one in messages if begins <= one.time < ends]


def two_days(mishap: Mishap | None, household: Household = HOME) -> list[Told]:
    life = Life(household)
    return [*life.day(DAY, mishap), *life.day(DAY + timedelta(days=1), mishap)]


def test_every_message_is_what_the_contract_takes() -> None:
    for told in Life(replace(HOME, late=0.1, twice=0.1)).day(DAY):
        topic = parse_topic(told.topic)
        assert (topic.gateway, topic.lane) == (told.gateway, told.lane)
        (item,) = decode(encode(told.message))
        settled = judge_time(item, topic.lane, told.received_at)
        assert isinstance(settled, Message)
        assert settled == told.message
        assert told.received_at > told.time


def test_one_seed_is_one_life_and_another_seed_another() -> None:
    assert Life(HOME).day(DAY) == Life(HOME).day(DAY)
    assert Life(HOME).day(DAY) != Life(replace(HOME, name="h02")).day(DAY)


def test_a_day_has_no_gap() -> None:
    habits = Habits(
        (300, 500), (1200, 1390), (0, 1, 2, 3), siesta=0.5, nap=0.5, bad_night=0.5, season_min=20, weekend_min=30
    )
    for number in range(200):
        stays = plan_day("somebody", DAY + timedelta(days=number), habits)
        assert stays[0].begin_s == 0
        assert stays[-1].end_s == DAY_S
        assert all(one.end_s == after.begin_s for one, after in pairwise(stays))


@pytest.mark.parametrize("kind", ["collapse_day", "collapse_night", "behind_the_door", "not_getting_up"])
def test_somebody_who_lies_there_sets_off_nothing_new(kind: str) -> None:
    quiet_from_s = max(happens(kind).stirs_s, 10.0) + 200
    after = between(two_days(happens(kind)), happens(kind), quiet_from_s)
    values: dict[tuple[str, str], set[object]] = {}
    for one in after:
        if one.type in MOVING - {"steps"}:
            values.setdefault((one.device, one.type), set()).add(one.value)
    assert "motion" not in {kind for _, kind in values}
    assert all(len(shown) == 1 for shown in values.values()), "repeated states and meters only"


def test_no_water_is_used_when_it_is_said_that_none_is() -> None:
    mishap = happens("no_water")
    shown = [
        one.value for one in between(two_days(mishap), mishap, 10) if (one.device, one.type) == ("h01-water", "water")
    ]
    assert len(shown) > 20
    assert len(set(shown)) == 1
    used = [one.value for one in two_days(None) if (one.device, one.type) == ("h01-water", "water")]
    assert used == sorted(used)
    assert used[-1] - used[0] > 0.05


def test_an_outage_keeps_everything_back_and_loses_nothing() -> None:
    begins, ends = local("2026-03-10 09:00"), local("2026-03-10 14:00")
    dark = replace(HOME, outages=(Outage(begins, ends, "gateway"),), people=(Person("a"),), late=0, twice=0)
    told = two_days(None, dark)
    first, last = dark.at(begins), dark.at(ends)
    assert not [one for one in told if first + timedelta(seconds=2) <= one.received_at < last]
    assert {one.id for one in told} == {one.id for one in two_days(None, replace(dark, outages=()))}


def test_messages_come_late_twice_and_out_of_order() -> None:
    told = two_days(None, replace(HOME, late=0.02, twice=0.02))
    names = [(one.device, one.id) for one in told]
    assert len(names) > len(set(names))
    times = [one.time for one in told]
    assert times != sorted(times)
    assert [one.received_at for one in Life(HOME).day(DAY)] == sorted(one.received_at for one in Life(HOME).day(DAY))


def test_the_day_on_which_the_clock_is_put_forward_is_an_hour_shorter() -> None:
    berlin = replace(HOME, zone=ZoneInfo("Europe/Berlin"))
    beats = {day: sum(one.type == "heartbeat" and one.device == berlin.gateway for one in Life(berlin).day(day))
             for day in (date(2026, 3, 28), date(2026, 3, 29))}  # fmt: skip
    assert beats[date(2026, 3, 28)] - beats[date(2026, 3, 29)] == pytest.approx(12, abs=3)


def test_the_truth_names_what_is_no_ordinary_day() -> None:
    away = Away(local("2026-03-12 10:00"), local("2026-03-14 16:00"), entered=True, what="hospital")
    outage = Outage(local("2026-03-20 03:00"), local("2026-03-21 09:00"), "motion-kitchen")
    life = Life(replace(HOME, aways=(away,), outages=(outage,), dying=("door", 0)))
    kinds = {one.kind: one for one in life.truths(happens("fever"))}
    assert set(kinds) == {"away_entered", "device_silent", "battery_low", "fever"}
    assert next(iter(life.quiet())) == (date(2026, 3, 1), date(2026, 3, 12))
    low = kinds["battery_low"]
    levels = [
        one for day in life.dates() for one in life.day(day) if one.type == "battery" and one.device == low.device
    ]
    assert min(one.time for one in levels if isinstance(one.value, float) and one.value < LOW_BATTERY) == pytest.approx(
        low.begins_at, abs=timedelta(hours=12)
    )
    home_alone = [one for one in life.day(date(2026, 3, 13)) if one.type in MOVING and one.type != "steps"]
    assert all(one.value is not True for one in home_alone), "nobody is there"


@pytest.mark.parametrize("kind", sorted(PICKS))
def test_something_goes_wrong_only_while_it_does(kind: str) -> None:
    mishap = happens(kind)
    assert mishap.kind == kind
    assert mishap.begins_s < mishap.ends_s
    before = HOME.local(DAY).timestamp() - 1
    assert before < mishap.begins_s < before + 26 * 3600
    ordinary, odd = two_days(None), two_days(mishap)
    assert odd != ordinary or kind == "no_water"
