"""What the broker drops is seen, by a user of ours that can do nothing else."""

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from broker_clients import connected, hashes, next_message
from prometheus_client import CollectorRegistry

from carebed.broker_watch import BrokerWatch
from carebed.embedded import broker as broker_module
from carebed.embedded.broker import EmbeddedBroker
from carebed.embedded.broker_config import configuration
from carebed.embedded.ports import free_port
from carebed.settings import Settings

DROPPED = "carebed_broker_dropped_messages_total"


@pytest.fixture
async def forgetful(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[EmbeddedBroker]:
    """A broker that keeps five messages for a session and says every second what it did."""

    def small(**where: str) -> str:
        text = configuration(**where)
        for usual, here in (("max_queued_messages 0", "max_queued_messages 5"), ("sys_interval 10", "sys_interval 1")):
            assert usual in text
            text = text.replace(usual, here)
        return text.replace("max_inflight_messages 10000", "max_inflight_messages 5")

    monkeypatch.setattr(broker_module, "configuration", small)
    broker = EmbeddedBroker(tmp_path, free_port())
    broker.set_gateways(hashes())
    await broker.start()
    yield broker
    await broker.stop()


def _settings(broker: EmbeddedBroker) -> Settings:
    return Settings(mqtt_port=broker.port, mqtt_users_file=broker.users_file)


async def _until(registry: CollectorRegistry, name: str, least: float | None) -> float | None:
    """Wait until the sample has at least this value, or (None) is gone."""
    async with asyncio.timeout(20):
        while True:
            value = registry.get_sample_value(name)
            if (value is None) if least is None else (value is not None and value >= least):
                return value
            await asyncio.sleep(0.05)


async def test_messages_that_the_broker_drops_are_counted(forgetful: EmbeddedBroker) -> None:
    """A session of ingest is away, and a gateway sends more than the broker keeps; each publish is acknowledged."""
    watch = BrokerWatch(_settings(forgetful))
    registry = CollectorRegistry()
    registry.register(watch)
    running = asyncio.create_task(watch.run())
    async with connected(forgetful, "ingest-reading-a", keep_session=True) as ingest:
        await ingest.subscribe("carebed/v1/a7/#", qos=1)
    before = await _until(registry, DROPPED, 0)
    async with connected(forgetful, "gw-1") as gateway:
        for number in range(50):
            await gateway.publish("carebed/v1/a7/gw-1/reading/d", str(number).encode(), qos=1)
    assert before is not None
    after = await _until(registry, DROPPED, before + 40)
    assert after is not None
    assert after - before <= 50
    assert (await _until(registry, "carebed_broker_connected_clients", 1)) is not None
    assert (await _until(registry, "carebed_broker_stored_messages", 5)) is not None
    running.cancel()


async def test_a_figure_of_a_broker_that_is_gone_is_no_figure(forgetful: EmbeddedBroker) -> None:
    watch = BrokerWatch(_settings(forgetful))
    registry = CollectorRegistry()
    registry.register(watch)
    running = asyncio.create_task(watch.run())
    await _until(registry, DROPPED, 0)
    await forgetful.stop()
    assert await _until(registry, DROPPED, None) is None
    assert not running.done()
    running.cancel()


async def test_only_the_process_that_leads_listens(forgetful: EmbeddedBroker) -> None:
    """Two under one user would throw each other out for ever."""
    leading = [True]
    watch = BrokerWatch(_settings(forgetful), lambda: leading[0])
    registry = CollectorRegistry()
    registry.register(watch)
    running = asyncio.create_task(watch.run())
    await _until(registry, DROPPED, 0)
    leading[0] = False
    assert await _until(registry, DROPPED, None) is None
    running.cancel()


async def test_without_a_broker_or_a_password_it_waits(tmp_path: Path) -> None:
    for settings in (None, Settings(), Settings(mqtt_users_file=tmp_path / "missing.json")):
        running = asyncio.create_task(BrokerWatch(settings).run())
        await asyncio.sleep(0)
        assert not running.done()
        running.cancel()


async def test_its_user_reads_these_figures_and_nothing_else(broker: EmbeddedBroker) -> None:
    async with connected(broker, "carebed-watch") as watch, connected(broker, "gw-1") as gateway:
        await watch.subscribe("carebed/v1/#", qos=1)
        await watch.subscribe("$SYS/broker/clients/connected", qos=0)
        await gateway.publish("carebed/v1/a7/gw-1/alarm/d", b"private", qos=1)
        assert (await next_message(watch))[0].startswith("$SYS/")
        assert len(watch.messages) == 0
