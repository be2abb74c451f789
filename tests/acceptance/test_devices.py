"""Gateways among themselves in the running house: nobody can be another, and the registry's word counts at once."""

import asyncio
import contextlib
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import aiomqtt
import pytest
from homes_on_line import answered, device_of, link_of, on_line, until

from carebed.database import Database
from carebed.embedded.postgres import running_urls
from gateway.wire import AlarmType, Lane, Message, Status, encode, receipt_topic, shard_of, up_topic
from registry.pairing import NewDevice, pair_devices, pair_gateway, revoke_gateway
from tests.house import House


@pytest.fixture(scope="module")
def mine(system: House) -> dict[str, Any]:
    """A gateway with a valid credential that tries what it should not."""
    gateway: dict[str, Any] = system.ready["gateways"][17]
    return gateway


@pytest.fixture(scope="module")
def other(system: House) -> dict[str, Any]:
    """Another home's gateway."""
    gateway: dict[str, Any] = system.ready["gateways"][18]
    return gateway


@asynccontextmanager
async def connected(house: House, gateway: dict[str, Any], client_id: str) -> AsyncIterator[aiomqtt.Client]:
    """The gateway's own credential, under whatever client id it claims."""
    mqtt = house.ready["mqtt"]
    async with aiomqtt.Client(
        mqtt["host"], mqtt["port"], identifier=client_id, username=gateway["id"], password=gateway["password"],
        protocol=aiomqtt.ProtocolVersion.V5, timeout=5,
    ) as client:  # fmt: skip
        yield client


async def press(house: House, gateway: dict[str, Any]) -> Status:
    """Connect, press, wait for the receipt."""
    link = link_of(house, gateway)
    async with on_line([link]):
        message = link.message(AlarmType.CHECK_IN, True)
        (receipt,) = await answered([link.alarm(device_of(gateway, "button"), message)], 10)
    return receipt.status


@pytest.mark.parametrize("claim", ["the other gateway", "ingest-alarm-0", "ingest-reading-0", "ingest-alarm-stray"])
async def test_a_gateway_cannot_take_a_session_that_is_not_its_own(
    system: House, mine: dict[str, Any], other: dict[str, Any], claim: str
) -> None:
    """It may claim any client id: its name is its session, and whoever it names stays connected and is served."""
    link = link_of(system, other)
    async with on_line([link]):
        connections = link.connections
        async with connected(system, mine, other["id"] if claim == "the other gateway" else claim) as thief:
            await thief.publish("carebed/v1/00/x/reading/x", b"", qos=0)
            message = link.message(AlarmType.CHECK_IN, True)
            (receipt,) = await answered([link.alarm(device_of(other, "button"), message)], 10)
        assert receipt.status is Status.ACCEPTED
        assert (link.connections, link.connected.is_set()) == (connections, True)


async def test_a_gateway_cannot_speak_for_another(system: House, mine: dict[str, Any], other: dict[str, Any]) -> None:
    """Forged calls and readings under the other's prefix, and receipts: refused by the broker; nothing arrives."""
    forged = Message(id="forged", time=None, type=AlarmType.SOS, value=True)
    victim = link_of(system, other)
    topics = [
        *(up_topic(other["id"], lane, device_of(other, "button")) for lane in (Lane.ALARM, Lane.READING)),
        f"carebed/v1/{shard_of(mine['id'])}/{other['id']}/alarm/_", receipt_topic(other["id"], "_"),
        "carebed/v1/00/carebed-sentinel/alarm/_",
    ]  # fmt: skip
    async with on_line([victim]):
        for topic in topics:
            with contextlib.suppress(aiomqtt.MqttError):  # refused, or cut off
                async with connected(system, mine, mine["id"]) as client:
                    await client.publish(topic, encode(forged), qos=1)
        assert await press(system, mine) is Status.ACCEPTED
    assert system.query("SELECT count(*) FROM inbox WHERE message_id = 'forged'") == [(0,)]
    assert system.query(
        "SELECT count(*) FROM quarantine WHERE position('forged' in encode(payload, 'escape')) > 0"
    ) == [(0,)]


async def test_a_gateway_cannot_listen_to_another(system: House, mine: dict[str, Any], other: dict[str, Any]) -> None:
    """The other's receipts, everything of a shard, everything at all: none of it reaches a stranger."""
    async with connected(system, mine, mine["id"]) as spy:
        for topic in (receipt_topic(other["id"], "+"), f"carebed/v1/{shard_of(other['id'])}/#", "#"):
            with contextlib.suppress(aiomqtt.MqttError):
                await spy.subscribe(topic, qos=1)
        assert await press(system, other) is Status.ACCEPTED
        await asyncio.sleep(0.5)
        assert len(spy.messages) == 0


@asynccontextmanager
async def registry(house: House) -> AsyncIterator[Database]:
    """The registry, as the tools of the district write it."""
    database = Database(running_urls(house.data_dir).owner, application="story", pool_size=1)
    try:
        yield database
    finally:
        await database.close()


async def test_a_gateway_that_is_paired_works_within_a_second_and_is_cut_off_when_revoked(system: House) -> None:
    """Paired, pressed, revoked, paired again with a new password."""
    home, station = system.query("SELECT id, station_id FROM home LIMIT 1")[0]
    gateway: dict[str, Any] = {"id": "gw-new", "devices": [{"id": "gw-new-button", "kind": "button"}]}
    loop = asyncio.get_running_loop()
    async with registry(system) as database:
        for _ in range(2):
            async with database.transaction() as conn:
                gateway["password"] = await pair_gateway(conn, "gw-new", home_id=home, station_id=station)
                await pair_devices(conn, "gw-new", [NewDevice("gw-new-button", "button")])
            paired = loop.time()
            link = link_of(system, gateway)
            async with on_line([link]):
                message = link.message(AlarmType.CHECK_IN, True)
                (receipt,) = await answered([link.alarm("gw-new-button", message)], 10)
                assert receipt.status is Status.ACCEPTED
                assert loop.time() - paired < 2.0
                async with database.transaction() as conn:
                    await revoke_gateway(conn, "gw-new")
                assert await until(lambda link=link: not link.connected.is_set(), 5)
                with pytest.raises(aiomqtt.MqttError):
                    async with connected(system, gateway, "gw-new"):
                        pass
