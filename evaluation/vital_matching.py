"""When an alert and a label mean the same, for every method alike, and what follows: recall and false alerts.

An alert meets a label of its type where the reading was taken at most `BEFORE` before the label's time stamp, or at
most `AFTER` after it. A label is found when an alert meets it; an alert that meets none is false. Several alerts may
meet one label and the other way round, which is kindest to methods that repeat themselves.

Why these bounds: labels lie 0 to 60 min before their readings (the readings' clock is on British Summer Time, the
labels' an hour behind; minutes pass until somebody looks), and what is measured outside of 8:00 to 20:00 is labelled
at 8:00 the next morning.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

BEFORE = timedelta(hours=15)
AFTER = timedelta(minutes=65)
MONTH_D = 365.25 / 12


@dataclass(frozen=True)
class Tally:
    """Labels found, labels, false alerts and alerts."""

    found: int = 0
    labels: int = 0
    false: int = 0
    alerts: int = 0

    def __add__(self, other: "Tally") -> "Tally":
        return Tally(
            self.found + other.found, self.labels + other.labels, self.false + other.false, self.alerts + other.alerts
        )

    @property
    def recall(self) -> float | None:
        """Share of the labels that was found."""
        return self.found / self.labels if self.labels else None

    @property
    def precision(self) -> float | None:
        """Share of the alerts that met a label."""
        return 1 - self.false / self.alerts if self.alerts else None


def match(
    alerts: Sequence[datetime], labels: Sequence[datetime], before: timedelta = BEFORE, after: timedelta = AFTER
) -> Tally:
    """One person, one type."""
    found = sum(any(label - before <= at <= label + after for at in alerts) for label in labels)
    false = sum(not any(label - before <= at <= label + after for label in labels) for at in alerts)
    return Tally(found, len(labels), false, len(alerts))


def match_one_to_one(alerts: Sequence[datetime], labels: Sequence[datetime]) -> Tally:
    """Likewise, but each alert meets one label at most and each label one alert: the earliest that still may."""
    free, found = sorted(alerts), 0
    for label in sorted(labels):
        met = next((at for at in free if label - BEFORE <= at <= label + AFTER), None)
        if met is not None:
            free.remove(met)
            found += 1
    return Tally(found, len(labels), len(free), len(alerts))


Alerts = dict[str, dict[str, tuple[datetime, ...]]]
"""By person and type of label."""

Tallies = Mapping[str, Mapping[str, Tally]]
"""Likewise."""


def total(tallies: Tallies, people: Sequence[str] | None = None, label: str | None = None) -> Tally:
    """Summed over these people (all; one drawn twice counts twice) and this type (all)."""
    return sum(
        (
            tally
            for name in (tallies if people is None else people)
            for kind, tally in tallies[name].items()
            if label in (None, kind)
        ),
        Tally(),
    )
