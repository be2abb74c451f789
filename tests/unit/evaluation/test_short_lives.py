"""A few days of awkward households through all detectors: none fails, spins, grows, or tells one life in two ways."""

from collections import Counter
from dataclasses import replace
from datetime import datetime, time, timedelta
from functools import cache
from typing import Any

import msgspec
import pytest

from device_sim.lives.household import Away, Household, Outage
from device_sim.lives.life import Life
from evaluation.playing import Noticed, Player
from evaluation.scenario_lives import emergencies, households
from evaluation.scenario_runs import feed, switched_on
from ingest.detect.catalogue import detectors
from ingest.detect.core import Detector, Home

DAYS = 5
#: More than one question in five minutes is more than anything in a home can need.
DUES_A_DAY = 288
STATE_BYTES = 100_000


class Counted:
    """A detector, with a count of how often it is asked at due times."""

    def __init__(self, inner: Detector[Any, Any], count: Counter[str]) -> None:
        self._inner, self._count = inner, count
        self.name, self.events, self.wakes = inner.name, inner.events, inner.wakes
        self.parameters, self.state, self.event = inner.parameters, inner.state, inner.event

    def due(self, state: Any, at: Any, home: Home, parameters: Any) -> Any:
        self._count[self.name] += 1
        return self._inner.due(state, at, home, parameters)


def awkward(number: int) -> Household:
    """One of the development households, with much late and doubled, an outage and an absence."""
    household = households("development")[number]
    midnight = datetime.combine(household.first, time())
    return replace(
        household, late=0.05, twice=0.05, days=DAYS,
        aways=(Away(midnight + timedelta(days=3, hours=9), midnight + timedelta(days=4, hours=20), True, "stay"),),
        outages=(Outage(midnight + timedelta(days=1, hours=4), midnight + timedelta(days=1, hours=17), "gateway"),),
    )  # fmt: skip


@cache
def lived(number: int) -> tuple[Player, Counter[str]]:
    household, count = awkward(number), Counter[str]()
    player = Player(household, [Counted(one, count) for one in detectors()], switched_on(detectors(), household))
    tell(player, household)
    return player, count


def tell(player: Player, household: Household) -> None:
    life, pending = Life(household), []
    for day in life.dates():
        pending = feed(player, pending, life.day(day), household, day)


@pytest.mark.parametrize("number", [3, 5, 7, 11])
def test_no_detector_fails_spins_or_grows(number: int) -> None:
    player, count = lived(number)
    assert set(player.memory) == {one.name for one in detectors()}
    assert {name: asked for name, asked in count.items() if asked > DUES_A_DAY * DAYS} == {}
    for one in detectors():
        state = player.memory[one.name].state
        kept = msgspec.json.encode(state)
        assert len(kept) < STATE_BYTES, one.name
        assert msgspec.json.decode(kept, type=one.state) == state, one.name


def test_one_life_is_one_story() -> None:
    household = awkward(3)
    again = Player(household, detectors(), switched_on(detectors(), household))
    tell(again, household)
    assert story(again.noticed) == story(lived(3)[0].noticed)


def story(noticed: list[Noticed]) -> list[bytes]:
    return [msgspec.json.encode((one.known_at, one.found.detector, one.found.what)) for one in noticed]


@pytest.mark.parametrize("kind", ["clock_drift", "power_cut", "sensor_implausible", "tamper", "wander_far"])
def test_odd_values_and_times_can_be_told_to_every_detector(kind: str) -> None:
    one = next(one for one in emergencies("development") if one.mishap.kind == kind)
    life, player = Life(one.household), Player(one.household, detectors(), switched_on(detectors(), one.household))
    feed(player, [], life.day(one.day, one.mishap), one.household, one.day)
    assert set(player.memory) == {one.name for one in detectors()}
