"""What was raised beside what would have been: which alarms come, go or move. Pure."""

from collections.abc import Iterable, Sequence
from datetime import datetime, timedelta
from enum import StrEnum
from typing import NamedTuple, TypeVar
from uuid import UUID

from ingest.findings import LATE
from ingest.past.trial import Would

#: Alarms of one kind and home that are further apart are two, unless they are about the same beginning.
_SAME_ONE = timedelta(hours=12)
#: Less is no move. Live a look waits for beats and watermarks, so there it is more.
_MOVED = timedelta(minutes=1)


class Fate(StrEnum):
    """What becomes of an alarm: what is now, under the rules; without rules: what was raised, as things are set now."""

    SAME = "same"
    COMES = "comes"
    GOES = "goes"
    MOVES = "moves"
    RAISED_ONLY = "raised only"


class WasRaised(NamedTuple):
    """An alarm that there really was. `outcome` None: open, or closed without one."""

    id: UUID
    at: datetime
    happened_at: datetime
    key: str
    kind: str
    device_id: str | None
    outcome: str | None


class Compared(NamedTuple):
    """One alarm, in up to three lives. `shift`: how much later it comes (negative: earlier), of what moves."""

    kind: str
    raised: WasRaised | None
    now: Would | None
    ruled: Would | None
    fate: Fate
    shift: timedelta | None

    @property
    def first_at(self) -> datetime:
        """For the order of a list."""
        times = [one.at for one in (self.raised, self.now, self.ruled) if one is not None]
        return min(times)


_Alarm = Would | WasRaised
LeftT = TypeVar("LeftT", bound=_Alarm)
RightT = TypeVar("RightT", bound=_Alarm)


def compare(raised: Iterable[WasRaised], now: Iterable[Would], ruled: Iterable[Would] | None) -> list[Compared]:
    """Of one home, in order of time. `ruled` None: no rules were given."""
    was = list(raised)
    compared: list[Compared] = []
    for real, one in pair(was, list(now)):
        if ruled is None:
            compared.append(_two(real, one))
        elif one is None:
            assert real is not None  # a pair has at least one
            compared.append(Compared(real.kind, real, None, None, Fate.RAISED_ONLY, None))
    if ruled is not None:
        compared = _three(compared, was, list(now), list(ruled))
    return sorted(compared, key=lambda one: (one.first_at, one.kind))


def _two(real: WasRaised | None, one: Would | None) -> Compared:
    if real is None:
        assert one is not None
        return Compared(one.finding.kind, None, one, None, Fate.COMES, None)
    if one is None:
        return Compared(real.kind, real, None, None, Fate.GOES, None)
    shift = one.at - real.at
    moves = abs(shift) >= LATE
    return Compared(real.kind, real, one, None, Fate.MOVES if moves else Fate.SAME, shift if moves else None)


def _three(
    raised_only: Sequence[Compared], was: list[WasRaised], now: list[Would], ruled: list[Would]
) -> list[Compared]:  # fmt: skip
    reality = {id(one): real for real, one in pair(was, now) if one is not None}
    compared: list[Compared] = []
    comes: list[Would] = []
    for one, new in pair(now, ruled):
        if one is None:
            assert new is not None
            comes.append(new)
            continue
        real = reality.get(id(one))
        if new is None:
            compared.append(Compared(one.finding.kind, real, one, None, Fate.GOES, None))
        else:
            shift = new.at - one.at
            moves = abs(shift) >= _MOVED
            fate = Fate.MOVES if moves else Fate.SAME
            compared.append(Compared(one.finding.kind, real, one, new, fate, shift if moves else None))
    # What the rules find and today's parameters do not, may have been raised: under what was set then, or by hand.
    for real, new in pair([one.raised for one in raised_only if one.raised is not None], comes):
        if new is not None:
            compared.append(Compared(new.finding.kind, real, None, new, Fate.COMES, None))
        elif real is not None:
            compared.append(Compared(real.kind, real, None, None, Fate.RAISED_ONLY, None))
    return compared


def pair(left: Sequence[LeftT], right: Sequence[RightT]) -> list[tuple[LeftT | None, RightT | None]]:
    """Who of the left is whom of the right: with the same key, of the same beginning, else nearest within hours."""
    near = sorted(
        (_happened_at(a) != _happened_at(b), abs(a.at - b.at), i, j)
        for i, a in enumerate(left) for j, b in enumerate(right)
        if a.key == b.key and (_happened_at(a) == _happened_at(b) or abs(a.at - b.at) <= _SAME_ONE)
    )  # fmt: skip
    of_left: dict[int, int] = {}
    taken: set[int] = set()
    for _, _, i, j in near:
        if i not in of_left and j not in taken:
            of_left[i] = j
            taken.add(j)
    pairs: list[tuple[LeftT | None, RightT | None]] = [
        (one, right[of_left[i]] if i in of_left else None) for i, one in enumerate(left)
    ]
    return pairs + [(None, one) for j, one in enumerate(right) if j not in taken]


def _happened_at(one: _Alarm) -> datetime:
    return one.happened_at if isinstance(one, WasRaised) else one.finding.happened_at
