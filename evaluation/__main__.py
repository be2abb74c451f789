"""`python -m evaluation [PART ...]` (make evaluate): tables to the terminal, figures to build/evaluate.json.

A part is a file of this package with `measure(options) -> Figures`, which prints its tables and returns its keys.
Adding a part is adding its file. Where only some parts are run, the figures of the others stay as they were.
"""

import argparse
import importlib
import json
import os
import pkgutil
import sys
from collections.abc import Callable, Sequence
from pathlib import Path

import evaluation
from evaluation.options import Figures, Options

_RECORDINGS = Path(os.environ.get("CAREBED_RECORDINGS", "../shared/data"))

Measure = Callable[[Options], Figures]


def parts() -> dict[str, Measure]:
    """All parts, by name."""
    names = [one.name for one in pkgutil.iter_modules(evaluation.__path__) if not one.name.startswith("_")]
    modules = {name: importlib.import_module(f"{evaluation.__name__}.{name}") for name in names}
    return {name: module.measure for name, module in modules.items() if hasattr(module, "measure")}


def run(chosen: Sequence[str], options: Options, out: Path) -> Figures:
    """Measure these parts and write what they found to `out`, beside what stands there of others."""
    known = parts()
    figures: Figures = {}
    for name in chosen or known:
        found = known[name](options)
        if twice := figures.keys() & found.keys():
            raise ValueError(f"{name} and a part before it both measure {', '.join(sorted(twice))}")
        figures |= found
    before: Figures = json.loads(out.read_text()) if chosen and out.exists() else {}
    out.parent.mkdir(parents=True, exist_ok=True)
    out.write_text(json.dumps(before | figures, indent=2) + "\n")
    return figures


def main(arguments: Sequence[str]) -> None:
    """Read the command line and run."""
    parser = argparse.ArgumentParser(prog="python -m evaluation", description=__doc__)
    parser.add_argument("parts", nargs="*", metavar="PART", help=f"all of {', '.join(parts())} unless named")
    parser.add_argument("--homes", type=Path, default=_RECORDINGS / "homes", help="folders of recorded homes")
    parser.add_argument("--vitals", type=Path, default=_RECORDINGS / "vitals", help="folders of recorded vital signs")
    parser.add_argument("--out", type=Path, default=Path("build/evaluate.json"))
    parser.add_argument("--pictures", type=Path, help="also write the SVG files of docs/evaluation.md there")
    parser.add_argument("--development", action="store_true", help="simulated lives for tuning, not the judged ones")
    chosen = parser.parse_args(arguments)
    if unknown := set(chosen.parts) - parts().keys():
        parser.error(f"no part is named {', '.join(sorted(unknown))}; there are {', '.join(parts())}")
    if chosen.pictures is not None:
        chosen.pictures.mkdir(parents=True, exist_ok=True)
    run(chosen.parts, Options(chosen.homes, chosen.vitals, chosen.pictures, chosen.development), chosen.out)


if __name__ == "__main__":
    main(sys.argv[1:])
