"""Inactivity on recorded homes: how soon an emergency is noticed, and how often there is an alarm for nothing.

The first days of each home are learned; in the others events are cut off at many random moments of day and night. What
is measured and how is described in docs/evaluation.md.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import timedelta
from itertools import product

import msgspec

from benchmarks.report import line
from evaluation.options import Figures, Options
from evaluation.recorded_home import RecordedHome, read_homes
from evaluation.stillness_methods import STREET_RULE, LearnLimit, fixed, longest_by_start, percentile_line
from evaluation.stillness_picture import draw
from evaluation.stillness_score import Score, Trial, plan_trial
from evaluation.stillness_watch import LineWatch, RhythmWatch, Watch, door_stills_of, learned_rhythms, stills_of
from ingest.detect.inactivity import InactivityParameters
from ingest.detect.rhythm import ALL, Rhythm

_SEED = 4
_PER_DAY = 120
_GRID = timedelta(minutes=15)
_LONGEST_SPAN = timedelta(hours=24)
_DEFAULT = InactivityParameters()

_SHOWN = {
    "ours": "ours", "all_devices_alike": "all devices alike", "by_start": "by start of stillness",
    "best_fixed": "best fixed span", "percentile_absences_apart": "percentile, absences apart",
    "street_rule": "street rule (48 h)",
}  # fmt: skip

#: What the buffer was chosen from, by leaving one home out: share, seconds.
_CHOICES = tuple(product((0.25, 0.5, 1.0), (1_800, 3_600, 5_400)))
#: At most so many false alarms in a resident-month, of those whose median delay is the shortest.
_ALLOWED_PER_DAY = 1 / 30


class Bench:
    """The homes with what all methods need of them."""

    def __init__(self, homes: Sequence[RecordedHome], per_day: int = _PER_DAY) -> None:
        planned = [plan_trial(one, per_day, _SEED) for one in homes]
        self.trials = [one for one in planned if one is not None]
        most = timedelta(seconds=_DEFAULT.fixed_s)
        self._rhythms = {one.recorded.name: learned_rhythms(one.recorded, most) for one in self.trials}
        self._stills = {one.recorded.name: stills_of(one.recorded) for one in self.trials}

    def ours(
        self, parameters: InactivityParameters = _DEFAULT, change: Callable[[Rhythm], Rhythm] = lambda one: one
    ) -> Score:
        """The detector."""
        return self._score(lambda one: RhythmWatch(one.recorded, parameters, self._rhythms[one.recorded.name], change))

    def by_line(self, method: LearnLimit) -> Score:
        """A method that learns limits."""
        return self._score(lambda one: LineWatch(one.recorded, self._stills[one.recorded.name], method))

    def street_rule(self) -> Score:
        """No entrance door for 48 h."""
        return self._score(lambda one: LineWatch(one.recorded, door_stills_of(one.recorded), fixed(STREET_RULE)))

    def best_fixed(self, false_alarms: int) -> tuple[timedelta, Score]:
        """The shortest span on the grid with no more false alarms than these."""
        span = _GRID
        while span < _LONGEST_SPAN and self._false_alarms_of(span) > false_alarms:
            span += _GRID
        return span, self.by_line(fixed(span))

    def _false_alarms_of(self, span: timedelta) -> int:
        return sum(
            trial.begins_at <= at < trial.ends_at and not trial.recorded.absent(at)
            for trial in self.trials
            for at in (one.since + span for one in self._stills[trial.recorded.name] if one.until - one.since > span)
        )

    def _score(self, watch: Callable[[Trial], Watch]) -> Score:
        score = Score()
        for trial in self.trials:
            score.add(trial, watch(trial))
        return score


def measure(options: Options) -> Figures:
    """Print the tables; the key `inactivity`."""
    homes = read_homes(options.homes)
    bench = Bench(homes)
    if not bench.trials:
        line(f"inactivity: no recorded homes in {options.homes}")
        return {}
    line("\nInactivity on recorded homes")
    for trial in bench.trials:
        span = f"{trial.begins_at:%d %b %H:%M} to {trial.ends_at:%d %b %H:%M}"
        days = f"{trial.days:.1f} days, {trial.days_at_home:.1f} at home"
        line(f"  {trial.recorded.name:<12} judged {span}: {days}, {len(trial.emergencies)} emergencies")
    ours = bench.ours()
    shortest, best = bench.best_fixed(len(ours.false))
    scores = {
        "ours": ours,
        "best_fixed": best,
        "percentile": bench.by_line(percentile_line(absences_apart=False)),
        "street_rule": bench.street_rule(),
        "percentile_absences_apart": bench.by_line(percentile_line(absences_apart=True)),
        "fixed_12_h": bench.by_line(fixed(timedelta(hours=12))),
        **dict(_variants(bench)),
    }
    chosen, left_out = leave_one_home_out(bench)
    if left_out is not None:
        scores["ours_leave_one_home_out"] = left_out
        scores["best_fixed_for_leave_one_home_out"] = bench.best_fixed(len(left_out.false))[1]
    _print(bench, scores, shortest, chosen)
    figures = {name: score.figures() for name, score in scores.items()}
    figures["best_fixed"]["span_h"] = shortest / timedelta(hours=1)
    if options.pictures is not None:
        curves = [(title, [hours for _, _, hours in scores[name].delays]) for name, title in _SHOWN.items()]
        (options.pictures / "evaluation-inactivity.svg").write_text(draw(curves))
    return {"inactivity": figures}


def _variants(bench: Bench) -> Iterator[tuple[str, Score]]:
    """Other models that were tried, with the same buffer."""
    extra, most = timedelta(seconds=_DEFAULT.buffer_s), timedelta(seconds=_DEFAULT.fixed_s)
    yield "by_start", bench.by_line(longest_by_start(timedelta(hours=2), _DEFAULT.buffer, extra, most))
    yield "all_devices_alike", bench.ours(change=_all_devices_alike)


def _all_devices_alike(rhythm: Rhythm) -> Rhythm:
    return msgspec.structs.replace(rhythm, lines={ALL: rhythm.lines[ALL]})


def leave_one_home_out(bench: Bench) -> tuple[dict[str, tuple[float, int]], Score | None]:
    """(home -> buffer that the other homes chose, what comes of judging each home with it). One home chooses none."""
    if len(bench.trials) < 2:
        return {}, None
    scores = {
        choice: bench.ours(InactivityParameters(buffer=choice[0], buffer_s=choice[1])) for choice in _CHOICES
    }  # fmt: skip
    chosen = {trial.recorded.name: _choose(bench.trials, scores, trial.recorded.name) for trial in bench.trials}
    pooled = Score(
        days=sum(one.days for one in bench.trials), days_at_home=sum(one.days_at_home for one in bench.trials)
    )
    for name, choice in chosen.items():
        of_home = scores[choice].of_home(name)
        pooled.delays += of_home.delays
        pooled.false += of_home.false
    return chosen, pooled


def _choose(
    trials: Sequence[Trial], scores: Mapping[tuple[float, int], Score], left_out: str
) -> tuple[float, int]:  # fmt: skip
    """The shortest median delay at the other homes of those with few enough false alarms there."""
    days = sum(one.days for one in trials if one.recorded.name != left_out)

    def judged(choice: tuple[float, int]) -> tuple[float, float]:
        others = Score([one for one in scores[choice].delays if one[0] != left_out])
        false = sum(name != left_out for name, _ in scores[choice].false)
        return max(0.0, false - days * _ALLOWED_PER_DAY), others.median_h

    return min(scores, key=judged)


def _print(
    bench: Bench, scores: Mapping[str, Score], span: timedelta, chosen: Mapping[str, tuple[float, int]]
) -> None:  # fmt: skip
    line(f"\n  best fixed span: {span / timedelta(hours=1):g} h")
    for name, (buffer, buffer_s) in chosen.items():
        line(f"  chosen without {name}: buffer {buffer:g} and {buffer_s / 60:g} min")
    names = [trial.recorded.name for trial in bench.trials]
    line(
        f"\n  {'':<33} {'median':>7} {'90 %':>7} {'missed':>7} {'false':>6} {'in absence':>10}   median, false by home"
    )
    for name, score in scores.items():
        of_homes = [score.of_home(one) for one in names]
        by_home = "  ".join(f"{one.median_h:5.2f} {len(one.false):2}" for one in of_homes if one.delays)
        figures = score.figures()
        line(f"  {name:<33} {score.median_h:5.2f} h {figures['p90_delay_h']:5.2f} h {score.missed:>7}"
             f" {len(score.false):>6} {score.in_absence:>10}   {by_home}")  # fmt: skip
