"""A sensor that says the same whatever happens: whoever judges the home by it judges nothing.

**What is truth.** The sensor no longer measures: its value stays while what it measures changes, it reports movement
without end, or none although people pass before it. The alarm lasts until it measures again, and clears itself then.

- *Same value.* Heart rate, respiration, oxygen saturation and temperature vary within hours. The same number for the
  limit, in many messages, is none of theirs. Zero (no contact) and the time in which a band is not worn do not count.
- *Never stops.* A motion sensor that fires day and night without a pause: heating, a pet, a curtain, or a broken one.
- *Never fires.* A motion or presence sensor that has seen nobody on that many days on which others of the home have:
  covered, badly placed, or dead. Days of absence are none, for then the others see nobody either.
"""

from collections.abc import Iterator
from datetime import datetime, timedelta
from typing import Annotated

import msgspec

from alerts.why import why
from gateway.lanes import ReadingType
from ingest.detect.core import Clearing, Device, Event, Finding, Home, Parameters, Step, as_flag, bounded, next_round
from ingest.detect.local_day import wall_clock

KIND = "sensor"

_VARY = frozenset({
    ReadingType.HEART_RATE.value, ReadingType.RESPIRATION.value, ReadingType.SPO2.value, ReadingType.TEMPERATURE.value,
})  # fmt: skip
_MOVE = frozenset({ReadingType.MOTION.value, ReadingType.PRESENCE.value})
#: Kinds of devices that see people (registry, `device.kind`).
_SEE_PEOPLE = frozenset({"motion", "presence", "radar"})
_LOOK = timedelta(hours=6)


class StuckParameters(Parameters, frozen=True, kw_only=True):
    """How long is too long."""

    enabled: bool = False
    same_s: Annotated[
        float, bounded("s", 3600.0, 2_592_000.0, "a thermostat may hold a room's degree for a day, not for two")
    ] = 172_800.0
    same_messages: Annotated[int, bounded("1", 3, 10_000, "fewer may be chance: one message an hour over two days")] = (
        48
    )
    never_stops_s: Annotated[
        float, bounded("s", 3600.0, 604_800.0, "people sleep: a day and a night without a pause is nobody's habit")
    ] = 86_400.0
    pause_s: Annotated[
        float, bounded("s", 60.0, 86_400.0, "sensors that repeat their state do so every hour; a nap is longer")
    ] = 7200.0
    never_fires_d: Annotated[
        int, bounded("d", 2, 90, "a week in which nobody enters a room that has a sensor for good reason")
    ] = 7


class Mover(msgspec.Struct, frozen=True, omit_defaults=True):
    """A sensor that sees people. `runs_since`: fires since then without a pause. `missed_days`: local days on which
    others have seen somebody since it did, `counted_on` the last of them. `raised`: stops, fires or nothing."""

    since: datetime
    fired_at: datetime | None = None
    runs_since: datetime | None = None
    missed_days: int = 0
    counted_on: str = ""
    raised: str = ""


class Same(msgspec.Struct, frozen=True, omit_defaults=True):
    """The value of a device and type, the same since then, in so many messages."""

    value: float
    since: datetime
    told_at: datetime
    messages: int = 1
    raised: bool = False


class StuckState(msgspec.Struct, frozen=True, omit_defaults=True):
    """`movers` by device, `values` by device and type, `unworn`: bands that are not worn."""

    movers: dict[str, Mover] = {}
    values: dict[str, dict[str, Same]] = {}
    unworn: frozenset[str] = frozenset()


class StuckDetector:
    """See the module."""

    name = "stuck"
    events = frozenset({*_VARY, *_MOVE, ReadingType.WORN.value})
    wakes: frozenset[str] = frozenset()
    parameters = StuckParameters
    state = StuckState

    def event(self, state: StuckState, event: Event, home: Home, parameters: StuckParameters) -> Step:
        """A sensor says something."""
        if event.type == ReadingType.WORN:
            step = Step(_worn(state, event))
        elif event.type in _MOVE:
            step = _moved(state, event, home, parameters)
        else:
            step = _measured(state, event, home, parameters)
        return msgspec.structs.replace(step, due_at=next_round(home, event.at, _LOOK))

    def due(self, state: StuckState, at: datetime, home: Home, parameters: StuckParameters) -> Step:
        """The round in which messages are looked at; devices that are gone are forgotten."""
        del parameters
        there = StuckState(
            {one: mover for one, mover in state.movers.items() if one in home.devices},
            {one: values for one, values in state.values.items() if one in home.devices},
            frozenset(one for one in state.unworn if one in home.devices),
        )
        return Step(there, due_at=next_round(home, at, _LOOK))


DETECTOR = StuckDetector()


def _worn(state: StuckState, event: Event) -> StuckState:
    worn = as_flag(event.value)
    if worn is None:
        return state
    others = state.unworn - {event.device.id}
    return msgspec.structs.replace(state, unworn=others if worn else others | {event.device.id})


def _measured(state: StuckState, event: Event, home: Home, parameters: StuckParameters) -> Step:
    """Compare with the value before."""
    device_id, value = event.device.id, event.value
    if isinstance(value, bool | str) or not value or device_id in state.unworn:
        return Step(state)
    values = state.values.get(device_id, {})
    same = values.get(event.type)
    if same is not None and event.at < same.told_at:
        return Step(state)
    raised: tuple[Finding, ...] = ()
    cleared: tuple[Clearing, ...] = ()
    if same is None or same.value != value:
        cleared = (_works(event.device, event.at, home),) if same is not None and same.raised else ()
        same = Same(float(value), event.at, event.at)
    else:
        same = msgspec.structs.replace(same, told_at=event.at, messages=same.messages + 1)
        long = event.at - same.since >= timedelta(seconds=parameters.same_s)
        if long and same.messages >= parameters.same_messages and not same.raised:
            raised = (_same(event, same, home, parameters),)
            same = msgspec.structs.replace(same, raised=True)
    told = {**state.values, device_id: {**values, event.type: same}}
    return Step(msgspec.structs.replace(state, values=told), raised, cleared)


def _moved(state: StuckState, event: Event, home: Home, parameters: StuckParameters) -> Step:
    """Somebody was seen, or it says that nobody is there."""
    device_id = event.device.id
    movers = dict(_known_movers(state, event.at, home))
    mover = movers.get(device_id) or Mover(event.at)
    if mover.fired_at is not None and event.at < mover.fired_at:
        return Step(state)
    raised: list[Finding] = []
    cleared: list[Clearing] = []
    if event.value is False or event.value == 0:
        if mover.raised == "stops":
            cleared.append(_works(event.device, event.at, home))
            mover = msgspec.structs.replace(mover, raised="")
        movers[device_id] = msgspec.structs.replace(mover, runs_since=None)
        return Step(msgspec.structs.replace(state, movers=movers), cleared=tuple(cleared))
    today = event.at.astimezone(home.zone).date().isoformat()
    paused = mover.fired_at is None or event.at - mover.fired_at > timedelta(seconds=parameters.pause_s)
    if mover.raised == "fires" or (mover.raised == "stops" and paused):
        cleared.append(_works(event.device, event.at, home))
        mover = msgspec.structs.replace(mover, raised="")
    mover = msgspec.structs.replace(
        mover, fired_at=event.at, runs_since=event.at if paused else mover.runs_since or event.at,
        missed_days=0, counted_on=today,
    )  # fmt: skip
    if _never_stops(mover, event, parameters):
        raised.append(_on_and_on(event, mover, home, parameters))
        mover = msgspec.structs.replace(mover, raised="stops")
    movers[device_id] = mover
    for other in [one for one in movers if one != device_id]:
        movers[other] = _missed(movers[other], today)
        if movers[other].missed_days >= parameters.never_fires_d and not movers[other].raised:
            raised.append(_blind(home.devices[other], movers[other], home, parameters))
            movers[other] = msgspec.structs.replace(movers[other], raised="fires")
    return Step(msgspec.structs.replace(state, movers=movers), tuple(raised), tuple(cleared))


def _known_movers(state: StuckState, at: datetime, home: Home) -> Iterator[tuple[str, Mover]]:
    """Those of the home that see people, whether they have ever said so or not."""
    for one, device in home.devices.items():
        if one in state.movers:
            yield one, state.movers[one]
        elif device.kind in _SEE_PEOPLE:
            yield one, Mover(at)


def _missed(mover: Mover, today: str) -> Mover:
    """Another one has seen somebody today."""
    if mover.counted_on == today:
        return mover
    # The first day may have begun before it was installed, or ended before it could see anybody.
    missed = mover.missed_days + (1 if mover.counted_on else 0)
    return msgspec.structs.replace(mover, missed_days=missed, counted_on=today)


def _never_stops(mover: Mover, event: Event, parameters: StuckParameters) -> bool:
    """Presence is a state that may well last: only motion must pause."""
    if event.type != ReadingType.MOTION or mover.runs_since is None or mover.raised:
        return False
    return event.at - mover.runs_since >= timedelta(seconds=parameters.never_stops_s)


def _same(event: Event, same: Same, home: Home, parameters: StuckParameters) -> Finding:
    clock, device_id = wall_clock(same.since, home.zone), event.device.id
    reason = why(
        "sensor_same",
        f"{device_id} has said {event.type} {same.value:g} since {clock}, {same.messages} times in a row.",
        f"设备 {device_id} 自 {clock} 起连续 {same.messages} 次上报相同数值 {same.value:g}（{event.type}）。",
        since=same.since.isoformat(), device=device_id, expected={"varies_within_h": parameters.same_s / 3600},
        observed={"type": event.type, "value": same.value, "messages": same.messages},
    )  # fmt: skip
    return Finding(KIND, same.since, reason, (), device_id, event.device.resident_id, per_device=True)


def _on_and_on(event: Event, mover: Mover, home: Home, parameters: StuckParameters) -> Finding:
    assert mover.runs_since is not None  # nothing else is raised
    clock, device_id = wall_clock(mover.runs_since, home.zone), event.device.id
    reason = why(
        "sensor_never_stops",
        f"{device_id} has reported movement since {clock} without a pause.",
        f"设备 {device_id} 自 {clock} 起不间断地上报有人活动。",
        since=mover.runs_since.isoformat(), device=device_id,
        expected={"pauses_within_h": parameters.never_stops_s / 3600},
        observed={"hours": round((event.at - mover.runs_since).total_seconds() / 3600, 1)},
    )  # fmt: skip
    return Finding(KIND, mover.runs_since, reason, (), device_id, event.device.resident_id, per_device=True)


def _blind(device: Device, mover: Mover, home: Home, parameters: StuckParameters) -> Finding:
    since = mover.fired_at or mover.since
    clock = wall_clock(since, home.zone)
    reason = why(
        "sensor_never_fires",
        f"{device.id} has seen nobody since {clock}; on {mover.missed_days} days since then others in the home have.",
        f"设备 {device.id} 自 {clock} 起未检测到任何人；此后有 {mover.missed_days} 天户内其他传感器检测到活动。",
        since=since.isoformat(), device=device.id, expected={"within_d": parameters.never_fires_d},
        observed={"days": mover.missed_days},
    )  # fmt: skip
    return Finding(KIND, since, reason, (), device.id, device.resident_id, per_device=True)


def _works(device: Device, at: datetime, home: Home) -> Clearing:
    clock = wall_clock(at, home.zone)
    reason = why(
        "sensor_works", f"{device.id} measures again since {clock}.", f"设备 {device.id} 已于 {clock} 恢复正常。",
        at=at.isoformat(), device=device.id,
    )  # fmt: skip
    return Clearing(KIND, at, reason, device.id, device.resident_id, per_device=True)
