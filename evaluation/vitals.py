"""Vital signs against the alerts that clinicians confirmed (docs/evaluation-vitals.md): ours beside fixed ranges."""

from collections import Counter
from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta

from benchmarks.report import line
from evaluation.options import Figures, Options
from evaluation.vital_crossing import Crossed, crossed
from evaluation.vital_matching import AFTER, MONTH_D, Alerts, Tally, match, match_one_to_one, total
from evaluation.vital_methods import CHOICES, GROUPS, NOTHING, PERSONALS, PUBLISHED, Trials, alerts, parameters
from evaluation.vital_picture import Point, draw
from evaluation.vital_recordings import Patient, read_patients
from evaluation.vital_report import derivable, difference, figures, markdown, offsets_min, table, tallied
from ingest.detect import vital_trend
from ingest.detect.core import Finding
from ingest.detect.fold import look
from ingest.detect.vital_limits import VitalSignsParameters

#: A confirmed alert that is missed weighs as much as two false ones; the curve shows other weights.
WEIGHT = 0.5
WEIGHTS = (0.25, 0.5, 1.0, 2.0)
PICTURE = "evaluation-vitals.svg"


def measure(options: Options) -> Figures:
    """Compare, print, draw."""
    patients = read_patients(options.vitals)
    if not any(one.labels for one in patients):
        line(f"vitals: no labelled vital signs in {options.vitals}; left out")
        return {}
    trials = Trials(patients)
    fixed = {weight: crossed(trials, weight) for weight in WEIGHTS}
    ours = {weight: crossed(trials, weight, PERSONALS) for weight in WEIGHTS}
    published = {
        name: as_it_is(patients, parameters(wide_open() | dict(ends), NOTHING)) for name, ends in PUBLISHED.items()
    }
    shipped = as_it_is(patients, VitalSignsParameters())
    methods = {
        "ours": figures(patients, tallied(patients, ours[WEIGHT].alerts)),
        "fixed": figures(patients, tallied(patients, fixed[WEIGHT].alerts)),
        **{name: figures(patients, tallied(patients, called)) for name, called in published.items()},
        "shipped": figures(patients, tallied(patients, shipped)),
    }
    curve = {
        name: {weight: figures(patients, tallied(patients, each.alerts)) for weight, each in found.items()}
        for name, found in (("ours", ours), ("fixed", fixed))
    }
    apart = difference(tallied(patients, ours[WEIGHT].alerts), tallied(patients, fixed[WEIGHT].alerts))
    there = derivable(patients)
    _print(patients, methods, curve, apart, there, ours[WEIGHT], fixed[WEIGHT])
    if options.pictures is not None:
        (options.pictures / PICTURE).write_text(_picture(methods, curve, there))
    return {"vitals": _json(methods, curve, apart, there)}


def as_it_is(patients: Sequence[Patient], chosen: VitalSignsParameters) -> Alerts:
    """Ranges that nobody fits."""
    types = frozenset[str]().union(*(types for _, types in GROUPS.values()))
    return {one.name: {label: tuple(at) for label, at in alerts(one, types, chosen).items()} for one in patients}


def wide_open() -> dict[str, float]:
    return {end: choices[0] for end, choices in CHOICES.items()}


def _json(
    methods: Mapping[str, Figures], curve: Mapping[str, Mapping[float, Figures]], apart: Figures,
    there: Mapping[str, Mapping[str, int]],
) -> Figures:  # fmt: skip
    published = {name: one for name, one in methods.items() if name in PUBLISHED}
    kept = ("recall", "found", "false_alerts", "false_per_person_month")
    return {
        **{name: one for name, one in methods.items() if name not in PUBLISHED},
        "published": published,
        "ours_less_fixed": apart,
        "derivable": there,
        "curve": {
            name: [{"weight": weight, **{key: one[key] for key in kept}} for weight, one in points.items()]
            for name, points in curve.items()
        },
    }


def _picture(
    methods: Mapping[str, Figures], curve: Mapping[str, Mapping[float, Figures]], there: Mapping[str, Mapping[str, int]]
) -> str:
    def point(one: Figures, what: str) -> Point:
        return one["false_per_person_month"], 100 * (one["recall"] or 0.0), what

    labels = sum(one["labels"] for one in there.values())
    ceiling = 100 * sum(one["with_reading"] for one in there.values()) / labels
    curves = {
        "published fixed ranges": [point(methods[name], name) for name in PUBLISHED],
        "fitted fixed ranges": [point(one, f"{weight:g}") for weight, one in curve["fixed"].items()],
        "ours": [point(one, f"{weight:g}") for weight, one in curve["ours"].items()],
    }
    return draw(curves, ceiling)


def _print(
    patients: Sequence[Patient], methods: Mapping[str, Figures], curve: Mapping[str, Mapping[float, Figures]],
    apart: Figures, there: Mapping[str, Mapping[str, int]], ours: Crossed, fixed: Crossed,
) -> None:  # fmt: skip
    offsets = offsets_min(patients)
    middle, months = offsets[len(offsets) // 2], sum(one.days for one in patients) / MONTH_D
    labels = sum(one["labels"] for one in there.values())
    parts = [
        f"\nVital signs: {len(patients)} people, {months:.1f} person-months, {labels} labels",
        f"From a label to the next reading of what it is about: {middle:.0f} min (median)",
        markdown([
            ["label", "labels", "with a reading in reach", "of people without any such reading"],
            *([label, *one.values()] for label, one in there.items()),
        ]),
        table(methods),
        f"Ours less fixed: {apart}",
        table({name: methods[name] for name in ("ours", "fixed")}, per_label=True),
        table({f"{name}, weight {weight:g}": one for name, points in curve.items() for weight, one in points.items()}),
        "Other rules of matching:\n" + markdown(_other_rules(patients, ours, fixed)),
        f"Chosen, ours: {_often(ours)}\nChosen, fixed: {_often(fixed)}",
        "Notices of a trend: " + _trends(patients, months),
    ]  # fmt: skip
    line("\n\n".join(parts))


def _other_rules(patients: Sequence[Patient], ours: Crossed, fixed: Crossed) -> list[list[object]]:
    def shorter(called: Sequence[datetime], labels: Sequence[datetime]) -> Tally:
        return match(called, labels, timedelta(hours=2), AFTER)

    def longer(called: Sequence[datetime], labels: Sequence[datetime]) -> Tally:
        return match(called, labels, timedelta(hours=24), timedelta(hours=24))

    rows: list[list[object]] = [["rule", "ours: found", "false", "fixed: found", "false"]]
    for name, rule in (("2 h before to 65 min after", shorter), ("24 h before to 24 h after", longer),
                       ("one alert to one label", match_one_to_one)):  # fmt: skip
        both = [total(tallied(patients, one.alerts, rule)) for one in (ours, fixed)]
        rows.append([name, *(figure for one in both for figure in (one.found, one.false))])
    return rows


def _trends(patients: Sequence[Patient], months: float) -> str:
    found: Counter[str] = Counter()
    chosen = {"vital_trend": vital_trend.DETECTOR.parameters(enabled=True)}
    for patient in patients:
        if patient.events:
            _, all_found = look([vital_trend.DETECTOR], chosen, patient.home, {}, patient.events, patient.events[-1].at)
            found.update(one.what.why["vital"] for one in all_found if isinstance(one.what, Finding))
    each = ", ".join(f"{vital} {count}" for vital, count in found.most_common())
    return f"{sum(found.values())} in {months:.1f} person-months ({each})"


def _often(method: Crossed) -> str:
    """What was chosen for how many people."""
    return "; ".join(
        f"{', '.join(f'{end} {value:g}' for end, value in ends)}, {personal} ({count} times)"
        for (ends, personal), count in method.chosen.most_common()
    )
