"""Can somebody be reached? The first two steps of a ladder, played against the hours ahead. Pure functions.

A step counts as the ladder counts it (`alerts.ladder`): a desk goes to no door, so a desk alone is enough only where
the step calls nobody else. Neighbours and relatives of one home make no station ready and are left out here; what they
mean for their home is `alerts.readiness_homes`'.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from enum import StrEnum
from itertools import pairwise
from uuid import UUID

from alerts.people import OF_THE_HOME
from alerts.policy import DESKS, Policy

#: Steps of a ladder that must reach somebody: the first two are over after two or three minutes.
STEPS = 2


class Reason(StrEnum):
    """Why somebody cannot be reached, from the nearest to the farthest; the last: there is nobody at all."""

    NOT_DELIVERED = "not_delivered"
    FAILED = "failed"
    UNVERIFIED = "unverified"
    NO_METHOD = "no_method"
    NOBODY = "nobody"


_RANK = {reason: rank for rank, reason in enumerate(Reason)}


@dataclass(frozen=True, slots=True)
class OnCall:
    """Somebody who answers to a target from `since` up to and without `until`."""

    target: str
    staff_id: UUID
    since: datetime
    until: datetime


@dataclass(frozen=True, slots=True)
class Reach:
    """Whether a person can be reached: `reason` None: yes. Otherwise he can until `until`, because he is signed in."""

    reason: Reason | None
    until: datetime | None = None


@dataclass(frozen=True, slots=True)
class Away:
    """Somebody who is away for a time, whatever he would answer to."""

    staff_id: UUID
    since: datetime
    until: datetime


@dataclass(frozen=True, slots=True)
class Gap:
    """A step that reaches nobody from `since` to `until`. `people`: who would be called, and why that is in vain."""

    policy: str
    step: int
    targets: tuple[str, ...]
    since: datetime
    until: datetime
    reason: Reason
    people: tuple[tuple[UUID, Reason], ...] = ()


def steps_of(policy: Policy) -> list[tuple[int, tuple[str, ...]]]:
    """The steps to be judged, by number, each with the targets of which one must reach somebody. A step that calls only
    a home's own people is left out, and the next one counts."""
    judged = []
    for number, step in enumerate(policy.steps, 1):
        targets = tuple(one for one in step.call if one not in OF_THE_HOME)
        goes = tuple(one for one in targets if one not in DESKS)
        if targets:
            judged.append((number, goes or targets))
    return judged[:STEPS]


def present(on_call: Iterable[OnCall], away: Mapping[UUID, Sequence[Away]]) -> list[OnCall]:
    """Who is on call when he is not away."""
    there: list[OnCall] = []
    for one in on_call:
        since = one.since
        for gone in sorted(away.get(one.staff_id, ()), key=lambda gone: gone.since):
            if gone.since > since:
                there.append(replace(one, since=since, until=min(gone.since, one.until)))
            since = max(since, gone.until)
            if since >= one.until:
                break
        if since < one.until:
            there.append(replace(one, since=since))
    return [one for one in there if one.since < one.until]


def judge(
    policies_at: Callable[[datetime], Iterable[Policy]], on_call: Sequence[OnCall], reach: Mapping[UUID, Reach],
    begin: datetime, end: datetime, cuts: Iterable[datetime] = (),
) -> list[Gap]:  # fmt: skip
    """Gaps of one station within [`begin`, `end`), by time. `policies_at`: those that its alarms may get then; they
    change at no time but `cuts`."""
    times = {begin, *cuts}
    times |= {time for one in on_call for time in (one.since, one.until)}
    times |= {one.until for one in reach.values() if one.until is not None}
    edges = [*sorted(time for time in times if begin <= time < end), end]
    gaps: list[Gap] = []
    for since, until in pairwise(edges):
        for policy in policies_at(since):
            for number, targets in steps_of(policy):
                people = {one.staff_id for one in on_call if one.target in targets and one.since <= since < one.until}
                found = _judge(people, reach, since)
                if found is not None:
                    gaps.append(Gap(policy.name, number, targets, since, until, *found))
    return _joined(gaps)


def _judge(
    people: Iterable[UUID], reach: Mapping[UUID, Reach], at: datetime
) -> tuple[Reason, tuple[tuple[UUID, Reason], ...]] | None:
    """None: one of them can be reached."""
    in_vain: list[tuple[UUID, Reason]] = []
    for one in sorted(people):
        how = reach.get(one, Reach(Reason.NO_METHOD))
        if how.reason is None or (how.until is not None and at < how.until):
            return None
        in_vain.append((one, how.reason))
    return nearest(reason for _, reason in in_vain), tuple(in_vain)


def nearest(reasons: Iterable[Reason]) -> Reason:
    """That of whoever is nearest to being reached; where there is nobody, that."""
    return min(reasons, key=lambda reason: _RANK[reason], default=Reason.NOBODY)


def _joined(gaps: Iterable[Gap]) -> list[Gap]:
    """Gaps that follow each other and say the same are one; in the order of their beginning."""
    whole: dict[tuple[object, ...], Gap] = {}
    done: list[Gap] = []
    for gap in gaps:
        key = (gap.policy, gap.step, gap.targets, gap.reason, gap.people)
        before = whole.get(key)
        if before is not None and before.until == gap.since:
            whole[key] = replace(before, until=gap.until)
            continue
        if before is not None:
            done.append(before)
        whole[key] = gap
    return sorted([*done, *whole.values()], key=lambda gap: (gap.since, gap.policy, gap.step))
