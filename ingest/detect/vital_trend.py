"""A vital sign drifts over days: a work order, so that somebody looks before it becomes an emergency.

**What is truth.** The level of one vital sign of one person (weight, blood pressure, heart rate ...) has shifted
against the weeks before by more than matters clinically; the notice belongs to the span from the first shifted day
until the level is back, or has become the usual one.

**What is judged.** Each local day is one value: the median of single measurements; of a stream the lower quartile,
which is the person at rest, whatever he does in the daytime. When a day is over, the median of the last `recent_days`
(of a stream `stream_days`) is compared with that of the `before_days` before them, both with enough days in them. The
difference must reach what is material for this vital sign, and `spreads` times the spread (1.4826 MAD) of the days
before, so that one odd day or a restless pressure is no trend. Over when less than half of that is left. A value that
is not newer than the newest of its kind changes nothing; nothing is judged where nobody knows whom a device measures,
or while the home is known to be away.
"""

from datetime import date, datetime, timedelta
from statistics import median
from typing import Annotated, Any

import msgspec

from alerts.why import why
from ingest.detect.core import Clearing, Event, Evidence, Finding, Home, Parameters, Step, bounded, evidence
from ingest.detect.vitals import READING_TYPES, TRAITS, WEIGHT, Measured, Vital, is_spot, read_vitals, whose

KIND = "vital_trend"

_MAD_TO_SD = 1.4826
#: At most one value an hour counts, so that a day is a day however often a band measures.
_SPACING = timedelta(hours=1)
_PEOPLE_KEPT = 6


class VitalTrendParameters(Parameters, frozen=True, kw_only=True):
    """`*_shift`: what is material over days."""

    heart_rate_shift: Annotated[float, bounded("/min", 3, 60, "nearly half of a NEWS2 step (91 to 110)")] = 8
    respiration_shift: Annotated[float, bounded("/min", 1, 20, "a NEWS2 step: 21 to 24")] = 4
    spo2_shift: Annotated[float, bounded("%", 1, 20, "more than a NEWS2 step of 2; oximeters err by 2")] = 3
    systolic_shift: Annotated[
        float, bounded("mm[Hg]", 5, 80, "10 is what treatment is judged by (ESC 2023); half more")
    ] = 15
    diastolic_shift: Annotated[float, bounded("mm[Hg]", 3, 50, "as the systolic, in proportion")] = 10
    temperature_shift: Annotated[float, bounded("Cel", 0.2, 3, "half of the day's own swing beside a fever")] = 0.7
    body_water_shift: Annotated[float, bounded("%", 1, 20, "what is material in vital_signs")] = 4
    weight_shift: Annotated[float, bounded("kg", 0.5, 20, "more than 2 kg within days: heart failure, ESC 2021")] = 2

    recent_days: Annotated[int, bounded("d", 2, 14, "days are what a notice has; three of five stand one odd one")] = 5
    stream_days: Annotated[int, bounded("d", 2, 14, "a day of a stream is many values, and scatters less")] = 3
    recent_needed: Annotated[int, bounded("d", 1, 14, "of the recent days with a value")] = 3
    before_days: Annotated[int, bounded("d", 7, 42, "four weeks smooth a cold; a season is no trend")] = 28
    before_needed: Annotated[int, bounded("d", 3, 42, "a week")] = 7
    spreads: Annotated[
        float, bounded("1", 0.5, 10, "a median of five days scatters by 0.56 spreads; three times that")
    ] = 1.7
    again_days: Annotated[int, bounded("d", 1, 60, "said again while it lasts, if the notice was closed")] = 14

    def __post_init__(self) -> None:
        """There must be as many days as are needed."""
        if self.recent_needed > min(self.recent_days, self.stream_days):
            raise ValueError("recent_needed must not be above recent_days and stream_days")
        if self.before_needed > self.before_days:
            raise ValueError("before_needed must not be above before_days")

    def shift(self, vital: Vital) -> float:
        """What is material."""
        return float(getattr(self, f"{vital}_shift"))


class Level(msgspec.Struct, frozen=True, array_like=True):
    """A local day (its ordinal) and what stands for it."""

    day: int
    value: float


class Drift(msgspec.Struct, frozen=True, omit_defaults=True):
    """One vital sign of one person. `levels`: days that are over; `day`, `values`, `last_at`, `kept_at`: the one under
    way. `said_on`, `said_up`: the notice that stands."""

    levels: tuple[Level, ...] = ()
    day: int = 0
    values: tuple[float, ...] = ()
    last_at: datetime | None = None
    kept_at: datetime | None = None
    said_on: int | None = None
    said_up: bool = False


class VitalTrendState(msgspec.Struct, frozen=True, omit_defaults=True):
    """By resident and vital sign; streams apart from single measurements."""

    people: dict[str, dict[str, Drift]] = {}


class VitalTrendDetector:
    """See the module. Asked only when something is measured: a day is over with the first value after it."""

    name = "vital_trend"
    events = READING_TYPES
    wakes = frozenset({WEIGHT})  # the others wake vital_signs
    parameters = VitalTrendParameters
    state = VitalTrendState

    def event(self, state: VitalTrendState, event: Event, home: Home, parameters: VitalTrendParameters) -> Step:
        """A device has measured something."""
        read, resident = read_vitals(event), whose(event.device, home)
        if not isinstance(read, tuple) or not read or resident is None or home.absent(event.at) is not None:
            return Step(state)
        drifts = dict(state.people.get(str(resident), {}))
        raised: list[Finding] = []
        cleared: list[Clearing] = []
        for measured in read:
            stream = not is_spot(measured.vital, event.device)
            key = f"{measured.vital}_stream" if stream else measured.vital
            drift = drifts.get(key, Drift())
            if drift.last_at is not None and event.at <= drift.last_at:
                continue
            today = event.at.astimezone(home.zone).date().toordinal()
            if drift.day and today > drift.day:
                drift = _close(drift, parameters, stream=stream)
                shift = _shift(drift, parameters, stream=stream)
                drift, found, over = _judge(drift, measured.vital, shift, event, home, parameters)
                raised += [found] if found else []
                cleared += [over] if over else []
            drifts[key] = _count(drift, today, event.at, measured)
        standing = any(one.said_on is not None for one in drifts.values())
        others = [(name, kept) for name, kept in state.people.items() if name != str(resident)]
        people = dict([*others, (str(resident), drifts)][-_PEOPLE_KEPT:])
        return Step(VitalTrendState(people), tuple(raised), () if standing else tuple(cleared))

    def due(
        self, state: VitalTrendState, at: datetime, home: Home, parameters: VitalTrendParameters  # noqa: ARG002 - any detector's
    ) -> Step:  # fmt: skip
        """Never asked for."""
        return Step(state)


DETECTOR = VitalTrendDetector()


class Shift(msgspec.Struct, frozen=True):
    """The recent level against the one before, and the spread of the days before. `since`: the first recent day."""

    recent: float
    before: float
    spread: float
    since: int
    days: int

    @property
    def by(self) -> float:
        """Up is positive."""
        return self.recent - self.before


def _count(drift: Drift, today: int, at: datetime, measured: Measured) -> Drift:
    """The day under way with a value more."""
    values, kept_at = (drift.values, drift.kept_at) if drift.day == today else ((), None)
    if kept_at is None or at - kept_at >= _SPACING:
        values, kept_at = (*values, measured.value), at
    return msgspec.structs.replace(drift, day=today, values=values, last_at=at, kept_at=kept_at)


def _close(drift: Drift, parameters: VitalTrendParameters, *, stream: bool) -> Drift:
    """The day that was under way is over."""
    value = sorted(drift.values)[len(drift.values) // 4] if stream else median(drift.values)
    oldest = drift.day - parameters.recent_days - parameters.before_days
    levels = (*drift.levels, Level(drift.day, round(value, 2)))
    return msgspec.structs.replace(drift, levels=tuple(one for one in levels if one.day > oldest), values=())


def _shift(drift: Drift, parameters: VitalTrendParameters, *, stream: bool) -> Shift | None:
    """What the last day that is over says; None where too few days are known."""
    turn = drift.day - (parameters.stream_days if stream else parameters.recent_days)
    recent = [one for one in drift.levels if one.day > turn]
    before = [one.value for one in drift.levels if one.day <= turn]
    if len(recent) < parameters.recent_needed or len(before) < parameters.before_needed:
        return None
    middle = median(before)
    spread = _MAD_TO_SD * median(abs(one - middle) for one in before)
    return Shift(median(one.value for one in recent), middle, spread, recent[0].day, len(recent))


def _judge(
    drift: Drift, vital: Vital, shift: Shift | None, event: Event, home: Home, parameters: VitalTrendParameters
) -> tuple[Drift, Finding | None, Clearing | None]:
    if shift is None:
        return drift, None, None
    resident = whose(event.device, home)
    least = max(parameters.shift(vital), parameters.spreads * shift.spread)
    up, standing = shift.by > 0, drift.said_on is not None
    if abs(shift.by) >= least:
        if drift.said_on is not None and drift.said_up == up and drift.day - drift.said_on < parameters.again_days:
            return drift, None, None
        since = datetime.combine(date.fromordinal(shift.since), datetime.min.time(), home.zone).astimezone(
            event.at.tzinfo
        )
        told: tuple[Evidence, ...] = (evidence(event),)
        found = Finding(KIND, min(since, event.at), _why(vital, shift, least), told, event.device.id, resident)
        return msgspec.structs.replace(drift, said_on=drift.day, said_up=up), found, None
    if standing and abs(shift.by) < least / 2:
        over = Clearing(KIND, event.at, _why_over(vital, shift), event.device.id, resident)
        return msgspec.structs.replace(drift, said_on=None), None, over
    return drift, None, None


def _why(vital: Vital, shift: Shift, least: float) -> dict[str, Any]:
    traits, since = TRAITS[vital], date.fromordinal(shift.since).strftime("%m-%d")
    up_en, up_zh = ("up", "上升") if shift.by > 0 else ("down", "下降")
    return why(
        "vital_trend",
        f"{traits.en.capitalize()} has gone {up_en} by {abs(shift.by):.1f} {traits.shown} within days: "
        f"{shift.recent:.1f} since {since}, {shift.before:.1f} in the weeks before; {least:.1f} matters.",
        f"{traits.zh}近日{up_zh} {abs(shift.by):.1f} {traits.shown}：自 {since} 起为 {shift.recent:.1f}，"
        f"此前数周为 {shift.before:.1f}；变化达 {least:.1f} 即需关注。",
        **_figures(vital, shift),
        least=round(least, 1),
    )


def _why_over(vital: Vital, shift: Shift) -> dict[str, Any]:
    traits = TRAITS[vital]
    return why(
        "vital_trend_over",
        f"{traits.en.capitalize()} is steady again: {shift.recent:.1f} {traits.shown}.",
        f"{traits.zh}已恢复平稳：{shift.recent:.1f} {traits.shown}。",
        **_figures(vital, shift),
    )


def _figures(vital: Vital, shift: Shift) -> dict[str, Any]:
    return {
        "vital": vital.value,
        "unit": TRAITS[vital].unit,
        "recent": round(shift.recent, 1),
        "before": round(shift.before, 1),
        "since": date.fromordinal(shift.since).isoformat(),
        "days": shift.days,
    }
