"""How long a press takes to reach the on-call page: from MQTT publish to the live stream's event.

On an idle system, and while the reading lane of the same house drains a backlog.
"""

import asyncio
import itertools
import json
import random
import signal
import sys
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from uuid import uuid4

import httpx

from benchmarks.home import Home
from benchmarks.reading_lane import ReadingLane
from carebed.embedded import ports

HOMES = 300
PRESSED = 100
"""Each of these is pressed in turn and its alarm closed before its next press, so that every press opens an alarm of
its own; the sensors of the others make the load."""

_PATIENCE_S = 30.0

Raised = asyncio.Future[tuple[float, str]]
"""When the alarm of a home was seen on the live stream, and its id."""


@dataclass
class Latencies:
    """Milliseconds of each press, sorted."""

    live_ms: list[float] = field(default_factory=list)
    receipt_ms: list[float] = field(default_factory=list)

    def sorted(self) -> "Latencies":
        """The same, ascending."""
        return Latencies(sorted(self.live_ms), sorted(self.receipt_ms))


async def presses(directory: Path, count: int, backlog: int) -> tuple[Latencies, Latencies]:
    """Start the whole house on `directory` (without simulated devices), press `count` times while it is idle, then
    `count` times while it drains backlogs of so many readings; stop it."""
    async with _house(directory) as ready, httpx.AsyncClient(base_url=ready["http"], trust_env=False) as client:
        operator = next(user for user in ready["users"] if user["role"] == "operator")
        client.headers["Authorization"] = f"Bearer {await _token(client, operator)}"
        gateways = [gateway for gateway in ready["gateways"] if gateway["home"] is not None]
        homes = [Home(gateway) for gateway in gateways[:PRESSED]]
        readings = ReadingLane(ready, gateways[PRESSED:], backlog)
        for home in homes:
            await home.connect(ready["mqtt"]["host"], ready["mqtt"]["port"])
        raised: dict[str, Raised] = {}
        try:
            async with asyncio.TaskGroup() as tasks:  # so that a stream that breaks ends the run
                opened = asyncio.Event()
                listener = tasks.create_task(_listen(client, raised, opened))
                async with asyncio.timeout(_PATIENCE_S):
                    await opened.wait()
                idle = await _while_idle(client, homes, raised, count)
                loaded = await _while_draining(client, homes, raised, count, readings)
                listener.cancel()
            return idle, loaded
        finally:
            for home in homes:
                await home.close()


async def _while_idle(client: httpx.AsyncClient, homes: list[Home], raised: dict[str, Raised], count: int) -> Latencies:
    latencies = Latencies()
    for number in range(count):
        alarm = await _press(homes[number % len(homes)], raised, latencies)
        await _resolve(client, alarm)
        await asyncio.sleep(random.uniform(0.01, 0.04))
    return latencies.sorted()


async def _while_draining(
    client: httpx.AsyncClient, homes: list[Home], raised: dict[str, Raised], count: int, readings: ReadingLane
) -> Latencies:
    """Backlog after backlog; in each, one person after another presses for as long as it lasts."""
    latencies = Latencies()
    pressed = itertools.cycle(homes)
    while len(latencies.live_ms) < count:
        await readings.gather()
        drained = asyncio.Event()

        async def press_on(drained: asyncio.Event = drained) -> None:
            while not drained.is_set() and len(latencies.live_ms) < count:
                await _resolve(client, await _press(next(pressed), raised, latencies))

        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(press_on())
            await readings.drain(client)
            drained.set()
    return latencies.sorted()


async def _press(home: Home, raised: dict[str, Raised], latencies: Latencies) -> str:
    """One press, until both its alarm and its receipt have come; the alarm's id."""
    raised[home.id] = asyncio.get_running_loop().create_future()
    message_id, began = home.press()
    async with asyncio.timeout(_PATIENCE_S):
        seen, alarm = await raised[home.id]
        while message_id not in home.receipts:
            await asyncio.sleep(0.001)
    received, status = home.receipts[message_id]
    if status != "accepted":
        raise RuntimeError(f"a press was answered {status}")
    latencies.live_ms.append((seen - began) * 1000)
    latencies.receipt_ms.append((received - began) * 1000)
    return alarm


async def _listen(client: httpx.AsyncClient, raised: dict[str, Raised], opened: asyncio.Event) -> None:
    """Note when the first event of each awaited home's new alarm comes."""
    name = ""
    async with client.stream("GET", "/api/v1/live", timeout=httpx.Timeout(10, read=15)) as stream:
        stream.raise_for_status()
        async for line in stream.aiter_lines():
            if line.startswith("event:"):
                name = line.removeprefix("event:").strip()
            elif line.startswith("data:") and name == "open":
                opened.set()
            elif line.startswith("data:") and name == "alarm":
                now = time.perf_counter()
                alarm = json.loads(line.removeprefix("data:"))
                waiting = raised.get(alarm["home"])
                if waiting is not None and not waiting.done() and alarm["state"] == "raised":
                    waiting.set_result((now, alarm["id"]))
            elif name == "end":
                raise RuntimeError(f"the live stream ended: {line}")


async def _token(client: httpx.AsyncClient, user: dict[str, Any]) -> str:
    form = {"grant_type": "password", "username": user["login"], "password": user["password"]}
    answer = await client.post("/api/v1/auth/token", data=form)
    answer.raise_for_status()
    return str(answer.json()["access_token"])


async def _resolve(client: httpx.AsyncClient, alarm: str) -> None:
    answer = await client.post(
        f"/api/v1/alarms/{alarm}/resolve", json={"outcome": "test"}, headers={"Idempotency-Key": str(uuid4())}
    )
    answer.raise_for_status()


@asynccontextmanager
async def _house(directory: Path) -> AsyncIterator[dict[str, Any]]:
    """`carebed up --demo --no-sim`; yields the ready file's content."""
    ready_file = directory / "ready.json"
    log = (directory / "up.log").open("w")
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "carebed", "up", "--demo", "--no-sim", "--homes", str(HOMES),
        "--data-dir", str(directory / "house"), "--ready-file", str(ready_file),
        "--http-port", str(ports.free_port()), "--mqtt-port", str(ports.free_port()), stdout=log, stderr=log,
    )  # fmt: skip
    try:
        async with asyncio.timeout(120):
            while not ready_file.exists():
                if process.returncode is not None:
                    raise RuntimeError(f"carebed up ended: {(directory / 'up.log').read_text()[-2000:]}")
                await asyncio.sleep(0.1)
        yield json.loads(ready_file.read_text())
    finally:
        if process.returncode is None:
            process.send_signal(signal.SIGTERM)
            await process.wait()
        log.close()
