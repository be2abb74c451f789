"""A broker and a backend for each test."""

import asyncio
import signal
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest
from killable_broker import Backend, KillableBroker


@pytest.fixture
def killable_broker(tmp_path: Path) -> Iterator[KillableBroker]:
    """A started broker."""
    broker = KillableBroker(tmp_path)
    broker.start()
    yield broker
    broker.kill(signal.SIGTERM)


@pytest.fixture
async def backend(killable_broker: KillableBroker) -> AsyncIterator[Backend]:
    """A listening backend."""
    backend = Backend(killable_broker)
    task = asyncio.create_task(backend.run())
    await asyncio.wait_for(backend.listening.wait(), 10)
    yield backend
    task.cancel()
    await asyncio.wait({task})
