"""What `evaluation.vitals` found, as figures for build/evaluate.json and as the tables of docs/evaluation-vitals.md."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any

from evaluation.intervals import resampled_interval, wilson_interval
from evaluation.options import Figures
from evaluation.vital_matching import AFTER, BEFORE, MONTH_D, Alerts, Tallies, Tally, match, total
from evaluation.vital_recordings import LABEL_OF, LABELS, Patient
from ingest.detect.vitals import READING_TYPES, Vital

Matching = Callable[[Sequence[datetime], Sequence[datetime]], Tally]


def tallied(patients: Iterable[Patient], alerts: Alerts, matching: Matching = match) -> Tallies:
    """Alerts against labels, each person and type."""
    return {
        one.name: {label: matching(alerts[one.name].get(label, ()), one.labels.get(label, ())) for label in LABELS}
        for one in patients
    }


def figures(patients: Sequence[Patient], tallies: Tallies) -> Figures:
    """One method: overall and by type of label. Intervals are 95 %: of shares by Wilson, of rates over people."""
    days = {one.name: one.days for one in patients}
    names = list(days)
    everything = _of(total(tallies))
    everything["person_days"] = round(sum(days.values()))
    everything["false_per_person_month"] = _rate(names, days, tallies)
    everything["false_per_person_month_95"] = [
        round(one, 2) for one in resampled_interval(names, lambda drawn: _rate(drawn, days, tallies))
    ]
    everything["recall_95_over_people"] = [
        round(one, 3) for one in resampled_interval(names, lambda drawn: _recall(tallies, drawn))
    ]
    everything["by_label"] = {label: _of(total(tallies, label=label)) for label in LABELS}
    return everything


def difference(ours: Tallies, fixed: Tallies) -> Figures:
    """Ours less fixed, with intervals by drawing the same people for both."""
    names = list(ours)
    recall = resampled_interval(
        names, lambda drawn: (total(ours, drawn).recall or 0) - (total(fixed, drawn).recall or 0)
    )
    false = resampled_interval(names, lambda drawn: total(ours, drawn).false - total(fixed, drawn).false)
    return {
        "labels_found": total(ours).found - total(fixed).found,
        "false_alerts": total(ours).false - total(fixed).false,
        "recall_95": [round(one, 3) for one in recall],
        "false_alerts_95": [round(one) for one in false],
    }


def derivable(patients: Iterable[Patient]) -> dict[str, dict[str, int]]:
    """By type of label: how many there are, how many have a reading that could have led to them, and how many belong to
    people of whom there is no such reading at all."""
    found: dict[str, dict[str, int]] = {
        label: {"labels": 0, "with_reading": 0, "no_reading_ever": 0} for label in LABELS
    }
    for patient in patients:
        for label, times in patient.labels.items():
            read = readings(patient, label)
            for time in times:
                found[label]["labels"] += 1
                found[label]["with_reading"] += any(time - BEFORE <= at <= time + AFTER for at in read)
                found[label]["no_reading_ever"] += not read
    return found


def readings(patient: Patient, label: str) -> list[datetime]:
    """When what such a label is about was measured."""
    vitals = {vital for vital, named in LABEL_OF.items() if named == label}
    pressures = vitals & {Vital.SYSTOLIC, Vital.DIASTOLIC}
    types = {"blood_pressure"} if pressures else {str(one) for one in vitals} & READING_TYPES
    return [one.at for one in patient.events if one.type in types]


def offsets_min(patients: Iterable[Patient]) -> list[float]:
    """Minutes from each label to the next reading of what it is about within a day, in order."""
    found = []
    for patient in patients:
        for label, times in patient.labels.items():
            for time in times:
                later = [at - time for at in readings(patient, label) if time <= at <= time + timedelta(days=1)]
                found += [min(later).total_seconds() / 60] if later else []
    return sorted(found)


def table(methods: Mapping[str, Mapping[str, Any]], per_label: bool = False) -> str:
    """Markdown: a line for each method, or for each method and type of label."""
    head = [
        "method",
        *(["label"] if per_label else []),
        "labels found",
        "recall (95 %)",
        "false alerts",
        "precision (95 %)",
    ]
    lines = [head if per_label else [*head, "false per person-month (95 %)"]]
    for name, one in methods.items():
        if per_label:
            lines += [[name, label, *_cells(row)] for label, row in one["by_label"].items()]
        else:
            low, high = one["false_per_person_month_95"]
            lines.append([name, *_cells(one), f"{one['false_per_person_month']:.2f} ({low:.2f} to {high:.2f})"])
    return markdown(lines)


def markdown(lines: Sequence[Sequence[object]]) -> str:
    """A table; the first line is its head."""
    head, *rows = [" | ".join(str(cell) for cell in line) for line in lines]
    return "\n".join([f"| {head} |", "|---" * len(lines[0]) + "|", *(f"| {row} |" for row in rows)])


def _cells(one: Mapping[str, Any]) -> list[str]:
    recall = "-" if one["recall"] is None else f"{_percent(one['recall'])} ({_span(one['recall_95'])})"
    precision = "-" if one["precision"] is None else f"{_percent(one['precision'])} ({_span(one['precision_95'])})"
    return [f"{one['found']} of {one['labels']}", recall, str(one["false_alerts"]), precision]


def _of(tally: Tally) -> Figures:
    met = tally.alerts - tally.false
    return {
        "found": tally.found,
        "labels": tally.labels,
        "recall": None if tally.recall is None else round(tally.recall, 4),
        "recall_95": [round(one, 3) for one in wilson_interval(tally.found, tally.labels)],
        "false_alerts": tally.false,
        "alerts": tally.alerts,
        "precision": None if tally.precision is None else round(tally.precision, 4),
        "precision_95": [round(one, 3) for one in wilson_interval(met, tally.alerts)],
    }


def _rate(names: Sequence[str], days: Mapping[str, float], tallies: Tallies) -> float:
    observed = sum(days[name] for name in names)
    return round(total(tallies, names).false / observed * MONTH_D, 4) if observed else 0.0


def _recall(tallies: Tallies, names: Sequence[str]) -> float:
    return total(tallies, names).recall or 0.0


def _percent(share: float) -> str:
    return f"{100 * share:.1f} %"


def _span(ends: Sequence[float]) -> str:
    return f"{100 * ends[0]:.0f} to {100 * ends[1]:.0f}"
