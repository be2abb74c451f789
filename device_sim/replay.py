"""Play a recorded home through the broker as if it happened now, with the database clock shifted along.

Readings go ahead of the clock by at most `_AHEAD`, and the clock follows only after the broker has acknowledged them:
so no deadline is judged before what would have moved it is on its way, and no reading comes from the future.
"""

import asyncio
import time
from collections.abc import Awaitable, Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from itertools import groupby
from math import inf
from pathlib import Path
from typing import NamedTuple
from zoneinfo import ZoneInfo

import structlog

from device_sim.gateway_link import GatewayLink
from device_sim.recordings import RecordedReading, RecordingError, read_recording
from gateway.limits import MAX_CLOCK_AHEAD, MAX_OBJECTS
from gateway.wire import Lane, Message, is_device_id

log = structlog.get_logger()

Timed = list[tuple[datetime, RecordedReading]]
AdvanceClock = Callable[[datetime], Awaitable[None]]

#: Half of what the backend allows a device's clock to be ahead.
_AHEAD = MAX_CLOCK_AHEAD / 2
#: At a finite speed the clock moves on so often in real time.
_FRAME_S = 0.5
_WEEK = timedelta(weeks=1)
_CHINA = ZoneInfo("Asia/Shanghai")


class RecordedDevice(NamedTuple):
    """What the registry must know before a replay: one device per recorded sensor."""

    device_id: str
    kind: str
    name: str


@dataclass(frozen=True)
class Replayed:
    """What was published: `readings` is twice `lines`."""

    lines: int
    readings: int
    first: datetime
    last: datetime


def devices_of(folder: Path, home: str | None = None) -> list[RecordedDevice]:
    """Every sensor of a recorded home as a device `{home}-{sensor}`; `home` defaults to the folder's name."""
    recording = read_recording(folder)
    prefix = home or recording.home
    devices = [RecordedDevice(f"{prefix}-{s.id}", s.kind.value, s.name) for s in recording.sensors.values()]
    for device in devices:
        if not is_device_id(device.device_id):
            raise RecordingError(
                f"{folder}: {device.device_id!r} cannot be a device id; choose a shorter, plain `home`"
            )
    return devices


async def replay(
    folder: Path,
    link: GatewayLink,
    *,
    now: datetime,
    advance_clock: AdvanceClock,
    speed: float = 0.0,
    home: str | None = None,
    zone: ZoneInfo = _CHINA,
) -> Replayed:
    """Publish a recorded home in time order through a running link, and return once the broker has taken all of it.

    `now` is the database clock; the recording is moved by whole weeks, so that its first reading comes next at its
    own weekday and time of day in `zone`. `advance_clock(until)` must shift the database clock to `until`; it may wait
    for whatever should catch up first. `speed` is how many times faster than real time, 0 as fast as the broker takes
    it (then the clock leaps over silence). `RecordingError` when the folder holds no recording.
    """
    recording = read_recording(folder)
    readings = recording.readings()
    shift = weeks_to(readings[0].local_time, now.astimezone(zone).replace(tzinfo=None))
    timed = [(_at(reading, shift, zone), reading) for reading in readings]
    prefix = home or recording.home
    frame = _AHEAD if speed <= 0 else min(_AHEAD, timedelta(seconds=speed * _FRAME_S))
    started_s, first, last = time.monotonic(), timed[0][0], timed[-1][0]
    log.info("replay_started", home=prefix, readings=len(timed), first=first.isoformat(), last=last.isoformat())
    reached = now
    for start, batch in _frames(timed, frame, leap=speed <= 0):
        if start > reached:
            await advance_clock(start)
        for device, messages in _runs(batch, prefix):
            link.publish(Lane.READING, device, messages)
        await link.flushed()
        reached = start + frame
        played_s = (reached - first).total_seconds() / (speed or inf)
        await asyncio.sleep(max(0.0, played_s - (time.monotonic() - started_s)))
        await advance_clock(reached)
    log.info("replay_ended", home=prefix, readings=len(timed), took_s=round(time.monotonic() - started_s, 1))
    return Replayed(lines=len(recording.intervals), readings=len(timed), first=first, last=last)


def weeks_to(first: datetime, now: datetime) -> timedelta:
    """The whole number of weeks that brings a local time to the first place at or after now."""
    return -((first - now) // _WEEK) * _WEEK


def _at(reading: RecordedReading, shift: timedelta, zone: ZoneInfo) -> datetime:
    return (reading.local_time + shift).replace(tzinfo=zone).astimezone(UTC)


def _frames(timed: Timed, frame: timedelta, *, leap: bool) -> Iterator[tuple[datetime, Timed]]:
    """Readings frame by frame, each with the frame's start; `leap` leaves out frames in which nothing happens."""
    first, number = timed[0][0], 0
    for busy, group in groupby(timed, key=lambda each: (each[0] - first) // frame):
        for silent in () if leap else range(number, busy):
            yield first + silent * frame, []
        yield first + busy * frame, list(group)
        number = busy + 1


def _runs(batch: Timed, prefix: str) -> Iterator[tuple[str, list[Message]]]:
    """Consecutive readings of one device share a payload; so the order of all readings is kept."""
    for device, run in groupby(batch, key=lambda each: f"{prefix}-{each[1].sensor.id}"):
        messages = [Message(id=r.id, time=at, type=r.sensor.kind, value=r.value) for at, r in run]
        for start in range(0, len(messages), MAX_OBJECTS):
            yield device, messages[start : start + MAX_OBJECTS]
