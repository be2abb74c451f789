"""A broker for every test."""

from collections.abc import Iterator
from itertools import takewhile
from pathlib import Path
from tempfile import gettempdir

import pytest
from session_broker import Broker


@pytest.fixture
def broker_directory(tmp_path: Path) -> Path:
    """Reachable for the account that Mosquitto changes to."""
    for parent in takewhile(lambda parent: parent != Path(gettempdir()), [tmp_path, *tmp_path.parents]):
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
