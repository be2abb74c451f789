"""The band lies on the bedside table: nobody would be called by it.

**What is truth.** By day (the wear window) the person wears none of their bands for longer than the limit, without a
charger being the reason, and no absence is entered. The alarm begins when the last band was taken off.

Only hours of the wear window count. A band that is being charged may lie for as long as that takes, and its wearer has
the whole limit again afterwards; charging is what `battery` says in `data.charging`, or a level that rises. A person
with two bands wears one of them. What is not worn clears itself when it is put on.
"""

from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Annotated

import msgspec

from alerts.why import why
from gateway.lanes import HealthType, ReadingType
from ingest.detect.core import (
    Clearing,
    Device,
    Event,
    Evidence,
    Finding,
    Home,
    Parameters,
    Step,
    as_flag,
    bounded,
    evidence,
)
from ingest.detect.local_day import DailySpan, wall_clock

KIND = "not_worn"

Hour = Annotated[float, bounded("h", 0.0, 24.0, "by the home's clock: between getting up and going to bed, generously")]


class NotWornParameters(Parameters, frozen=True, kw_only=True):
    """`wear_from_h` to `wear_to_h`: when the band is to be worn; two equal hours are day and night."""

    enabled: bool = False
    limit_s: Annotated[
        float,
        bounded("s", 600.0, 604_800.0, "longer than a bath, a meal and a nap; under 8 % wear their trigger always "
                "(Fleming & Brayne 2008), so hours, not minutes"),
    ] = 14_400.0  # fmt: skip
    charge_s: Annotated[
        float, bounded("s", 0.0, 86_400.0, "a wristband is full after 1.5 to 3 h; a forgotten one is not worn either")
    ] = 10_800.0
    charge_rise: Annotated[
        float, bounded("%", 0.5, 50.0, "a level wavers by a point or so; on the charger it climbs")
    ] = 2.0
    wear_from_h: Hour = 8.0
    wear_to_h: Hour = 20.0

    @property
    def window(self) -> DailySpan:
        """When the band is to be worn."""
        return DailySpan(self.wear_from_h, self.wear_to_h)


class Band(msgspec.Struct, frozen=True, omit_defaults=True):
    """`off_since`: not worn since then; `counts_from`: and neither charged since. `level`: percent, told last."""

    told_at: datetime
    worn: bool = False
    off_since: datetime | None = None
    counts_from: datetime | None = None
    charging: bool = False
    level: float | None = None
    raised: bool = False
    seen: Evidence | None = None


class NotWornState(msgspec.Struct, frozen=True, omit_defaults=True):
    """By device: the bands that have ever said whether they are worn."""

    bands: dict[str, Band] = {}


class NotWornDetector:
    """See the module."""

    name = "not_worn"
    events = frozenset({ReadingType.WORN.value, HealthType.BATTERY.value})
    wakes = frozenset({ReadingType.WORN.value})
    parameters = NotWornParameters
    state = NotWornState

    def event(self, state: NotWornState, event: Event, home: Home, parameters: NotWornParameters) -> Step:
        """A band was put on or off, or is charged."""
        known = state.bands.get(event.device.id)
        if known is not None and event.at < known.told_at:
            return _look(state.bands, event.at, home, parameters)
        band = _told(known, event) if event.type == ReadingType.WORN else _powered(known, event, parameters)
        if band is None:
            return _look(state.bands, event.at, home, parameters)
        bands = {**state.bands, event.device.id: band}
        cleared: list[Clearing] = []
        if band.worn:
            for one in [*_of_same_person(home, event.device, bands), event.device.id]:
                if bands[one].raised:
                    cleared.append(_put_on(home.devices[one], event, home))
                    bands[one] = msgspec.structs.replace(bands[one], raised=False)
        step = _look(bands, event.at, home, parameters)
        return msgspec.structs.replace(step, cleared=tuple(cleared))

    def due(self, state: NotWornState, at: datetime, home: Home, parameters: NotWornParameters) -> Step:
        """The limit is over."""
        return _look(state.bands, at, home, parameters)


DETECTOR = NotWornDetector()


def _told(known: Band | None, event: Event) -> Band | None:
    """What a `worn` reading makes of the band; None where it says nothing."""
    worn = as_flag(event.value)
    if worn is None:
        return None
    band = msgspec.structs.replace(known or Band(event.at), told_at=event.at)
    if worn:
        return msgspec.structs.replace(band, worn=True, off_since=None, counts_from=None, charging=False, seen=None)
    if band.off_since is not None:
        return band
    return msgspec.structs.replace(
        band, worn=False, off_since=event.at, counts_from=event.at, charging=False, seen=evidence(event)
    )


def _powered(known: Band | None, event: Event, parameters: NotWornParameters) -> Band | None:
    """What a `battery` message makes of a band that lies there; None for what is no band, as far as is known."""
    if known is None:
        return None
    level = float(event.value) if isinstance(event.value, int | float) and event.unit in (None, "%") else None
    flag = as_flag(event.data.get("charging"))
    rises = level is not None and known.level is not None and level - known.level >= parameters.charge_rise
    falls = level is not None and known.level is not None and level < known.level
    charging = flag if flag is not None else rises or (known.charging and not falls)
    band = msgspec.structs.replace(known, told_at=event.at, level=known.level if level is None else level)
    if band.off_since is None or charging == known.charging:
        return band
    longest = timedelta(seconds=parameters.charge_s)
    # From the beginning of the charge on it is allowed for; from its end on, if that comes first, it counts again.
    counts_from = event.at + longest if charging else min(event.at, band.counts_from or event.at)
    return msgspec.structs.replace(band, charging=charging, counts_from=counts_from)


def _look(bands: Mapping[str, Band], at: datetime, home: Home, parameters: NotWornParameters) -> Step:
    kept = {one: band for one, band in bands.items() if one in home.devices}
    raised: list[Finding] = []
    due: list[datetime] = []
    for device_id, band in list(kept.items()):
        due_at = _due_at(device_id, kept, home, parameters)
        if due_at is None or band.raised:
            continue
        if due_at > at:
            due.append(due_at)
        else:
            raised.append(_off(home.devices[device_id], band, at, home, parameters))
            kept[device_id] = msgspec.structs.replace(band, raised=True)
    return Step(NotWornState(kept), tuple(raised), due_at=min(due, default=None))


def _due_at(device_id: str, bands: Mapping[str, Band], home: Home, parameters: NotWornParameters) -> datetime | None:
    """When it is to be said that this band is not worn; None while that person wears one, and for all their bands but
    the one that was worn last."""
    band = bands[device_id]
    others = [bands[one] for one in _of_same_person(home, home.devices[device_id], bands)]
    if band.off_since is None or band.counts_from is None or any(one.worn for one in others):
        return None
    if any((one.off_since or band.off_since) > band.off_since for one in others):
        return None
    limit = timedelta(seconds=parameters.limit_s)
    counts_from = max([band.counts_from, *(one.counts_from for one in others if one.counts_from is not None)])
    due_at = parameters.window.after(counts_from, limit, home.zone)
    while (away := home.absent(due_at)) is not None:
        due_at = parameters.window.after(away.ends_at, limit, home.zone)
    return due_at


def _of_same_person(home: Home, device: Device, bands: Mapping[str, Band]) -> list[str]:
    """The other bands of that resident; a band that is nobody's stands alone."""
    if device.resident_id is None:
        return []
    return [
        one for one in bands
        if one != device.id and one in home.devices and home.devices[one].resident_id == device.resident_id
    ]  # fmt: skip


def _off(device: Device, band: Band, at: datetime, home: Home, parameters: NotWornParameters) -> Finding:
    since = band.off_since or at
    clock, hours, limit = wall_clock(since, home.zone), (at - since).total_seconds() / 3600, parameters.limit_s / 3600
    reason = why(
        "not_worn",
        f"{device.id} has not been worn since {clock} ({hours:.1f} h); by day it is expected back within {limit:g} h.",
        f"{device.id} 自 {clock} 起未佩戴（{hours:.1f} 小时）；白天应在 {limit:g} 小时内重新佩戴。",
        since=since.isoformat(), device=device.id, observed={"hours": round(hours, 2)},
        expected={"limit_h": limit, "from_h": parameters.wear_from_h, "to_h": parameters.wear_to_h},
    )  # fmt: skip
    seen = () if band.seen is None else (band.seen,)
    return Finding(KIND, since, reason, seen, device.id, device.resident_id, per_device=True)


def _put_on(device: Device, event: Event, home: Home) -> Clearing:
    clock = wall_clock(event.at, home.zone)
    reason = why("worn_again", f"Worn again since {clock}.", f"已于 {clock} 重新佩戴。", at=event.at.isoformat())
    return Clearing(KIND, event.at, reason, device.id, device.resident_id, per_device=True)
