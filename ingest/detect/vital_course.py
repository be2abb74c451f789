"""The course of one vital sign of one person: its baseline, the span outside the range, and what was said of it."""

from datetime import datetime, timedelta

import msgspec

from ingest.detect.core import Event, Evidence, evidence
from ingest.detect.person_range import Baseline, Limits, Range, Usual, range_for
from ingest.detect.vital_limits import VitalSignsParameters
from ingest.detect.vitals import TRAITS, Measured, Vital, is_spot

#: Another measurement within a day repeats the one before.
_REPEATS_WITHIN = timedelta(days=1)


class Spell(msgspec.Struct, frozen=True, omit_defaults=True):
    """A span outside. `count`: values outside; `said`: it was raised; `back_since`: well inside since then."""

    side: str
    since: datetime
    first: Evidence
    count: int = 1
    said: bool = False
    back_since: datetime | None = None


class Said(msgspec.Struct, frozen=True):
    """The newest raise: when, for which side, and the value."""

    at: datetime
    side: str
    value: float


class Course(msgspec.Struct, frozen=True, omit_defaults=True):
    """`first_at`, `last_at`: of the values seen. `said` outlives its spell, so that a new one is not said at once."""

    baseline: Baseline = Baseline()
    first_at: datetime | None = None
    last_at: datetime | None = None
    spell: Spell | None = None
    said: Said | None = None


class Exceeded(msgspec.Struct, frozen=True):
    """What is to be said of a value: the range that it left (or is back in), since when, and what is usual."""

    measured: Measured
    span: Range
    spell: Spell
    known: Usual | None


class Followed(msgspec.Struct, frozen=True):
    """The course after a value; `outside`, `inside`: to be raised, to be cleared."""

    course: Course
    outside: Exceeded | None = None
    inside: Exceeded | None = None


def range_of(course: Course, vital: Vital, limits: Limits, at: datetime, parameters: VitalSignsParameters) -> Range:
    """The person's range at that time, wider on the first day."""
    known = course.baseline.known(parameters.learn_values)
    found = range_for(limits, known, TRAITS[vital].normal, parameters.unusual_sds, parameters.usual_sds)
    if at - (course.first_at or at) < timedelta(seconds=parameters.settle_s):
        return found.moved_in(-limits.error)
    return found


def follow(
    course: Course, event: Event, measured: Measured, parameters: VitalSignsParameters, *, learn: bool
) -> Followed:
    """The course after a newer value; `learn`: it is known whose it is."""
    at, stream = event.at, not is_spot(measured.vital, event.device)
    limits = parameters.limits(measured.vital, stream=stream)
    span = range_of(course, measured.vital, limits, at, parameters)
    sustain = timedelta(seconds=parameters.sustain_s) if stream else timedelta(0)
    gap = timedelta(seconds=parameters.gap_s) if stream else _REPEATS_WITHIN
    spell, said = _spell(course, event, measured.value, span, limits.error, gap), course.said
    outside = inside = None
    if spell is not None and spell.back_since is not None:
        if at - spell.back_since >= sustain:
            inside, spell = Exceeded(measured, span, spell, None), None
    elif spell is not None and span.side(measured.value) is not None:
        needed = 2 if stream else parameters.measurements
        lasting = spell.count >= needed and at - spell.since >= sustain
        if lasting and _is_news(said, spell.side, at, measured.value, limits.material, parameters.again_s):
            outside = Exceeded(measured, span, spell, course.baseline.known(parameters.learn_values))
            said = Said(at, spell.side, measured.value)
            spell = msgspec.structs.replace(spell, said=True)
    baseline = course.baseline.after(at, measured.value) if learn else course.baseline
    return Followed(Course(baseline, course.first_at or at, at, spell, said), outside, inside)


def _spell(course: Course, event: Event, value: float, span: Range, error: float, gap: timedelta) -> Spell | None:
    """The span outside after this value: begun, gone on, on its way back, or none. What was not said yet ends with the
    first value inside; what was, only with one that is well inside."""
    spell, side = course.spell, span.side(value)
    if spell is not None and not spell.said and course.last_at is not None and event.at - course.last_at > gap:
        spell = None
    if side is not None:
        if spell is None or spell.side != side:
            return Spell(side, event.at, evidence(event))
        return msgspec.structs.replace(spell, count=spell.count + 1, back_since=None)
    if spell is None or not spell.said:
        return None
    well = span.moved_in(error).side(value) is None
    return msgspec.structs.replace(spell, back_since=(spell.back_since or event.at) if well else None)


def _is_news(said: Said | None, side: str, at: datetime, value: float, material: float, again_s: float) -> bool:
    """Not said lately of this side, or materially worse than it was then."""
    if said is None or said.side != side or at - said.at >= timedelta(seconds=again_s):
        return True
    return (value - said.value if side == "high" else said.value - value) >= material
