"""A gateway runs on its battery: the mains are gone, and what stands behind a plug in that home is gone with them.

**What is truth.** The home's mains are gone for longer than the dwell while the gateway lives on its battery; from the
moment they went to the moment they are back. A gateway without a battery falls silent instead: that is `offline`
(`ingest.silence`), and if its last word was of the mains, the reason says so.

`mains` true is present. Clears itself. Many homes of one branch at once are one incident (`ingest.outage`).
"""

from datetime import datetime, timedelta
from typing import Annotated

import msgspec

from alerts.why import why
from gateway.lanes import HealthType
from ingest.detect.core import Clearing, Event, Evidence, Finding, Home, Parameters, Step, as_flag, bounded, evidence
from ingest.detect.local_day import wall_clock

KIND = "mains"


class MainsParameters(Parameters, frozen=True, kw_only=True):
    """When the mains are gone in earnest."""

    enabled: bool = True
    lasting_s: Annotated[
        float,
        bounded("s", 0.0, 86_400.0, "a line that is switched over, or closes again by itself, is back in seconds"),
    ] = 60.0


class Supply(msgspec.Struct, frozen=True, omit_defaults=True):
    """The mains as one device sees them. `seen`: the message that told that they are gone."""

    told_at: datetime
    lost_since: datetime | None = None
    seen: Evidence | None = None
    raised: bool = False


class MainsState(msgspec.Struct, frozen=True, omit_defaults=True):
    """By device."""

    supplies: dict[str, Supply] = {}


class MainsDetector:
    """See the module."""

    name = "mains"
    events = frozenset({HealthType.MAINS.value})
    wakes = events
    parameters = MainsParameters
    state = MainsState

    def event(self, state: MainsState, event: Event, home: Home, parameters: MainsParameters) -> Step:
        """A device tells whether the mains are there."""
        device_id = event.device.id
        known = state.supplies.get(device_id)
        present = as_flag(event.value)
        if present is None or (known is not None and event.at < known.told_at):
            return _look(state.supplies, event.at, home, parameters)
        cleared: tuple[Clearing, ...] = ()
        if present:
            supply = Supply(event.at)
            cleared = (_back(event, home),) if known is not None and known.raised else ()
        elif known is None or known.lost_since is None:
            supply = Supply(event.at, event.at, evidence(event))
        else:
            supply = msgspec.structs.replace(known, told_at=event.at)
        step = _look({**state.supplies, device_id: supply}, event.at, home, parameters)
        return msgspec.structs.replace(step, cleared=cleared)

    def due(self, state: MainsState, at: datetime, home: Home, parameters: MainsParameters) -> Step:
        """The dwell is over."""
        return _look(state.supplies, at, home, parameters)


DETECTOR = MainsDetector()


def _look(supplies: dict[str, Supply], at: datetime, home: Home, parameters: MainsParameters) -> Step:
    kept: dict[str, Supply] = {}
    raised: list[Finding] = []
    due: list[datetime] = []
    for device_id, supply in supplies.items():
        if device_id not in home.devices:
            continue
        kept[device_id] = supply
        if supply.lost_since is None or supply.raised:
            continue
        due_at = supply.lost_since + timedelta(seconds=parameters.lasting_s)
        if due_at > at:
            due.append(due_at)
        else:
            raised.append(_lost(device_id, supply, home, parameters))
            kept[device_id] = msgspec.structs.replace(supply, raised=True)
    return Step(MainsState(kept), tuple(raised), due_at=min(due, default=None))


def _lost(device_id: str, supply: Supply, home: Home, parameters: MainsParameters) -> Finding:
    assert supply.lost_since is not None  # nothing else is raised
    clock = wall_clock(supply.lost_since, home.zone)
    reason = why(
        "mains_lost",
        f"{device_id} has been without mains since {clock} and runs on its battery.",
        f"设备 {device_id} 自 {clock} 起市电中断，正由电池供电。",
        since=supply.lost_since.isoformat(), device=device_id, expected={"back_within_s": parameters.lasting_s},
        observed={"mains": False},
    )  # fmt: skip
    seen = () if supply.seen is None else (supply.seen,)
    return Finding(KIND, supply.lost_since, reason, seen, device_id, per_device=True)


def _back(event: Event, home: Home) -> Clearing:
    clock = wall_clock(event.at, home.zone)
    reason = why(
        "mains_back", f"The mains are back since {clock}.", f"市电已于 {clock} 恢复。",
        at=event.at.isoformat(), device=event.device.id,
    )  # fmt: skip
    return Clearing(KIND, event.at, reason, event.device.id, per_device=True)
