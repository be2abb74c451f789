"""What every detector is made of: what it may know, what it answers, and its parameters.

A detector is one file of this package with a `DETECTOR` in it; the file's name is the detector's. It does no I/O and
knows no clock: a moment is handed in with every question. What it must remember is its state, a frozen msgspec.Struct
that is kept as JSON. Times are aware UTC; the home's zone is in `Home`.

It is asked in two ways, and answers both with a `Step`:

- `event`: something happened in the home. Events come in order of time, but one that was late may be older than
  what has been judged already, and two may have the same time. None comes twice.
- `due`: the time came that it had asked for. `at` is that time, not later, however late it is asked: then nothing that
  happened before `at` is still unknown, so silence may be judged.

A `Step` says everything anew: a state or due time that it does not repeat is gone.
"""

from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Annotated, Any, Protocol, TypeVar
from uuid import UUID
from zoneinfo import ZoneInfo

import msgspec

from gateway.message import Value

#: Kinds of devices (registry) on the body, also where nobody has entered whose they are.
WORN = frozenset({"wristband", "watch", "pendant"})


class Device(msgspec.Struct, frozen=True):
    """A device of the home. `kind`, `room` (`registry.room.ROOMS`) and `name` as in the registry; `resident_id`: whose
    it is, None for the home's. `in_home_since`: when it came from another home, None where it never did."""

    id: str
    kind: str
    room: str | None = None
    resident_id: UUID | None = None
    gateway_id: str = ""
    heartbeat_s: int | None = None
    paired_at: datetime | None = None
    name: str | None = None
    in_home_since: datetime | None = None

    def was_here(self, received_at: datetime) -> bool:
        """Whether what was received of it then is of this home, and not of the one it came from."""
        return self.in_home_since is None or received_at >= self.in_home_since


class Absence(msgspec.Struct, frozen=True):
    """Nobody is at home from `begins_at` to before `ends_at`, as somebody has entered it (hospital, holiday)."""

    begins_at: datetime
    ends_at: datetime


class Home(msgspec.Struct, frozen=True):
    """What a detector may know of the home. `learned`: what the nights' learning found, by detector (its own JSON)."""

    id: UUID
    zone: ZoneInfo
    devices: Mapping[str, Device]
    residents: tuple[UUID, ...] = ()
    absences: tuple[Absence, ...] = ()
    learned: Mapping[str, Any] = {}

    def absent(self, at: datetime) -> Absence | None:
        """The entered absence that covers this moment."""
        return next((one for one in self.absences if one.begins_at <= at < one.ends_at), None)


class Event(msgspec.Struct, frozen=True):
    """One message of a device of the home. `at`: when it happened, by the device, never later than it was received.

    `received_at`: when it came, by the database's clock. `device_time`: what the device's clock said, which may be
    later than that. Both None where nobody knows; a device that writes no time says nothing of its clock either.
    """

    at: datetime
    device: Device
    type: str
    value: Value = None
    data: Mapping[str, Any] = {}
    message_id: str = ""
    unit: str | None = None
    received_at: datetime | None = None
    device_time: datetime | None = None


class Evidence(msgspec.Struct, frozen=True):
    """An event that led to an alarm, kept with it."""

    at: datetime
    device_id: str
    type: str
    value: Value = None
    message_id: str = ""


def as_flag(value: Value) -> bool | None:
    """Yes or no, also where it was stored as 1 or 0; None for anything else."""
    return bool(value) if isinstance(value, bool | int | float) and value in (0, 1) else None


def evidence(event: Event) -> Evidence:
    """The event, as it is kept with an alarm."""
    return Evidence(event.at, event.device.id, event.type, event.value, event.message_id)


class Finding(msgspec.Struct, frozen=True):
    """What is to be raised. `why`: made by `alerts.why`, what was expected, what was seen, since when.

    `happened_at`: since when it is so. `resident_id` None: the home's only resident, or nobody in particular. Findings
    of one kind, home and resident (and `device_id`, where `per_device`) are one open alarm.
    """

    kind: str
    happened_at: datetime
    why: Mapping[str, Any]
    evidence: tuple[Evidence, ...] = ()
    device_id: str | None = None
    resident_id: UUID | None = None
    per_device: bool = False


class Clearing(msgspec.Struct, frozen=True):
    """What was found is so no longer: closes the alarm where its kind clears by itself, else it is a remark in its log.

    Names the same alarm as the `Finding` with the same kind, resident and (where `per_device`) device.
    """

    kind: str
    happened_at: datetime
    why: Mapping[str, Any]
    device_id: str | None = None
    resident_id: UUID | None = None
    per_device: bool = False


def next_round(home: Home, at: datetime, period: timedelta) -> datetime:
    """The next moment after `at` of a round that comes every `period`, for a detector that need not be woken.

    Detectors with the same period share it, and every home has its own, so that not all homes are due at once.
    """
    length = period.total_seconds()
    phase = home.id.int % int(length)
    passed = (at.timestamp() - phase) // length
    return datetime.fromtimestamp(phase + (passed + 1) * length, at.tzinfo)


StateT = TypeVar("StateT", bound=msgspec.Struct)
ParametersT = TypeVar("ParametersT", bound="Parameters")


class Step(msgspec.Struct, frozen=True):
    """An answer: the new state (None: the fresh one), what is raised and cleared, and when to ask again (None: not
    before the next event)."""

    state: msgspec.Struct | None = None
    raised: tuple[Finding, ...] = ()
    cleared: tuple[Clearing, ...] = ()
    due_at: datetime | None = None


def bounded(unit: str, low: float, high: float, source: str) -> msgspec.Meta:
    """The annotation of a parameter: its unit, its bounds (both allowed), and where the figure is from."""
    return msgspec.Meta(ge=low, le=high, description=source, extra={"unit": unit})


class Parameters(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """Parameters of a detector. Every one has a default, and but for switches and choices is annotated with `bounded`.
    What two of them must have in common is checked in `__post_init__` (ValueError with a sentence).

    Values come from the home, its station, its branch of the area tree, and these defaults, in that order.
    """

    enabled: bool = True


Share = Annotated[float, msgspec.Meta(ge=0.0, le=1.0, extra={"unit": "1"})]


class Detector(Protocol[StateT, ParametersT]):
    """One detector.

    `events`: the types that it wants to see, of the reading and health lanes and `check_in`. `wakes`: those of them
    that it must see within seconds; the others it is shown with the next one of these, or when it is due.
    """

    name: str
    events: frozenset[str]
    wakes: frozenset[str]
    parameters: type[ParametersT]
    state: type[StateT]

    def event(self, state: StateT, event: Event, home: Home, parameters: ParametersT) -> Step:
        """Something happened."""
        ...

    def due(self, state: StateT, at: datetime, home: Home, parameters: ParametersT) -> Step:
        """The time came that the last step named. Also asked, at the current time, of a detector that has not been
        asked since it was switched on: with the fresh state, so that it can watch what has never happened."""
        ...
