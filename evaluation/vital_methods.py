"""Ways to call for somebody: fixed ranges as published, fixed ranges fitted to labels, and ours.

All of them are the same detector (`ingest.detect.vital_signs`) shown the same events. A fixed range is that detector
with everything personal switched off; so pauses between alerts and everything else are the same for all.
"""

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime

import msgspec

from evaluation.vital_matching import Tally, match
from evaluation.vital_recordings import LABEL_OF, LABELS, Patient
from ingest.detect.core import Finding
from ingest.detect.fold import look
from ingest.detect.vital_limits import VitalSignsParameters
from ingest.detect.vital_signs import DETECTOR, KIND
from ingest.detect.vitals import Vital

Ends = tuple[tuple[str, float], ...]
"""The ends of a group's ranges, by parameter."""

#: What is fitted together: the vital signs of one label type, and the reading types that carry them.
GROUPS: Mapping[str, tuple[tuple[Vital, ...], frozenset[str]]] = {
    "Blood pressure": ((Vital.SYSTOLIC, Vital.DIASTOLIC), frozenset({"blood_pressure"})),
    "Pulse": ((Vital.HEART_RATE,), frozenset({"heart_rate"})),
    "Body water": ((Vital.BODY_WATER,), frozenset({"body_water"})),
    "Body temperature": ((Vital.TEMPERATURE,), frozenset({"temperature"})),
}

_NEVER_LOW, _NEVER_HIGH = -1000.0, 1000.0

#: Ends that may be chosen: never, round ones, and those of NEWS2; widest first.
CHOICES: Mapping[str, tuple[float, ...]] = {
    "systolic_low": (_NEVER_LOW, 70, 80, 91, 101, 111),
    "systolic_high": (_NEVER_HIGH, 179, 169, 164, 159, 154, 149, 139, 129),
    "diastolic_low": (_NEVER_LOW, 40, 45, 50, 55, 60, 65),
    "diastolic_high": (_NEVER_HIGH, 109, 104, 99, 94, 89, 84),
    "heart_rate_low": (_NEVER_LOW, 41, 45, 50, 51, 55, 60),
    "heart_rate_high": (_NEVER_HIGH, 130, 120, 110, 104, 99, 94, 90),
    "body_water_low": (_NEVER_LOW, 35, 38, 40, 42, 45, 50),
    "body_water_high": (_NEVER_HIGH, 75, 70, 68, 65, 60, 55),
    "temperature_low": (_NEVER_LOW, 34, 35.1, 36.1),
    "temperature_high": (_NEVER_HIGH, 41, 39, 38, 37.5),
}

#: Fixed ranges that somebody has published for such people.
PUBLISHED: Mapping[str, Mapping[str, float]] = {
    # Royal College of Physicians 2017: any point.
    "NEWS2, any point": {
        "systolic_low": 111, "systolic_high": 219, "heart_rate_low": 51, "heart_rate_high": 90,
        "temperature_low": 36.1, "temperature_high": 38.0,
    },
    # Three points in one vital sign: urgent assessment.
    "NEWS2, three points": {
        "systolic_low": 91, "systolic_high": 219, "heart_rate_low": 41, "heart_rate_high": 130,
        "temperature_low": 35.1, "temperature_high": 1000,
    },
    # NICE NG136: hypertension stage 2 from 160/100; low below 90/60; resting heart rate 60 to 100 (AHA); fever from 38.
    "NICE, AHA": {
        "systolic_low": 90, "systolic_high": 159, "diastolic_low": 60, "diastolic_high": 99,
        "heart_rate_low": 60, "heart_rate_high": 100, "temperature_low": 35, "temperature_high": 37.9,
        "body_water_low": 45, "body_water_high": 65,
    },
}  # fmt: skip


@dataclass(frozen=True)
class Personal:
    """What of the personal is on: parameters of the detector, `widen` that of the heart rate."""

    settle_share: float = 0.0
    unusual_sds: float = math.inf
    widen: float = 0.0

    def of(self, group: str) -> "Personal":
        """Without what does not concern the group, so that nothing is tried twice."""
        return self if group == "Pulse" else replace(self, widen=0.0)


NOTHING = Personal()
#: Those that are compared within the training people; a tie goes to the one that comes first.
PERSONALS = tuple(
    Personal(settle, unusual, widen)
    for widen in (0.0, 5.0)
    for unusual in (4.0, math.inf)
    for settle in (0.25, 0.1, 0.0)
)  # fmt: skip


def parameters(ends: Mapping[str, float], personal: Personal) -> VitalSignsParameters:
    """The detector's parameters. Not validated: ends that are never reached lie outside of what may be set."""
    return msgspec.structs.replace(
        VitalSignsParameters(),
        **{name: float(value) for name, value in ends.items()},
        settle_share=personal.settle_share,
        unusual_sds=personal.unusual_sds,
        heart_rate_widen=personal.widen,
    )


def alerts(patient: Patient, types: frozenset[str], chosen: VitalSignsParameters) -> dict[str, list[datetime]]:
    """When the detector calls for this person, by type of label."""
    events = [one for one in patient.events if one.type in types]
    found: dict[str, list[datetime]] = {label: [] for label in LABELS}
    if not events:
        return found
    _, all_found = look([DETECTOR], {DETECTOR.name: chosen}, patient.home, {}, events, events[-1].at)
    for one in all_found:
        if isinstance(one.what, Finding) and one.what.kind == KIND:
            for label in dict.fromkeys(LABEL_OF[Vital(each["vital"])] for each in one.what.why["vitals"]):
                found[label].append(one.at)
    return found


class Trials:
    """What each range called for in each person; nothing is tried twice."""

    def __init__(self, patients: Iterable[Patient]) -> None:
        self.patients = {one.name: one for one in patients}
        self._alerts: dict[tuple[str, str, Ends, Personal], tuple[datetime, ...]] = {}
        self._tallies: dict[tuple[str, str, Ends, Personal], Tally] = {}

    def alerts(self, name: str, group: str, ends: Ends, personal: Personal) -> tuple[datetime, ...]:
        """When somebody would have been called, for one person and group of vital signs."""
        key = name, group, ends, personal.of(group)
        if key not in self._alerts:
            chosen = parameters(dict(ends), personal)
            self._alerts[key] = tuple(alerts(self.patients[name], GROUPS[group][1], chosen)[group])
        return self._alerts[key]

    def tally(self, name: str, group: str, ends: Ends, personal: Personal) -> Tally:
        """These alerts against the labels."""
        key = name, group, ends, personal.of(group)
        if key not in self._tallies:
            labels = self.patients[name].labels.get(group, ())
            self._tallies[key] = match(self.alerts(name, group, ends, personal), labels)
        return self._tallies[key]

    def score(self, names: Sequence[str], group: str, ends: Ends, personal: Personal, weight: float) -> float:
        """What is to be as large as possible: labels found less `weight` for each false alert."""
        tallies = [self.tally(name, group, ends, personal) for name in names]
        return sum(one.found - weight * one.false for one in tallies)

    def fit(self, names: Sequence[str], group: str, personal: Personal, weight: float) -> Ends:
        """The best ends for these people: each in turn the best while the others stay, until none changes. A tie goes
        to the wider range."""
        ends = {end: CHOICES[end][0] for vital in GROUPS[group][0] for end in (f"{vital}_low", f"{vital}_high")}
        best = self.score(names, group, tuple(ends.items()), personal, weight)
        changed = True
        while changed:
            changed = False
            for end in ends:
                for choice in CHOICES[end]:
                    tried = {**ends, end: float(choice)}
                    score = self.score(names, group, tuple(tried.items()), personal, weight)
                    if score > best + 1e-9:
                        best, ends, changed = score, tried, True
        return tuple(ends.items())
