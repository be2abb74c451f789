"""The person has left the safe zone, or is out of it at night.

**What is truth.** The person is outside of every zone that is safe at that hour, for longer than the dwell; the alarm
belongs to that stay outside, from its first moment to the return. Outside an entered absence only.

**What is judged.** A position that has no accuracy above zero, no place on the ground, or is exactly (0, 0), which is
what receivers without satellites report, is no position. One that nobody can have reached since the last is believed
when the next one agrees with it. A position whose error circle still touches a zone proves nothing: it is not outside.
Raised when the dwell is over and enough positions have said so, or one has and then nothing more came. Back is a good
position inside; between that and proven outside nothing changes. Older ones than the newest change nothing either.

A wearer with two devices is out when one of them is, and back when none is. What is said of a wearer's place stands in
the alarm only, not in any log.
"""

from collections.abc import Iterable
from datetime import datetime, timedelta
from typing import Annotated
from uuid import UUID

import msgspec

from alerts.why import why
from gateway.lanes import ReadingType
from ingest.detect.core import Clearing, Event, Evidence, Finding, Home, Parameters, Step, bounded
from ingest.detect.local_day import DailySpan, wall_clock
from ingest.detect.position import Fix, read_fix
from ingest.detect.safe_zone import Zone, distance_m

KIND = "zone"

Hour = Annotated[float, bounded("h", 0.0, 24.0, "by the home's clock; when this person is expected to be at home")]


class ZoneParameters(Parameters, frozen=True, kw_only=True):
    """`zones`: where the person may be; without any, nothing is judged. `night_from_h`, `night_to_h`: when only zones
    with `by_night` count."""

    enabled: bool = True
    zones: Annotated[tuple[Zone, ...], msgspec.Meta(max_length=20)] = ()
    dwell_s: Annotated[
        float,
        bounded("s", 0.0, 7200.0, "two periods of a tracker that reports every 2 to 3 min, so that one stray fix or a "
                "walk along the edge calls nobody"),
    ] = 300.0  # fmt: skip
    fixes: Annotated[int, bounded("1", 1, 10, "one fix may be a reflection off a building; two agree")] = 2
    lone_s: Annotated[
        float, bounded("s", 0.0, 86_400.0, "a single fix outside and then none: gone into a bus, or the battery died")
    ] = 1800.0
    margin_m: Annotated[float, bounded("m", 0.0, 1000.0, "the street before the door belongs to the home")] = 20.0
    assumed_accuracy_m: Annotated[
        float, bounded("m", 1.0, 5000.0, "of a fix that names none: satellite fixes in built-up streets err by 50 m")
    ] = 50.0
    back_accuracy_m: Annotated[
        float, bounded("m", 10.0, 5000.0, "a return is believed from a fix this good: better than a mobile cell")
    ] = 200.0
    fastest_m_s: Annotated[
        float, bounded("m/s", 5.0, 300.0, "40 m/s: 144 km/h on a motorway; a train's passenger is far outside anyway")
    ] = 40.0
    stale_s: Annotated[
        float, bounded("s", 300.0, 86_400.0, "an older position says nothing about where the person is tonight")
    ] = 3600.0
    again_s: Annotated[
        float, bounded("s", 1800.0, 604_800.0, "raised again while still outside, if the alarm was closed meanwhile")
    ] = 14_400.0
    night_from_h: Hour = 22.0
    night_to_h: Hour = 6.0

    def __post_init__(self) -> None:
        """Zones are told apart by their names."""
        names = [one.name for one in self.zones]
        if len(names) != len(set(names)):
            raise ValueError("two zones have the same name: give each its own")

    @property
    def night(self) -> DailySpan:
        """When only zones with `by_night` are safe."""
        return DailySpan(self.night_from_h, self.night_to_h)


class Wearer(msgspec.Struct, frozen=True, omit_defaults=True):
    """What is known of one device's wearer. `doubted`: a position too far from `last`, until another one agrees.

    `out_since`: outside since then, as `outs` positions say, `first_out` the first of them. `raised_at`: said so then.
    """

    last: Fix | None = None
    doubted: Fix | None = None
    out_since: datetime | None = None
    first_out: Fix | None = None
    outs: int = 0
    raised_at: datetime | None = None


class ZoneState(msgspec.Struct, frozen=True, omit_defaults=True):
    """By device."""

    wearers: dict[str, Wearer] = {}


class ZoneDetector:
    """See the module."""

    name = "zone"
    events = frozenset({ReadingType.LOCATION.value})
    wakes = events
    parameters = ZoneParameters
    state = ZoneState

    def event(self, state: ZoneState, event: Event, home: Home, parameters: ZoneParameters) -> Step:
        """A position came."""
        device_id = event.device.id
        known = state.wearers.get(device_id, Wearer())
        fix = read_fix(event, parameters.assumed_accuracy_m)
        if fix is None or not parameters.zones or (known.last is not None and fix.at <= known.last.at):
            return _look(state.wearers, event.at, home, parameters)
        if not _reachable(known.last, fix, parameters) and not _agrees(known.doubted, fix, parameters):
            doubting = {**state.wearers, device_id: msgspec.structs.replace(known, doubted=fix)}
            return _look(doubting, event.at, home, parameters)
        moved = msgspec.structs.replace(known, last=fix, doubted=None)
        wearers = {**state.wearers, device_id: _judge(moved, fix, home, parameters)}
        step = _look(wearers, event.at, home, parameters)
        was_out = known.raised_at is not None and home.absent(fix.at) is None
        if not was_out or wearers[device_id].raised_at is not None:
            return step
        return msgspec.structs.replace(step, cleared=tuple(_returned(device_id, fix, wearers, home)))

    def due(self, state: ZoneState, at: datetime, home: Home, parameters: ZoneParameters) -> Step:
        """A dwell is over, or the night has begun."""
        return _look(state.wearers, at, home, parameters)


DETECTOR = ZoneDetector()


def _reachable(last: Fix | None, fix: Fix, parameters: ZoneParameters) -> bool:
    """Whether somebody can have come there since the last position, give and take both error circles."""
    if last is None:
        return True
    apart = distance_m(last.lat, last.lon, fix.lat, fix.lon) - last.accuracy_m - fix.accuracy_m
    return apart <= parameters.fastest_m_s * (fix.at - last.at).total_seconds()


def _agrees(doubted: Fix | None, fix: Fix, parameters: ZoneParameters) -> bool:
    return doubted is not None and doubted.at < fix.at and _reachable(doubted, fix, parameters)


def _outside_m(fix: Fix, at: datetime, home: Home, parameters: ZoneParameters) -> float | None:
    """Metres from the nearest zone that is safe at that time, negative inside; None where nothing is said to be safe,
    or nobody is expected at home."""
    if home.absent(at) is not None:
        return None
    night = parameters.night.covers(at, home.zone)
    safe = [zone for zone in parameters.zones if zone.by_night or not night]
    return min((zone.outside_m(fix.lat, fix.lon) for zone in safe), default=None)


def _proves_out(outside_m: float | None, fix: Fix, parameters: ZoneParameters) -> bool:
    return outside_m is not None and outside_m > fix.accuracy_m + parameters.margin_m


def _judge(wearer: Wearer, fix: Fix, home: Home, parameters: ZoneParameters) -> Wearer:
    """The wearer at the new position."""
    outside_m = _outside_m(fix, fix.at, home, parameters)
    if _proves_out(outside_m, fix, parameters):
        return _out(wearer, fix, fix.at)
    good = fix.accuracy_m <= parameters.back_accuracy_m
    back = outside_m is None or (outside_m <= 0 and good)
    # Walking along the edge: no return for somebody who was out, but no beginning of being out either.
    if back or (good and wearer.raised_at is None):
        return Wearer(last=fix)
    return wearer


def _out(wearer: Wearer, fix: Fix, since: datetime) -> Wearer:
    if wearer.out_since is None:
        return msgspec.structs.replace(wearer, out_since=since, first_out=fix, outs=1)
    return msgspec.structs.replace(wearer, outs=wearer.outs + 1)


def _look(wearers: dict[str, Wearer], at: datetime, home: Home, parameters: ZoneParameters) -> Step:
    """Raise what is due by `at`, and say when to ask again."""
    kept: dict[str, Wearer] = {}
    raised: list[Finding] = []
    for device_id, wearer in wearers.items():
        if device_id not in home.devices:
            continue
        wearer = _by_now(wearer, at, home, parameters)  # noqa: PLW2901 - the same wearer, a moment later
        if (due_at := _due_at(wearer, parameters)) is not None and due_at <= at:
            raised.append(_left(device_id, wearer, at, home, parameters))
            wearer = msgspec.structs.replace(wearer, raised_at=at)  # noqa: PLW2901 - likewise
        kept[device_id] = wearer
    return Step(ZoneState(kept), tuple(raised), due_at=_next_look(kept.values(), at, home, parameters))


def _by_now(wearer: Wearer, at: datetime, home: Home, parameters: ZoneParameters) -> Wearer:
    """What was safe may be so no longer, because the night has begun; and what was not may be safe by now."""
    last = wearer.last
    if last is None or wearer.raised_at is not None:
        return wearer
    outside_m = _outside_m(last, at, home, parameters)
    if wearer.out_since is None:
        fresh = at - last.at <= timedelta(seconds=parameters.stale_s)
        return _out(wearer, last, at) if fresh and _proves_out(outside_m, last, parameters) else wearer
    return Wearer(last=last) if outside_m is None or outside_m <= 0 else wearer


def _due_at(wearer: Wearer, parameters: ZoneParameters) -> datetime | None:
    """When it is to be said that this wearer is out; the last position may be waited for."""
    if wearer.out_since is None or wearer.last is None:
        return None
    if wearer.raised_at is not None:
        again_at = wearer.raised_at + timedelta(seconds=parameters.again_s)
        # Only a position that came since then is news.
        return max(again_at, wearer.last.at) if wearer.last.at > wearer.raised_at else None
    dwelt_at = wearer.out_since + timedelta(seconds=parameters.dwell_s)
    if wearer.outs >= parameters.fixes:
        return dwelt_at
    return max(dwelt_at, wearer.last.at + timedelta(seconds=parameters.lone_s))


def _next_look(wearers: Iterable[Wearer], at: datetime, home: Home, parameters: ZoneParameters) -> datetime | None:
    times = [due_at for one in wearers if (due_at := _due_at(one, parameters)) is not None]
    if any(not zone.by_night for zone in parameters.zones) and any(one.last is not None for one in wearers):
        times.append(parameters.night.next_begin(at, home.zone))
    return min(times, default=None)


def _left(device_id: str, wearer: Wearer, at: datetime, home: Home, parameters: ZoneParameters) -> Finding:
    last, since, first = wearer.last, wearer.out_since, wearer.first_out
    assert last is not None  # nobody is out without a position
    assert since is not None
    assert first is not None
    outside_m = _outside_m(last, last.at, home, parameters) or _outside_m(last, at, home, parameters) or 0.0
    night = parameters.night.covers(at, home.zone)
    names = [zone.name for zone in parameters.zones if zone.by_night or not night]
    age_min = (at - last.at).total_seconds() / 60
    en = (
        f"Outside every safe zone{' at night' if night else ''} since {wall_clock(since, home.zone)}: "
        f"{_distance(outside_m)} beyond the nearest one ({', '.join(names)}). "
        f"The last position is {age_min:.0f} min old and accurate to {last.accuracy_m:.0f} m."
    )
    beyond_zh = f"距最近的区域（{'、'.join(names)}）{_distance(outside_m, zh=True)}"
    zh = (
        f"自 {wall_clock(since, home.zone)} 起{'夜间' if night else ''}离开全部安全区域：{beyond_zh}。"
        f"最后定位在 {age_min:.0f} 分钟前，精度 {last.accuracy_m:.0f} 米。"
    )
    reason = why(
        "zone_night" if night else "zone", en, zh, since=since.isoformat(), night=night, device=device_id,
        expected={"zones": names}, observed={"outside_m": round(outside_m), "fixes": wearer.outs},
        position=last.for_people(at),
    )  # fmt: skip
    seen = {fix.message_id: _evidence(device_id, fix) for fix in (first, last)}
    return Finding(KIND, since, reason, tuple(seen.values()), device_id, home.devices[device_id].resident_id)


def _distance(metres: float, *, zh: bool = False) -> str:
    if metres < 1000:
        return f"{metres:.0f} {'米' if zh else 'm'}"
    return f"{metres / 1000:.1f} {'公里' if zh else 'km'}"


def _evidence(device_id: str, fix: Fix) -> Evidence:
    return Evidence(fix.at, device_id, ReadingType.LOCATION.value, None, fix.message_id)


def _returned(device_id: str, fix: Fix, wearers: dict[str, Wearer], home: Home) -> list[Clearing]:
    """Back, unless another device of the same wearer is still out."""
    resident = home.devices[device_id].resident_id
    others = [one for one, wearer in wearers.items() if wearer.raised_at is not None and one in home.devices]
    if any(_same_wearer(home, one, resident) for one in others):
        return []
    clock = wall_clock(fix.at, home.zone)
    reason = why("zone_back", f"Back in a safe zone at {clock}.", f"{clock} 已返回安全区域。", at=fix.at.isoformat())
    return [Clearing(KIND, fix.at, reason, device_id, resident)]


def _same_wearer(home: Home, device_id: str, resident: UUID | None) -> bool:
    return home.devices[device_id].resident_id == resident
