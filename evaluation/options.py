"""What every part of the evaluation is told."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

Figures = dict[str, Any]
"""Keys of build/evaluate.json (docs/protocol.md, Figures) and what stands there."""


@dataclass(frozen=True)
class Options:
    """`homes`, `vitals`: folders in the formats of the recorded homes and people; what is not there is left out with
    one line that says so. `pictures`: where a part may write its SVG files, None for nowhere. `development`: simulated
    lives on which detectors may be tuned, instead of those that judge them."""

    homes: Path
    vitals: Path
    pictures: Path | None = None
    development: bool = False
