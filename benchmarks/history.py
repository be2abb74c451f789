"""What a chart costs: a month of one home through the API, beside a hundred million readings; what a reading weighs.

The readings are made in the database, day by day in the order of time as ingest would have stored them, and the hourly
figures by hours. The bytes of a reading and the rate of the rollup are measured on readings that went through ingest's
own store.
"""

import asyncio
import os
import random
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import httpx
import psycopg
from sqlalchemy import text

from benchmarks.report import Figures, line, percentile, percentiles_table
from carebed.database import Database
from carebed.embedded import ports
from carebed.embedded.postgres import DatabaseUrls, EmbeddedPostgres
from carebed.migrate import upgrade
from carebed.settings import load_settings
from ingest.reading_store import ReadingStore, Row
from ingest.retention import make_partitions
from ingest.rollup import roll_up
from registry.seed import seed_demo

_DAYS = 30
_HOMES = 2_000
#: Through ingest's own store.
_STORED = 500_000
_BATCH = 5_000
_CHARTS = 200

#: Nothing is to be measured while it is filled; what is measured afterwards only reads, or says so.
_FILLING = {"fsync": "off", "wal_level": "minimal", "max_wal_senders": "0", "maintenance_work_mem": "512MB"}

# What each kind of device tells.
_SERIES = """
CREATE TABLE bench_series AS
SELECT device.id AS device_id, told.type, told.unit, row_number() OVER (ORDER BY device.id, told.type) AS number
FROM device JOIN (VALUES ('button', 'battery', '%'), ('motion', 'motion', NULL), ('door', 'door', NULL),
    ('bed', 'bed', NULL), ('bed', 'respiration', '/min'), ('wristband', 'heart_rate', '/min'),
    ('wristband', 'spo2', '%'), ('wristband', 'steps', NULL), ('wristband', 'temperature', 'Cel'),
    ('gateway', 'heartbeat', NULL)
) AS told (kind, type, unit) ON told.kind = device.kind
"""

_DAY = """
INSERT INTO {name}
SELECT at + (number % 500) * interval '1 s', device_id, 'b17-' || lpad((round * 10 + number % 10)::text, 6, '0'), type,
    60 + (round * 7 + number) % 40, NULL, unit, NULL, at + interval '501 s'
FROM generate_series(0, {rounds} - 1) AS round
CROSS JOIN LATERAL (SELECT TIMESTAMPTZ '{first}' + round * interval '1 day' / {rounds} AS at OFFSET 0) AS turn
CROSS JOIN LATERAL (SELECT * FROM bench_series WHERE turn.at IS NOT NULL ORDER BY number OFFSET 0) AS series
"""

_HOURS = """
INSERT INTO reading_hour
SELECT device_id, date_trunc('hour', time, 'UTC') AS hour, type, count(*), count(value), sum(value), min(value),
    max(value), (array_agg(value))[1], (array_agg(value))[count(*)]
FROM {name} GROUP BY 1, 2, 3 ORDER BY 2, 1, 3
"""

_SIZE = text("""
    SELECT sum(pg_relation_size(pg_class.oid))::float8, sum(pg_indexes_size(pg_class.oid))::float8
    FROM pg_class WHERE oid IN (SELECT DISTINCT tableoid FROM reading)
""")


@dataclass(frozen=True)
class Weight:
    """Bytes of a reading."""

    table: float
    indexes: float


async def measure(directory: Path, readings: int) -> Figures:
    """All figures of this part; `readings` raw ones lie in the database while charts are asked for."""
    server = EmbeddedPostgres(directory, ports.free_port(), settings=_FILLING)
    await server.start()
    try:
        urls = server.urls()
        upgrade(urls.owner)
        credentials = await asyncio.to_thread(seed_demo, urls.owner, _HOMES, directory / "secrets")
        weight, rolled_per_s = await weigh(urls)
        await asyncio.to_thread(_fill, urls, readings)
        password = next(user["password"] for user in credentials.users if user["login"] == "operator")
        homes = [gateway["home"] for gateway in credentials.gateways]
        charts_ms, size = await asyncio.to_thread(_charts, urls, password, homes)
    finally:
        await server.stop(60)
    percentiles_table(
        f"A month of one home, {readings:,} readings in the database, {size:,.0f} bytes: request to answer (ms)",
        [("GET /homes/../readings", charts_ms)],
    )
    line(f"  a reading: {weight.table:.0f} bytes, and {weight.indexes:.0f} in indexes; rolled up {rolled_per_s:,.0f}/s")
    return {
        "history_readings": readings,
        "history_month_p50_ms": percentile(charts_ms, 50),
        "history_month_p99_ms": percentile(charts_ms, 99),
        "bytes_per_reading": weight.table + weight.indexes,
        "bytes_per_reading_table": weight.table,
        "rollup_readings_per_s": rolled_per_s,
    }


async def weigh(urls: DatabaseUrls, stored: int = _STORED) -> tuple[Weight, float]:
    """Bytes of a reading that came through ingest's store, and readings rolled up in a second; leaves no reading."""
    engine = Database(urls.engine, application="bench", pool_size=1)
    owner = Database(urls.owner, application="bench-calendar", pool_size=2)
    try:
        await make_partitions(owner, load_settings())
        store = ReadingStore()
        for batch in _batches(stored):
            async with engine.transaction() as conn:
                await store.store(conn, batch[0][-1], batch)
        async with owner.transaction() as conn:
            table, indexes = (await conn.execute(_SIZE)).one()
        began = time.perf_counter()
        while await roll_up(owner):
            pass
        rolled_per_s = stored / (time.perf_counter() - began)
        async with owner.transaction() as conn:
            for name in ("reading", "reading_hour", "rollup_due"):
                await conn.exec_driver_sql(f"TRUNCATE {name}")
    finally:
        await engine.close()
        await owner.close()
    return Weight(table / stored, indexes / stored), rolled_per_s


def _batches(count: int) -> Iterator[list[Row]]:
    """A day of devices that take turns, in the order of time."""
    begin = datetime.now(UTC).replace(hour=0, minute=0, second=0, microsecond=0) - timedelta(days=1)
    for first in range(0, count, _BATCH):
        received = begin + timedelta(days=1) * (first / count)
        yield [
            (
                received - timedelta(milliseconds=_BATCH - number), f"h{number:04d}-band",
                f"b17-{first + number:08d}", "heart_rate", 60.0 + number % 40, None, "/min", None, received,
            )
            for number in range(_BATCH)
        ]  # fmt: skip


def _fill(urls: DatabaseUrls, readings: int) -> None:
    """Day by day: a table, its rows, then its indexes with the attaching, then its hours."""
    rounds = max(1, round(readings / _DAYS / (_HOMES * 10)))
    today = datetime.now(UTC).replace(hour=0, minute=0, second=0, microsecond=0)
    with psycopg.connect(urls.owner, autocommit=True) as conn:
        conn.execute(_SERIES)
        conn.execute("ANALYZE bench_series")
        for number in range(_DAYS, 0, -1):
            first = today - timedelta(days=number)
            name = f"reading_{first:%Y%m%d}"
            with conn.transaction():
                conn.execute(f"DROP TABLE {name}".encode())
                conn.execute(f"CREATE TABLE {name} (LIKE reading INCLUDING DEFAULTS)".encode())
                conn.execute(_DAY.format(name=name, first=first.isoformat(), rounds=rounds).encode())
                bounds = f"FROM ('{first.isoformat()}') TO ('{(first + timedelta(days=1)).isoformat()}')"
                conn.execute(f"ALTER TABLE reading ATTACH PARTITION {name} FOR VALUES {bounds}".encode())
            conn.execute(_HOURS.format(name=name).encode())
            line(f"  {_DAYS - number + 1} of {_DAYS} days")
        conn.execute("DROP TABLE bench_series")
        conn.execute("VACUUM (ANALYZE) reading_hour")


def _charts(urls: DatabaseUrls, password: str, homes: list[str]) -> tuple[list[float], int]:
    """Milliseconds of each request, another home each time; bytes of an answer."""
    span = {
        "from": (datetime.now(UTC) - timedelta(days=_DAYS)).isoformat(), "to": datetime.now(UTC).isoformat(),
    }  # fmt: skip
    with _api(urls) as http:
        form = {"grant_type": "password", "username": "operator", "password": password}
        token = http.post("/api/v1/auth/token", data=form).raise_for_status().json()["access_token"]
        bearer = {"Authorization": f"Bearer {token}"}
        took, size = [], 0
        for home in random.Random(1).sample(homes, _CHARTS + 5):
            began = time.perf_counter()
            answer = http.get(f"/api/v1/homes/{home}/readings", params=span, headers=bearer).raise_for_status()
            took.append(1e3 * (time.perf_counter() - began))
            size = len(answer.content)
        if len(answer.json()["items"]) != 10:
            raise SystemExit("A home has not the ten series that were made: the figures mean nothing.")
    return sorted(took[5:]), size


@contextmanager
def _api(urls: DatabaseUrls) -> Iterator[httpx.Client]:
    """`carebed api` on this database, ready."""
    port = ports.free_port()
    environment: dict[str, Any] = {**os.environ, "CAREBED_API_DATABASE_URL": urls.api, "CAREBED_HTTP_PORT": str(port)}
    process = subprocess.Popen([sys.executable, "-m", "carebed", "api"], env=environment, stderr=subprocess.DEVNULL)
    try:
        with httpx.Client(base_url=f"http://127.0.0.1:{port}", trust_env=False, timeout=30) as http:
            for _ in range(1_200):
                try:
                    if http.get("/readyz").status_code == 200:
                        break
                except httpx.TransportError:
                    pass
                time.sleep(0.1)
            yield http
    finally:
        process.terminate()
        process.wait(20)
