"""How the cost grows: from a thousand to a million registered devices, all of them with something to say at once.

Each size gets its backlog: every device's first message after an outage comes before anybody's second, which is the
worst order there is for a cache.
"""

import asyncio
from dataclasses import dataclass
from pathlib import Path

import psycopg

from benchmarks import backlog, ours
from benchmarks.picture import draw
from benchmarks.report import Figures, line
from benchmarks.stage import Stage

SIZES = (1_000, 10_000, 100_000, 1_000_000)
LEAST = 200_000
"""Messages of a backlog: at least so many, and one for every device."""

_PER_HOME = 5

# A gateway and five sensors a home, as the demo has them; `carebed_owner` may write all of it.
_REGISTER = """
    WITH place AS (SELECT station_id, area_code FROM home LIMIT 1),
    homes AS (
        INSERT INTO home (id, name, area_code, station_id)
        SELECT gen_random_uuid(), 'grown ' || number, area_code, station_id
        FROM place, generate_series(%(first)s::int, %(last)s::int) AS number
        RETURNING id, station_id, substr(name, 7)::int AS number
    ), gateways AS (
        INSERT INTO gateway (id, home_id, station_id, secret_hash)
        SELECT 'grown-' || number, id, station_id, 'none' FROM homes RETURNING id, home_id
    )
    INSERT INTO device (id, gateway_id, home_id, kind, heartbeat_s)
    SELECT CASE sensor WHEN 0 THEN id ELSE id || '-' || sensor END, id, home_id,
        CASE sensor WHEN 0 THEN 'gateway' ELSE 'motion' END, 3600
    FROM gateways, generate_series(0, %(sensors)s::int) AS sensor
"""

# They have all been heard from before: their states and their deadlines stand.
_LIVED = (
    """INSERT INTO device_state (device_id, lane, seen_at) SELECT id, 'reading', carebed_now() FROM device
        ON CONFLICT DO NOTHING""",
    """INSERT INTO home_state (home_id, lane, activity_at)
        SELECT id, 'reading', carebed_now() - interval '1 day' FROM home ON CONFLICT DO NOTHING""",
    """INSERT INTO deadline (kind, subject, due_at)
        SELECT 'offline', id, carebed_now() + interval '4 hours' FROM device WHERE heartbeat_s IS NOT NULL
        ON CONFLICT DO NOTHING""",
    """INSERT INTO deadline (kind, subject, due_at)
        SELECT 'inactivity', id::text, carebed_now() + interval '12 hours' FROM home ON CONFLICT DO NOTHING""",
    """INSERT INTO deadline (kind, subject, due_at)
        SELECT 'detect', id::text, carebed_now() + interval '6 hours' FROM home ON CONFLICT DO NOTHING""",
    "ANALYZE",
)

# What the registry and its state rows take, without the readings themselves.
_REGISTRY_BYTES = """
    SELECT sum(pg_total_relation_size(name::regclass))
    FROM unnest(ARRAY['home', 'gateway', 'device', 'device_state', 'home_state', 'deadline']) AS name
"""


@dataclass(frozen=True)
class Cost:
    """At one size. Processor time is per message, memory the ingest process's peak."""

    devices: int
    messages: int
    per_s: float
    ingest_us: float
    database_us: float
    peak_mb: float
    registry_mb: float


async def measure(stage: Stage) -> list[Cost]:
    """Grow the registry step by step and drain a backlog at each."""
    costs: list[Cost] = []
    registered = 0
    start_s = await ours.start_cpu_s(stage)
    for devices in SIZES:
        await asyncio.to_thread(_register, stage, registered // _PER_HOME, devices // _PER_HOME)
        registered = devices
        senders = [
            (f"grown-{home}", f"grown-{home}-{sensor}")
            for sensor in range(1, _PER_HOME + 1) for home in range(devices // _PER_HOME)
        ]  # fmt: skip
        costs.append(await _drain(stage, senders, max(LEAST, devices), start_s))
        line(f"  {devices:>9,} devices: {costs[-1].per_s:>9,.0f} messages/s")
    return costs


async def _drain(stage: Stage, senders: list[tuple[str, str]], count: int, start_s: float) -> Cost:
    run = f"grown{len(senders)}"
    await backlog.make_sessions(stage)
    await asyncio.to_thread(backlog.load, stage, backlog.messages(senders, run, count))
    drained = await ours.drain(stage, run, count)
    with psycopg.connect(stage.database.admin) as conn:
        row = conn.execute(_REGISTRY_BYTES).fetchone()
    assert row is not None
    return Cost(
        len(senders), count, drained.per_s, (drained.ingest_cpu_s - start_s) / count * 1e6,
        drained.database_cpu_s / count * 1e6, drained.peak_mb, float(row[0]) / 2**20,
    )  # fmt: skip


def _register(stage: Stage, first_home: int, last_home: int) -> None:
    """Homes with numbers from `first_home` up to, not including, `last_home`; then fresh statistics."""
    with psycopg.connect(stage.database.admin, autocommit=True) as conn:
        conn.execute(_REGISTER, {"first": first_home, "last": last_home - 1, "sensors": _PER_HOME})
        for statement in _LIVED:
            conn.execute(statement)


def table(costs: list[Cost]) -> None:
    """Print it, as docs/cost.md shows it."""
    line("\nHow the cost grows: a backlog of at least 200,000 readings, each device's first before anybody's second")
    line(
        "| devices | messages | messages/s | ingest CPU us/message | database CPU us/message | ingest MB | tables MB |"
    )
    line("|---:|---:|---:|---:|---:|---:|---:|")
    for one in costs:
        line(
            f"| {one.devices:,} | {one.messages:,} | {one.per_s:,.0f} | {one.ingest_us:.1f} | {one.database_us:.1f} "
            f"| {one.peak_mb:.0f} | {one.registry_mb:,.0f} |"
        )


def picture(path: Path, costs: list[Cost]) -> None:
    """Draw it, as docs/cost.md shows it."""
    draw(
        path,
        [one.devices for one in costs],
        [
            ("readings/s drained", [("durable", [one.per_s for one in costs])]),
            ("processor time, \u00b5s a reading", [("ingest", [one.ingest_us for one in costs]),
                                                ("database", [one.database_us for one in costs])]),
            ("ingest memory, MB", [("peak resident", [one.peak_mb for one in costs])]),
            ("tables without readings, MB", [("on disk", [one.registry_mb for one in costs])]),
        ],
    )  # fmt: skip


def figures(costs: list[Cost]) -> Figures:
    """`growth_{devices}_{what}` of every size."""
    return {
        f"growth_{one.devices}_{name}": value
        for one in costs
        for name, value in (
            ("per_s", one.per_s), ("ingest_us", one.ingest_us), ("database_us", one.database_us),
            ("ingest_rss_mb", one.peak_mb), ("registry_mb", one.registry_mb),
        )
    }  # fmt: skip
