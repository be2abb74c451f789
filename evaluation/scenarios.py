"""Every detector on simulated lives whose truth is known: months of ordinary life, and emergencies put into them.

`scenario_lives.py` says on which (frozen), `scenario_answers.py` who ought to notice what, `scenario_scores.py` how it
is counted. Ours is judged on `judged`; whoever tunes a detector uses `--development` (docs/evaluation-scenarios.md).
"""

from collections.abc import Iterator, Mapping, Sequence
from itertools import groupby

from benchmarks.report import line
from evaluation.options import Figures, Options
from evaluation.scenario_answers import ANSWERS
from evaluation.scenario_lives import FROZEN, LEARNING_DAYS, digest
from evaluation.scenario_picture import Row, draw
from evaluation.scenario_rules import OFFLINE
from evaluation.scenario_runs import Alarm, Run, run_all
from evaluation.scenario_scores import (
    Found,
    false_alarms,
    false_figures,
    good_enough,
    months,
    pooled,
    scenario_scores,
)  # fmt: skip
from evaluation.scenario_tables import shown, write
from ingest.detect.catalogue import detectors


def measure(options: Options) -> Figures:
    """Recall, delay and false alarms of every detector."""
    which = "development" if options.development else "judged"
    frozen = digest(which) == FROZEN[which]
    runs = run_all(which)
    in_months = months(runs)
    line(f"\nSimulated lives ({which}{'' if frozen else ', NOT as they were frozen'}): {len(runs)} households,"
          f" {LEARNING_DAYS} days to learn, then {in_months:.1f} resident-months without emergencies")  # fmt: skip
    scores = scenario_scores(runs)
    false = {name: _false(runs, name) for name in _names()}
    _print_scenarios(scores)
    _print_detectors(scores, false, in_months)
    if options.development:
        _print_false(false)
    figures: Figures = {
        "lives": which, "frozen": frozen, "resident_months": round(in_months, 2),
        "detectors": {name: _figures(scores.get(name, {}), false[name], in_months, name) for name in _names()},
    }  # fmt: skip
    if options.pictures is not None:
        picture = draw(list(_rows(scores)), {name: len(false[name]) for name in _names()}, in_months)
        (options.pictures / "evaluation-scenarios.svg").write_text(picture)
        document = options.pictures / "evaluation-scenarios.md"
        if document.exists() and not options.development:
            write(document, figures)
    return {"scenarios": figures}


def _names() -> list[str]:
    return sorted([*(str(one.name) for one in detectors()), OFFLINE])


def _is_on(name: str) -> bool:
    """By default; rules that are no detectors always are."""
    return bool(next((one.parameters().enabled for one in detectors() if one.name == name), True))


def _false(runs: Sequence[Run], name: str) -> list[tuple[str, Alarm]]:
    return [(run.household, alarm) for run in runs for alarm in false_alarms(run) if alarm.detector == name]


def _figures(scores: Mapping[str, Found], false: Sequence[object], in_months: float, name: str) -> Figures:
    figures: Figures = {"enabled": _is_on(name), **false_figures(len(false), in_months)}
    if scores:
        whole = pooled(scores.values())
        figures |= whole.figures()
        figures["good_enough"] = good_enough(whole, len(false), in_months)
        figures["scenarios"] = {kind: one.figures() for kind, one in scores.items()}
    return figures


def _rows(scores: Mapping[str, Mapping[str, Found]]) -> Iterator[Row]:
    """As they are shown: by scenario, in the order in which they are written down."""
    for kind in ANSWERS:
        yield from (Row(kind, name, by_kind[kind]) for name, by_kind in scores.items() if kind in by_kind)


def _print_scenarios(scores: Mapping[str, Mapping[str, Found]]) -> None:
    line(f"\n{'scenario':20} {'detector':12} {'found':>8}  {'recall, 95 %':22} {'delay: median':>13} {'90 %':>9}")
    for kind, name, one in _rows(scores):
        low, high = one.figures()["recall_interval"]
        line(f"{kind:20} {name:12} {one.found:4}/{one.of:<3}  {one.recall:5.2f} [{low:.2f}, {high:.2f}]   "
              f"{shown(one.delay_h(0.5)):>13} {shown(one.delay_h(0.9)):>9}")  # fmt: skip


def _print_detectors(
    scores: Mapping[str, Mapping[str, Found]], false: Mapping[str, Sequence[object]], in_months: float
) -> None:
    line(f"\n{'detector':12} {'found':>9} {'recall':>7} {'false':>6} {'a resident-month, 95 %':>25}  good enough  on")
    for name in _names():
        count = len(false[name])
        figures = _figures(scores.get(name, {}), false[name], in_months, name)
        low, high = figures["false_alarms_interval"]
        rate = f"{figures['false_alarms_per_month']:.2f} [{low:.2f}, {high:.2f}]"
        found = f"{figures['found']}/{figures['of']}" if "of" in figures else "-"
        recall = f"{figures['recall']:.2f}" if "of" in figures else "-"
        good = {True: "yes", False: "no", None: "not scored"}[figures.get("good_enough")]
        line(f"{name:12} {found:>9} {recall:>7} {count:6} {rate:>25}  {good:11}  {'on' if _is_on(name) else 'off'}")


def _print_false(false: Mapping[str, Sequence[tuple[str, Alarm]]]) -> None:
    """What there is to look at, on development lives only."""
    for name, alarms in false.items():
        line(f"\nfalse alarms of {name}: {len(alarms)}")
        for household, mine in groupby(alarms, key=lambda one: one[0]):
            for _, alarm in mine:
                line(f"  {household} {alarm.known_at:%Y-%m-%d %H:%M} {alarm.device or ''} {alarm.why[:110]}")
