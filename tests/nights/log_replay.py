"""What the event log of one alarm says must happen next: a second reading of the rules, from the log and the policy
alone, against which the alarm's row and its deadline are held. It raises `Wrong` where an event has no reason."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from alerts.policy import DESKS, Policy


class Wrong(AssertionError):
    """The log tells of something that should not have happened."""


@dataclass(frozen=True, slots=True)
class Line:
    """One event."""

    type: str
    at: datetime
    actor_type: str
    actor: str | None
    data: Mapping[str, Any]


@dataclass
class Replay:
    """Where the alarm stands after its events. `operators`: who answers at a desk and goes to no door; `pages_at`: when
    a suspected fall pages."""

    policy: Policy
    operators: frozenset[str]
    pages_at: datetime | None
    step: int = 0
    next_at: datetime | None = None
    last_resort_at: datetime | None = None
    desk: str | None = None
    desk_until: datetime | None = None
    active: dict[str, datetime] = field(default_factory=dict)
    """Who is answering, and until when he may take for what comes next."""
    late: set[str] = field(default_factory=set)
    """Who of them was to be there by now, so that nobody relies on him."""
    waiting: set[str] = field(default_factory=set)
    """Who was called and has not answered."""
    taken: bool = False
    closed_at: datetime | None = None
    last_resorts: int = 0
    _empty: frozenset[str] = frozenset()
    _unreachable: set[str] = field(default_factory=set)
    _by_hand: bool = False
    _exhausted: bool = False
    _unheard: list[datetime] = field(default_factory=list)
    """Steps in a row, at one moment, that nobody heard of."""

    def read(self, lines: Iterable[Line]) -> "Replay":
        """All of them, in order."""
        for line in lines:
            if self.closed_at is not None and line.type in ("paged", "last_resort", "accepted", "acknowledged"):
                raise Wrong(f"{line.type} after the end")
            rule = getattr(self, f"_{line.type}", None)
            if rule is not None:
                rule(line)
        return self

    @property
    def held(self) -> bool:
        """Does anybody have it?"""
        return self.desk is not None or self.answered

    @property
    def answered(self) -> bool:
        """Is somebody expected, or there?"""
        return bool(self.active.keys() - self.late)

    @property
    def due_at(self) -> datetime | None:
        """When the alarm is due next."""
        if self.closed_at is not None:
            return None
        times = [*self.active.values(), self.next_at, self.last_resort_at]
        if self.desk is not None and not self.answered:
            times.append(self.desk_until)
        return min((one for one in times if one is not None), default=None)

    def _span(self, line: Line, what: str) -> datetime:
        return line.at + timedelta(seconds=getattr(self.policy, what))

    def _not_before(self, line: Line, at: datetime | None) -> None:
        if at is None or line.at < at:
            raise Wrong(f"{line.type} at {line.at}, which was due at {at}")

    # How it begins

    def _raised(self, line: Line) -> None:
        self.next_at = line.at + timedelta(seconds=self.policy.steps[0].delay_s)

    def _suspected(self, line: Line) -> None:
        self._raised(line)
        assert self.next_at is not None
        self.next_at = max(self.next_at, self.pages_at or self.next_at)

    def _confirmed(self, line: Line) -> None:
        if line.actor_type == "device":
            self.next_at = line.at

    # The ladder

    def _no_one_on_call(self, line: Line) -> None:
        self._empty = frozenset(line.data["targets"])

    def _not_reached(self, line: Line) -> None:
        if not line.data["channels"]:
            self._unreachable.add(line.data["responder"])

    def _escalated(self, _: Line) -> None:
        self._by_hand = True

    def _paged(self, line: Line) -> None:
        if not self._by_hand:
            self._not_before(line, self.next_at)
        steps = self.policy.steps
        if line.data["step"] != self.step + 1:
            raise Wrong(f"step {line.data['step']} after step {self.step}")
        targets = steps[self.step % len(steps)].call
        if list(line.data["targets"]) != list(targets):
            raise Wrong(f"step {self.step + 1} called {line.data['targets']} instead of {targets}")
        self.step += 1
        named = {one.removeprefix("person:") for one in targets}
        self.waiting |= {one for one in line.data["called"] if one not in self.operators or one in named}
        there = [one for one in targets if one not in self._empty]
        responders = {one for one in line.data["called"] if one not in self.operators or one in named}
        reached = bool(responders - self._unreachable) or (set(targets) <= DESKS and bool(there))
        self._schedule(line, reached=reached, told=line.data.get("heard", True))
        self._empty, self._by_hand = frozenset(), False
        self._unreachable.clear()

    def _schedule(self, line: Line, *, reached: bool, told: bool) -> None:
        rounds, rest = divmod(self.step, len(self.policy.steps))
        wait_s = self.policy.last_resort_s
        self._unheard = [*(at for at in self._unheard if at == line.at), line.at] if not told else []
        over = rounds > self.policy.repeat or len(self._unheard) >= len(self.policy.steps)
        self._exhausted = self._exhausted or (not rest and over)
        if not rest and over and not self.held and wait_s is not None:
            at = line.at + timedelta(seconds=wait_s if reached else 0)
            self.last_resort_at = min(at, self.last_resort_at or at)
        delay_s = self.policy.steps[self.step % len(self.policy.steps)].delay_s
        if self.held:
            self.next_at = None if told or len(self._unheard) >= len(self.policy.steps) else line.at
        elif not rest:
            self.next_at = line.at + timedelta(seconds=self.policy.loop_s + delay_s)
        else:
            self.next_at = line.at + timedelta(seconds=delay_s if reached else 0)

    def _last_resort(self, line: Line) -> None:
        self._not_before(line, self.last_resort_at)
        self.last_resort_at = None
        self.last_resorts += 1

    # Answers

    def _acknowledged(self, line: Line) -> None:
        self.desk, self.desk_until, self.taken = line.actor, self._span(line, "acknowledged_s"), True
        self.next_at = self.last_resort_at = None

    def _accepted(self, line: Line) -> None:
        self._goes(line, "accepted_s")

    def _en_route(self, line: Line) -> None:
        self._goes(line, "en_route_s")

    def _arrived(self, line: Line) -> None:
        self._goes(line, "on_scene_s")

    def _goes(self, line: Line, span: str) -> None:
        who = line.data["responder"]
        self.waiting.discard(who)
        self.active[who], self.taken = self._span(line, span), True
        self.late.discard(who)
        self.next_at = self.last_resort_at = None

    def _declined(self, line: Line) -> None:
        who = line.data["responder"]
        was_called = who in self.waiting
        self.waiting.discard(who)
        if not was_called or self.waiting or self.held:
            return
        if not self._exhausted or not self.step or self.step % len(self.policy.steps):
            self.next_at = line.at
        elif self.last_resort_at is not None:
            self.last_resort_at = line.at

    def _left(self, line: Line) -> None:
        self._goes_not(line.data["responder"])
        self._lost_answer(line)

    def _handed_back(self, line: Line) -> None:
        who = line.data["responder"]
        relied_on = who not in self.late or self.desk == who
        self._goes_not(who)
        if self.desk == who:
            self.desk = None
        if relied_on:
            self._lost_answer(line)

    def _returned(self, line: Line) -> None:
        self.desk = None
        self._lost_answer(line)

    def _goes_not(self, who: str) -> None:
        self.active.pop(who, None)
        self.late.discard(who)

    def _lost_answer(self, line: Line) -> None:
        if self.answered:
            return
        if self.desk is not None:
            self.desk_until, self.next_at = self._span(line, "acknowledged_s"), None
        else:
            self.next_at = line.at

    # Promises that were not kept

    def _acceptance_expired(self, line: Line) -> None:
        who = line.data["responder"]
        self._not_before(line, self.active.pop(who, None))
        self.waiting.add(who)
        self.next_at = line.at

    def _arrival_overdue(self, line: Line) -> None:
        who, next_at = line.data["responder"], self.next_at
        was_late = who in self.late
        self._overdue(line, "en_route_s")
        self.late.add(who)
        if was_late or self.answered:
            self.next_at = next_at

    def _on_scene_overdue(self, line: Line) -> None:
        self._overdue(line, "on_scene_s")

    def _overdue(self, line: Line, span: str) -> None:
        self._not_before(line, self.active.get(line.data["responder"]))
        self.active[line.data["responder"]] = self._span(line, span)
        self.next_at = line.at

    def _acknowledgement_expired(self, line: Line) -> None:
        self._not_before(line, self.desk_until)
        self.desk, self.next_at = None, line.at

    # How it ends

    def _resolved(self, line: Line) -> None:
        self._end(line)

    def _cancelled(self, line: Line) -> None:
        if self.taken:
            raise Wrong("the wearer's cancel closed what people had taken")
        self._end(line)

    def _end(self, line: Line) -> None:
        self.closed_at = line.at
        self.next_at = self.last_resort_at = None
        self.active.clear()
        self.late.clear()

    def _reopened(self, line: Line) -> None:
        if self.closed_at is None or line.at - self.closed_at > timedelta(seconds=self.policy.reopen_s):
            raise Wrong("opened again after its span")
        self.closed_at = self.desk = None
        self.step, self.last_resorts, self.next_at, self._exhausted = 0, 0, line.at, False
