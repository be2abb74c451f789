"""Events and due times in one order, whoever fails and however little is known."""
# ruff: noqa: ARG002 - a detector gets more than one of these needs

from datetime import UTC, datetime, timedelta
from itertools import pairwise
from typing import Any
from uuid import UUID
from zoneinfo import ZoneInfo

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ingest.detect.core import Device, Event, Home, Parameters, Step
from ingest.detect.fold import Memory, Remembered, look, next_due

DOOR = Device("door", "door")
HOME = Home(UUID(int=1), ZoneInfo("Asia/Shanghai"), {"door": DOOR})
T0 = datetime(2026, 11, 22, 4, tzinfo=UTC)


class Counted(msgspec.Struct, frozen=True):
    """What was shown and asked, in order: (what, minute)."""

    told: tuple[tuple[str, float], ...] = ()


class Diary:
    """Notes everything in its state, and asks for a time `after` minutes after each event."""

    name = "diary"
    events = frozenset({"door"})
    wakes = frozenset({"door"})
    parameters = Parameters
    state = Counted

    def __init__(self, name: str = "diary", after: float | None = 10, fails: str = "") -> None:
        self.name, self.after, self.fails = name, after, fails

    def event(self, state: Counted, event: Event, home: Home, parameters: Parameters) -> Step:
        """Noted."""
        if self.fails == "event":
            raise RuntimeError
        again = None if self.after is None else event.at + timedelta(minutes=self.after)
        return Step(self._noted(state, "shown", event.at), due_at=again)

    def due(self, state: Counted, at: datetime, home: Home, parameters: Parameters) -> Step:
        """Noted."""
        if self.fails == "due":
            raise RuntimeError
        return Step(self._noted(state, "asked", at))

    def _noted(self, state: Counted, what: str, at: datetime) -> Counted:
        return Counted((*state.told, (what, (at - T0).total_seconds() / 60)))


def opened(minute: float) -> Event:
    """The door, so many minutes after four."""
    return Event(T0 + timedelta(minutes=minute), DOOR, "door", True, message_id=str(minute))


def on(*diaries: Diary) -> dict[str, Parameters]:
    return {one.name: Parameters() for one in diaries}


def after(minute: float) -> datetime:
    return T0 + timedelta(minutes=minute)


def told(memory: Memory, name: str = "diary") -> tuple[Any, ...]:
    state = memory[name].state
    assert isinstance(state, Counted)
    return state.told


def test_due_times_come_between_the_events_where_they_belong() -> None:
    diary = Diary()
    memory, _ = look([diary], on(diary), HOME, {}, [opened(0), opened(30)], after(60))
    assert told(memory) == (("shown", 0), ("asked", 10), ("shown", 30), ("asked", 40))
    assert next_due(memory) is None


def test_nothing_is_asked_beyond_what_is_known_and_events_are_shown_all_the_same() -> None:
    diary = Diary()
    memory, _ = look([diary], on(diary), HOME, {}, [opened(0), opened(30)], None)
    assert told(memory) == (("shown", 0), ("shown", 30))
    memory, _ = look([diary], on(diary), HOME, memory, [], after(39))
    assert told(memory) == (("shown", 0), ("shown", 30))
    memory, _ = look([diary], on(diary), HOME, memory, [], after(40))
    assert told(memory)[-1] == ("asked", 40)


def test_a_due_time_in_the_past_is_asked_as_what_it_is_and_once() -> None:
    """As after a backlog: the time that the detector names has gone by."""
    diary = Diary(after=-5)
    memory, _ = look([diary], on(diary), HOME, {}, [opened(30)], after(31))
    assert told(memory) == (("shown", 30), ("asked", 25))


def test_whoever_was_never_asked_is_asked_what_it_watches() -> None:
    diary = Diary()
    memory, _ = look([diary], on(diary), HOME, {}, [], after(1))
    assert told(memory) == (("asked", 1),)
    memory, _ = look([diary], on(diary), HOME, {}, [], None)
    assert memory == {}


def test_what_is_switched_off_is_forgotten() -> None:
    diary = Diary()
    memory = {"diary": Remembered(Counted(), after(5))}
    assert look([diary], {"diary": Parameters(enabled=False)}, HOME, memory, [opened(0)], after(60)) == ({}, [])


@pytest.mark.parametrize("fails", ["event", "due"])
def test_who_fails_stops_no_other_and_keeps_its_state(fails: str) -> None:
    bad, good = Diary("bad", fails=fails), Diary("good")
    failed: list[str] = []
    memory, _ = look(
        [bad, good], on(bad, good), HOME, {}, [opened(0)], after(10), lambda name, _: failed.append(name)
    )  # fmt: skip
    assert told(memory, "good") == (("shown", 0), ("asked", 10))
    assert set(failed) == {"bad"}
    with pytest.raises(RuntimeError):
        look([bad, good], on(bad, good), HOME, {}, [opened(0)], after(10))


def test_who_fails_at_its_due_time_is_asked_again_with_growing_pauses_up_to_an_hour() -> None:
    bad = Diary("bad", fails="due")
    memory: Memory = {"bad": Remembered(Counted(), T0)}
    asked = []
    for _ in range(9):
        due = next_due(memory)
        assert due is not None
        asked.append(due)
        memory, _ = look([bad], on(bad), HOME, memory, [], due, lambda *_: None)
    pauses = [(later - earlier) / timedelta(minutes=1) for earlier, later in pairwise(asked)]
    assert pauses == [1, 2, 4, 8, 16, 32, 60, 60]
    bad.fails = ""
    memory, _ = look([bad], on(bad), HOME, memory, [], after(1000), lambda *_: None)
    assert (memory["bad"].failures, memory["bad"].due_at) == (0, None)


@given(st.lists(st.integers(0, 500), min_size=1, max_size=20, unique=True).map(sorted), st.sets(st.integers(0, 600)))
def test_however_often_one_looks_the_same_comes_of_it(minutes: list[int], looks: set[int]) -> None:
    """A look in between, at any time, changes nothing: live is replay."""
    diary = Diary()
    at_once, found = look([diary], on(diary), HOME, {}, map(opened, minutes), after(600))
    memory: Memory = {"diary": Remembered(Counted())}
    several: list[Any] = []
    shown = 0
    for until in [*sorted(looks), 600]:
        due = [one for one in minutes[shown:] if one <= until]
        shown += len(due)
        memory, more = look([diary], on(diary), HOME, memory, map(opened, due), after(until))
        several += more
    assert (memory, several) == (at_once, found)
