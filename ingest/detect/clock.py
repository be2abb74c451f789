"""A device's clock is wrong: its presses would count as late, and its nights as days.

**What is truth.** The device's clock differs from true time by more than the bound, for as long as that lasts. The
alarm ends when it has been set right.

What is seen is when a message came against when the device says that it was written. The difference is the clock's
error less the time under way, so of messages that came together only the one with the shortest way counts, and only a
difference that stays the same, message after message, is the clock: a backlog that is played back catches up, message
after message. Beyond 10 min ahead nothing gets here: such messages are put aside with the reason `future_time`.
"""

from datetime import datetime, timedelta
from typing import Annotated

import msgspec

from alerts.why import why
from gateway.lanes import HealthType, ReadingType
from ingest.detect.core import Clearing, Event, Finding, Home, Parameters, Step, bounded, next_round
from ingest.detect.local_day import wall_clock

KIND = "clock"

_LOOK = timedelta(hours=6)
#: A difference of whole half hours, give or take this much, is a time zone or summer time, not a drift.
_HALF_HOUR_S, _ZONE_TOLERANCE_S = 1800.0, 90.0


class ClockParameters(Parameters, frozen=True, kw_only=True):
    """When a clock is wrong."""

    enabled: bool = True
    bound_s: Annotated[
        float,
        bounded("s", 10.0, 600.0, "a call for help counts as late from 60 s on; links add some seconds of theirs"),
    ] = 90.0
    lasting_s: Annotated[
        float, bounded("s", 0.0, 604_800.0, "longer than a slow link's worst hour; a clock that is wrong stays wrong")
    ] = 7200.0
    messages: Annotated[
        int, bounded("1", 2, 100, "as many receipts in a row must agree, to say so and to take it back")
    ] = 4


class Drift(msgspec.Struct, frozen=True, omit_defaults=True):
    """How one device's clock stands to ours.

    `received_at`, `shortest_s`: the newest receipt, and the greatest difference in it (device less ours: the shortest
    way). `out_since`: differing by `out_s` since then, in `outs` receipts. `rights`: receipts in a row that were right.
    `wrong_at`: the receipt by which it is known to be wrong, until that is raised.
    """

    received_at: datetime
    shortest_s: float
    out_since: datetime | None = None
    out_s: float = 0.0
    outs: int = 0
    rights: int = 0
    raised: bool = False
    wrong_at: datetime | None = None


class ClockState(msgspec.Struct, frozen=True, omit_defaults=True):
    """By device."""

    drifts: dict[str, Drift] = {}


class ClockDetector:
    """See the module."""

    name = "clock"
    events = frozenset({one.value for one in (*ReadingType, *HealthType)} - {HealthType.OFFLINE.value})
    wakes: frozenset[str] = frozenset()
    parameters = ClockParameters
    state = ClockState

    def event(self, state: ClockState, event: Event, home: Home, parameters: ClockParameters) -> Step:
        """A message came."""
        device_id = event.device.id
        kept = {one: drift for one, drift in state.drifts.items() if one in home.devices}
        due_at = next_round(home, event.at, _LOOK)
        if event.received_at is None or event.device_time is None or event.device_time == event.received_at:
            return _to_be_told(kept, (), due_at)
        ahead_s = (event.device_time - event.received_at).total_seconds()
        known = kept.get(device_id)
        if known is None or event.received_at > known.received_at:
            drift = _settle(known, parameters)
            kept[device_id] = _next(drift, event.received_at, ahead_s)
        elif event.received_at == known.received_at:
            kept[device_id] = msgspec.structs.replace(known, shortest_s=max(known.shortest_s, ahead_s))
        return _say(kept, device_id, event.at, due_at, home, parameters)

    def due(self, state: ClockState, at: datetime, home: Home, parameters: ClockParameters) -> Step:
        """The round in which messages are looked at; or a clock was seen to be wrong. Told of now and not when that
        clock says that it is: by a clock that is hours slow everything is long past."""
        drifts = dict(state.drifts)
        raised: list[Finding] = []
        for device_id, drift in sorted(drifts.items()):
            if device_id in home.devices and not drift.raised and _is_wrong(drift, parameters):
                raised.append(_wrong(device_id, drift, home, parameters))
                drifts[device_id] = msgspec.structs.replace(drift, raised=True, wrong_at=None)
        return Step(ClockState(drifts), tuple(raised), due_at=next_round(home, at, _LOOK))


DETECTOR = ClockDetector()


def _next(drift: Drift | None, received_at: datetime, ahead_s: float) -> Drift:
    if drift is None:
        return Drift(received_at, ahead_s)
    return msgspec.structs.replace(drift, received_at=received_at, shortest_s=ahead_s)


def _settle(drift: Drift | None, parameters: ClockParameters) -> Drift | None:
    """Count the newest receipt, now that all of it is known."""
    if drift is None:
        return None
    if abs(drift.shortest_s) <= parameters.bound_s:
        over = not drift.raised or drift.rights + 1 >= parameters.messages
        out_since, outs = (None, 0) if over else (drift.out_since, drift.outs)
        return msgspec.structs.replace(drift, out_since=out_since, outs=outs, rights=drift.rights + 1)
    same = drift.out_since is not None and abs(drift.shortest_s - drift.out_s) <= parameters.bound_s
    if same or drift.raised:
        return msgspec.structs.replace(drift, outs=drift.outs + 1, rights=0)
    return msgspec.structs.replace(drift, out_since=drift.received_at, out_s=drift.shortest_s, outs=1, rights=0)


def _say(
    drifts: dict[str, Drift], device_id: str, at: datetime, due_at: datetime, home: Home, parameters: ClockParameters
) -> Step:
    """What the receipts before this one, which may not be complete yet, have shown."""
    drift = drifts.get(device_id)
    if drift is None:
        return _to_be_told(drifts, (), due_at)
    cleared: tuple[Clearing, ...] = ()
    if drift.raised and drift.rights >= parameters.messages:
        cleared = (_right(device_id, at, home),)
        drift = msgspec.structs.replace(drift, raised=False)
    elif drift.raised or not _is_wrong(drift, parameters):
        drift = msgspec.structs.replace(drift, wrong_at=None)
    elif drift.wrong_at is None:
        drift = msgspec.structs.replace(drift, wrong_at=drift.received_at)
    return _to_be_told({**drifts, device_id: drift}, cleared, due_at)


def _to_be_told(drifts: dict[str, Drift], cleared: tuple[Clearing, ...], due_at: datetime) -> Step:
    """Asked again by the time at which a clock is known to be wrong, else at `due_at`."""
    wrong = [one.wrong_at for one in drifts.values() if one.wrong_at is not None]
    return Step(ClockState(drifts), cleared=cleared, due_at=min(wrong, default=due_at))


def _is_wrong(drift: Drift, parameters: ClockParameters) -> bool:
    if drift.out_since is None or drift.outs < parameters.messages:
        return False
    return drift.received_at - drift.out_since >= timedelta(seconds=parameters.lasting_s)


def _wrong(device_id: str, drift: Drift, home: Home, parameters: ClockParameters) -> Finding:
    assert drift.out_since is not None  # nothing else is raised
    clock, minutes = wall_clock(drift.out_since, home.zone), abs(drift.out_s) / 60
    ahead = drift.out_s > 0
    off_by = abs(drift.out_s) % _HALF_HOUR_S
    is_zone = abs(drift.out_s) > _HALF_HOUR_S / 2 and min(off_by, _HALF_HOUR_S - off_by) <= _ZONE_TOLERANCE_S
    en = f"The clock of {device_id} has been {minutes:.1f} min {'fast' if ahead else 'slow'} since {clock}."
    zh = f"设备 {device_id} 的时钟自 {clock} 起{'快' if ahead else '慢'} {minutes:.1f} 分钟。"
    if is_zone:
        en += " Whole half hours: a time zone or summer time."
        zh += "相差整半小时：可能是时区或夏令时设置错误。"
    reason = why(
        "clock", en, zh, since=drift.out_since.isoformat(), device=device_id, expected={"within_s": parameters.bound_s},
        observed={"ahead_s": round(drift.out_s, 1), "receipts": drift.outs, "time_zone": is_zone},
    )  # fmt: skip
    return Finding(
        KIND, drift.out_since, reason, (), device_id, home.devices[device_id].resident_id, per_device=True
    )  # fmt: skip


def _right(device_id: str, at: datetime, home: Home) -> Clearing:
    clock = wall_clock(at, home.zone)
    reason = why(
        "clock_right", f"The clock of {device_id} is right again by {clock}.",
        f"设备 {device_id} 的时钟已于 {clock} 前恢复正常。", at=at.isoformat(), device=device_id,
    )  # fmt: skip
    return Clearing(KIND, at, reason, device_id, home.devices[device_id].resident_id, per_device=True)
