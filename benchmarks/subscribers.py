"""The subscribers alone: the same backlog in one session, drained to nowhere, every message acknowledged by hand.

`python -m benchmarks.subscribers NAME HOST PORT USER PASSWORD COUNT` drains COUNT messages (0: only makes the session)
and prints the seconds from before the connection to the last acknowledgement. Each runs in a process of its own.
"""

import asyncio
import queue
import subprocess
import sys
import time
from collections.abc import Callable

import aiomqtt
import uvloop
from paho.mqtt.packettypes import PacketTypes
from paho.mqtt.properties import Properties

from benchmarks import peer
from benchmarks.backlog import forget, load, messages
from benchmarks.stage import PEER, Stage
from ingest.mqtt import Intake, Session

RECEIVE_MAXIMUM = 5_000
_CHUNK = 100
"""PUBACKs are held back for so many messages, as a consumer with batches would."""


def ours(host: str, port: int, user: str, password: str, count: int) -> None:
    """ingest.mqtt on uvloop, as the ingest process runs it."""
    uvloop.run(_ours(Session(host, port, user, password, [peer.FILTER], receive_maximum=RECEIVE_MAXIMUM), count))


async def _ours(session: Session, count: int) -> None:
    async with Intake([session]) as intake:
        done = 0
        while intake.unready is not None and not count:
            await asyncio.sleep(0.01)
        while done < count:
            batch = await anext(intake)
            intake.ack(batch)
            done += len(batch)


def paho(host: str, port: int, user: str, password: str, count: int) -> None:
    """paho-mqtt 2, `manual_ack`, its own network thread."""
    arrived: peer.Arrived = queue.SimpleQueue()
    client = peer.connect(host, port, user, password, arrived)
    while not client.is_connected():
        time.sleep(0.01)
    for _ in range(count // _CHUNK):
        for message in [arrived.get() for _ in range(_CHUNK)]:
            client.ack(message.mid, message.qos)
    client.disconnect()
    client.loop_stop()


def aiomqtt_2(host: str, port: int, user: str, password: str, count: int) -> None:
    """aiomqtt 2, made to acknowledge by hand through the paho client inside it (it has no public way)."""
    asyncio.run(_aiomqtt(host, port, user, password, count))


async def _aiomqtt(host: str, port: int, user: str, password: str, count: int) -> None:
    properties = Properties(PacketTypes.CONNECT)  # type: ignore[no-untyped-call]  # paho leaves it untyped
    properties.SessionExpiryInterval = 86_400
    properties.ReceiveMaximum = RECEIVE_MAXIMUM
    client = aiomqtt.Client(
        host, port, identifier=user, username=user, password=password, protocol=aiomqtt.ProtocolVersion.V5,
        clean_start=False, properties=properties,
    )  # fmt: skip
    inner = client._client  # noqa: SLF001 - see above
    inner.manual_ack_set(True)
    async with client:
        await client.subscribe(peer.FILTER, qos=1)
        done = 0
        held = []
        while done < count:
            held.append(await anext(client.messages))
            if len(held) == _CHUNK:
                for message in held:
                    inner.ack(message.mid, message.qos)
                done += _CHUNK
                held.clear()


CLIENTS: dict[str, Callable[[str, int, str, str, int], None]] = {"ours": ours, "paho": paho, "aiomqtt": aiomqtt_2}


async def compare(stage: Stage, count: int, rounds: int) -> dict[str, list[float]]:
    """Client -> messages per second of each round; the clients take turns within a round, each with a new backlog."""
    rates: dict[str, list[float]] = {}
    for round_number in range(rounds):
        for name in ("mosquitto_sub", *CLIENTS):
            await _run(stage, "ours", 0)
            await asyncio.to_thread(load, stage, messages(stage.devices, f"s{round_number}{name}", count))
            took_s = await (_mosquitto_sub(stage, count) if name == "mosquitto_sub" else _run(stage, name, count))
            forget(stage, PEER)
            rates.setdefault(name, []).append(count / took_s)
    return rates


async def _run(stage: Stage, name: str, count: int) -> float:
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "benchmarks.subscribers", name, "127.0.0.1", str(stage.mqtt_port), PEER,
        stage.users[PEER], str(count), stdout=subprocess.PIPE,
    )  # fmt: skip
    async with asyncio.timeout(300):
        output, _ = await process.communicate()
    if process.returncode:
        raise RuntimeError(f"the client {name} failed; its message stands above")
    return float(output.split()[-1])


async def _mosquitto_sub(stage: Stage, count: int) -> float:
    began = time.monotonic()
    process = await asyncio.create_subprocess_exec(
        "mosquitto_sub", "-V", "mqttv5", "-h", "127.0.0.1", "-p", str(stage.mqtt_port), "-q", "1", "-c", "-i", PEER,
        "-u", PEER, "-P", stage.users[PEER], "-x", "86400", "-C", str(count), "-t", peer.FILTER,
        "-D", "connect", "receive-maximum", str(RECEIVE_MAXIMUM), stdout=subprocess.DEVNULL,
    )  # fmt: skip
    async with asyncio.timeout(300):
        await process.wait()
    return time.monotonic() - began


def main(arguments: list[str]) -> None:
    """See above."""
    name, host, port, user, password, count = arguments
    began = time.monotonic()
    CLIENTS[name](host, int(port), user, password, int(count))
    print(time.monotonic() - began)


if __name__ == "__main__":
    main(sys.argv[1:])
