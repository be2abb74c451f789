"""The backlog of the throughput figures: single-reading messages of about 150 bytes in the wire contract's words."""

import asyncio
from collections.abc import Iterable, Iterator, Sequence
from datetime import UTC, datetime, timedelta

from benchmarks.loader import Loader, Message
from benchmarks.stage import LOADER, Stage
from gateway.lanes import Lane
from gateway.topics import GROUPS, reading_filters, up_topic
from ingest.mqtt import Intake, Session

MESSAGES = 200_000

READERS = [f"ingest-reading-{group}" for group in GROUPS]
"""The users, and so the sessions, of the reading lane."""


def messages(devices: Sequence[tuple[str, str]], run: str, count: int) -> Iterator[Message]:
    """`count` motion readings, one device after another and round again, each device's in order of time.

    `run` makes the ids of this run unique. Topic and payload together are about 150 bytes.
    """
    topics = [up_topic(gateway, Lane.READING, device) for gateway, device in devices]
    began = datetime.now(UTC) - timedelta(hours=1)
    rounds = -(-count // len(topics))
    for number in range(rounds):
        time = (began + number * timedelta(hours=1) / rounds).isoformat(timespec="milliseconds").replace("+00:00", "Z")
        payload = f'{{"id":"{run}-{number:06d}","time":"{time}","type":"motion","value":true}}'.encode()
        for topic in topics[: count - number * len(topics)]:
            yield topic, payload


def arrays(devices: Sequence[tuple[str, str]], run: str, count: int, size: int) -> Iterator[Message]:
    """The same `count` readings, of as many devices as are needed, each device's in arrays of `size`."""
    few = devices[: -(-count // size)]
    gathered: dict[str, list[bytes]] = {}
    for topic, payload in messages(few, run, count):
        kept = gathered.setdefault(topic, [])
        kept.append(payload)
        if len(kept) == size:
            yield topic, b"[" + b",".join(gathered.pop(topic)) + b"]"
    yield from ((topic, b"[" + b",".join(kept) + b"]") for topic, kept in gathered.items())


async def preload(stage: Stage, run: str, count: int, *, in_arrays_of: int = 1) -> None:
    """Fill the sixteen sessions of the reading lane, which exist and are offline; returns when the broker has all."""
    await make_sessions(stage)
    if in_arrays_of == 1:
        await asyncio.to_thread(load, stage, messages(stage.devices, run, count))
    else:
        await asyncio.to_thread(load, stage, arrays(stage.devices, run, count, in_arrays_of))


def load(stage: Stage, published: Iterable[Message]) -> None:
    """Publish these; blocking, returns when the broker has acknowledged all."""
    with Loader("127.0.0.1", stage.mqtt_port, LOADER, stage.users[LOADER]) as loader:
        loader.publish(published)


def forget(stage: Stage, *users: str) -> None:
    """End these users' sessions, so that the next backlog is not kept for them too."""
    for user in users:
        Loader("127.0.0.1", stage.mqtt_port, user, stage.users[user]).close()


async def make_sessions(stage: Stage) -> None:
    """Connect every session of the reading lane once, so that the broker keeps what comes for it."""
    sessions = [
        Session("127.0.0.1", stage.mqtt_port, user, stage.users[user], reading_filters(group))
        for user, group in zip(READERS, GROUPS, strict=True)
    ]
    async with Intake(sessions) as intake, asyncio.timeout(30):
        while intake.unready is not None:
            await asyncio.sleep(0.01)


def per_group(devices: Sequence[tuple[str, str]], count: int) -> dict[str, int]:
    """Shard group -> how many of `count` messages are its."""
    shares = dict.fromkeys(GROUPS, 0)
    for number, (gateway, device) in enumerate(devices):
        group = up_topic(gateway, Lane.READING, device).split("/")[2][0]
        shares[group] += count // len(devices) + (number < count % len(devices))
    return shares
