"""A vital sign is outside the person's range: for a sustained span, or in a repeated measurement.

**What is truth.** Heart rate, breathing, oxygen, blood pressure, temperature or body water of one person lies outside
the range that holds for this person; the alarm belongs to the span from the first value outside to the return.

**The range** is the general one of the parameters (`vital_limits`), narrowed and widened by the person's own baseline
(`person_range`). On the first day it is wider by what devices err: people try the device out, and the first
measurements are to be discarded (NICE NG136). Where nobody knows whom a device measures, the general range
holds and nothing is learned.

**What is judged** (`vital_course`). A stream (bands, beds, radars) must be outside for `sustain_s` without a value
inside; of single measurements (cuffs, thermometers, scales) `measurements` in a row. Back is a value inside by the
hysteresis, of a stream for `sustain_s` too; a value between that and outside ends nothing. While it stays outside it is
said again every `again_s`, sooner only where it has become materially worse. A value that is not newer than the newest
of its kind changes nothing. `temperature` counts from thermometers only: the skin under a band is cooler than the body.

Values that cannot be true (`vitals`) never reach range or baseline; several in a row are a fault of that sensor.
"""

from datetime import datetime

import msgspec

from ingest.detect.core import Clearing, Event, Evidence, Finding, Home, Step, evidence
from ingest.detect.vital_course import Course, Exceeded, follow
from ingest.detect.vital_limits import VitalSignsParameters
from ingest.detect.vital_words import why_inside, why_outside, why_sensor, why_sensor_back
from ingest.detect.vitals import READING_TYPES, SPOT_KINDS, WEIGHT, Implausible, Measured, is_spot, read_vitals, whose

KIND = "vital_signs"
SENSOR = "sensor"

#: No home has more of them; one that seems to have forgets those that were told of first.
_FAULTS_KEPT = 16
_PEOPLE_KEPT = 6


class Fault(msgspec.Struct, frozen=True, omit_defaults=True):
    """A sensor whose last `count` values could not be true; `said`: it was raised."""

    since: datetime
    first: Evidence
    count: int = 1
    said: bool = False


People = dict[str, dict[str, Course]]
Faults = dict[str, Fault]


class VitalSignsState(msgspec.Struct, frozen=True, omit_defaults=True):
    """`people`: by resident (empty: nobody knows whom) and vital sign; streams apart from single measurements, made at
    rest. `faults`: by device and reading type."""

    people: People = {}
    faults: Faults = {}


class VitalSignsDetector:
    """See the module."""

    name = "vital_signs"
    events = READING_TYPES - {WEIGHT}
    wakes = events
    parameters = VitalSignsParameters
    state = VitalSignsState

    def event(self, state: VitalSignsState, event: Event, home: Home, parameters: VitalSignsParameters) -> Step:
        """A device has measured something."""
        read = read_vitals(event)
        if isinstance(read, Implausible):
            return _doubt(state, event, read, parameters)
        if not read:
            return Step(state)
        people, raised, cleared = _judge(state.people, event, read, home, parameters)
        faults, working = _believe(state.faults, event)
        return Step(VitalSignsState(people, faults), raised, (*cleared, *working))

    def due(
        self, state: VitalSignsState, at: datetime, home: Home, parameters: VitalSignsParameters  # noqa: ARG002 - any detector's
    ) -> Step:  # fmt: skip
        """Never asked for: only what is measured is judged."""
        return Step(state)


DETECTOR = VitalSignsDetector()


def _judge(
    people: People, event: Event, read: tuple[Measured, ...], home: Home, parameters: VitalSignsParameters
) -> tuple[People, tuple[Finding, ...], tuple[Clearing, ...]]:
    """What plausible values say of the person."""
    resident = whose(event.device, home)
    person = "" if resident is None else str(resident)
    courses = dict(people.get(person, {}))
    outside: list[Exceeded] = []
    inside: list[Exceeded] = []
    for measured in read:
        key = measured.vital if is_spot(measured.vital, event.device) else f"{measured.vital}_stream"
        course = courses.get(key, Course())
        if course.last_at is not None and event.at <= course.last_at:
            continue
        followed = follow(course, event, measured, parameters, learn=resident is not None)
        courses[key] = followed.course
        outside += [followed.outside] if followed.outside else []
        inside += [followed.inside] if followed.inside else []
    raised: tuple[Finding, ...] = ()
    cleared: tuple[Clearing, ...] = ()
    if outside:
        since = min(one.spell.since for one in outside)
        told = dict.fromkeys([*(one.spell.first for one in outside), evidence(event)])
        raised = (Finding(KIND, since, why_outside(outside, home.zone), tuple(told), event.device.id, resident),)
    if inside and not any(one.spell is not None and one.spell.said for one in courses.values()):
        cleared = (Clearing(KIND, event.at, why_inside(inside), event.device.id, resident),)
    others = [(name, kept) for name, kept in people.items() if name != person]
    return dict([*others, (person, courses)][-_PEOPLE_KEPT:]), raised, cleared


def _doubt(state: VitalSignsState, event: Event, seen: Implausible, parameters: VitalSignsParameters) -> Step:
    """A value that cannot be true: of the person it says nothing."""
    sensor = _sensor(event)
    known = state.faults.get(sensor)
    fault = Fault(event.at, evidence(event)) if known is None else msgspec.structs.replace(known, count=known.count + 1)
    raised: tuple[Finding, ...] = ()
    needed = parameters.implausible_spot if event.device.kind in SPOT_KINDS else parameters.implausible
    if fault.count >= needed and not fault.said:
        fault = msgspec.structs.replace(fault, said=True)
        reason = why_sensor(event.device.id, event.type, fault.count, seen, fault.since.isoformat())
        told = tuple(dict.fromkeys((fault.first, evidence(event))))
        raised = (Finding(SENSOR, fault.since, reason, told, event.device.id, per_device=True),)
    others = [(name, kept) for name, kept in state.faults.items() if name != sensor]
    faults = dict([*others, (sensor, fault)][-_FAULTS_KEPT:])
    return Step(VitalSignsState(state.people, faults), raised)


def _believe(faults: Faults, event: Event) -> tuple[Faults, tuple[Clearing, ...]]:
    """A value that can be true: the sensor works."""
    fault = faults.get(_sensor(event))
    if fault is None:
        return faults, ()
    others = {name: kept for name, kept in faults.items() if name != _sensor(event)}
    if not fault.said:
        return others, ()
    reason = why_sensor_back(event.device.id, event.type)
    return others, (Clearing(SENSOR, event.at, reason, event.device.id, per_device=True),)


def _sensor(event: Event) -> str:
    return f"{event.device.id}:{event.type}"
