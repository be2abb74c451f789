"""The whole house on RabbitMQ: ingest, alerts and the API as processes, on a real PostgreSQL."""

import asyncio
import os
import signal
from collections.abc import Iterator
from typing import Any

import pytest

from benchmarks.loader import Loader
from gateway.lanes import Lane
from gateway.topics import up_topic
from tests.device_line import DeviceLine
from tests.house import House, wait_for

READINGS = 1_000


@pytest.fixture(scope="module")
def house(tmp_path_factory: pytest.TempPathFactory) -> Iterator[House]:
    """Five homes."""
    house = House(tmp_path_factory.mktemp("house") / "data", homes=5, environment={"CAREBED_BROKER": "rabbitmq"})
    house.start()
    yield house
    house.stop()


def kill(house: House, process: str) -> None:
    """kill -9, and wait until another runs."""
    gone = house.pid(process)
    os.kill(gone, signal.SIGKILL)
    assert wait_for(lambda: house.pid(process) != gone, 60)


def publish_once(house: House, gateway: dict[str, Any], prefix: str) -> None:
    """Readings of a gateway that forgets each at its PUBACK, as boxes do that do not know our contract."""
    mqtt = house.ready["mqtt"]
    device = next(one["id"] for one in gateway["devices"] if one["kind"] == "motion")
    topic = up_topic(gateway["id"], Lane.READING, device)
    message = '{"id": "%s-%06d", "time": "2026-11-22T04:00:00Z", "type": "temperature", "value": 21.5, "unit": "Cel"}'
    with Loader(mqtt["host"], mqtt["port"], gateway["id"], gateway["password"]) as loader:
        loader.publish((topic, (message % (prefix, number)).encode()) for number in range(READINGS))


def stored(house: House, prefix: str) -> tuple[int, int]:
    """Readings of that prefix, and how many different ones."""
    (counts,) = house.query(
        "SELECT count(*), count(DISTINCT (device_id, message_id)) FROM reading WHERE message_id LIKE %s", f"{prefix}-%"
    )
    return counts[0], counts[1]


def all_stored(house: House, prefix: str, homes: int) -> bool:
    return bool(wait_for(lambda: stored(house, prefix)[1] >= homes * READINGS, 60))


def test_the_broker_dies_with_a_backlog_while_ingest_hangs(house: House) -> None:
    gateways = house.ready["gateways"]
    hangs = house.pid("ingest-reading")
    os.kill(hangs, signal.SIGSTOP)
    for gateway in gateways:
        publish_once(house, gateway, "backlog")
    kill(house, "broker")
    os.kill(hangs, signal.SIGCONT)
    assert all_stored(house, "backlog", len(gateways))
    assert stored(house, "backlog") == (len(gateways) * READINGS,) * 2


def test_broker_and_ingest_die_one_after_the_other_in_the_flow(house: House) -> None:
    gateways = house.ready["gateways"]
    for gateway, process in zip(
        gateways, ("broker", "ingest-reading", "broker", "ingest-reading", "broker"), strict=True
    ):
        publish_once(house, gateway, "flow")
        kill(house, process)
        assert wait_for(lambda: _takes_connections(house), 60)
    assert all_stored(house, "flow", len(gateways))
    assert stored(house, "flow") == (len(gateways) * READINGS,) * 2


def test_a_press_is_receipted_once_before_and_once_after_a_crash(house: House) -> None:
    gateway = house.ready["gateways"][0]
    with DeviceLine(house.ready, gateway) as line:
        before = line.press()
    kill(house, "broker")
    assert wait_for(lambda: _takes_connections(house), 60)
    with DeviceLine(house.ready, gateway) as line:
        again = line.send("alarm", line.device("button"), "sos")
        receipt = line.receipt(again, 60)
    assert receipt["status"] == "accepted"
    assert receipt["alarm"] == before, "the open alarm of that home"
    assert house.query("SELECT count(*) FROM alarm WHERE id = %s", before) == [(1,)]


def _takes_connections(house: House) -> bool:
    async def attempt() -> bool:
        mqtt = house.ready["mqtt"]
        try:
            _, writer = await asyncio.open_connection(mqtt["host"], mqtt["port"])
        except OSError:
            return False
        writer.close()
        return True

    return asyncio.run(attempt())
