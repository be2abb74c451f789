"""A broker with three gateways, fresh for each test."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from broker_clients import hashes

from carebed.embedded.broker import EmbeddedBroker
from carebed.embedded.ports import free_port


@pytest.fixture
async def broker(tmp_path: Path) -> AsyncIterator[EmbeddedBroker]:
    """A running broker that knows the three gateways."""
    broker = EmbeddedBroker(tmp_path, free_port())
    broker.set_gateways(hashes())
    await broker.start()
    yield broker
    await broker.stop()
