"""A home's detectors over a simulated life, message by message as they come, as the platform runs them.

What is late is shown late; what is older than the newest of its device, or comes twice, is not shown; silence is judged
only up to when the home's gateways were heard, and after an outage only when its backlog has had time to come.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any, NamedTuple
from uuid import UUID, uuid5

from device_sim.lives.household import Household
from device_sim.lives.told import Told
from gateway.wire import AlarmType, Lane
from ingest.detect.core import Absence, Detector, Device, Event, Home, Parameters
from ingest.detect.fold import Found, Memory, Remembered, look
from ingest.detect.silence import Link, Pipeline, judge_known, that_would_tell

#: Looked at least this often, so that what comes late finds judged what would have been judged live.
_LOOK_EVERY = timedelta(minutes=30)
_LATE = timedelta(minutes=1)
#: Missed heartbeats until a gateway counts as silent, as devices are paired.
_MISSED_BEATS = 3
_WAIT = timedelta(minutes=1)
_HOMES = UUID("6f0d3c1e-55a1-4d9b-9a39-3b9a6f4b8c1d")


class Noticed(NamedTuple):
    """What was found, and when that could be known: later than `found.at` where messages had to be waited for."""

    found: Found
    known_at: datetime


class Checkpoint(NamedTuple):
    """A player's memory at one moment; playing on from it changes nothing in it."""

    memory: Memory
    shown: dict[str, datetime]
    names: dict[str, set[str]]
    links: dict[str, Link]
    looked_at: datetime | None
    known_to: datetime | None
    learned: Mapping[str, Any]


def home_of(household: Household, learned: Mapping[str, Any] | None = None) -> Home:
    """The household as its station has entered it."""
    people = tuple(resident_id(household, number) for number in range(len(household.people)))
    devices = {
        one.id: Device(
            one.id, one.kind, one.room, None if one.wearer is None else people[one.wearer],
            one.gateway, one.heartbeat_s, household.local(household.first),
        )
        for one in household.fixtures()
    }  # fmt: skip
    absences = tuple(
        Absence(household.at(one.begins), household.at(one.ends)) for one in household.aways if one.entered
    )
    return Home(uuid5(_HOMES, household.name), household.zone, devices, people, absences, learned or {})


def resident_id(household: Household, number: int) -> UUID:
    """Of the person with this number."""
    return uuid5(_HOMES, f"{household.name}/{number}")


class Player:
    """One home. `tell` it what comes, in the order of its coming; `noticed` is all that was found so far."""

    def __init__(
        self, household: Household, detectors: Sequence[Detector[Any, Any]], parameters: Mapping[str, Parameters]
    ) -> None:
        self.home = home_of(household)
        self.noticed: list[Noticed] = []
        self.outages: list[tuple[datetime, datetime]] = []
        self._shown: list[Event] = []
        self._detectors, self._parameters = detectors, parameters
        self._household = household
        self._batch: list[Event] = []
        self._allowed = {one.gateway: timedelta(seconds=one.heartbeat_s * _MISSED_BEATS)
                         for one in household.fixtures() if one.id == one.gateway}  # fmt: skip
        self._at = Checkpoint({}, {}, {}, {}, None, None, {})

    def tell(self, messages: Iterable[Told], until: datetime) -> None:
        """Take these, then look at what is known by `until`, which is not before the last of them."""
        for told in messages:
            self._look_before(told)
            self._take(told)
        self._look(until)

    def learn(self, learned: Mapping[str, Any]) -> None:
        """From now on the home's rhythm is this; whoever judges by it looks anew."""
        memory = dict(self._at.memory)
        for name in learned.keys() & memory.keys():
            memory[name] = Remembered(memory[name].state, self._at.looked_at)
        self._at = self._at._replace(learned=learned, memory=memory)
        self.home = home_of(self._household, learned)

    def checkpoint(self) -> Checkpoint:
        """To play on from here, later and more than once."""
        at = self._at
        names = {device: set(ids) for device, ids in at.names.items()}
        return at._replace(memory=dict(at.memory), shown=dict(at.shown), names=names, links=dict(at.links))

    def resume(self, checkpoint: Checkpoint) -> None:
        """Go on from there; nothing was noticed yet."""
        copied = {device: set(names) for device, names in checkpoint.names.items()}
        memory = {one.name: checkpoint.memory[one.name] for one in self._detectors if one.name in checkpoint.memory}
        links = dict(checkpoint.links)
        self._at = checkpoint._replace(memory=memory, shown=dict(checkpoint.shown), names=copied, links=links)
        self.home = home_of(self._household, checkpoint.learned)
        self.noticed = []

    def take_shown(self) -> list[Event]:
        """What was shown since this was asked last, in order of time."""
        shown, self._shown = sorted(self._shown, key=lambda one: one.at), []
        return shown

    @property
    def memory(self) -> Memory:
        """What the detectors remember now."""
        return self._at.memory

    def _look_before(self, told: Told) -> None:
        looked_at = self._at.looked_at
        if looked_at is None:
            return
        due_at = looked_at + _LOOK_EVERY
        while due_at <= told.received_at:
            self._look(due_at)
            due_at += _LOOK_EVERY
        if told.received_at - told.time > _LATE and self._batch and told.received_at > self._batch[-1].at + _LATE:
            self._look(told.received_at)

    def _take(self, told: Told) -> None:
        self._hear(told.gateway, told.received_at)
        if self._at.looked_at is None:
            self._at = self._at._replace(looked_at=told.received_at)
        if told.lane is Lane.ALARM and told.type != AlarmType.CHECK_IN:
            return
        happened_at = min(told.time, told.received_at)
        names = self._at.names.setdefault(told.device, set())
        shown_at = self._at.shown.get(told.device)
        if shown_at is not None and (happened_at < shown_at or told.id in names):
            return
        if happened_at != shown_at:
            names.clear()
        names.add(told.id)
        self._at.shown[told.device] = happened_at
        device = self.home.devices[told.device]
        self._batch.append(
            Event(
                happened_at, device, told.type, told.value, told.data, told.id, told.unit, told.received_at, told.time
            )
        )  # fmt: skip

    def _hear(self, gateway: str, at: datetime) -> None:
        """A sign of life of this gateway, as `device_state` keeps it."""
        before, allowed = self._at.links.get(gateway), self._allowed[gateway]
        link = Link(at, allowed) if before is None else replace(before, seen_at=at)
        if before is not None and at - before.seen_at > allowed:
            link = replace(link, silent_from=before.seen_at, back_at=at)
            if gateway == self._household.gateway:
                self.outages.append((before.seen_at, at))
        self._at.links[gateway] = link

    def _look(self, now: datetime) -> None:
        at = self._at
        links = [at.links[one] for one in that_would_tell(self.home.devices, set(at.links))]
        known = judge_known(now, Pipeline(now, None), links, _WAIT)
        events = sorted(self._batch, key=lambda one: one.at)
        self._shown += events
        self._batch = []
        memory, found = look(self._detectors, self._parameters, self.home, at.memory, events, known.until)
        before = at.known_to or now
        self._at = at._replace(memory=memory, looked_at=now, known_to=known.until or at.known_to)
        self.noticed += [Noticed(one, one.at if one.at >= before - _LATE else now) for one in found]
