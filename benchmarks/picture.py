"""The growth table as a picture: four small charts side by side, both axes logarithmic, as one SVG file."""

from collections.abc import Sequence
from math import ceil, floor, log10
from pathlib import Path

_WIDTH, _HEIGHT, _LEFT, _TOP, _GAP = 210, 150, 46, 34, 34
_INK, _FAINT, _LINES = "#1f2933", "#d8dee6", ("#0b6bcb", "#c2410c")

_FONT = f'font-family="sans-serif" font-size="11" fill="{_INK}"'

Curve = tuple[str, Sequence[float]]
"""Name and values, one for each size."""


def draw(path: Path, sizes: Sequence[int], charts: Sequence[tuple[str, Sequence[Curve]]]) -> None:
    """`charts`: title and its curves (two at most). `sizes`: the common x axis, in devices."""
    width = len(charts) * (_LEFT + _WIDTH + _GAP)
    height = _TOP + _HEIGHT + 58
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}" {_FONT}>',
        f'<rect width="{width}" height="{height}" fill="#ffffff"/>',
    ]
    for number, (title, curves) in enumerate(charts):
        parts += _chart(number * (_LEFT + _WIDTH + _GAP) + _LEFT, title, sizes, curves)
    path.write_text("\n".join([*parts, "</svg>", ""]))


def _chart(left: float, title: str, sizes: Sequence[int], curves: Sequence[Curve]) -> list[str]:
    values = [value for _, curve in curves for value in curve if value > 0]
    low, high = floor(log10(min(values))), ceil(log10(max(values)) + 0.01)
    first, last = log10(sizes[0]), log10(sizes[-1])

    def place(size: float, value: float) -> tuple[float, float]:
        x = left + (log10(size) - first) / (last - first) * _WIDTH
        return round(x, 1), round(_TOP + (high - log10(value)) / (high - low) * _HEIGHT, 1)

    parts = [f'<text x="{left}" y="18" font-weight="bold">{title}</text>']
    for power in range(low, high + 1):
        _, y = place(sizes[0], 10.0**power)
        parts.append(f'<line x1="{left}" y1="{y}" x2="{left + _WIDTH}" y2="{y}" stroke="{_FAINT}"/>')
        parts.append(f'<text x="{left - 5}" y="{y + 4}" text-anchor="end">{_short(10.0**power)}</text>')
    for size in sizes:
        x, _ = place(size, 10.0**low)
        parts.append(f'<text x="{x}" y="{_TOP + _HEIGHT + 16}" text-anchor="middle">{_short(size)}</text>')
    for (name, curve), ink, row in zip(curves, _LINES, range(2), strict=False):
        points = [place(size, value) for size, value in zip(sizes, curve, strict=True) if value > 0]
        line = " ".join(f"{x},{y}" for x, y in points)
        parts.append(f'<polyline points="{line}" fill="none" stroke="{ink}" stroke-width="2"/>')
        parts += [f'<circle cx="{x}" cy="{y}" r="3" fill="{ink}"/>' for x, y in points]
        parts.append(f'<text x="{left + row * 90}" y="{_TOP + _HEIGHT + 36}" fill="{ink}">{name}</text>')
    return parts


def _short(value: float) -> str:
    for limit, unit in ((1e6, "M"), (1e3, "k")):
        if value >= limit:
            return f"{value / limit:g}{unit}"
    return f"{value:g}"
