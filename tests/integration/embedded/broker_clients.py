"""Clients of the embedded broker: three gateways and our own users."""

import asyncio
import contextlib
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import aiomqtt
import pytest
from paho.mqtt.packettypes import PacketTypes
from paho.mqtt.properties import Properties

from carebed.embedded.broker import EmbeddedBroker
from carebed.embedded.broker_users import password_hash

GATEWAYS = {"gw-1": "first secret", "gw-2": "second secret", "gw-3": "third secret"}


def hashes(*ids: str) -> list[tuple[str, str]]:
    """Rows as the gateway table has them."""
    return [(gateway, password_hash(GATEWAYS[gateway])) for gateway in ids or GATEWAYS]


@asynccontextmanager
async def connected(
    broker: EmbeddedBroker, user: str, *, client_id: str | None = None, keep_session: bool = False
) -> AsyncIterator[aiomqtt.Client]:
    """A client under `user`; `client_id` is what it claims to be."""
    properties = Properties(PacketTypes.CONNECT)
    properties.SessionExpiryInterval = 3600 if keep_session else 0
    async with aiomqtt.Client(
        "127.0.0.1",
        broker.port,
        identifier=client_id or user,
        username=user,
        password=GATEWAYS.get(user) or broker.users[user],
        protocol=aiomqtt.ProtocolVersion.V5,
        clean_start=not keep_session,
        properties=properties,
        timeout=5,
    ) as client:
        yield client


async def next_message(client: aiomqtt.Client) -> tuple[str, bytes]:
    """Topic and payload of the next message, within 5 s."""
    async with asyncio.timeout(5):
        async for message in client.messages:
            payload = message.payload
            assert isinstance(payload, bytes)
            return str(message.topic), payload
    raise AssertionError("the connection ended")


async def tries_to_publish(broker: EmbeddedBroker, user: str, topic: str) -> None:
    """Publish something forged; the broker refuses it, ends the connection, or swallows it."""
    with contextlib.suppress(aiomqtt.MqttError):
        async with connected(broker, user, client_id="another-client") as client:
            await client.publish(topic, b"forged", qos=1)


async def is_cut_off(client: aiomqtt.Client) -> None:
    """The broker ends this connection within 5 s."""
    with pytest.raises(aiomqtt.MqttError):
        await next_message(client)
