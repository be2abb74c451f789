"""Delays and false alarms of all detectors as one SVG: how late what was found, and how often for nothing."""

import math
from collections.abc import Iterator, Mapping, Sequence
from html import escape
from typing import NamedTuple

from evaluation.intervals import poisson_interval
from evaluation.scenario_scores import FALSE_ALLOWED, RECALL_NEEDED, Found

_ROW, _TOP, _LEFT, _AXIS = 19, 46, 238, 300
_RIGHT = _LEFT + _AXIS + 250
_WIDTH = _RIGHT + 250 + 20
_INK, _FAINT, _GOOD, _POOR = "#1f2933", "#d8dee6", "#0b6e4f", "#b5482a"
_DELAYS_H = ((1 / 60, "1 min"), (1 / 6, "10 min"), (1, "1 h"), (4, "4 h"), (12, "12 h"), (48, "2 d"), (240, "10 d"))
_RATES = (0.0, 0.5, 1.0, 1.5, 2.0)


class Row(NamedTuple):
    """A scenario and the detector that ought to notice it."""

    scenario: str
    detector: str
    found: Found


def draw(rows: Sequence[Row], false: Mapping[str, int], months: float) -> str:
    """`false`: false alarms in `months` resident-months, by detector."""
    height = _TOP + _ROW * max(len(rows), len(false)) + 30
    about = 'font-size="11" role="img" aria-label="Delay, recall and false alarms by detector"'
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {_WIDTH} {height}" font-family="sans-serif" {about}>',
        f'<rect width="{_WIDTH}" height="{height}" fill="#ffffff"/>',
        _text(_LEFT, 16, "delay: median, and until 90 % were found", "start", bold=True),
        _text(_LEFT + _AXIS + 14, 16, "found", "start", bold=True),
        _text(_RIGHT, 16, "false alarms a resident-month, 95 %", "start", bold=True),
        *_delays(rows),
        *_false(false, months),
        "</svg>",
    ]
    return "\n".join(parts) + "\n"


def _delays(rows: Sequence[Row]) -> Iterator[str]:
    bottom = _TOP + _ROW * len(rows)
    for hours, label in _DELAYS_H:
        yield f'<line x1="{_x(hours)}" y1="{_TOP - 8}" x2="{_x(hours)}" y2="{bottom - 8}" stroke="{_FAINT}"/>'
        yield _text(_x(hours), bottom + 8, label, "middle")
    for number, row in enumerate(rows):
        y = _TOP + _ROW * number
        colour = _GOOD if row.found.recall >= RECALL_NEEDED else _POOR
        yield _text(_LEFT - 8, y + 4, f"{row.scenario} · {row.detector}", "end")
        median, most = row.found.delay_h(0.5), row.found.delay_h(0.9)
        if median is not None:
            if most is not None:
                yield f'<line x1="{_x(median)}" y1="{y}" x2="{_x(most)}" y2="{y}" stroke="{colour}" stroke-width="3"/>'
            yield f'<circle cx="{_x(median)}" cy="{y}" r="4.5" fill="{colour}"/>'
        yield _text(_LEFT + _AXIS + 14, y + 4, f"{row.found.found} of {row.found.of}", "start", colour)


def _false(false: Mapping[str, int], months: float) -> Iterator[str]:
    bottom = _TOP + _ROW * len(false)
    for rate in _RATES:
        yield f'<line x1="{_rate(rate)}" y1="{_TOP - 8}" x2="{_rate(rate)}" y2="{bottom - 8}" stroke="{_FAINT}"/>'
        yield _text(_rate(rate), bottom + 8, f"{rate:g}", "middle")
    for number, (name, count) in enumerate(false.items()):
        y, low_high = _TOP + _ROW * number, [bound / months for bound in poisson_interval(count)]
        low, high = (_rate(one) for one in low_high)
        colour = _GOOD if count / months <= FALSE_ALLOWED else _POOR
        yield _text(_RIGHT - 8, y + 4, name, "end")
        yield f'<line x1="{low}" y1="{y}" x2="{high}" y2="{y}" stroke="{colour}" stroke-width="3"/>'
        yield f'<circle cx="{_rate(count / months)}" cy="{y}" r="4.5" fill="{colour}"/>'


def _x(hours: float) -> float:
    """Logarithmic, from a minute to ten days."""
    low, high = math.log(1 / 60), math.log(240)
    return round(_LEFT + (math.log(min(max(hours, 1 / 60), 240.0)) - low) / (high - low) * _AXIS, 1)


def _rate(rate: float) -> float:
    """What is beyond the axis lies at its end."""
    return round(_RIGHT + min(rate, _RATES[-1]) / _RATES[-1] * 230, 1)


def _text(x: float, y: float, text: str, anchor: str, colour: str = _INK, *, bold: bool = False) -> str:
    weight = ' font-weight="bold"' if bold else ""
    return f'<text x="{x}" y="{y}" text-anchor="{anchor}" fill="{colour}"{weight}>{escape(text)}</text>'
