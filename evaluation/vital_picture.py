"""Recall against false alerts as an SVG: all methods on the left, the fitted ones closer on the right."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from html import escape

#: (false alerts per person-month, recall in percent, what it is)
Point = tuple[float, float, str]

_WIDTH, _HEIGHT, _TOP, _BOTTOM = 420, 330, 40, 285
_COLOURS = {"ours": "#0b6e4f", "fitted fixed ranges": "#b5482a", "published fixed ranges": "#5a5f6b"}


@dataclass(frozen=True)
class _Panel:
    """Where one of the two pictures lies, and what it spans."""

    left: float
    title: str
    false: tuple[float, float]
    recall: tuple[float, float]
    false_ticks: Sequence[float]
    recall_ticks: Sequence[float]

    def x(self, false: float) -> float:
        low, high = (math.log(one) for one in self.false)
        return self.left + 55 + (math.log(max(false, self.false[0])) - low) / (high - low) * (_WIDTH - 80)

    def y(self, recall: float) -> float:
        low, high = self.recall
        return _BOTTOM - (recall - low) / (high - low) * (_BOTTOM - _TOP)

    def holds(self, point: Point) -> bool:
        return self.false[0] <= point[0] <= self.false[1] and self.recall[0] <= point[1] <= self.recall[1]


def draw(curves: Mapping[str, Sequence[Point]], ceiling: float) -> str:
    """`curves`: by family. `ceiling`: percent of the labels that have a reading at all."""
    fitted = [point for name, points in curves.items() if not name.startswith("published") for point in points]
    falses, recalls = [one[0] for one in fitted], [one[1] for one in fitted]
    near = _Panel(
        _WIDTH, "fitted methods, closer, by weight of a false alert", (min(falses) * 0.9, max(falses) * 1.1),
        (math.floor(min(recalls)) - 1, math.ceil(max(*recalls, ceiling)) + 1), _ticks(min(falses), max(falses)),
        range(math.floor(min(recalls)) - 1, math.ceil(max(*recalls, ceiling)) + 2),
    )  # fmt: skip
    whole = _Panel(0, "all methods", (0.25, 20), (0, 100), (0.5, 1, 2, 5, 10), range(0, 101, 20))
    body = [part for panel in (whole, near) for part in _panel(panel, curves, ceiling)]
    for number, (name, colour) in enumerate(_COLOURS.items()):
        body.append(_dot(70 + 190 * number, _HEIGHT - 8, colour) + _text(80 + 190 * number, _HEIGHT - 4, name, "start"))
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {2 * _WIDTH} {_HEIGHT}" font-family="sans-serif" '
        f'font-size="11" role="img" aria-label="Recall against false alerts per person-month">\n'
        f'<rect width="{2 * _WIDTH}" height="{_HEIGHT}" fill="#ffffff"/>\n' + "\n".join(body) + "\n</svg>\n"
    )


def _panel(panel: _Panel, curves: Mapping[str, Sequence[Point]], ceiling: float) -> list[str]:
    left, right = panel.x(panel.false[0]), panel.x(panel.false[1])
    parts = [_text((left + right) / 2, 22, panel.title, "middle")]
    for tick in panel.recall_ticks:
        parts.append(_line(left, panel.y(tick), right, panel.y(tick), "#dddddd"))
        parts.append(_text(left - 6, panel.y(tick) + 4, f"{tick:g} %", "end"))
    parts += [_text(panel.x(tick), _BOTTOM + 15, f"{tick:g}", "middle") for tick in panel.false_ticks]
    parts.append(_text((left + right) / 2, _BOTTOM + 29, "false alerts per person-month", "middle"))
    if panel.recall[0] <= ceiling <= panel.recall[1]:
        parts.append(_line(left, panel.y(ceiling), right, panel.y(ceiling), "#888888", dashed=True))
        parts.append(_text(right, panel.y(ceiling) - 4, "labels with a reading at all", "end"))
    for name, points in curves.items():
        shown = _together([point for point in points if panel.holds(point)])
        parts += [_dot(panel.x(false), panel.y(recall), _COLOURS[name], what) for false, recall, what in shown]
        if panel.left or name.startswith("published"):
            parts += [
                _text(panel.x(one[0]), panel.y(one[1]) + (18 if number % 2 else -10), one[2], "middle")
                for number, one in enumerate(shown)
            ]
    return parts


def _together(points: Sequence[Point]) -> list[Point]:
    """From left to right; those that lie on one another are one, with all their names."""
    places: dict[tuple[float, float], list[str]] = {}
    for false, recall, what in sorted(points):
        places.setdefault((false, recall), []).append(what)
    return [(false, recall, ", ".join(names)) for (false, recall), names in places.items()]


def _ticks(low: float, high: float) -> list[float]:
    step = 0.05 if high - low < 0.5 else 0.2
    return [round(step * number, 2) for number in range(math.ceil(low / step), math.floor(high / step) + 1)]


def _line(x1: float, y1: float, x2: float, y2: float, colour: str, *, dashed: bool = False) -> str:
    dash = ' stroke-dasharray="4 3"' if dashed else ""
    return f'<line x1="{x1:.1f}" y1="{y1:.1f}" x2="{x2:.1f}" y2="{y2:.1f}" stroke="{colour}"{dash}/>'


def _dot(x: float, y: float, colour: str, title: str = "") -> str:
    return f'<circle cx="{x:.1f}" cy="{y:.1f}" r="4" fill="{colour}"><title>{escape(title)}</title></circle>'


def _text(x: float, y: float, words: str, anchor: str) -> str:
    return f'<text x="{x:.1f}" y="{y:.1f}" text-anchor="{anchor}" fill="#222222">{escape(words)}</text>'
