"""One RabbitMQ for each module of stories; `make rabbitmq` runs them, `make test` does not."""

import subprocess
from collections.abc import AsyncIterator

import pytest
import pytest_asyncio
from rabbit import GATEWAYS, RabbitMQ

from carebed.rabbitmq.embedded import PROGRAM


@pytest.fixture(scope="session", autouse=True)
def _set_up() -> None:
    if subprocess.run([PROGRAM, "where"], capture_output=True, check=False).returncode:
        pytest.skip("RabbitMQ 4 is not set up: make rabbitmq")


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def rabbit(_set_up: None, tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[RabbitMQ]:
    """Running, with the gateways of `GATEWAYS`; stories may kill it and must leave it running."""
    broker = RabbitMQ(tmp_path_factory.mktemp("rabbit"))
    broker.set_gateways(GATEWAYS.items())
    await broker.start()
    yield broker
    await broker.close()
