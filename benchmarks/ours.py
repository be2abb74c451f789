"""Ours: the process `carebed ingest --lane reading` drains the backlog into PostgreSQL, PUBACK after the commit."""

import asyncio
import json
import re
import signal
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

import httpx
import psycopg

from benchmarks.cpu import cpu_s
from benchmarks.stage import Stage
from carebed.embedded import ports

#: Seldom: each look at the figures costs the process some milliseconds, and the times are its own.
_POLL_S = 0.5
_FIGURE = re.compile(r"^carebed_readings_(stored|duplicate|stored_timestamp)(?:_total|_seconds) (\S+)$", re.MULTILINE)

_COMMITTED = "SELECT count(*) FROM reading WHERE message_id >= %s AND message_id < %s"


@dataclass(frozen=True)
class Drained:
    """What one drain took. Processor time: of the ingest process from its start on, and of all of the database's."""

    per_s: float
    peak_mb: float
    ingest_cpu_s: float
    database_cpu_s: float


async def start_cpu_s(stage: Stage) -> float:
    """Processor time that the process takes until it is ready, with nothing to drain."""
    port = ports.free_port()
    child = stage.start("ingest", "--lane", "reading", health_port=port)
    try:
        async with asyncio.timeout(60), httpx.AsyncClient(trust_env=False) as client:
            while not await _is_ready(client, f"http://127.0.0.1:{port}/readyz"):
                await asyncio.sleep(_POLL_S)
        return cpu_s(child.pid)
    finally:
        await child.stop(signal.SIGTERM, grace_s=10)


async def drain(stage: Stage, run: str, count: int) -> Drained:
    """One process, started anew, drains the backlog.

    From the broker's CONNACK to its first session to its last commit, as it says itself. Raises `RuntimeError` unless
    the database then holds every one of them.
    """
    port = ports.free_port()
    log_at = stage.log.stat().st_size if stage.log.exists() else 0
    child = stage.start("ingest", "--lane", "reading", health_port=port)
    try:
        before_s = cpu_s(stage.database_pid, children=True)
        async with asyncio.timeout(300):
            ended = await _ended(f"http://127.0.0.1:{port}/metrics", count)
        drained = Drained(
            count / (ended - _began(stage.log, log_at)), _peak_rss_mb(child.pid), cpu_s(child.pid),
            cpu_s(stage.database_pid, children=True) - before_s,
        )  # fmt: skip
    finally:
        await child.stop(signal.SIGTERM, grace_s=10)
    async with await psycopg.AsyncConnection.connect(stage.database.reader) as conn:
        row = await (await conn.execute(_COMMITTED, [f"{run}-", f"{run}."])).fetchone()
    if row is None or row[0] != count:
        raise RuntimeError(f"{row and row[0]} of {count} readings are in the database")
    return drained


def _began(log: Path, at: int) -> float:
    """Unix time of the first session's CONNACK in what was logged from byte `at` on."""
    with log.open() as lines:
        lines.seek(at)
        first = next(line for line in lines if '"mqtt_session_ready"' in line)
    return datetime.fromisoformat(json.loads(first)["timestamp"]).timestamp()


async def _is_ready(client: httpx.AsyncClient, url: str) -> bool:
    try:
        return (await client.get(url)).status_code == 200
    except httpx.TransportError:  # not up yet
        return False


async def _ended(url: str, count: int) -> float:
    """Unix time of the commit after which `count` readings were stored."""
    async with httpx.AsyncClient(trust_env=False) as client:
        while True:
            try:
                figures = {name: float(value) for name, value in _FIGURE.findall((await client.get(url)).text)}
            except httpx.TransportError:  # not up yet
                figures = {}
            if figures.get("stored", 0) + figures.get("duplicate", 0) >= count:
                return figures["stored_timestamp"]
            await asyncio.sleep(_POLL_S)


def _peak_rss_mb(pid: int) -> float:
    """Linux keeps the peak; elsewhere this figure is missing."""
    status = Path(f"/proc/{pid}/status")
    if not status.exists():
        return 0.0
    found = re.search(r"^VmHWM:\s+(\d+) kB", status.read_text(), re.MULTILINE)
    return int(found[1]) / 1024 if found else 0.0
