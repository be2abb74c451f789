"""Can somebody be reached for this one home? What a station's verdict does not say: ladders of homes and of parts of
the area, and steps that call a home's own people. Pure functions.

A step that calls only the home's own people, where it has none, is no gap: the ladder passes it at once, and the next
one counts. Of a ladder that passes all its steps this way the home has nobody.
"""

from bisect import bisect_right
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from itertools import pairwise
from uuid import UUID

from alerts.people import OF_THE_HOME
from alerts.policy import DESKS, Policy
from alerts.readiness import STEPS, Away, OnCall, Reach, Reason, nearest


@dataclass(frozen=True, slots=True)
class Household:
    """A home in which somebody lives. `circle`: target -> people who are paired with it."""

    home_id: UUID
    name: str
    circle: Mapping[str, Sequence[UUID]] = field(default_factory=dict)

    @property
    def people(self) -> set[UUID]:
        """Everybody who is paired with it."""
        return {one for some in self.circle.values() for one in some}


@dataclass(frozen=True, slots=True)
class HomeGap:
    """A home for which a step reaches nobody from `since` to `until`: the first such time within the hours ahead."""

    home_id: UUID
    name: str
    policy: str
    step: int
    targets: tuple[str, ...]
    since: datetime
    until: datetime
    reason: Reason


@dataclass(frozen=True, slots=True)
class HomeGaps:
    """Those of a station: how many homes there are, and the first of them."""

    count: int = 0
    first: tuple[HomeGap, ...] = ()


@dataclass(frozen=True, slots=True)
class _Step:
    number: int
    targets: tuple[str, ...]
    shared: tuple[str, ...]
    own: tuple[str, ...]


def _steps_of(policy: Policy) -> list[_Step]:
    """All of them, each with the targets of which one must reach somebody."""
    found = []
    for number, step in enumerate(policy.steps, 1):
        targets = tuple(one for one in step.call if one not in DESKS) or step.call
        own = tuple(one for one in targets if one in OF_THE_HOME)
        found.append(_Step(number, targets, tuple(one for one in targets if one not in own), own))
    return found


def needs_homes(policies: Iterable[Policy]) -> bool:
    """Does whether somebody is reached depend on the home, beyond what the station's verdict says?"""
    return any(step.own and not step.shared for policy in policies for step in _steps_of(policy)[:STEPS])


def shared_targets(policies: Iterable[Policy]) -> set[str]:
    """Everything that these ladders call at the station, or by name."""
    return {target for policy in policies for step in policy.steps for target in step.call if target not in OF_THE_HOME}


class Ahead:
    """The ladders of some homes over the hours ahead: `edges` are the times at which others may hold."""

    def __init__(self, edges: Sequence[datetime], policies: Sequence[Sequence[Policy]]) -> None:
        self.edges = edges
        self._policies = policies

    def at(self, moment: datetime) -> Sequence[Policy]:
        """Those that hold at this moment, each once."""
        return self._policies[max(0, bisect_right(self.edges, moment) - 1)]

    def all(self) -> list[Policy]:
        """At whatever time."""
        return list(dict.fromkeys(policy for some in self._policies for policy in some))


class Station:
    """Who answers to a station's targets and how he can be reached, looked up once for all its homes."""

    def __init__(
        self, on_call: Iterable[OnCall], reach: Mapping[UUID, Reach], away: Mapping[UUID, Sequence[Away]],
        begin: datetime, end: datetime,
    ) -> None:  # fmt: skip
        self._by_target: dict[str, list[OnCall]] = {}
        for one in on_call:
            self._by_target.setdefault(one.target, []).append(one)
        self._reach = reach
        self._away = away
        self._begin, self._end = begin, end
        self._known: dict[tuple[str, datetime], Reason | None] = {}
        self._steps: dict[Policy, list[_Step]] = {}

    def first_gap(self, home: Household, ladders: Ahead, *, shared: bool) -> HomeGap | None:
        """The first time for which a step reaches nobody for this home. `shared`: count also those steps that call
        people of the station; without it they are the station's verdict, and no home is named for them."""
        found: HomeGap | None = None
        for since, until in pairwise(self._edges(home, ladders, shared=shared)):
            gap = self._gap(home, ladders.at(since), since, until, shared=shared)
            if found is not None and (gap is None or replace(gap, since=found.since, until=found.until) != found):
                return found
            if gap is not None:
                found = gap if found is None else replace(found, until=gap.until)
        return found

    def _edges(self, home: Household, ladders: Ahead, *, shared: bool) -> list[datetime]:
        targets = {one for policy in ladders.all() for step in self._of(policy) for one in step.shared}
        times = {self._begin, *ladders.edges}
        if shared:
            times |= {at for one in targets for row in self._by_target.get(one, ()) for at in (row.since, row.until)}
        people = home.people
        people |= {row.staff_id for one in targets for row in self._by_target.get(one, ())} if shared else set()
        times |= {at for one in people for gone in self._away.get(one, ()) for at in (gone.since, gone.until)}
        times |= {how.until for one in people if (how := self._reach.get(one)) is not None and how.until is not None}
        return [*sorted(at for at in times if self._begin <= at < self._end), self._end]

    def _gap(
        self, home: Household, policies: Iterable[Policy], since: datetime, until: datetime, *, shared: bool
    ) -> HomeGap | None:
        for policy in policies:
            steps = self._of(policy)
            judged = 0
            for step in steps:
                own = [person for target in step.own for person in home.circle.get(target, ())]
                if not own and not step.shared:
                    continue
                judged += 1
                reason = self._reason(step, own, since) if shared or not step.shared else None
                if reason is not None:
                    return _home_gap(home, policy, step, since, until, reason)
                if judged == STEPS:
                    break
            if not judged:
                return _home_gap(home, policy, steps[0], since, until, Reason.NOBODY)
        return None

    def _of(self, policy: Policy) -> list[_Step]:
        if policy not in self._steps:
            self._steps[policy] = _steps_of(policy)
        return self._steps[policy]

    def _reason(self, step: _Step, own: Sequence[UUID], at: datetime) -> Reason | None:
        """Why this step is in vain; None: it reaches somebody."""
        reasons = [self._in_vain(one, at) for one in own]
        reasons += [self._of_target(target, at) for target in step.shared]
        return None if None in reasons else nearest(one for one in reasons if one is not None)

    def _of_target(self, target: str, at: datetime) -> Reason | None:
        key = target, at
        if key not in self._known:
            there = [one.staff_id for one in self._by_target.get(target, ()) if one.since <= at < one.until]
            reasons = [self._in_vain(one, at) for one in there]
            self._known[key] = None if None in reasons else nearest(one for one in reasons if one is not None)
        return self._known[key]

    def _in_vain(self, person: UUID, at: datetime) -> Reason | None:
        if any(gone.since <= at < gone.until for gone in self._away.get(person, ())):
            return Reason.NOBODY
        how = self._reach.get(person, Reach(Reason.NO_METHOD))
        return None if how.until is not None and at < how.until else how.reason


def _home_gap(
    home: Household, policy: Policy, step: _Step, since: datetime, until: datetime, reason: Reason
) -> HomeGap:
    return HomeGap(home.home_id, home.name, policy.name, step.number, step.targets, since, until, reason)


def bounded(gaps: Iterable[HomeGap], most: int = 20) -> HomeGaps:
    """How many homes, and those whose time comes first."""
    every = sorted(gaps, key=lambda gap: (gap.since, gap.name, gap.home_id))
    return HomeGaps(len(every), tuple(every[:most]))
