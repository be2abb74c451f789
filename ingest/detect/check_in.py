"""The daily "I'm OK": missed in its window.

What must raise `check_in` (urgent, closed by a person only), and by when: no `check_in` from `begins_h` to
`ends_h` of the home's day, at `ends_h`. With `each_resident` every resident has to, with a device of his own. With
`activity_counts` anything that shows that somebody is up and about in the window is as good.

What must not: a window that was under way when the detector was switched on; a day on which an entered absence touches
the window; a button that is pressed twice. One that comes before the window does not count, one that comes after it is
remarked in the alarm's log.
"""

from collections.abc import Iterator
from datetime import datetime, timedelta
from typing import Annotated
from uuid import UUID

import msgspec

from alerts.why import why
from gateway.lanes import AlarmType
from ingest.detect.core import (
    Clearing,
    Event,
    Evidence,
    Finding,
    Home,
    Parameters,
    Step,
    as_flag,
    bounded,
    evidence,
)
from ingest.detect.local_day import DailySpan, wall_clock
from ingest.detect.whereabouts import TYPES, Whereabouts, follow

_OWN = "agreed with each resident"

#: Somebody may press in the second in which the window ends: then it is judged a second later.
_MOMENT = timedelta(seconds=2)


class CheckInParameters(Parameters, frozen=True, kw_only=True):
    """Hours of the local day (7.5: half past seven)."""

    enabled: bool = False
    begins_h: Annotated[float, bounded("h", 0, 23.5, _OWN)] = 4.0
    ends_h: Annotated[float, bounded("h", 0.5, 24, _OWN)] = 11.0
    activity_counts: bool = False
    each_resident: bool = False

    def __post_init__(self) -> None:
        """ValueError where the window would end before it begins."""
        if self.ends_h <= self.begins_h:
            raise ValueError("ends_h must be later than begins_h")


class CheckInState(msgspec.Struct, frozen=True, omit_defaults=True):
    """`watched_from`: windows that began earlier are not judged; `judged_at`: the end of the newest one that was.
    `oks`: the newest by resident ("": of anybody), and `missed`: who has been told of since."""

    watched_from: datetime | None = None
    judged_at: datetime | None = None
    oks: dict[str, Evidence] = {}
    missed: frozenset[str] = frozenset()
    where: Whereabouts = Whereabouts()


class CheckInDetector:
    """See the module."""

    name = "check_in"
    events = TYPES | {AlarmType.CHECK_IN}
    wakes = frozenset({AlarmType.CHECK_IN})
    parameters = CheckInParameters
    state = CheckInState

    def event(self, state: CheckInState, event: Event, home: Home, parameters: CheckInParameters) -> Step:
        """Whoever is well says so, or shows it."""
        where = follow(state.where, event, home)
        active = parameters.activity_counts and where is not state.where and where.active_at == event.at
        watched_from = state.watched_from or event.at
        state = msgspec.structs.replace(state, where=where, watched_from=watched_from)
        cleared: list[Clearing] = []
        by_hand = event.type == AlarmType.CHECK_IN and as_flag(event.value) is not False
        for name in _names(event, home, parameters) if by_hand or active else ():
            known = state.oks.get(name)
            if known is not None and known.at >= event.at:
                continue
            if name in state.missed:
                cleared.append(_late(name, event, home, by_hand=by_hand))
            oks = {one: ok for one, ok in state.oks.items() if one in _expected(home, parameters)}
            state = msgspec.structs.replace(state, oks={**oks, name: evidence(event)}, missed=state.missed - {name})
        return Step(state, cleared=tuple(cleared), due_at=_next(state, event.at, home, parameters))

    def due(self, state: CheckInState, at: datetime, home: Home, parameters: CheckInParameters) -> Step:
        """A window has ended."""
        if state.watched_from is None:
            state = msgspec.structs.replace(state, watched_from=at)
        window = _ended(at, home, parameters)
        raised = []
        if window is not None and window[1] != state.judged_at:
            if window[0] >= (state.watched_from or at) and not _absent(window, home):
                for name in _expected(home, parameters):
                    ok = state.oks.get(name)
                    if ok is None or ok.at < window[0]:
                        raised.append(_finding(name, ok, window, home))
                        state = msgspec.structs.replace(state, missed=state.missed | {name})
            state = msgspec.structs.replace(state, judged_at=window[1])
        return Step(state, raised=tuple(raised), due_at=_next(state, at, home, parameters))


DETECTOR = CheckInDetector()

Window = tuple[datetime, datetime]
"""Begin, end."""


def _expected(home: Home, parameters: CheckInParameters) -> tuple[str, ...]:
    """Who has to say so; "": anybody."""
    return tuple(str(one) for one in home.residents) if parameters.each_resident else ("",)


def _names(event: Event, home: Home, parameters: CheckInParameters) -> Iterator[str]:
    """Whose OK this is. Of a device that is nobody's it is the only resident's, if there is only one."""
    own = event.device.resident_id
    for name in _expected(home, parameters):
        if name in ("", str(own)) or (own is None and len(home.residents) == 1):
            yield name


def _next(state: CheckInState, at: datetime, home: Home, parameters: CheckInParameters) -> datetime:
    """The end of the first window that has not been judged."""
    window = DailySpan(parameters.begins_h, parameters.ends_h)
    rounds = window.rounds(at - _MOMENT, home.zone)
    return next(ends_at for _, ends_at in rounds if ends_at >= at and ends_at != state.judged_at)


def _ended(at: datetime, home: Home, parameters: CheckInParameters) -> Window | None:
    """The window that has just ended, or is just ending; None at other times."""
    window = DailySpan(parameters.begins_h, parameters.ends_h)
    newest = next(window.rounds(at - _MOMENT, home.zone))
    return newest if newest[1] <= at else None


def _absent(window: Window, home: Home) -> bool:
    return any(one.begins_at < window[1] and window[0] < one.ends_at for one in home.absences)


# --- what is said ---------------------------------------------------------------------------------------------------


def _whose(name: str) -> UUID | None:
    return UUID(name) if name else None


def _finding(name: str, ok: Evidence | None, window: Window, home: Home) -> Finding:
    begins, ends = (wall_clock(one, home.zone) for one in window)
    if ok is None:
        en, zh = "None is known.", "此前无记录。"
    else:
        last = wall_clock(ok.at, home.zone)
        en, zh = f"The last one came at {last}.", f"最近一次为 {last}。"
    reason = why(
        "check_in_missed",
        f'The daily "I\'m OK" was expected from {begins} to {ends[-5:]} and did not come. {en}',
        f"每日报平安应在 {begins} 至 {ends[-5:]} 之间完成，未收到。{zh}",
        since=window[0].isoformat(),
        until=window[1].isoformat(),
        last_at=None if ok is None else ok.at.isoformat(),
    )
    return Finding("check_in", window[1], reason, () if ok is None else (ok,), resident_id=_whose(name))


def _late(name: str, event: Event, home: Home, *, by_hand: bool) -> Clearing:
    clock = wall_clock(event.at, home.zone)
    if by_hand:
        en, zh = f'The "I\'m OK" came late, at {clock}.', f"报平安迟到，时间 {clock}。"
    else:
        en, zh = f"Somebody was up and about at {clock}.", f"{clock} 家中已见活动。"
    reason = why("check_in_late" if by_hand else "check_in_active", en, zh, at=event.at.isoformat())
    return Clearing("check_in", event.at, reason, resident_id=_whose(name))
