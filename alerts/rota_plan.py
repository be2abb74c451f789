"""From a pattern to shifts: who is on call from when to when. Pure functions, no clock and no database.

A pattern is layers of which a later one counts above those before it; overrides count above the layers, in the order
in which they were entered; who is away is on call nowhere, and what was his is a gap. Local times become instants in
one place (`instant_of`), the same for the end of one shift and the beginning of the next, so a change of the clocks
makes neither a hole nor an overlap.
"""

from bisect import bisect_right
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, time, timedelta
from enum import StrEnum
from uuid import UUID
from zoneinfo import ZoneInfo

from alerts.rota_pattern import Layer

_DAY = timedelta(days=1)


class Origin(StrEnum):
    """Why somebody has a shift."""

    PATTERN = "pattern"
    OVERRIDE = "override"
    SWAP = "swap"


class Missing(StrEnum):
    """Why somebody who should have a shift has it not."""

    ABSENT = "absent"
    INACTIVE = "inactive"


@dataclass(frozen=True, slots=True)
class Shift:
    """One person on call, from `starts_at` up to and without `ends_at`. `origin_id`: the override, where it is one."""

    staff_id: UUID
    starts_at: datetime
    ends_at: datetime
    origin: Origin = Origin.PATTERN
    origin_id: UUID | None = None


@dataclass(frozen=True, slots=True)
class Override:
    """Somebody else for a span. `instead_of`: only where it is his turn; None: whoever it is, and where nobody is."""

    id: UUID
    staff_id: UUID
    starts_at: datetime
    ends_at: datetime
    instead_of: UUID | None = None
    origin: Origin = Origin.OVERRIDE


@dataclass(frozen=True, slots=True)
class Away:
    """Somebody who cannot be on call in this span."""

    staff_id: UUID
    begins_at: datetime
    ends_at: datetime
    why: Missing = Missing.ABSENT


@dataclass(frozen=True, slots=True)
class Version:
    """What the pattern is from an instant on. No layers: nobody's turn any more."""

    holds_from: datetime
    layers: tuple[Layer, ...]


@dataclass(frozen=True, slots=True)
class Gap:
    """A shift to be covered: whose it would have been, and why he has it not."""

    staff_id: UUID
    starts_at: datetime
    ends_at: datetime
    why: Missing


@dataclass(frozen=True, slots=True)
class Plan:
    """What a pattern comes to: shifts that follow each other without overlap, and gaps to be covered."""

    shifts: list[Shift]
    gaps: list[Gap]


def instant_of(zone: ZoneInfo, day: date, at: time) -> datetime:
    """The first instant at which the clocks of `zone` show this local time or a later one; UTC.

    A time that occurs twice, when clocks go back, is its first occurrence; one that is left out, when they go forward,
    is the instant at which they do.
    """
    local = datetime.combine(day, at, tzinfo=zone)
    before = local.utcoffset()
    after = local.replace(fold=1).utcoffset()
    assert before is not None
    assert after is not None
    instant = local.astimezone(UTC)
    if after <= before:
        return instant
    # Left out. PEP 495 reads it by the offset before the change, which is as long after the change as it is after the
    # time at which clocks were put forward.
    low, high = instant - (after - before), instant
    while high - low > timedelta(seconds=1):
        middle = low + (high - low) / 2
        if middle.astimezone(zone).utcoffset() == after:
            high = middle
        else:
            low = middle
    return high.replace(microsecond=0)


def plan(
    versions: Sequence[Version], overrides: Sequence[Override], away: Iterable[Away], zone: ZoneInfo,
    begin: datetime, end: datetime,
) -> Plan:  # fmt: skip
    """Shifts and gaps within [`begin`, `end`). `versions`, `overrides`: in the order in which they were entered."""
    shifts: list[Shift] = []
    for since, until, layers in _reigns(versions, begin, end):
        shifts += pattern_shifts(layers, zone, since, until)
    for override in overrides:
        shifts = _override(shifts, override, begin, end)
    return _without(shifts, away)


def pattern_shifts(layers: Iterable[Layer], zone: ZoneInfo, begin: datetime, end: datetime) -> list[Shift]:
    """What the layers say within [`begin`, `end`), cut off there; in order and without overlap."""
    shifts: list[Shift] = []
    for layer in layers:
        above = _layer_shifts(layer, zone, begin, end)
        shifts = _merged(_around(shifts, above), above)
    return shifts


def holes(
    spans: Iterable[tuple[datetime, datetime]], begin: datetime, end: datetime
) -> list[tuple[datetime, datetime]]:
    """Where within [`begin`, `end`) none of the spans is, in whatever order they come and overlap."""
    found, covered = [], begin
    for since, until in sorted(spans):
        if since >= end:
            break
        if since > covered:
            found.append((covered, since))
        covered = max(covered, until)
    if covered < end:
        found.append((covered, end))
    return found


def _reigns(
    versions: Sequence[Version], begin: datetime, end: datetime
) -> list[tuple[datetime, datetime, tuple[Layer, ...]]]:
    """Which layers hold when: one that was set later counts from its instant on, whatever was planned for then."""
    held: list[Version] = []
    for version in versions:
        held = [*(one for one in held if one.holds_from < version.holds_from), version]
    reigns = []
    for index, version in enumerate(held):
        until = held[index + 1].holds_from if index + 1 < len(held) else end
        since, until = max(version.holds_from, begin), min(until, end)
        if since < until:
            reigns.append((since, until, version.layers))
    return reigns


def _layer_shifts(layer: Layer, zone: ZoneInfo, begin: datetime, end: datetime) -> list[Shift]:
    spans = _spans(layer, zone, begin, end)
    shifts = []
    for staff_id, starts_at, ends_at in _turns(layer, zone, begin, end):
        for since, until in spans:
            if until > starts_at and since < ends_at:
                shifts.append(Shift(staff_id, max(since, starts_at), min(until, ends_at)))
    return shifts


def _turns(layer: Layer, zone: ZoneInfo, begin: datetime, end: datetime) -> list[tuple[UUID, datetime, datetime]]:
    """Whose turn it is when; turns go on before the anchor as after it."""
    every = layer.turn_days
    number = (begin.astimezone(zone).date() - layer.anchor).days // every - 1

    def begins(turn: int) -> datetime:
        return instant_of(zone, layer.anchor + turn * every * _DAY, layer.handover)

    turns, starts_at = [], begins(number)
    while starts_at < end:
        ends_at = begins(number + 1)
        if ends_at > begin and ends_at > starts_at:
            turns.append((layer.people[number % len(layer.people)], max(starts_at, begin), min(ends_at, end)))
        number, starts_at = number + 1, ends_at
    return turns


def _spans(layer: Layer, zone: ZoneInfo, begin: datetime, end: datetime) -> list[tuple[datetime, datetime]]:
    """When the layer counts at all, in order and without overlap; those that only meet stay apart."""
    if not layer.spans:
        return [(begin, end)]
    day, last = begin.astimezone(zone).date() - _DAY, end.astimezone(zone).date()
    found = []
    while day <= last:
        for span in layer.spans:
            if day.isoweekday() in span.days:
                over_midnight = _DAY if span.until <= span.from_ else timedelta(0)
                since, until = instant_of(zone, day, span.from_), instant_of(zone, day + over_midnight, span.until)
                since, until = max(since, begin), min(until, end)
                if since < until:
                    found.append((since, until))
        day += _DAY
    joined: list[tuple[datetime, datetime]] = []
    for since, until in sorted(found):
        if joined and since < joined[-1][1]:
            joined[-1] = (joined[-1][0], max(until, joined[-1][1]))
        else:
            joined.append((since, until))
    return joined


def _override(shifts: list[Shift], override: Override, begin: datetime, end: datetime) -> list[Shift]:
    since, until = max(override.starts_at, begin), min(override.ends_at, end)
    if since >= until:
        return shifts
    new = Shift(override.staff_id, since, until, override.origin, override.id)
    if override.instead_of is None:
        return _merged(_around(shifts, [new]), [new])
    theirs = [
        replace(new, starts_at=max(since, one.starts_at), ends_at=min(until, one.ends_at))
        for one in shifts
        if one.staff_id == override.instead_of and one.ends_at > since and one.starts_at < until
    ]
    return _merged(_around(shifts, theirs), theirs)


def _without(shifts: list[Shift], away: Iterable[Away]) -> Plan:
    by_person: dict[UUID, list[Away]] = {}
    for one in away:
        by_person.setdefault(one.staff_id, []).append(one)
    kept: list[Shift] = []
    gaps: list[Gap] = []
    for shift in shifts:
        absences = by_person.get(shift.staff_id, [])
        present = holes(((one.begins_at, one.ends_at) for one in absences), shift.starts_at, shift.ends_at)
        kept += [replace(shift, starts_at=since, ends_at=until) for since, until in present]
        why = Missing.INACTIVE if any(one.why is Missing.INACTIVE for one in absences) else Missing.ABSENT
        gaps += [
            Gap(shift.staff_id, since, until, why) for since, until in holes(present, shift.starts_at, shift.ends_at)
        ]
    return Plan(kept, gaps)


def _around(shifts: list[Shift], above: Sequence[Shift]) -> list[Shift]:
    """What is left of `shifts` beside `above`; both in order and without overlap."""
    ends = [one.ends_at for one in above]
    left = []
    for shift in shifts:
        since = shift.starts_at
        for one in above[bisect_right(ends, since) :]:
            if one.starts_at >= shift.ends_at:
                break
            if one.starts_at > since:
                left.append(replace(shift, starts_at=since, ends_at=one.starts_at))
            since = one.ends_at
        if since < shift.ends_at:
            left.append(replace(shift, starts_at=since))
    return left


def _merged(one: Iterable[Shift], other: Iterable[Shift]) -> list[Shift]:
    return sorted((*one, *other), key=lambda shift: shift.starts_at)
