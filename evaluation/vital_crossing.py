"""Cross-validation over people: whoever is tested on has had no part in what was chosen for him.

Outside, each person is left out once. Inside, the other people are dealt into `FOLDS` parts to choose what of the
personal is on, for all types of labels together (most are rare); then the ranges are fitted to all of them. Fixed
ranges have nothing to choose and are fitted alike.
"""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field

from evaluation.vital_matching import Alerts
from evaluation.vital_methods import GROUPS, NOTHING, Ends, Personal, Trials

FOLDS = 5


@dataclass
class Crossed:
    """When somebody would have been called, for each person left out, and how often what was chosen."""

    alerts: Alerts
    chosen: Counter[tuple[Ends, Personal]] = field(default_factory=Counter)


def crossed(trials: Trials, weight: float, candidates: Sequence[Personal] = (NOTHING,)) -> Crossed:
    """One method on everybody. `weight`: how many labels found one false alert outweighs; the curve of docs is made by
    changing it."""
    names = sorted(trials.patients)
    outcome = Crossed({name: {} for name in names})
    for name in names:
        others = [one for one in names if one != name]
        personal = _choose(trials, others, weight, candidates)
        for group in GROUPS:
            ends = trials.fit(others, group, personal, weight)
            outcome.chosen[ends, personal] += 1
            outcome.alerts[name][group] = trials.row(group, ends, personal).alerts[name]
    return outcome


def _choose(trials: Trials, names: Sequence[str], weight: float, candidates: Sequence[Personal]) -> Personal:
    """The candidate that does best on people for whom the ranges were not fitted; the first of equals."""
    if len(candidates) == 1:
        return candidates[0]
    scores = [sum(_inner(trials, names, group, weight, one) for group in GROUPS) for one in candidates]
    return candidates[scores.index(max(scores))]


def _inner(trials: Trials, names: Sequence[str], group: str, weight: float, personal: Personal) -> float:
    score = 0.0
    for number in range(FOLDS):
        held = names[number::FOLDS]
        others = [one for one in names if one not in held]
        ends = trials.fit(others, group, personal, weight)
        score += trials.row(group, ends, personal).score(held, weight)
    return score
