"""Ours: the process `carebed ingest --lane reading` drains the backlog into PostgreSQL, PUBACK after the commit."""

import asyncio
import re
import signal
import time
from pathlib import Path

import httpx
import psycopg

from benchmarks.stage import Stage
from carebed.embedded import ports

_POLL_S = 0.05
_STORED = re.compile(r"^carebed_readings_(?:stored|duplicate)_total (\S+)$", re.MULTILINE)

_COMMITTED = "SELECT count(*) FROM reading WHERE message_id >= %s AND message_id < %s"


async def drain(stage: Stage, run: str, count: int) -> tuple[float, float]:
    """(messages per second, peak resident memory in MB) of one process started anew.

    From the last moment at which nothing was stored (by its own counters, asked every 50 ms) to the moment at which
    another connection to the database sees all of them.
    """
    port = ports.free_port()
    child = stage.start("ingest", "--lane", "reading", health_port=port)
    try:
        async with asyncio.timeout(300), await psycopg.AsyncConnection.connect(stage.database.reader) as conn:
            began = await _until_nearly_done(f"http://127.0.0.1:{port}/metrics", count)
            while await _committed(conn, run) < count:
                await asyncio.sleep(0.01)
            took_s = time.monotonic() - began
        return count / took_s, _peak_rss_mb(child.pid)
    finally:
        await child.stop(signal.SIGTERM, grace_s=10)


async def _until_nearly_done(url: str, count: int) -> float:
    """Returns, once all but the last commits are through, when it began (seconds, monotonic)."""
    began = time.monotonic()
    async with httpx.AsyncClient(trust_env=False) as client:
        while True:
            asked = time.monotonic()
            stored = await _stored(client, url)
            if stored == 0:
                began = asked
            if stored >= count:
                return began
            await asyncio.sleep(_POLL_S)


async def _stored(client: httpx.AsyncClient, url: str) -> float:
    """Readings that went through its transactions, the one under way included."""
    try:
        answer = await client.get(url)
    except httpx.TransportError:  # not up yet
        return 0
    return sum(float(value) for value in _STORED.findall(answer.text))


async def _committed(conn: psycopg.AsyncConnection[tuple[int]], run: str) -> int:
    async with conn.transaction():
        row = await (await conn.execute(_COMMITTED, [f"{run}-", f"{run}."])).fetchone()
    return row[0] if row is not None else 0


def _peak_rss_mb(pid: int) -> float:
    """Linux keeps the peak; elsewhere this figure is missing."""
    status = Path(f"/proc/{pid}/status")
    if not status.exists():
        return 0.0
    found = re.search(r"^VmHWM:\s+(\d+) kB", status.read_text(), re.MULTILINE)
    return int(found[1]) / 1024 if found else 0.0
