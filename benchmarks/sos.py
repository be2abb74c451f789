"""How long a press takes to reach the on-call page of an idle system: from MQTT publish to the live stream's event."""

import asyncio
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
from carebed.embedded import ports

HOMES = 300
"""Each is pressed in turn and its alarm closed before its next press, so that every press opens an alarm of its own."""

_PATIENCE_S = 30.0

Raised = asyncio.Future[tuple[float, str]]
"""When the alarm of a home was seen on the live stream, and its id."""


@dataclass
class Latencies:
    """Milliseconds of each press, sorted."""

    live_ms: list[float] = field(default_factory=list)
    receipt_ms: list[float] = field(default_factory=list)


async def presses(directory: Path, count: int) -> Latencies:
    """Start the whole house on `directory` (without simulated devices), press `count` times, stop it."""
    async with _house(directory) as ready, httpx.AsyncClient(base_url=ready["http"], trust_env=False) as client:
        operator = next(user for user in ready["users"] if user["role"] == "operator")
        client.headers["Authorization"] = f"Bearer {await _token(client, operator)}"
        homes = [Home(gateway) for gateway in ready["gateways"] if gateway["home"] is not None][:HOMES]
        for home in homes:
            await home.connect(ready["mqtt"]["host"], ready["mqtt"]["port"])
        try:
            return await _press_all(client, homes, count)
        finally:
            for home in homes:
                await home.close()


async def _press_all(client: httpx.AsyncClient, homes: list[Home], count: int) -> Latencies:
    latencies = Latencies()
    raised: dict[str, Raised] = {}
    opened = asyncio.Event()
    async with asyncio.TaskGroup() as tasks:  # so that a stream that breaks ends the run
        listener = tasks.create_task(_listen(client, raised, opened))
        async with asyncio.timeout(_PATIENCE_S):
            await opened.wait()
        for number in range(count):
            alarm = await _press(homes[number % len(homes)], raised, latencies)
            await _resolve(client, alarm)
            await asyncio.sleep(random.uniform(0.01, 0.04))
        listener.cancel()
    latencies.live_ms.sort()
    latencies.receipt_ms.sort()
    return latencies


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
