"""A home's past under parameters, and what becomes of its alarms."""

import uuid
from datetime import UTC, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from ingest.detect.core import Device, Event, Finding, Home
from ingest.detect.inactivity import DETECTOR as INACTIVITY
from ingest.detect.inactivity import InactivityParameters
from ingest.detect.mains import DETECTOR as MAINS
from ingest.detect.mains import MainsParameters
from ingest.detect.silence import SETTLE, Link, Pipeline
from ingest.household import Household
from ingest.parameters import Where
from ingest.past.comparison import Fate, WasRaised, compare
from ingest.past.trial import Trial, Walk, Would

NOON = datetime(2026, 3, 2, 4, tzinfo=UTC)
HOUR = timedelta(hours=1)
MINUTE = timedelta(minutes=1)

HALL = Device("hall", "motion", gateway_id="gw")
GATEWAY = Device("gw", "gateway", gateway_id="gw")


def _household(*, allowed: timedelta | None = None) -> Household:
    devices = {one.id: one for one in (HALL, GATEWAY)}
    home = Home(uuid.UUID(int=7), ZoneInfo("Asia/Shanghai"), devices, (uuid.UUID(int=8),))
    links = () if allowed is None else (Link(NOON, allowed),)
    return Household(home, Where(home.id, uuid.UUID(int=1), "350102001001"), Pipeline(None, None), links)


def _moves(at: datetime, *, came: datetime | None = None) -> Event:
    return Event(at, HALL, "motion", value=True, received_at=came or at)


def _beat(at: datetime) -> Event:
    return Event(at, GATEWAY, "heartbeat", received_at=at)


def _walked(household: Household, events: list[Event], until: datetime, detector: Any, parameters: Any) -> Trial:
    trial = Trial([detector], {detector.name: parameters}, household)
    walk = Walk([trial], household, NOON)
    for event in events:
        walk.show(event)
    walk.end(until)
    return trial


def test_stillness_is_found_when_it_becomes_too_long_and_earlier_under_a_shorter_span() -> None:
    events = [_moves(NOON + HOUR), _moves(NOON + 20 * HOUR)]
    for fixed_s, hours in ((43_200, 12), (36_000, 10)):
        trial = _walked(_household(), events, NOON + 24 * HOUR, INACTIVITY, InactivityParameters(fixed_s=fixed_s))
        assert [(one.at, one.finding.happened_at) for one in trial.found] == [(NOON + (1 + hours) * HOUR, NOON + HOUR)]


def test_silence_that_nobody_heard_is_not_stillness() -> None:
    """The gateway was away for fifteen hours; what it kept came afterwards."""
    beats = [_beat(NOON + minutes * MINUTE) for minutes in range(61)]
    back_at = NOON + 16 * HOUR
    kept = [_moves(NOON + 15 * HOUR, came=back_at)]
    household = _household(allowed=5 * MINUTE)
    told = [*beats, _moves(NOON + HOUR), *kept, _beat(back_at), _beat(back_at + 4 * MINUTE)]
    parameters = InactivityParameters()
    assert _walked(household, told, back_at + 5 * MINUTE, INACTIVITY, parameters).found == []
    # The same without that line: it has been still ever since, and that is known when all that was kept has come.
    told = [*beats, _moves(NOON + HOUR), _beat(back_at), _beat(back_at + 4 * MINUTE)]
    (still,) = _walked(household, told, back_at + 5 * MINUTE, INACTIVITY, parameters).found
    assert (still.at, still.finding.happened_at) == (back_at + SETTLE, NOON + HOUR)
    # And as long as it is away nobody can say.
    assert _walked(household, told[:62], back_at, INACTIVITY, parameters).found == []


def test_what_was_over_when_it_came_is_not_raised() -> None:
    """Mains that went and came back while the line was down."""
    back_at = NOON + 2 * HOUR
    gone = Event(NOON + HOUR, GATEWAY, "mains", value=False, received_at=back_at)
    there = Event(NOON + HOUR + 30 * MINUTE, GATEWAY, "mains", value=True, received_at=back_at)
    household, on = _household(allowed=5 * MINUTE), MainsParameters(enabled=True)
    beats = [_beat(NOON), _beat(back_at), _beat(back_at + 4 * MINUTE)]
    told = [beats[0], gone, there, *beats[1:]]
    assert _walked(household, told, back_at + 5 * MINUTE, MAINS, on).found == []
    still_gone = [beats[0], gone, *beats[1:]]
    (found,) = _walked(household, still_gone, back_at + 5 * MINUTE, MAINS, on).found
    assert found.at == back_at + SETTLE


def test_rhythms_are_learned_on_the_way() -> None:
    """Ten days of somebody who is noticed every half hour, then six still hours: only a rhythm finds that."""
    half_hours = [_moves(NOON + number * HOUR / 2) for number in range(480)]
    after = half_hours[-1].at
    trial = _walked(_household(), half_hours, after + 6 * HOUR, INACTIVITY, InactivityParameters())
    (found,) = trial.found
    assert after + HOUR < found.at < after + 6 * HOUR
    assert found.finding.why["days"] >= 7


def test_a_detector_that_fails_is_counted() -> None:
    class Broken:
        name, events, own_deadline = "mains", frozenset({"motion"}), False
        wakes, parameters, state = events, MainsParameters, MAINS.state

        def event(self, *_: Any) -> Any:
            raise RuntimeError

        def due(self, *_: Any) -> Any:
            raise RuntimeError

    trial = _walked(_household(), [_moves(NOON)], NOON + HOUR, Broken(), MainsParameters(enabled=True))
    assert trial.failures["mains"] > 1


def _would(at: datetime, *, happened_at: datetime | None = None, key: str = "k") -> Would:
    return Would(at, key, "bed", Finding("bed", happened_at or at, {}))


def _was(at: datetime, *, happened_at: datetime | None = None, key: str = "k") -> WasRaised:
    return WasRaised(uuid.uuid4(), at, happened_at or at, key, "bed", None, "false_alarm")


@pytest.mark.parametrize(
    ("raised", "now", "ruled", "fates"),
    [
        ([], [0], [0], [(Fate.SAME, None)]),
        ([], [0], [40], [(Fate.MOVES, 40)]),
        ([], [40], [0], [(Fate.MOVES, -40)]),
        ([], [0], [], [(Fate.GOES, None)]),
        ([], [], [0], [(Fate.COMES, None)]),
        ([0], [], [], [(Fate.RAISED_ONLY, None)]),
        ([0], [], [5], [(Fate.COMES, None)]),
        ([1], [0], None, [(Fate.SAME, None)]),
        ([30], [0], None, [(Fate.MOVES, -30)]),
        ([0], [], None, [(Fate.GOES, None)]),
        ([], [0], None, [(Fate.COMES, None)]),
        ([], [0, 100], [90], [(Fate.GOES, None), (Fate.MOVES, -10)]),
        ([], [0], [60 * 13], [(Fate.GOES, None), (Fate.COMES, None)]),
    ],
)  # fmt: skip
def test_what_becomes_of_alarms(raised: Any, now: Any, ruled: Any, fates: Any) -> None:
    """Times are minutes."""
    compared = compare(
        [_was(NOON + at * MINUTE) for at in raised],
        [_would(NOON + at * MINUTE) for at in now],
        None if ruled is None else [_would(NOON + at * MINUTE) for at in ruled],
    )
    found = [(one.fate, None if one.shift is None else one.shift / MINUTE) for one in compared]
    assert found == fates


def test_an_alarm_about_the_same_beginning_is_the_same_however_far_it_moves() -> None:
    (one,) = compare([], [_would(NOON + HOUR, happened_at=NOON)], [_would(NOON + 20 * HOUR, happened_at=NOON)])
    assert (one.fate, one.shift) == (Fate.MOVES, 19 * HOUR)
    apart = compare([], [_would(NOON, key="k")], [_would(NOON, key="of somebody else")])
    assert {one.fate for one in apart} == {Fate.GOES, Fate.COMES}
