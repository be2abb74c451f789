"""All detectors: every file of this package that has a `DETECTOR`. Adding a detector is adding its file."""

import importlib
import pkgutil
from functools import cache
from typing import Any

import ingest.detect
from ingest.detect.call import Call
from ingest.detect.core import Detector


@cache
def with_parameters() -> tuple[Detector[Any, Any], ...]:
    """All that has parameters which a home, a station or an area may set, by name: the detectors, and the calls of the
    alarm lane (`call.Call`)."""
    modules = [importlib.import_module(f"{ingest.detect.__name__}.{one.name}")
               for one in pkgutil.iter_modules(ingest.detect.__path__)]  # fmt: skip
    found = [module.DETECTOR for module in modules if hasattr(module, "DETECTOR")]
    return tuple(sorted(found, key=lambda one: str(one.name)))


@cache
def detectors() -> tuple[Detector[Any, Any], ...]:
    """All detectors, by name."""
    return tuple(one for one in with_parameters() if not isinstance(one, Call))


def folded_detectors() -> tuple[Detector[Any, Any], ...]:
    """Those that live are shown a home's readings as they come. The others have a deadline kind of their own
    (`own_deadline`) and a cheaper way to judge the same; replay and evaluation run all of them."""
    return tuple(one for one in detectors() if not getattr(one, "own_deadline", False))


@cache
def wakes() -> frozenset[str]:
    """The types of message that some detector must see within seconds."""
    return frozenset(kind for one in folded_detectors() for kind in one.wakes)
