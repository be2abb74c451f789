"""What detectors did on simulated lives, in figures: found, how late, and how often for nothing."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from device_sim.lives.mishap import Truth
from evaluation.intervals import poisson_interval, wilson_interval
from evaluation.options import Figures
from evaluation.scenario_answers import ANSWERS, EXCUSED, OPEN_FOR, WORK_ORDERS
from evaluation.scenario_runs import Alarm, Outcome, Run

#: Days of a month, in the mean.
MONTH_DAYS = 365.25 / 12
#: After its end an absence or outage excuses nothing any more but what was on its way.
_ON_ITS_WAY = timedelta(hours=1)

#: A detector is switched on by default when it is at least so good on the judged lives, in the whole.
RECALL_NEEDED, FALSE_ALLOWED = 0.9, 0.2


@dataclass(frozen=True)
class Found:
    """How many of a scenario's emergencies a detector found, and after how many hours, in rising order."""

    found: int
    of: int
    delays_h: Sequence[float]

    @property
    def recall(self) -> float:
        """The share found."""
        return self.found / self.of

    def delay_h(self, share: float) -> float | None:
        """The delay within which this share of all emergencies was found; None: that many never were."""
        number = max(0, -int(-share * self.of // 1) - 1)
        return self.delays_h[number] if number < len(self.delays_h) else None

    def figures(self) -> Figures:
        """As they stand in build/evaluate.json."""
        low, high = wilson_interval(self.found, self.of)
        return {
            "found": self.found, "of": self.of, "recall": round(self.recall, 3),
            "recall_interval": [round(low, 3), round(high, 3)],
            "median_delay_h": _rounded(self.delay_h(0.5)), "p90_delay_h": _rounded(self.delay_h(0.9)),
        }  # fmt: skip


def scenario_scores(runs: Sequence[Run]) -> dict[str, dict[str, Found]]:
    """Detector -> scenario -> what it found."""
    outcomes = [one for run in runs for one in run.outcomes]
    names = {name for one in outcomes for name in one.answers}
    return {name: {kind: _found(name, [one for one in outcomes if one.kind == kind and name in one.answers])
                   for kind, answers in ANSWERS.items() if name in answers} for name in sorted(names)}  # fmt: skip


def pooled(scores: Iterable[Found]) -> Found:
    """Several scenarios as one."""
    every = list(scores)
    delays = sorted(delay for one in every for delay in one.delays_h)
    return Found(sum(one.found for one in every), sum(one.of for one in every), delays)


def _found(name: str, outcomes: Sequence[Outcome]) -> Found:
    answered = [(one.begins_at, at) for one in outcomes if (at := one.answers.get(name)) is not None]
    return Found(
        len(answered), len(outcomes), sorted((at - begins_at) / timedelta(hours=1) for begins_at, at in answered)
    )


def false_alarms(run: Run) -> Iterator[Alarm]:
    """What was raised in ordinary months for nothing; once while it would be open."""
    open_until: dict[tuple[str, str, str | None], datetime] = {}
    for alarm in sorted(run.alarms, key=lambda one: one.known_at):
        if _excused(alarm, run.truths):
            continue
        key = alarm.detector, alarm.kind, alarm.device
        if alarm.known_at >= open_until.get(key, alarm.known_at):
            open_until[key] = alarm.known_at + OPEN_FOR[alarm.kind in WORK_ORDERS]
            yield alarm


def _excused(alarm: Alarm, truths: Sequence[Truth]) -> bool:
    excuses: Mapping[str, timedelta] = EXCUSED.get(alarm.detector, {})
    for truth in truths:
        after = excuses.get(truth.kind)
        if after is None or not truth.begins_at + after <= alarm.known_at < truth.ends_at + _ON_ITS_WAY:
            continue
        if truth.kind == "gateway_silent" or truth.device is None or alarm.device in (None, truth.device):
            return True
    return False


def months(runs: Sequence[Run]) -> float:
    """Resident-months without emergencies; a couple's count once."""
    return sum(one.judged_days for one in runs) / MONTH_DAYS


def false_figures(count: int, in_months: float) -> Figures:
    """As they stand in build/evaluate.json."""
    low, high = (bound / in_months for bound in poisson_interval(count))
    return {
        "false_alarms": count, "false_alarms_per_month": round(count / in_months, 3),
        "false_alarms_interval": [round(low, 3), round(high, 3)],
    }  # fmt: skip


def good_enough(found: Found, false: int, in_months: float) -> bool:
    """Whether a detector may be switched on by default."""
    return found.recall >= RECALL_NEEDED and false / in_months <= FALSE_ALLOWED


def _rounded(hours: float | None) -> float | None:
    return None if hours is None else round(hours, 2)
