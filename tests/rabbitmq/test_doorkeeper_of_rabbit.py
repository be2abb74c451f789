"""The doorkeeper as a process of its own, beside a RabbitMQ that somebody else runs."""

import asyncio
import os
import sys
from pathlib import Path

import aiomqtt
import httpx
import psycopg
import pytest
from rabbit import RabbitMQ, ready, until

from carebed.embedded.postgres import DatabaseUrls
from registry.seed import seed_demo

pytestmark = pytest.mark.asyncio(loop_scope="module")


async def test_it_lets_in_whom_the_registry_knows_and_throws_out_whom_it_does_not(
    rabbit: RabbitMQ, urls: DatabaseUrls, tmp_path: Path
) -> None:
    first, second = seed_demo(urls.owner, 2, tmp_path).gateways[:2]
    await rabbit.leave_the_door_to_somebody_else()
    listen, management = (f"127.0.0.1:{rabbit._ports[name]}" for name in ("doorkeeper", "management"))
    (tmp_path / "password").write_text(rabbit._password())
    environment = os.environ | {"CAREBED_DATABASE_URL": urls.engine, "CAREBED_MQTT_USERS_FILE": str(rabbit.users_file)}
    argv = [sys.executable, "-m", "carebed.rabbitmq", f"http://{management}", str(tmp_path / "password"), listen]
    process = await asyncio.create_subprocess_exec(*argv, env=environment)
    try:
        await until(lambda: _comes_in_at(listen), within_s=60)
        async with ready(rabbit.sessions("0")), _line(rabbit, first) as stays, _line(rabbit, second) as revoked:
            with psycopg.connect(urls.owner, autocommit=True) as conn:
                conn.execute("UPDATE gateway SET revoked_at = now() WHERE id = %s", [second["id"]])
                conn.execute("SELECT pg_notify('carebed_registry', %s)", [second["id"]])
            with pytest.raises(aiomqtt.MqttError):
                async for _ in revoked.messages:
                    pass
            await stays.publish(f"carebed/v1/{first['shard']}/{first['id']}/reading/_", b"{}", qos=1)
        with pytest.raises(aiomqtt.MqttError):
            async with _line(rabbit, second):
                pass
    finally:
        process.terminate()
        async with asyncio.timeout(20):
            assert await process.wait() == 0


def _line(rabbit: RabbitMQ, gateway: dict[str, str]) -> aiomqtt.Client:
    return aiomqtt.Client(
        "127.0.0.1", rabbit.port, identifier=gateway["id"], username=gateway["id"], password=gateway["password"],
        protocol=aiomqtt.ProtocolVersion.V5, timeout=10,
    )  # fmt: skip


def _comes_in_at(listen: str) -> bool:
    """Whether it says that the broker's users are in line."""
    try:
        return httpx.get(f"http://{listen}/readyz", trust_env=False, timeout=5).is_success
    except httpx.HTTPError:
        return False
