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
