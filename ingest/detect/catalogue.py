"""All detectors: every file of this package that has a `DETECTOR`. Adding a detector is adding its file."""

import importlib
import pkgutil
from functools import cache
from typing import Any

import ingest.detect
from ingest.detect.core import Detector


@cache
def detectors() -> tuple[Detector[Any, Any], ...]:
    """All of them, by name."""
    modules = [importlib.import_module(f"{ingest.detect.__name__}.{one.name}")
               for one in pkgutil.iter_modules(ingest.detect.__path__)]  # fmt: skip
    found = [module.DETECTOR for module in modules if hasattr(module, "DETECTOR")]
    return tuple(sorted(found, key=lambda one: str(one.name)))
