"""RabbitMQ without its sessions says that nobody listens, and the session for stray shards does not hide it."""

import aiomqtt
import pytest
from rabbit import GATEWAYS, RabbitMQ, ready, until

from carebed.settings import Settings
from device_sim.client import Client
from gateway.limits import NOBODY_LISTENS
from gateway.topics import GROUPS, shard_of
from gateway.wire import Lane, up_topic
from ingest.lease import LANE_LEASES, STRAY
from ingest.main import session_opener
from ingest.mqtt import Intake

pytestmark = pytest.mark.asyncio(loop_scope="module")


async def test_a_reading_is_acknowledged_as_heard_only_when_its_groups_session_is_there(rabbit: RabbitMQ) -> None:
    settings = Settings(mqtt_host="127.0.0.1", mqtt_port=rabbit.port, mqtt_users_file=rabbit.users_file)
    opened = session_opener(settings, Lane.READING)
    sessions = {group: opened(group) for group in LANE_LEASES}
    gateway = next(iter(GATEWAYS))
    topic, own, stray = up_topic(gateway, Lane.READING, "motion"), shard_of(gateway)[0], sessions[STRAY]
    async with Client(
        "127.0.0.1", rabbit.port, identifier=gateway, username=gateway, password=rabbit.password(gateway),
        protocol=aiomqtt.ProtocolVersion.V5,
    ) as line, ready(sessions[group] for group in GROUPS if group != own), Intake([stray]):  # fmt: skip
        await until(lambda: f"session of shard group {own}" in str(stray.unready), lambda: stray.unready)
        assert await line.told(topic, b"{}") == NOBODY_LISTENS
        async with ready([sessions[own]]):
            await until(lambda: stray.unready is None, lambda: stray.unready)
            assert await line.told(topic, b"{}") == 0
            assert await line.told(f"carebed/v1/zz/{gateway}/reading/motion", b"{}") == 0
