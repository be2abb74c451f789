"""What a stolen gateway password is worth on RabbitMQ: that gateway's own three lanes, and nothing else."""

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import aiomqtt
import pytest
from mqtt5 import ConnectPacket, DisconnectPacket, QoS, Will
from paho.mqtt.packettypes import PacketTypes
from paho.mqtt.properties import Properties
from rabbit import GATEWAYS, RabbitMQ, drained, ids, ready, until

from carebed.embedded.broker_users import password_hash
from carebed.rabbitmq.configuration import SESSION_EXPIRY_S

pytestmark = pytest.mark.asyncio(loop_scope="module")

REFUSED = "Bad user name or password|Not authorized"


@asynccontextmanager
async def connected(
    rabbit: RabbitMQ, user: str, *, password: str | None = None, client_id: str | None = None, clean: bool = True,
) -> AsyncIterator[aiomqtt.Client]:  # fmt: skip
    """A client under `user`; `client_id` is what it claims to be."""
    properties = Properties(PacketTypes.CONNECT)
    properties.SessionExpiryInterval = 0 if clean else 0xFFFF_FFFF
    async with aiomqtt.Client(
        "127.0.0.1", rabbit.port, identifier=client_id or user, username=user, timeout=10,
        password=password or rabbit.password(user), protocol=aiomqtt.ProtocolVersion.V5, clean_start=clean,
        properties=properties,
    ) as client:  # fmt: skip
        yield client


async def next_message(client: aiomqtt.Client) -> tuple[str, bytes]:
    """Topic and payload of the next one."""
    async with asyncio.timeout(10):
        async for message in client.messages:
            assert isinstance(message.payload, bytes)
            return str(message.topic), message.payload
    raise AssertionError("the connection ended")


async def is_cut_off(client: aiomqtt.Client) -> None:
    with pytest.raises(aiomqtt.MqttError):
        await next_message(client)


async def test_nobody_takes_a_session_over_by_claiming_its_client_id(rabbit: RabbitMQ) -> None:
    """Neither ingest's nor another gateway's, neither while it is connected nor while it is away."""
    owners = rabbit.sessions("a")
    async with ready(owners) as intake, connected(rabbit, "gw-1") as gateway:
        for claimed in ("ingest-reading-a", "gw-1"):
            for clean in (True, False):
                with pytest.raises(aiomqtt.MqttError, match=REFUSED):
                    async with connected(rabbit, "gw-2", client_id=claimed, clean=clean):
                        pass
        assert intake.unready is None
        assert owners[0].counters.as_dict().items() >= {"connects": 1, "takeovers": 0}.items()
        await gateway.publish("carebed/v1/a7/gw-1/reading/d", b'{"id": "still here"}', qos=1)
        assert await drained(intake, 1.0) == ["still here"]
    async with connected(rabbit, "gw-1") as gateway:
        await gateway.publish("carebed/v1/a7/gw-1/reading/d", b'{"id": "while away"}', qos=1)
    with pytest.raises(aiomqtt.MqttError, match=REFUSED):
        async with connected(rabbit, "gw-2", client_id="ingest-reading-a"):
            pass
    async with ready(rabbit.sessions("a")) as intake:
        assert await drained(intake, 1.0) == ["while away"]


async def test_no_password_no_entry_and_nobody_came_with_the_package(rabbit: RabbitMQ) -> None:
    for user, password in (("gw-1", "guess"), ("gw-99", "guess"), ("guest", "guest"), ("ingest-alarm-0", "guess")):
        with pytest.raises(aiomqtt.MqttError, match=REFUSED):
            async with connected(rabbit, user, password=password):
                pass
    with pytest.raises(aiomqtt.MqttError, match=REFUSED):
        async with aiomqtt.Client("127.0.0.1", rabbit.port, protocol=aiomqtt.ProtocolVersion.V5, timeout=10):
            pass


@pytest.mark.parametrize(
    "topic",
    ["carebed/v1/a7/gw-2/reading/d", "carebed/v1/a7/gw-1/receipt/d", "carebed/v1/a7/gw-11/alarm/d", "elsewhere",
     "carebed/v1/a7/gw-1.x/gw-2/alarm/d", "carebed/v1/a0/carebed-sentinel/health/_"],
)  # fmt: skip
async def test_a_gateway_that_publishes_under_anothers_name_is_cut_off(rabbit: RabbitMQ, topic: str) -> None:
    async with ready(rabbit.sessions("a")) as intake:
        async with connected(rabbit, "gw-1") as thief:
            with pytest.raises(aiomqtt.MqttError):
                await thief.publish(topic, b'{"id": "forged"}', qos=1, timeout=3)
        assert await drained(intake, 0.5) == []


@pytest.mark.parametrize(
    "topic_filter",
    ["#", "carebed/v1/#", "carebed/v1/+/+/receipt/+", "carebed/v1/+/gw-2/receipt/+", "carebed/v1/a7/gw-1/alarm/+"],
)
async def test_a_gateway_may_not_even_subscribe_to_what_is_not_its_own(rabbit: RabbitMQ, topic_filter: str) -> None:
    """Mosquitto grants such a subscription and delivers nothing; RabbitMQ refuses it and ends the connection."""
    async with connected(rabbit, "gw-1") as thief:
        granted = await thief.subscribe(topic_filter, qos=1)
        assert str(granted[0]) == "Not authorized"
        await is_cut_off(thief)


async def test_a_gateway_hears_its_own_receipts_and_nobody_elses(rabbit: RabbitMQ) -> None:
    async with (
        connected(rabbit, "ingest-alarm-a") as ingest, connected(rabbit, "gw-1") as first,
        connected(rabbit, "gw-2") as second,
    ):  # fmt: skip
        for client, name in ((first, "gw-1"), (second, "gw-2")):
            await client.subscribe([(f"carebed/v1/a7/{name}/receipt/+", 1), (f"carebed/v1/a7/{name}/command/+", 1)])
        await ingest.publish("carebed/v1/a7/gw-1/receipt/d", b'{"id": "first"}', qos=1)
        await ingest.publish("carebed/v1/a7/gw-2/receipt/d", b'{"id": "second"}', qos=1)
        assert await next_message(first) == ("carebed/v1/a7/gw-1/receipt/d", b'{"id": "first"}')
        assert await next_message(second) == ("carebed/v1/a7/gw-2/receipt/d", b'{"id": "second"}')


async def test_the_last_will_of_a_gateway_comes_when_its_line_is_cut(rabbit: RabbitMQ) -> None:
    said = b'{"id": "gone", "type": "offline"}'
    will = Will("carebed/v1/a7/gw-3/health/_", payload=said, qos=QoS.AT_LEAST_ONCE)
    connect = ConnectPacket("gw-3", username="gw-3", password=rabbit.password("gw-3").encode(), will=will).write()
    async with ready(rabbit.sessions("a")) as intake:
        await drained(intake, 0.5)
        for last_words, heard in ((DisconnectPacket().write(), []), (b"", ["gone"])):
            reader, writer = await asyncio.open_connection("127.0.0.1", rabbit.port)
            writer.write(connect)
            assert (await reader.read(100))[3] == 0, "the broker lets it in"
            writer.write(last_words)
            await writer.drain()
            writer.close()
            assert await drained(intake, 2.0) == heard


async def test_a_revoked_gateway_is_disconnected_a_new_password_counts_and_the_others_stay(rabbit: RabbitMQ) -> None:
    async with connected(rabbit, "gw-1") as stays:
        async with connected(rabbit, "gw-4") as revoked, connected(rabbit, "gw-5") as renewed:
            changed = {**GATEWAYS, "gw-5": password_hash("another")}
            del changed["gw-4"]
            rabbit.set_gateways(changed.items())
            await is_cut_off(revoked)
            await is_cut_off(renewed)
        await until(lambda: rabbit.doorkeeper.ready() is None)
        for gone in ("gw-4", "gw-5"):
            with pytest.raises(aiomqtt.MqttError, match=REFUSED):
                async with connected(rabbit, gone):
                    pass
        async with connected(rabbit, "gw-5", password="another"):
            pass
        await stays.publish("carebed/v1/a7/gw-1/reading/d", b'{"id": "still here"}', qos=1)
    rabbit.set_gateways(GATEWAYS.items())


async def test_sessions_are_granted_what_they_ask_for_up_to_thirty_days(rabbit: RabbitMQ) -> None:
    async with connected(rabbit, "gw-6", clean=False) as endless:
        await endless.subscribe("carebed/v1/+/gw-6/receipt/+", qos=1)
    queues = json.loads(await rabbit.control("list_queues", "--formatter=json", "name", "type", "arguments", "policy"))
    (kept,) = [queue for queue in queues if queue["name"] == "mqtt-subscription-gw-6qos1"]
    assert kept["policy"] == "carebed"
    assert {key: value for key, _, value in kept["arguments"]} == {
        "x-expires": SESSION_EXPIRY_S * 1000, "x-queue-type": "quorum",
    }  # fmt: skip


async def test_a_dot_in_a_device_id_comes_as_a_level_of_its_own(rabbit: RabbitMQ) -> None:
    """RabbitMQ's own topics have dots between their levels. docs/operations.md says what this means for pairing."""
    async with ready(rabbit.sessions("a")) as intake, connected(rabbit, "gw-7") as gateway:
        await drained(intake, 0.5)
        await gateway.publish("carebed/v1/a7/gw-7/alarm/button.1", b'{"id": "x"}', qos=1)
        async with asyncio.timeout(10):
            batch = await anext(intake)
        assert [message.topic for message in batch.messages] == ["carebed/v1/a7/gw-7/alarm/button/1"]
        intake.ack(batch)


async def test_users_that_are_lost_with_the_store_are_there_again_after_the_start(rabbit: RabbitMQ) -> None:
    await rabbit.kill()
    rabbit.lose_store()
    await rabbit.start()
    async with ready(rabbit.sessions()) as intake:
        await asyncio.to_thread(rabbit.publish, "gw-8", range(10))
        assert await drained(intake, 1.0) == ids("gw-8", range(10))
