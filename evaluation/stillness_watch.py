"""One way of noticing stillness, at one recorded home: when it raises an alarm, and when it would have if nothing had
been heard any more from some moment on.

Rolling origin: every night at three what has been is learned, and what follows is judged by it; nothing of the day that
is judged is known. An injected emergency is judged by what was known in the night before it.
"""

from bisect import bisect_right
from collections.abc import Callable, Iterator, Sequence
from datetime import datetime, time, timedelta
from typing import NamedTuple, Protocol

import msgspec

from evaluation.recorded_home import RecordedHome
from ingest.detect.core import Finding, Home
from ingest.detect.fold import Memory, Remembered, look
from ingest.detect.inactivity import DETECTOR, InactivityParameters, InactivityState
from ingest.detect.rhythm import DAYS_NEEDED, History, Rhythm, learn, next_half_hour, rhythm_of
from ingest.detect.whereabouts import Whereabouts, entrances, follow

_NIGHT = time(3)
_DAY = timedelta(days=1)
#: After so long it is never noticed.
HORIZON = timedelta(days=4)


class Watch(Protocol):
    """A method at a home."""

    def alarms(self) -> Sequence[datetime]:
        """When it raises one during the recording, as it was."""
        ...

    def alarm_after(self, at: datetime) -> datetime | None:
        """When there is one for the stillness that begins with the last event up to `at`, if nothing is heard after
        `at`; earlier than `at` where it was raised already. None: not within four days."""
        ...


def nights(home: RecordedHome) -> Iterator[datetime]:
    """Three in the morning, from the first to the last night of the recording."""
    first, last = home.events[0].at, home.events[-1].at
    night = datetime.combine(first.date(), _NIGHT, first.tzinfo)
    while night <= last + _DAY:
        if night > first:
            yield night
        night += _DAY


def test_begins_at(home: RecordedHome) -> datetime:
    """The first night that knows seven days."""
    known = home.events[0].at + timedelta(days=DAYS_NEEDED)
    return max(home.labelled[0], next(night for night in nights(home) if night >= known))


# --- ours: the detector itself --------------------------------------------------------------------------------------


class RhythmWatch:
    """The detector, with these parameters. `change`: what becomes of each rhythm, for variants of it."""

    def __init__(
        self,
        recorded: RecordedHome,
        parameters: InactivityParameters,
        rhythms: Sequence[tuple[datetime, Rhythm | None]],
        change: Callable[[Rhythm], Rhythm] = lambda rhythm: rhythm,
    ) -> None:
        """`rhythms`: as `learned_rhythms` makes them, once for all parameters."""
        self._parameters = {DETECTOR.name: parameters}
        self._found: list[datetime] = []
        #: (since, memory, home with its rhythm) after every event and night.
        self._moments: list[tuple[datetime, Memory, Home]] = []
        self._follow(recorded, [(night, rhythm and change(rhythm)) for night, rhythm in rhythms])

    def alarms(self) -> Sequence[datetime]:
        """See `Watch`."""
        return self._found

    def alarm_after(self, at: datetime) -> datetime | None:
        """See `Watch`."""
        number = bisect_right(self._moments, at, key=lambda one: one[0]) - 1
        _, memory, home = self._moments[number]
        state = memory[DETECTOR.name].state
        assert isinstance(state, InactivityState)
        if state.raised_for is not None and state.raised_for == state.whereabouts.still_since:
            return state.raised_for
        _, found = look([DETECTOR], self._parameters, home, memory, (), at + HORIZON)
        return next((one.at for one in found), None)

    def _follow(self, recorded: RecordedHome, rhythms: Sequence[tuple[datetime, Rhythm | None]]) -> None:
        memory: Memory = {}
        home, waiting = recorded.home, list(rhythms)
        for event in recorded.events:
            while waiting and waiting[0][0] <= event.at:
                night, rhythm = waiting.pop(0)
                memory = self._look(home, memory, (), night)
                home = msgspec.structs.replace(home, learned={} if rhythm is None else {DETECTOR.name: rhythm})
                # Live, each home is looked at anew when it has learned.
                memory = {name: Remembered(one.state, night) for name, one in memory.items()}
                memory = self._look(home, memory, (), night)
            memory = self._look(home, memory, (event,), event.at)

    def _look(self, home: Home, memory: Memory, events: Sequence[object], until: datetime) -> Memory:
        memory, found = look([DETECTOR], self._parameters, home, memory, events, until)  # type: ignore[arg-type]  # events
        self._found += [one.at for one in found if isinstance(one.what, Finding)]
        self._moments.append((until, memory, home))
        return memory


def learned_rhythms(recorded: RecordedHome, longest: timedelta) -> list[tuple[datetime, Rhythm | None]]:
    """(night, what was known in it) of every night."""
    history: History | None = None
    found, events = [], recorded.events
    begin = 0
    for night in nights(recorded):
        end = bisect_right(events, night, key=lambda event: event.at)
        history = learn(history, events[begin:end], recorded.home, night, longest=longest)
        found.append((night, rhythm_of(history, recorded.home.zone)))
        begin = end
    return found


# --- the others: a line that stillness must not cross ---------------------------------------------------------------


class Still(NamedTuple):
    """Nothing was noticed from `since` to `until`. `away`: as far as the detector's whereabouts tell."""

    since: datetime
    until: datetime
    away: bool = False


Limit = Callable[[Still, datetime], timedelta]
"""How long this stillness may have lasted at that time of its course."""


class LineWatch:
    """A method that learns a limit from the stillnesses before each night."""

    def __init__(
        self, recorded: RecordedHome, stills: Sequence[Still], learn_limit: Callable[[Sequence[Still], datetime], Limit]
    ) -> None:
        self._stills, self._zone = stills, recorded.home.zone
        self._ends = [one.until for one in stills]
        self._nights = list(nights(recorded))
        self._learn = learn_limit
        self._limits: dict[datetime, Limit] = {}

    def alarms(self) -> Sequence[datetime]:
        """See `Watch`."""
        found = (self._first_beyond(still, still.until, rolling=True) for still in self._stills)
        return [at for at in found if at is not None]

    def alarm_after(self, at: datetime) -> datetime | None:
        """See `Watch`."""
        number = bisect_right(self._stills, at, key=lambda one: one.since) - 1
        return self._first_beyond(self._stills[number], at + HORIZON, rolling=False, known_at=at)

    def _first_beyond(
        self, still: Still, until: datetime, *, rolling: bool, known_at: datetime | None = None
    ) -> datetime | None:
        at = still.since
        limit = self._limit(known_at or at)
        while at < until:
            if rolling:
                limit = self._limit(at)
            ends_at = next_half_hour(at, self._zone)
            reached_at = max(at, still.since + limit(still, at))
            if reached_at < min(ends_at, until):
                return reached_at
            at = ends_at
        return None

    def _limit(self, at: datetime) -> Limit:
        """By what was known in the night before."""
        number = max(0, bisect_right(self._nights, at) - 1)
        night = self._nights[number]
        if night not in self._limits:
            self._limits[night] = self._learn(self._stills[: bisect_right(self._ends, night)], night)
        return self._limits[night]


def stills_of(recorded: RecordedHome) -> list[Still]:
    """From every activity to the next one."""
    where, found = Whereabouts(), []
    for event in recorded.events:
        after = follow(where, event, recorded.home)
        if after.active_at != where.active_at and where.active_at is not None:
            found.append(Still(where.active_at, event.at, where.left_at is not None))
        where = after
    assert where.active_at is not None  # a recording has activity
    return [*found, Still(where.active_at, recorded.events[-1].at, where.left_at is not None)]


def door_stills_of(recorded: RecordedHome) -> list[Still]:
    """From every use of an entrance door to the next one."""
    doors = entrances(recorded.home.devices.values())
    times = sorted({one.at for one in recorded.events if one.device.id in doors})
    last = recorded.events[-1].at
    return [Still(first, then) for first, then in zip(times, [*times[1:], last], strict=True)]
