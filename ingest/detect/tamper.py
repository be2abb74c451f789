"""Somebody has opened a device, or taken it from its wall.

**What is truth.** The device's tamper contact is open, outside the time in which it was installed. From the opening to
the closing it is one alarm; a contact that rattles is one alarm too.

A person closes the alarm: that the contact is shut again does not tell who was at it. `tamper` without a value, from
devices that report the moment only, is an opening.
"""

from datetime import datetime, timedelta
from typing import Annotated

import msgspec

from alerts.why import why
from gateway.lanes import HealthType
from ingest.detect.core import Clearing, Event, Evidence, Finding, Home, Parameters, Step, as_flag, bounded, evidence
from ingest.detect.local_day import wall_clock

KIND = "tamper"


class TamperParameters(Parameters, frozen=True, kw_only=True):
    """When an opening is news."""

    enabled: bool = True
    settle_s: Annotated[
        float, bounded("s", 0.0, 86_400.0, "an installer closes the last cover well within an hour of pairing")
    ] = 3600.0
    quiet_s: Annotated[
        float, bounded("s", 0.0, 604_800.0, "a rattling contact is one work order in an hour, not hundreds")
    ] = 3600.0


class Contact(msgspec.Struct, frozen=True, omit_defaults=True):
    """A device's tamper contact. `raised_at`: when it was last said to be open; `seen`: the message that opened it."""

    told_at: datetime
    open_since: datetime | None = None
    raised_at: datetime | None = None
    said: bool = False
    seen: Evidence | None = None


class TamperState(msgspec.Struct, frozen=True, omit_defaults=True):
    """By device."""

    contacts: dict[str, Contact] = {}


class TamperDetector:
    """See the module."""

    name = "tamper"
    events = frozenset({HealthType.TAMPER.value})
    wakes = events
    parameters = TamperParameters
    state = TamperState

    def event(self, state: TamperState, event: Event, home: Home, parameters: TamperParameters) -> Step:
        """A contact says how it is."""
        device_id = event.device.id
        known = state.contacts.get(device_id)
        is_open = True if event.value is None else as_flag(event.value)
        if is_open is None or (known is not None and event.at < known.told_at):
            return _look(state.contacts, event.at, home, parameters)
        contact = msgspec.structs.replace(known or Contact(event.at), told_at=event.at)
        cleared: tuple[Clearing, ...] = ()
        if is_open and contact.open_since is None:
            contact = msgspec.structs.replace(contact, open_since=event.at, said=False, seen=evidence(event))
        elif not is_open:
            cleared = (_shut(event, home),) if contact.said else ()
            contact = msgspec.structs.replace(contact, open_since=None, said=False, seen=None)
        step = _look({**state.contacts, device_id: contact}, event.at, home, parameters)
        return msgspec.structs.replace(step, cleared=cleared)

    def due(self, state: TamperState, at: datetime, home: Home, parameters: TamperParameters) -> Step:
        """The time of installing is over, or a quiet one."""
        return _look(state.contacts, at, home, parameters)


DETECTOR = TamperDetector()


def _look(contacts: dict[str, Contact], at: datetime, home: Home, parameters: TamperParameters) -> Step:
    kept: dict[str, Contact] = {}
    raised: list[Finding] = []
    due: list[datetime] = []
    for device_id, contact in contacts.items():
        device = home.devices.get(device_id)
        if device is None:
            continue
        kept[device_id] = contact
        if contact.open_since is None or contact.said:
            continue
        due_at = contact.open_since
        if device.paired_at is not None:
            due_at = max(due_at, device.paired_at + timedelta(seconds=parameters.settle_s))
        if contact.raised_at is not None:
            due_at = max(due_at, contact.raised_at + timedelta(seconds=parameters.quiet_s))
        if due_at > at:
            due.append(due_at)
        else:
            raised.append(_opened(device_id, contact, home))
            kept[device_id] = msgspec.structs.replace(contact, raised_at=at, said=True)
    return Step(TamperState(kept), tuple(raised), due_at=min(due, default=None))


def _opened(device_id: str, contact: Contact, home: Home) -> Finding:
    assert contact.open_since is not None  # nothing else is raised
    since = wall_clock(contact.open_since, home.zone)
    reason = why(
        "tamper",
        f"{device_id} has been open, or off its place, since {since}.",
        f"设备 {device_id} 自 {since} 起被打开或移离原位。",
        since=contact.open_since.isoformat(), device=device_id, expected={"tamper": False}, observed={"tamper": True},
    )  # fmt: skip
    return Finding(
        KIND, contact.open_since, reason, () if contact.seen is None else (contact.seen,), device_id,
        home.devices[device_id].resident_id, per_device=True,
    )  # fmt: skip


def _shut(event: Event, home: Home) -> Clearing:
    clock = wall_clock(event.at, home.zone)
    reason = why(
        "tamper_shut", f"{event.device.id} was shut again at {clock}.", f"设备 {event.device.id} 已于 {clock} 复位。",
        at=event.at.isoformat(), device=event.device.id,
    )  # fmt: skip
    return Clearing(KIND, event.at, reason, event.device.id, event.device.resident_id, per_device=True)
