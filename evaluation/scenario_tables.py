"""The tables of docs/evaluation-scenarios.md, made from the figures, so that nobody copies numbers by hand."""

from collections.abc import Mapping, Sequence
from pathlib import Path

from evaluation.options import Figures
from evaluation.scenario_answers import ANSWERS

_BEGINS, _ENDS = "<!-- figures: written by `--pictures` -->\n", "<!-- end of figures -->\n"


def write(document: Path, figures: Figures) -> None:
    """Put them between the two marks of the document; `figures` is the key `scenarios`."""
    before, _, rest = document.read_text().partition(_BEGINS)
    _, _, after = rest.partition(_ENDS)
    by_detector: Mapping[str, Figures] = figures["detectors"]
    head = f"Lives: {figures['lives']}; {figures['resident_months']:.1f} resident-months without emergencies.\n"
    parts = [head, _scenarios(by_detector), _detectors(by_detector)]
    document.write_text(before + _BEGINS + "\n" + "\n".join(parts) + "\n" + _ENDS + after)


def _scenarios(by_detector: Mapping[str, Figures]) -> str:
    rows = [
        (kind, f"`{name}`", f"{one['found']} of {one['of']}", _between(one["recall"], one["recall_interval"]),
         shown(one["median_delay_h"]), shown(one["p90_delay_h"]))
        for kind in ANSWERS
        for name, figures in by_detector.items()
        if (one := figures.get("scenarios", {}).get(kind)) is not None
    ]  # fmt: skip
    return _table(("emergency", "detector", "found", "recall, 95 %", "delay: median", "90 %"), rows)


def _detectors(by_detector: Mapping[str, Figures]) -> str:
    rows = []
    for name, one in by_detector.items():
        scored = "of" in one
        good = {True: "yes", False: "no", None: "not scored"}[one.get("good_enough")]
        rows.append((
            f"`{name}`", f"{one['found']} of {one['of']}" if scored else "", f"{one['recall']:.2f}" if scored else "",
            str(one["false_alarms"]), _between(one["false_alarms_per_month"], one["false_alarms_interval"]),
            good, "on" if one["enabled"] else "off",
        ))  # fmt: skip
    names = ("detector", "found", "recall", "false alarms", "a resident-month, 95 %", "good enough", "by default")
    return _table(names, rows)


def shown(hours: float | None) -> str:
    """A delay for people; None is one that never ended."""
    if hours is None:
        return "never"
    return f"{hours * 60:.0f} min" if hours < 2 else f"{hours:.1f} h"


def _between(figure: float, interval: Sequence[float]) -> str:
    return f"{figure:.2f} ({interval[0]:.2f} to {interval[1]:.2f})"


def _table(names: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    lines = [names, ["---"] * len(names), *rows]
    return "".join(f"| {' | '.join(one)} |\n" for one in lines)
