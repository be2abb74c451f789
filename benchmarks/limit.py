"""The limit: how fast Mosquitto's own C client drains the same backlog, to nowhere, storing nothing."""

import asyncio
import subprocess
import time

from benchmarks.backlog import per_group
from benchmarks.stage import Stage
from gateway.topics import reading_filters


async def drain(stage: Stage, count: int) -> float:
    """Messages per second of sixteen `mosquitto_sub -q 1 -c`, one for each of the sessions that ingest has.

    So it drains the very queues that ours drains, in as many connections, with as large a window (MQTT 5, Receive
    Maximum); every message is acknowledged at once. From the start of the first to the end of the last.
    """
    began = time.monotonic()
    running = [
        await asyncio.create_subprocess_exec(*_command(stage, group, share), stdout=subprocess.DEVNULL)
        for group, share in per_group(stage.devices, count).items()
        if share
    ]
    async with asyncio.timeout(120):
        codes = await asyncio.gather(*(process.wait() for process in running))
    if any(codes):
        raise RuntimeError("mosquitto_sub failed; its message stands above")
    return count / (time.monotonic() - began)


def _command(stage: Stage, group: str, share: int) -> list[str]:
    user = f"ingest-reading-{group}"
    command = ["mosquitto_sub", "-V", "mqttv5", "-h", "127.0.0.1", "-p", str(stage.mqtt_port), "-q", "1", "-c",
               "-i", user, "-u", user, "-P", stage.users[user], "-x", "86400", "-C", str(share),
               "-D", "connect", "receive-maximum", "5000"]  # fmt: skip
    for topic_filter in reading_filters(group):
        command += ["-t", topic_filter]
    return command
