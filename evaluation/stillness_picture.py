"""How soon emergencies are noticed: for each method the share that has been noticed after so many hours, as an SVG."""

from bisect import bisect_right
from collections.abc import Sequence
from html import escape

_WIDTH, _HEIGHT, _LEFT, _TOP, _RIGHT, _BOTTOM = 640, 330, 56, 24, 470, 276
_HOURS = 24
_INK, _FAINT = "#1f2933", "#d8dee6"
_COLOURS = ("#0b6e4f", "#b5482a", "#0b6bcb", "#8a5a00", "#7a3e9d", "#5a5f6b")

Curve = tuple[str, Sequence[float]]
"""Name, and the delay of each emergency in hours."""


def draw(curves: Sequence[Curve]) -> str:
    """At most six curves."""
    style = f'font-family="sans-serif" font-size="11" fill="{_INK}"'
    label = 'role="img" aria-label="Share of emergencies noticed after so many hours"'
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {_WIDTH} {_HEIGHT}" {style} {label}>',
        f'<rect width="{_WIDTH}" height="{_HEIGHT}" fill="#ffffff"/>',
        *_axes(),
    ]
    for number, (name, delays) in enumerate(curves):
        colour, ordered = _COLOURS[number], sorted(delays)
        steps = [quarter / 4 for quarter in range(_HOURS * 4 + 1)]
        shares = [bisect_right(ordered, hours) / len(ordered) for hours in steps]
        line = " ".join(f"{_x(hours):.1f},{_y(share):.1f}" for hours, share in zip(steps, shares, strict=True))
        parts.append(f'<polyline points="{line}" fill="none" stroke="{colour}" stroke-width="2"/>')
        parts.append(f'<text x="{_RIGHT + 14}" y="{_TOP + 14 + 18 * number}" fill="{colour}">{escape(name)}</text>')
    return "\n".join([*parts, "</svg>", ""])


def _axes() -> list[str]:
    parts = []
    for percent in range(0, 101, 25):
        y = _y(percent / 100)
        parts.append(f'<line x1="{_LEFT}" y1="{y}" x2="{_RIGHT}" y2="{y}" stroke="{_FAINT}"/>')
        parts.append(f'<text x="{_LEFT - 6}" y="{y + 4}" text-anchor="end">{percent} %</text>')
    parts += [
        f'<text x="{_x(hours):.1f}" y="{_BOTTOM + 16}" text-anchor="middle">{hours}</text>'
        for hours in range(0, _HOURS + 1, 4)
    ]
    middle = (_LEFT + _RIGHT) / 2
    parts.append(f'<text x="{middle}" y="{_BOTTOM + 34}" text-anchor="middle">hours after the last event</text>')
    return parts


def _x(hours: float) -> float:
    return _LEFT + hours / _HOURS * (_RIGHT - _LEFT)


def _y(share: float) -> float:
    return _BOTTOM - share * (_BOTTOM - _TOP)
