"""A broker for every test."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from session_broker import Broker


@pytest.fixture
def broker_directory(tmp_path: Path) -> Path:
    """Reachable for the account that Mosquitto changes to."""
    for parent in (tmp_path, tmp_path.parent, tmp_path.parent.parent):
        parent.chmod(0o755)
    directory = tmp_path / "broker"
    directory.mkdir()
    return directory


@pytest.fixture
def broker(broker_directory: Path) -> Iterator[Broker]:
    """Started; ends with the test."""
    running = Broker(broker_directory)
    running.start()
    yield running
    running.kill()
