"""Ways to call for somebody: fixed ranges as published, fixed ranges fitted to labels, and ours.

All of them are the same detector (`ingest.detect.vital_signs`) shown the same events. A fixed range is that detector
with everything personal switched off; so pauses between alerts and everything else are the same for all.
"""

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
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


#: What a person's values usually scatter by: the median over TIHM's people of 1.4826 MAD, rounded. No label is in it.
SPREADS: Mapping[str, float] = {
    "systolic": 12, "diastolic": 7, "heart_rate": 5, "body_water": 1, "temperature": 0.25,
}  # fmt: skip


@dataclass(frozen=True)
class Personal:
    """What of the personal is on. `settle`: the wider range of the first day. `unusual`: so many usual spreads from the
    person's own usual matter (and four of his own spreads); infinite is off. `widen`: usual values widen the range, by
    one usual spread at most."""

    settle: bool = False
    unusual: float = math.inf
    widen: bool = False


NOTHING = Personal()
#: Those that are compared within the training people; a tie goes to the one that comes first, which watches most.
PERSONALS = (
    *(Personal(settle, unusual) for unusual in (4.0, 8.0, 12.0, math.inf) for settle in (False, True)),
    Personal(settle=True, unusual=8.0, widen=True),
)


def parameters(ends: Mapping[str, float], personal: Personal) -> VitalSignsParameters:
    """The detector's parameters. Not validated: ends that are never reached lie outside of what may be set."""
    off = math.isinf(personal.unusual)
    unusual = {f"{vital}_material": (12.0 if off else personal.unusual) * spread for vital, spread in SPREADS.items()}
    widen = {f"{vital}_widen": personal.widen * spread for vital, spread in SPREADS.items()}
    shipped = VitalSignsParameters()
    return msgspec.structs.replace(
        shipped,
        **{name: float(value) for name, value in (unusual | widen | dict(ends)).items()},
        settle_s=shipped.settle_s if personal.settle else 0.0,
        unusual_sds=math.inf if off else 4.0,
        usual_sds=1.0,
    )


def alerts(patient: Patient, types: frozenset[str], chosen: VitalSignsParameters) -> dict[str, list[datetime]]:
    """When the detector calls for this person, by type of label."""
    events = patient.of_types(types)
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
        self._rows: dict[tuple[str, Ends, Personal], Row] = {}
        self._fits: dict[tuple[tuple[str, ...], str, Personal, float], Ends] = {}

    def row(self, group: str, ends: Ends, personal: Personal) -> "Row":
        """Of everybody."""
        key = group, ends, personal
        if key not in self._rows:
            self._rows[key] = Row(self.patients, group, parameters(dict(ends), personal))
        return self._rows[key]

    def fit(self, names: Sequence[str], group: str, personal: Personal, weight: float) -> Ends:
        """The best ends for these people: each in turn the best while the others stay, until none changes; begun with
        no limits, or, where something personal is on, with the best ones without it. A tie keeps what was before."""
        key = tuple(names), group, personal, weight
        if key not in self._fits:
            opens = {end: CHOICES[end][0] for vital in GROUPS[group][0] for end in (f"{vital}_low", f"{vital}_high")}
            begun = opens if personal == NOTHING else dict(self.fit(names, group, NOTHING, weight))
            self._fits[key] = self._climb(names, group, personal, weight, begun)
        return self._fits[key]

    def _climb(
        self, names: Sequence[str], group: str, personal: Personal, weight: float, ends: dict[str, float]
    ) -> Ends:
        best = self.row(group, tuple(ends.items()), personal).score(names, weight)
        changed = True
        while changed:
            changed = False
            for end in ends:
                for choice in CHOICES[end]:
                    tried = {**ends, end: float(choice)}
                    score = self.row(group, tuple(tried.items()), personal).score(names, weight)
                    if score > best + 1e-9:
                        best, ends, changed = score, tried, True
        return tuple(ends.items())


class Row:
    """One range on everybody: when somebody would have been called, and what that came to."""

    def __init__(self, patients: Mapping[str, Patient], group: str, chosen: VitalSignsParameters) -> None:
        types = GROUPS[group][1]
        self.alerts = {name: tuple(alerts(one, types, chosen)[group]) for name, one in patients.items()}
        self._tallies: dict[str, Tally] = {
            name: match(self.alerts[name], one.labels.get(group, ())) for name, one in patients.items()
        }

    def score(self, names: Sequence[str], weight: float) -> float:
        """What is to be as large as possible: labels found less `weight` for each false alert."""
        return sum(self._tallies[name].found - weight * self._tallies[name].false for name in names)
