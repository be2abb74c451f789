"""When an alert and a label mean the same, for every method alike, and what follows: recall, false alerts, intervals.

An alert meets a label of its type where the reading was taken at most `BEFORE` before the label's time stamp, or at
most `AFTER` after it. A label is found when an alert meets it; an alert that meets none is false. Several alerts may
meet one label and the other way round, which is kindest to methods that repeat themselves.

Why these bounds: labels lie 0 to 60 min before their readings (the readings' clock is on British Summer Time, the
labels' an hour behind; minutes pass until somebody looks), and what is measured outside of 8:00 to 20:00 is labelled
at 8:00 the next morning.
"""

import math
import random
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

BEFORE = timedelta(hours=15)
AFTER = timedelta(minutes=65)
_DRAWS = 2000
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


def wilson(hits: int, of: int) -> tuple[float, float]:
    """95 % interval of a share (Wilson 1927)."""
    if of == 0:
        return 0.0, 1.0
    z, share = 1.959964, hits / of
    middle, half = share + z * z / (2 * of), z * math.sqrt(share * (1 - share) / of + z * z / (4 * of * of))
    return max(0.0, (middle - half) / (1 + z * z / of)), min(1.0, (middle + half) / (1 + z * z / of))


def over_people(people: Sequence[str], figure: Callable[[Sequence[str]], float]) -> tuple[float, float]:
    """95 % interval of a figure by drawing people anew (percentile bootstrap): labels of one person hang together."""
    chance = random.Random("people")
    drawn = sorted(figure(chance.choices(people, k=len(people))) for _ in range(_DRAWS))
    return drawn[int(0.025 * _DRAWS)], drawn[int(0.975 * _DRAWS) - 1]


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
