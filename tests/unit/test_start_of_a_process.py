"""What every process pays for the command line before it begins: nothing of what only some commands need."""

import subprocess
import sys

#: Large, and of one command each: the whole house, migrations, the probe.
OF_SOME = {"alembic", "httpx", "aiohttp", "carebed.up.run", "carebed.embedded.postgres", "device_sim.probe"}


def test_the_command_line_alone_loads_nothing_that_only_some_commands_need() -> None:
    asked = "import carebed.cli, sys; print(*sys.modules)"
    loaded = subprocess.run([sys.executable, "-c", asked], capture_output=True, text=True, check=True).stdout.split()
    assert "carebed.probe_command" in loaded
    assert not OF_SOME & set(loaded)


#: As in the image: what the runtime's requirements do not name cannot be imported.
_WITHOUT_THE_REST = """
import importlib, pkgutil, re, sys
from importlib.metadata import packages_distributions
from pathlib import Path

def called(name):
    return re.sub("[-_.]+", "-", name).lower()

pinned = Path("requirements/runtime.txt").read_text().splitlines()
kept = {"carebed"} | {called(line.split("==")[0]) for line in pinned if "==" in line}
absent = {name for name, of in packages_distributions().items() if not kept & {called(one) for one in of}}

class Absent:
    def find_spec(self, name, path=None, target=None):
        if name in absent:
            raise ModuleNotFoundError(f"{name} is not in requirements/runtime.txt", name=name)

sys.meta_path.insert(0, Absent())
for room in ("carebed", "registry", "alerts", "visits", "ingest", "api", "gateway", "device_sim"):
    for module in pkgutil.walk_packages(importlib.import_module(room).__path__, room + "."):
        if not module.name.endswith("__main__"):
            importlib.import_module(module.name)
print(*sorted(absent & {"greenlet", "pytest"}))
"""


def test_an_installation_without_what_only_development_needs_can_import_everything() -> None:
    ran = subprocess.run([sys.executable, "-c", _WITHOUT_THE_REST], capture_output=True, text=True, check=False)
    assert ran.returncode == 0, ran.stderr
    assert ran.stdout.split() == ["pytest"]
