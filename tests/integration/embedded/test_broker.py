"""The broker as a service: what it keeps over a crash, what it lets through, what it says when it cannot start."""

import asyncio
import os
import re
import signal
import socket
from pathlib import Path

import aiomqtt
import psycopg
import pytest
from broker_clients import connected, hashes, is_cut_off, next_message

from carebed.embedded import broker as broker_module
from carebed.embedded.broker import EmbeddedBroker, follow_gateways, read_gateways
from carebed.embedded.broker_config import access_list, configuration
from carebed.embedded.broker_users import password_hash, password_lines, refused
from carebed.embedded.ports import free_port
from carebed.embedded.postgres import FAST_AND_LOOSE, EmbeddedPostgres
from carebed.errors import StartError

_TOPIC = "carebed/v1/a7/gw-1/reading/d"


def _read(path: str) -> str:
    return Path(path).read_text()


async def _fill(broker: EmbeddedBroker, count: int) -> None:
    """Leave a consumer's permanent session behind with `count` messages in its queue."""
    async with connected(broker, "ingest-reading-a", keep_session=True) as ingest:
        await ingest.subscribe("carebed/v1/a7/#", qos=1)
    async with connected(broker, "gw-1") as gateway:
        for number in range(count):
            await gateway.publish(_TOPIC, str(number).encode(), qos=1)


async def _drain(broker: EmbeddedBroker, count: int) -> list[bytes]:
    async with connected(broker, "ingest-reading-a", keep_session=True) as ingest:
        return [(await next_message(ingest))[1] for _ in range(count)]


async def test_a_restart_keeps_sessions_queue_and_passwords(broker: EmbeddedBroker, tmp_path: Path) -> None:
    # More than the default queue of 1,000, which would drop the rest without a word.
    await _fill(broker, 1_500)
    await broker.stop()
    again = EmbeddedBroker(tmp_path, broker.port)
    again.set_gateways(hashes())
    await again.start()
    try:
        # A reload while the consumer is away must not throw its session out.
        again.set_gateways(hashes("gw-1"))
        async with connected(again, "gw-1"):
            assert await _drain(again, 1_500) == [str(number).encode() for number in range(1_500)]
    finally:
        await again.stop()


async def test_kill_9_after_a_save_keeps_sessions_and_queue(broker: EmbeddedBroker, tmp_path: Path) -> None:
    await _fill(broker, 20)
    state = tmp_path / "broker" / "mosquitto.db"
    state.unlink(missing_ok=True)
    broker.save()
    async with asyncio.timeout(5):
        while not state.exists():
            await asyncio.sleep(0.01)
    os.kill(broker.pid, signal.SIGKILL)
    assert broker.child is not None
    assert await broker.child.wait() == -signal.SIGKILL
    await broker.start()
    assert len(await _drain(broker, 20)) == 20


async def test_a_payload_over_the_limit_still_reaches_ingest(broker: EmbeddedBroker) -> None:
    async with connected(broker, "ingest-alarm-a") as ingest, connected(broker, "gw-1") as gateway:
        await ingest.subscribe("carebed/v1/a7/+/alarm/#", qos=1)
        await gateway.publish("carebed/v1/a7/gw-1/alarm/d", bytes(700 * 1024), qos=1)
        assert len((await next_message(ingest))[1]) == 700 * 1024


async def test_runs_as_the_service_account_with_its_own_pid(broker: EmbeddedBroker) -> None:
    status = _read(f"/proc/{broker.pid}/status")
    assert "Name:\tmosquitto\n" in status
    uid = int(re.findall(r"Uid:\t(\d+)", status)[0])
    assert uid != 0
    assert (uid == os.geteuid()) == (os.geteuid() != 0)


async def test_listens_on_the_loopback_address_only(broker: EmbeddedBroker) -> None:
    own = [line.split()[1] for line in _read("/proc/net/tcp").splitlines() if " 0A " in line]
    assert f"0100007F:{broker.port:04X}" in own
    assert f"00000000:{broker.port:04X}" not in own


async def test_following_the_gateway_table(tmp_path: Path) -> None:
    database = EmbeddedPostgres(tmp_path, free_port(), settings=FAST_AND_LOOSE)
    broker = EmbeddedBroker(tmp_path, free_port())
    await database.start()
    try:
        await _gateway_story(database, broker)
    finally:
        await broker.stop()
        await database.stop()


async def _gateway_story(database: EmbeddedPostgres, broker: EmbeddedBroker) -> None:
    async with await psycopg.AsyncConnection.connect(database.urls().owner, autocommit=True) as conn:
        await conn.execute("CREATE TABLE gateway (id text, secret_hash text, revoked_at timestamptz)")
        await conn.execute("GRANT SELECT ON gateway TO carebed_engine")
        for row in [*hashes("gw-1", "gw-2"), ("ingest-alarm-0", password_hash("stolen")), ("broken", "$7$no\nx:y")]:
            await conn.execute("INSERT INTO gateway VALUES (%s, %s)", row)
        broker.set_gateways(await read_gateways(database.urls().engine))
        await broker.start()
        follower = asyncio.create_task(follow_gateways(database.urls().engine, broker.set_gateways))
        try:
            # Nobody becomes ingest by calling his gateway so.
            with pytest.raises(aiomqtt.MqttError, match="Not authorized"):
                async with aiomqtt.Client(
                    "127.0.0.1", broker.port, username="ingest-alarm-0", password="stolen", timeout=5
                ):
                    pass
            async with connected(broker, "gw-2") as revoked:
                await conn.execute("UPDATE gateway SET revoked_at = now() WHERE id = 'gw-2'")
                await conn.execute("NOTIFY carebed_registry")
                await is_cut_off(revoked)
            # The database goes away and comes back; the gateways stay in, and the next change arrives.
            os.kill(database.pid, signal.SIGKILL)
            await database.start()
            async with connected(broker, "gw-1"):
                pass
            await _pair_a_new_gateway(database)
            await _comes_in(broker, "gw-3")
        finally:
            follower.cancel()
            await asyncio.wait({follower})


async def _pair_a_new_gateway(database: EmbeddedPostgres) -> None:
    async with await psycopg.AsyncConnection.connect(database.urls().owner, autocommit=True) as conn:
        await conn.execute("INSERT INTO gateway VALUES (%s, %s)", hashes("gw-3")[0])
        await conn.execute("NOTIFY carebed_registry")


async def _comes_in(broker: EmbeddedBroker, gateway: str) -> None:
    async with asyncio.timeout(10):
        while True:
            try:
                async with connected(broker, gateway):
                    return
            except aiomqtt.MqttError:
                await asyncio.sleep(0.05)


def test_the_password_file_admits_no_line_that_is_not_a_gateways() -> None:
    good = password_hash("x")
    assert refused("gw-1", good) is None
    assert refused("ingest-alarm-0", good) == refused("carebed-x", good) == "reserved id"
    assert refused("a:b", good) == refused("a\nb", good) == "malformed id"
    assert refused("gw-1", "plain") == refused("gw-1", good + "\nroot:" + good) == "malformed hash"
    assert password_lines({"ingest-alarm-0": "H"}, [("ingest-alarm-0", good), ("gw-1", good)]) == (
        f"ingest-alarm-0:H\ngw-1:{good}\n"
    )


def test_compose_uses_the_same_texts() -> None:
    deploy = Path(__file__).parents[3] / "deploy" / "mosquitto"
    expected = configuration(listener="1883", files="/carebed/broker/", store="/mosquitto/data/", log="stdout")
    assert (deploy / "mosquitto.conf").read_text() == expected
    assert (deploy / "acl").read_text() == access_list()


async def test_a_busy_port_is_said_in_a_sentence(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
        with pytest.raises(StartError, match=rf"Port {port} for the MQTT broker is busy.*--mqtt-port"):
            await EmbeddedBroker(tmp_path, port).start()


def test_a_missing_mosquitto_is_said_in_a_sentence(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(broker_module, "find_program", lambda _name: None)
    with pytest.raises(StartError, match=r"Mosquitto.* is missing: .*apt-get install mosquitto"):
        EmbeddedBroker(tmp_path, 1883)


def test_an_old_mosquitto_is_said_in_a_sentence(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    old = tmp_path / "mosquitto"
    old.write_text("#!/bin/sh\necho mosquitto version 1.6.12\nexit 3\n")
    old.chmod(0o755)
    monkeypatch.setattr(broker_module, "find_program", lambda _name: old)
    with pytest.raises(StartError, match=r"is version 1\.6\.12, and Carebed needs Mosquitto 2\.0\.11 or later"):
        EmbeddedBroker(tmp_path, 1883)
