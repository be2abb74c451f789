"""Ours: the process `carebed ingest --lane reading` drains the backlog into PostgreSQL, PUBACK after the commit."""

import asyncio
import json
import re
import signal
from datetime import datetime
from pathlib import Path

import httpx
import psycopg

from benchmarks.stage import Stage
from carebed.embedded import ports

_POLL_S = 0.1
_FIGURE = re.compile(r"^carebed_readings_(stored|duplicate|stored_timestamp)(?:_total|_seconds) (\S+)$", re.MULTILINE)

_COMMITTED = "SELECT count(*) FROM reading WHERE message_id >= %s AND message_id < %s"


async def drain(stage: Stage, run: str, count: int) -> tuple[float, float]:
    """(readings per second, peak resident memory in MB) of one process started anew.

    From the broker's CONNACK to its first session to its last commit, as it says itself. Raises `RuntimeError` unless
    the database then holds every one of them.
    """
    port = ports.free_port()
    log_at = stage.log.stat().st_size if stage.log.exists() else 0
    child = stage.start("ingest", "--lane", "reading", health_port=port)
    try:
        async with asyncio.timeout(300):
            ended = await _ended(f"http://127.0.0.1:{port}/metrics", count)
        rate, peak_mb = count / (ended - _began(stage.log, log_at)), _peak_rss_mb(child.pid)
    finally:
        await child.stop(signal.SIGTERM, grace_s=10)
    async with await psycopg.AsyncConnection.connect(stage.database.reader) as conn:
        row = await (await conn.execute(_COMMITTED, [f"{run}-", f"{run}."])).fetchone()
    if row is None or row[0] != count:
        raise RuntimeError(f"{row and row[0]} of {count} readings are in the database")
    return rate, peak_mb


def _began(log: Path, at: int) -> float:
    """Unix time of the first session's CONNACK in what was logged from byte `at` on."""
    with log.open() as lines:
        lines.seek(at)
        first = next(line for line in lines if '"mqtt_session_ready"' in line)
    return datetime.fromisoformat(json.loads(first)["timestamp"]).timestamp()


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
