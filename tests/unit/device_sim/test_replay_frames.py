"""A replay as the backend's clock sees it: readings first, then the clock, and never further ahead than allowed."""

from datetime import UTC, datetime, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from device_sim.replay import replay, weeks_to
from gateway.limits import MAX_CLOCK_AHEAD
from gateway.wire import Lane, Message

NOW = datetime(2026, 11, 22, 4, 0, tzinfo=UTC)
CHINA = ZoneInfo("Asia/Shanghai")


class FakeLink:
    """Takes everything at once, and notes the database clock at which it was published."""

    def __init__(self) -> None:
        self.now = NOW
        self.published: list[tuple[datetime, str, Message]] = []
        self.unflushed = 0
        self.clock_moves: list[datetime] = []

    def publish(self, lane: Lane, device: str, messages: list[Message]) -> None:
        assert lane is Lane.READING
        self.unflushed += 1
        self.published += [(self.now, device, message) for message in messages]

    async def flushed(self) -> None:
        self.unflushed = 0

    async def advance_clock(self, until: datetime) -> None:
        assert self.unflushed == 0, "the clock moved before the broker had taken the readings"
        assert until >= self.now, "the clock went backwards"
        self.now = until
        self.clock_moves.append(until)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    lines = [
        f"{day:02d}-Mar-2010 {hour:02d}:00:00\t{day:02d}-Mar-2010 {hour:02d}:20:30\t{sensor}"
        for day in (1, 2, 4)
        for hour, sensor in ((7, 1), (7, 2), (22, 1))
    ]
    (tmp_path / "houseX-ss.txt").write_text("\n".join(lines))
    return tmp_path


@pytest.mark.parametrize("speed", [0, 1_000_000])
async def test_a_replay_keeps_weekday_and_time_of_day_and_never_runs_too_far_ahead(folder: Path, speed: float) -> None:
    link = FakeLink()

    done = await replay(folder, link, now=NOW, advance_clock=link.advance_clock, speed=speed, home="h1")

    assert (done.lines, done.readings, len(link.published)) == (9, 18, 18)
    first = link.published[0][2].time
    assert first is not None
    assert NOW <= first < NOW + timedelta(weeks=1)
    assert first.astimezone(CHINA).strftime("%a %H:%M") == "Mon 07:00"
    times = [message.time for _, _, message in link.published if message.time is not None]
    assert times == sorted(times)
    for published_at, _, message in link.published:
        assert message.time is not None
        assert timedelta(0) <= message.time - published_at <= MAX_CLOCK_AHEAD / 2
    assert link.now >= times[-1]
    assert {device for _, device, _ in link.published} == {"h1-1", "h1-2"}


async def test_at_full_speed_the_clock_leaps_over_silence(folder: Path) -> None:
    link = FakeLink()
    await replay(folder, link, now=NOW, advance_clock=link.advance_clock, home="h1")
    assert len(link.clock_moves) < 30


async def test_at_a_given_speed_the_clock_runs_through_silence_as_well(folder: Path) -> None:
    link = FakeLink()
    await replay(folder, link, now=NOW, advance_clock=link.advance_clock, speed=1_000_000, home="h1")
    steps = [later - earlier for earlier, later in zip(link.clock_moves[1:], link.clock_moves[2:], strict=False)]
    assert max(steps) <= MAX_CLOCK_AHEAD / 2


@given(st.datetimes(), st.datetimes())
def test_a_recording_is_moved_by_whole_weeks_to_the_next_place_after_now(first: datetime, now: datetime) -> None:
    shift = weeks_to(first, now)
    assert shift % timedelta(weeks=1) == timedelta(0)
    assert timedelta(0) <= shift - (now - first) < timedelta(weeks=1)
