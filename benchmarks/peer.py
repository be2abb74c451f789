"""The peer: what a user would write with paho-mqtt and psycopg, careful enough to acknowledge after the commit.

`python -m benchmarks.peer HOST PORT USER PASSWORD DATABASE_URL COUNT` drains COUNT messages and prints seconds taken.
One connection, `manual_ack`, batches of 1,000 messages or 100 ms, `executemany` with ON CONFLICT DO NOTHING into a
table with the same unique key, commit, then the PUBACKs.
"""

import asyncio
import json
import queue
import subprocess
import sys
import time

import paho.mqtt.client as mqtt
import psycopg
from paho.mqtt.enums import CallbackAPIVersion
from paho.mqtt.packettypes import PacketTypes
from paho.mqtt.properties import Properties

from benchmarks.backlog import forget, load, messages
from benchmarks.stage import PEER, Stage

_TABLE = """
    CREATE TABLE IF NOT EXISTS bench_peer (
        time timestamptz NOT NULL, device_id text NOT NULL, message_id text NOT NULL, type text NOT NULL,
        value float8, received_at timestamptz NOT NULL DEFAULT now(), UNIQUE (device_id, message_id, time)
    )
"""
_INSERT = """
    INSERT INTO bench_peer (time, device_id, message_id, type, value) VALUES (%s, %s, %s, %s, %s)
    ON CONFLICT DO NOTHING
"""
_BATCH = 1_000
_PATIENCE_S = 0.1

Arrived = queue.SimpleQueue[mqtt.MQTTMessage]

FILTER = "carebed/v1/+/+/reading/+"


def connect(host: str, port: int, user: str, password: str, arrived: Arrived) -> mqtt.Client:
    """A client on its permanent session, whose messages go into `arrived`, unacknowledged."""
    client = mqtt.Client(CallbackAPIVersion.VERSION2, client_id=user, protocol=mqtt.MQTTv5, manual_ack=True)
    client.username_pw_set(user, password)
    client.on_connect = lambda client, *_: client.subscribe(FILTER, qos=1)
    client.on_message = lambda _client, _userdata, message: arrived.put(message)
    properties = Properties(PacketTypes.CONNECT)  # type: ignore[no-untyped-call]  # paho leaves it untyped
    properties.SessionExpiryInterval = 86_400
    properties.ReceiveMaximum = 5_000
    client.connect(host, port, clean_start=False, properties=properties)
    client.loop_start()
    return client


def drain(client: mqtt.Client, arrived: Arrived, url: str, count: int) -> None:
    """Store and acknowledge until `count` messages are through."""
    done = 0
    with psycopg.connect(url) as conn:
        while done < count:
            batch = _batch(arrived)
            rows = []
            for message in batch:
                body = json.loads(message.payload)
                rows.append((body["time"], message.topic.split("/")[5], body["id"], body["type"], float(body["value"])))
            with conn.cursor() as cursor:
                cursor.executemany(_INSERT, rows)
            conn.commit()
            for message in batch:
                client.ack(message.mid, message.qos)
            done += len(batch)


def _batch(arrived: Arrived) -> list[mqtt.MQTTMessage]:
    batch = [arrived.get()]
    until = time.monotonic() + _PATIENCE_S
    while len(batch) < _BATCH:
        try:
            batch.append(arrived.get(timeout=max(0.0, until - time.monotonic())))
        except queue.Empty:
            break
    return batch


async def measure(stage: Stage, run: str, count: int) -> float:
    """Messages per second, durable, of this module in a process of its own on a new backlog."""
    await _in_process(stage, 0)
    await asyncio.to_thread(load, stage, messages(stage.devices, run, count))
    took_s = await _in_process(stage, count)
    forget(stage, PEER)
    return count / took_s


async def _in_process(stage: Stage, count: int) -> float:
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "benchmarks.peer", "127.0.0.1", str(stage.mqtt_port), PEER, stage.users[PEER],
        stage.database.owner, str(count), stdout=subprocess.PIPE,
    )  # fmt: skip
    async with asyncio.timeout(300):
        output, _ = await process.communicate()
    if process.returncode:
        raise RuntimeError("the peer failed; its message stands above")
    return float(output)


def main(arguments: list[str]) -> None:
    """With COUNT 0: make the session and the table, so that a backlog gathers."""
    host, port, user, password, url, count = arguments
    arrived: Arrived = queue.SimpleQueue()
    with psycopg.connect(url) as conn:
        conn.execute(_TABLE)
    began = time.monotonic()
    client = connect(host, int(port), user, password, arrived)
    while int(count) == 0 and not client.is_connected():
        time.sleep(0.01)
    drain(client, arrived, url, int(count))
    print(time.monotonic() - began)
    client.disconnect()
    client.loop_stop()


if __name__ == "__main__":
    main(sys.argv[1:])
