"""One alarm while it is being worked on: its fields, its answers, and what a change makes us write and tell.

A `Case` does no I/O and knows no clock. `alerts.lifecycle` and `alerts.ladder` change it, `alerts.book` loads and
saves it. State, owner and next due time are derived here and nowhere else.
"""

from dataclasses import dataclass, field
from datetime import datetime
from typing import Any
from uuid import UUID

import msgspec

from alerts.alarm import Closing, Priority, State, kind_of
from alerts.policy import Policy
from alerts.response import ACTIVE, ResponseState
from alerts.suspicion import Suspicion
from gateway.command import Phrase


@dataclass(frozen=True, slots=True)
class Actor:
    """Who caused an event. `type`: staff, device, engine. `channel`: api, mqtt, ... or None."""

    type: str
    id: str | None = None
    channel: str | None = None


ENGINE = Actor("engine")


@dataclass(slots=True)
class Answer:
    """One responder's row; times by the database clock, `device_at` by the responder's telephone."""

    staff_id: UUID
    state: ResponseState
    step: int
    called_at: datetime | None = None
    accepted_at: datetime | None = None
    declined_at: datetime | None = None
    en_route_at: datetime | None = None
    arrived_at: datetime | None = None
    left_at: datetime | None = None
    device_at: datetime | None = None
    expires_at: datetime | None = None
    overdue_at: datetime | None = None

    @property
    def active(self) -> bool:
        """Has this person accepted, is on the way or there?"""
        return self.state in ACTIVE

    @property
    def overdue(self) -> bool:
        """Is he on the way, and should have been there? He may still come; until he says so again, nobody relies on
        it."""
        return self.overdue_at is not None


@dataclass(frozen=True, slots=True)
class Event:
    """One line for the event log."""

    type: str
    at: datetime
    actor: Actor
    device_time: datetime | None = None
    data: dict[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Message:
    """One thing to tell one person, through every channel that is set up."""

    kind: str
    staff_id: UUID
    step: int


class Calling(msgspec.Struct, frozen=True):
    """A device that has signalled this alarm: since when, and when it said that it is over (None: it has not)."""

    id: str
    since: datetime
    over_at: datetime | None = None


#: More devices than a home has are not listed.
DEVICES_LISTED = 20


@dataclass(slots=True)
class Case:
    """An alarm in memory. `suspected`: a fall whose windows (`suspicion`) are not over; nobody is paged yet."""

    id: UUID
    kind: str
    priority: Priority
    area_code: str
    station_id: UUID
    home_id: UUID | None
    resident_id: UUID | None
    raised_at: datetime
    policy: Policy
    version: int = 0
    drill: bool = False
    """Called as a drill: the home and its family hear nothing of it, and whoever accepts it has done his part."""
    suspected: bool = False
    step: int = 0
    next_step_at: datetime | None = None
    exhausted: bool = False
    last_resort_at: datetime | None = None
    """When the last-resort list is called, unless somebody answers."""
    last_resorts: int = 0
    """How often it was called."""
    acknowledged_by: UUID | None = None
    acknowledged_at: datetime | None = None
    """The last acknowledgement; stays when it expires or is handed back (see `taken`)."""
    acknowledgement_expires_at: datetime | None = None
    repeats: int = 0
    last_repeat_at: datetime | None = None
    suspicion: Suspicion | None = None
    presses: tuple[datetime, ...] = ()
    """When it was pressed lately; counted by `alerts.urgency`."""
    urged_at: datetime | None = None
    """When presses last brought a step forward."""
    devices: tuple[Calling, ...] = ()
    outcome: str | None = None
    note: str | None = None
    reference: str | None = None
    """Of the ambulance service that it was handed to."""
    closed_state: State | None = None
    closed_at: datetime | None = None
    closed_by: UUID | None = None
    incident_id: UUID | None = None
    """The alarm of the incident that it is part of (`alerts.incident`)."""
    gathering_until: datetime | None = None
    in_hand_at: datetime | None = None
    """Since when nobody else can change it; None for a new one. What happens to it now happens no earlier."""
    answers: dict[UUID, Answer] = field(default_factory=dict)
    events: list[Event] = field(default_factory=list)
    messages: list[Message] = field(default_factory=list)
    said: list[str] = field(default_factory=list)
    """What the home is to be told (`gateway.command.Phrase`)."""
    last_resort_messages: list[str] = field(default_factory=list)
    """Kinds of what the last-resort list is told."""
    saved_events: int = 0
    """How many of the events stand for changes that are in the database already (see `alerts.book.save`)."""
    family_events: int = 0
    """How many of the events `alerts.family` has looked at."""
    unheard: int = 0
    """How many steps in a row nobody has heard of, in this transaction."""
    told: bool = False
    """Whether messages have been put into the outbox."""
    told_events: int = 0
    """How many of the events have withdrawn the calls that they answer (see `alerts.telling`)."""

    @property
    def open(self) -> bool:
        """Is it still somebody's business?"""
        return self.closed_state is None

    @property
    def answered(self) -> bool:
        """Has somebody accepted, is on the way and not overdue, or there?"""
        return bool(self._coming)

    @property
    def going(self) -> frozenset[UUID]:
        """Who has accepted, is on the way or there, overdue or not."""
        return frozenset(one for one, answer in self.answers.items() if answer.active)

    @property
    def _coming(self) -> list[Answer]:
        return [answer for answer in self.answers.values() if answer.active and not answer.overdue]

    @property
    def between_rounds(self) -> bool:
        """Was the last step of a round taken, and none since?"""
        return self.step > 0 and self.step % len(self.policy.steps) == 0

    @property
    def watched(self) -> bool:
        """Is it a fall whose stillness window is to be judged yet?"""
        return self.suspected and not self.held and self.suspicion is not None and self.suspicion.watching

    @property
    def held(self) -> bool:
        """Does the desk or a responder hold it, so that the ladder pauses?"""
        return self.acknowledged_by is not None or self.answered

    @property
    def taken(self) -> bool:
        """Has anybody ever acknowledged or accepted it? From then on the wearer's cancel is for people to judge."""
        return self.acknowledged_at is not None or any(one.accepted_at is not None for one in self.answers.values())

    @property
    def state(self) -> State:
        """Derived: closed state, else the furthest responder, else the desk's acknowledgement."""
        if self.closed_state is not None:
            return self.closed_state
        states = {answer.state for answer in self.answers.values() if not answer.overdue}
        if ResponseState.ARRIVED in states:
            return State.ON_SCENE
        if ResponseState.EN_ROUTE in states:
            return State.EN_ROUTE
        if self.held:
            return State.ACKNOWLEDGED
        return State.SUSPECTED if self.suspected else State.RAISED

    @property
    def owner_staff_id(self) -> UUID | None:
        """Who acknowledged, else who accepted first; None: the station."""
        if self.acknowledged_by is not None:
            return self.acknowledged_by
        coming = self._coming
        if not coming:
            return None
        first = min(coming, key=lambda answer: (answer.accepted_at is None, answer.accepted_at, answer.staff_id))
        return first.staff_id

    @property
    def due_at(self) -> datetime | None:
        """The earliest of all that is due; never None while open (invariant 2).

        An open case with nothing armed can only be damaged data; it is due at once, so that it cannot fall silent.
        """
        if not self.open:
            return None
        times = [answer.expires_at for answer in self.answers.values() if answer.active]
        if self.acknowledged_by is not None and not self.answered:
            times.append(self.acknowledgement_expires_at)
        if self.watched and self.suspicion is not None:
            times.append(self.suspicion.still_until)
        times += [self.next_step_at, self.last_resort_at]
        return min((time for time in times if time is not None), default=self.raised_at)

    def log(
        self, event: str, at: datetime, actor: Actor, /, *, device_time: datetime | None = None, **data: object
    ) -> None:
        """Add a line to the event log. `at`: when it happened (see `no_earlier`)."""
        self.events.append(Event(event, self.no_earlier(at), actor, device_time, data))

    def no_earlier(self, at: datetime) -> datetime:
        """`at`, or when the alarm came in hand if that is later: whoever had it before has written down what happened
        until then."""
        return max(at, self.in_hand_at or at)

    def tell(self, kind: str, staff_ids: list[UUID]) -> None:
        """Tell people something, each once."""
        told = {(message.kind, message.staff_id) for message in self.messages}
        self.messages += [Message(kind, one, self.step) for one in dict.fromkeys(staff_ids) if (kind, one) not in told]

    def say(self, phrase: Phrase) -> None:
        """Have the home told, where somebody there has called or may have come to harm; not of work orders, nor of what
        is over by itself when a door is shut: a voice at night that nobody has asked for frightens. Nor of drills."""
        urgent = self.priority is not Priority.WORK_ORDER and kind_of(self.kind).closing is Closing.BY_PERSON
        if self.home_id is not None and urgent and not self.drill and phrase not in self.said:
            self.said.append(phrase)

    def tell_last_resort(self, kind: str) -> None:
        """Tell those on the last-resort list."""
        self.last_resort_messages.append(kind)

    def knows(self, device_id: str | None) -> bool:
        """Has this device signalled before? (None: who knows.)"""
        return device_id is None or any(one.id == device_id for one in self.devices)

    def signalled(self, device_id: str | None, now: datetime) -> None:
        """A device signals: listed once, and no longer over."""
        if device_id is None:
            return
        if self.knows(device_id):
            self.devices = tuple(Calling(one.id, one.since) if one.id == device_id else one for one in self.devices)
        elif len(self.devices) < DEVICES_LISTED:
            self.devices = (*self.devices, Calling(device_id, now))

    def everybody(self) -> list[UUID]:
        """All who were called or came in, and the desk's holder."""
        holder = [self.acknowledged_by] if self.acknowledged_by else []
        return [*self.answers, *holder]
