"""A broker without its store tells whoever publishes that nobody listens: until a group's session is there again, its
gateways' readings are acknowledged with 0x10, and the session for stray shards does not hide it."""

import asyncio
import json
from collections.abc import Iterator, Sequence
from pathlib import Path

import mqtt5
import pytest
from session_broker import PASSWORD, Broker, leave_behind, ready, take, until

from carebed.embedded.broker_config import access_list
from carebed.settings import Settings
from gateway.topics import GROUPS, shard_of, stray_filters
from gateway.wire import Lane, up_topic
from ingest.lease import LANE_LEASES, STRAY
from ingest.main import session_opener
from ingest.mqtt import Intake, Session

#: MQTT 5: the broker took it, and nobody is subscribed.
NOBODY_LISTENS = 0x10
LOST = "a"
GATEWAYS = {shard_of(f"gw-{number}")[0]: f"gw-{number}" for number in range(200)}


@pytest.fixture
def broker(broker_directory: Path) -> Iterator[Broker]:
    """With the access list of ours: what a session must not get counts as a listener all the same."""
    (broker_directory / "acl").write_text(access_list())
    running = Broker(broker_directory, f"allow_anonymous true\nacl_file {broker_directory}/acl")
    running.start()
    yield running
    running.kill()


def sessions_of(broker: Broker, directory: Path, lane: Lane = Lane.READING) -> dict[str, Session]:
    """Group -> its session, as the lane's process makes them."""
    users = directory / "users.json"
    users.write_text(json.dumps({f"ingest-{lane}-{group}": PASSWORD for group in LANE_LEASES}))
    settings = Settings(mqtt_host="127.0.0.1", mqtt_port=broker.port, mqtt_users_file=users)
    return {group: session_opener(settings, lane)(group) for group in LANE_LEASES}


async def told(broker: Broker, topic: str) -> int:
    """The reason code with which the broker acknowledges a message on that topic."""
    reader, writer = await asyncio.open_connection("127.0.0.1", broker.port)
    gateway = topic.split("/")[3]
    writer.write(mqtt5.ConnectPacket(gateway, username=gateway).write())
    writer.write(mqtt5.PublishPacket(topic, b"{}", qos=mqtt5.QoS.AT_LEAST_ONCE, packet_id=1).write())
    try:
        async with asyncio.timeout(5):
            while True:
                head = await reader.readexactly(2)  # what a broker says here is shorter than 128 bytes
                answer, _ = mqtt5.read(head + await reader.readexactly(head[1]))
                if isinstance(answer, mqtt5.PubAckPacket):
                    return int(answer.reason_code)
    finally:
        writer.close()


def reading_of(group: str) -> str:
    """A topic of a gateway of that group."""
    return up_topic(GATEWAYS[group], Lane.READING)


async def all_asked(stray: Session, connects: int) -> None:
    """The stray session has connected so often, and since then asked in vain twice."""
    await until(lambda: stray.counters.connects == connects)
    asked = stray.counters.published
    await until(lambda: stray.counters.published > asked + 1 or stray.unready is None)


async def restarted(broker: Broker, sessions: Sequence[Session], held_back: Session) -> asyncio.Event:
    """The broker ends and starts; `held_back` does not come back before the event is set."""
    back = asyncio.Event()

    async def wait() -> None:
        await back.wait()

    held_back.before_reconnect = wait
    broker.kill()
    await until(lambda: all(session.unready is not None for session in sessions))
    broker.start()
    return back


async def test_a_reading_is_acknowledged_as_heard_only_when_its_groups_session_is_there_again(
    broker: Broker, broker_directory: Path
) -> None:
    sessions = sessions_of(broker, broker_directory)
    stray = sessions[STRAY]
    async with ready(*sessions.values()) as intake:
        assert await told(broker, reading_of(LOST)) == 0
        back = await restarted(broker, intake.sessions, sessions[LOST])
        await until(lambda: all(sessions[group].unready is None for group in GROUPS if group != LOST))
        await all_asked(stray, 2)
        assert [await told(broker, reading_of(group)) for group in ("0", LOST, "f")] == [0, NOBODY_LISTENS, 0]
        assert await told(broker, "carebed/v1/zz/gw-1/reading/_") == NOBODY_LISTENS
        back.set()
        await until(lambda: intake.unready is None)
        for topic in (reading_of(LOST), "carebed/v1/zz/gw-1/reading/_"):
            assert await told(broker, topic) == 0
            while topic not in [message.topic for message in await take(intake, 1)]:
                continue


async def test_a_session_that_the_broker_kept_is_there_though_nobody_serves_it(
    broker: Broker, broker_directory: Path
) -> None:
    """What another worker serves, or nobody at the moment, holds nobody up."""
    sessions = sessions_of(broker, broker_directory)
    async with ready(*sessions.values()) as intake:
        await broker.save()
        await restarted(broker, intake.sessions, sessions[LOST])
        await until(lambda: sessions[STRAY].unready is None)
        assert sessions[LOST].unready is not None
        assert await told(broker, reading_of(LOST)) == 0


async def test_a_stray_session_that_subscribed_too_early_lets_go_again(broker: Broker, broker_directory: Path) -> None:
    """As one may that an older version of ours has left."""
    await leave_behind(broker.session("ingest-reading-stray", *stray_filters(Lane.READING)))
    assert await told(broker, reading_of(LOST)) == 0
    stray = sessions_of(broker, broker_directory)[STRAY]
    async with Intake([stray]):
        await all_asked(stray, 1)
        assert await told(broker, reading_of(LOST)) == NOBODY_LISTENS
        await until(lambda: "session of shard group 0" in str(stray.unready))


async def test_the_alarm_lanes_stray_session_waits_for_nobody(broker: Broker, broker_directory: Path) -> None:
    """Alarms are sent again until they are receipted; one on a shard that is none is raised from the first moment."""
    async with ready(sessions_of(broker, broker_directory, Lane.ALARM)[STRAY]):
        assert await told(broker, "carebed/v1/zz/gw-1/alarm/_") == 0
