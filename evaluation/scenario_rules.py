"""Rules that are no detectors of the fold, on simulated lives: a device that is silent. (Reported falls: falls.py.)

As the deadline handler of ingest does it: asked when a device's allowance is over, and again when the answer says.
"""

from bisect import bisect_right
from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime, timedelta
from itertools import pairwise

from device_sim.lives.household import Fixture, Household
from ingest.detect.silence import SEEN_RESOLUTION, Link, Pipeline, judge_offline

OFFLINE = "offline"
#: As devices are paired.
_MISSED_BEATS = 3
_WAIT = timedelta(seconds=30)

Heard = Mapping[str, Sequence[datetime]]
"""When each device was heard, in order of time."""


def offline_alarms(household: Household, heard: Heard, until: datetime) -> Iterator[tuple[datetime, str]]:
    """When which device was found silent, up to `until`."""
    for fixture in household.fixtures():
        times = [*heard.get(fixture.id, ()), until]
        for seen_at, next_at in pairwise(times):
            if next_at - seen_at > _allowed(fixture):
                raised_at = _judge(household, fixture, heard, seen_at, next_at)
                if raised_at is not None:
                    yield raised_at, fixture.id


def _allowed(fixture: Fixture) -> timedelta:
    return timedelta(seconds=fixture.heartbeat_s * _MISSED_BEATS) + SEEN_RESOLUTION


def _judge(
    household: Household, fixture: Fixture, heard: Heard, seen_at: datetime, until: datetime
) -> datetime | None:  # fmt: skip
    gateway = next(one for one in household.fixtures() if one.id == fixture.gateway)
    now = seen_at + _allowed(fixture)
    while now < until:
        link = None if gateway.id == fixture.id else _link(gateway, heard, now)
        verdict = judge_offline(now, seen_at, _allowed(fixture), Pipeline(now, None), _WAIT, link)
        if verdict.fire:
            return now
        now = max(verdict.again_at, now + timedelta(seconds=1))
    return None


def _link(gateway: Fixture, heard: Heard, now: datetime) -> Link | None:
    times = heard.get(gateway.id, ())
    number = bisect_right(times, now)
    return Link(times[number - 1], _allowed(gateway)) if number else None
