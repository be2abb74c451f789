"""What is printed, and the flat object that is written."""

from collections.abc import Sequence
from math import ceil
from statistics import median

Figures = dict[str, float]
"""Key of docs/protocol.md (Figures) -> value; the key's ending is the unit."""


def percentile(ordered: Sequence[float], percent: float) -> float:
    """The value that `percent` of `ordered` (ascending, not empty) do not exceed."""
    return ordered[max(0, ceil(len(ordered) * percent / 100) - 1)]


def line(text: str = "") -> None:
    """One line, at once, also into a pipe."""
    print(text, flush=True)


def rates_table(title: str, rows: Sequence[tuple[str, Sequence[float]]]) -> None:
    """Rates of alternating runs: each run, the median, and its ratio to the first row's."""
    line(f"\n{title}")
    first = median(rows[0][1])
    for name, runs in rows:
        each = "  ".join(f"{rate:9,.0f}" for rate in runs)
        line(f"  {name:<34} {each}   median {median(runs):9,.0f}   ratio {median(runs) / first:5.2f}")


def percentiles_table(title: str, rows: Sequence[tuple[str, Sequence[float]]]) -> None:
    """Milliseconds, ascending: median, 99th percentile, worst."""
    line(f"\n{title}")
    for name, ordered in rows:
        p50, p99 = percentile(ordered, 50), percentile(ordered, 99)
        line(f"  {name:<34} p50 {p50:8.2f}   p99 {p99:8.2f}   worst {ordered[-1]:8.2f}   ({len(ordered):,} times)")
