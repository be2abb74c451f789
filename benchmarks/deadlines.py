"""What the sweep of deadlines costs: a thousand due among a million armed, and a hundred thousand due at once while
somebody presses.

The city comes back after a power cut: every gateway has been heard again, every home has said something new, and all
that was armed meanwhile is due. The homes, their devices, readings and memories are real rows; one in a hundred has a
flat battery to raise. Ingest and alerts are the product's own processes.
"""

import asyncio
import signal
import time
from collections.abc import Sequence
from contextlib import AsyncExitStack, suppress
from pathlib import Path
from typing import Any

import psycopg

from benchmarks.cpu import cpu_s
from benchmarks.home import Home
from benchmarks.report import Figures, line, percentile, percentiles_table
from benchmarks.stage import Stage, stage
from carebed.embedded import ports
from carebed.embedded.child import Child

ARMED = 1_000_000
FEW, MANY = 1_000, 100_000
#: Half of what is due are looks of detectors; a quarter each are homes' stillness and gateways' beats.
CITY = MANY // 2

_POLL_S = 0.05
_PRESSES = 20
_SETTLED_S = 5.0
_PATIENCE_S = 600

_REGISTER = """
    WITH place AS (SELECT station_id, area_code FROM home LIMIT 1),
    homes AS (
        INSERT INTO home (id, name, area_code, station_id)
        SELECT gen_random_uuid(), 'city ' || number, area_code, station_id FROM place, generate_series(1, %s) AS number
        RETURNING id, station_id, substr(name, 6)::int AS number
    ), residents AS (
        INSERT INTO resident (id, home_id, name) SELECT gen_random_uuid(), id, 'x' FROM homes RETURNING id, home_id
    ), gateways AS (
        INSERT INTO gateway (id, home_id, station_id, secret_hash)
        SELECT 'city-' || number, id, station_id, 'none' FROM homes RETURNING id, home_id
    )
    INSERT INTO device (id, gateway_id, home_id, resident_id, kind, room, heartbeat_s)
    SELECT gateways.id || suffix, gateways.id, gateways.home_id, CASE WHEN worn THEN residents.id END, kind, room, beat
    FROM gateways JOIN residents USING (home_id), (VALUES
        ('', 'gateway', NULL, 30, false), ('-motion', 'motion', 'living_room', NULL, false),
        ('-door', 'door', 'entrance', NULL, false), ('-bed', 'bed', 'bedroom', NULL, false),
        ('-band', 'wristband', NULL, 60, true)) AS sensor (suffix, kind, room, beat, worn)
"""

_LIVED = (
    """INSERT INTO device_state (device_id, lane, seen_at) SELECT id, 'reading', carebed_now() FROM device
        ON CONFLICT DO NOTHING""",
    """INSERT INTO home_state (home_id, lane, activity_at) SELECT id, 'reading', carebed_now() FROM home
        ON CONFLICT DO NOTHING""",
    """INSERT INTO deadline (kind, subject, due_at) SELECT 'inactivity', id::text, carebed_now() + interval '12 hours'
        FROM home ON CONFLICT DO NOTHING""",
    """INSERT INTO deadline (kind, subject, due_at) SELECT 'offline', id, carebed_now() + interval '4 hours'
        FROM device WHERE heartbeat_s IS NOT NULL ON CONFLICT DO NOTHING""",
    # Of other cities: armed, and not due.
    """INSERT INTO deadline (kind, subject, due_at)
        SELECT (ARRAY['inactivity', 'offline', 'detect'])[number %% 3 + 1], 'other ' || number,
            carebed_now() + interval '5 hours' + number * interval '10 ms'
        FROM generate_series(1, %s - (SELECT count(*) FROM deadline)) AS number""",
)

# What each home has to say: states, a vital sign, and in one of a hundred a flat battery.
_SAID = """
    INSERT INTO reading (time, device_id, message_id, type, value, received_at)
    SELECT carebed_now() - ago, gateway.id || suffix, %(run)s || '-' || type, type, value, carebed_now()
    FROM gateway, (VALUES
        ('-motion', 'motion', 1, interval '90 s'), ('-motion', 'motion', 0, interval '40 s'),
        ('-door', 'door', 1, interval '80 s'), ('-door', 'door', 0, interval '70 s'),
        ('-bed', 'bed', 1, interval '60 s'), ('-band', 'heart_rate', 71, interval '55 s'),
        ('-band', 'worn', 1, interval '50 s'), ('-band', 'battery', 80, interval '45 s')
    ) AS said (suffix, type, value, ago)
    WHERE gateway.id LIKE 'city-%%' AND substr(gateway.id, 6)::int <= %(homes)s
"""
_FLAT = """
    UPDATE reading SET value = 3 WHERE type = 'battery' AND message_id = %(run)s || '-battery'
        AND device_id LIKE 'city-%%00-band'
"""

_HEARD = "UPDATE device_state SET seen_at = carebed_now() WHERE device_id LIKE 'city-%%'"

_DETECT = """
    INSERT INTO deadline (kind, subject, due_at)
    SELECT 'detect', id::text, carebed_now() FROM home WHERE name LIKE 'city %%' AND substr(name, 6)::int <= %(count)s
    ON CONFLICT (kind, subject) DO UPDATE SET due_at = EXCLUDED.due_at
"""
_OTHERS = """
    WITH wanted AS (
        (SELECT 'inactivity' AS kind, id::text AS subject FROM home WHERE name LIKE 'city %%' LIMIT %(count)s)
        UNION ALL
        (SELECT 'offline', id FROM gateway WHERE id LIKE 'city-%%' LIMIT %(count)s)
    )
    UPDATE deadline SET due_at = carebed_now() FROM wanted
    WHERE deadline.kind = wanted.kind AND deadline.subject = wanted.subject
"""

_LEFT = """
    SELECT EXISTS (SELECT FROM unnest(ARRAY['inactivity', 'offline', 'detect']) AS one (kind)
        WHERE EXISTS (SELECT FROM deadline WHERE life_critical = false AND deadline.kind = one.kind
            AND due_at <= %(since)s AND attempts = 0))
"""

_PUT_BACK = "SELECT count(*) FROM deadline WHERE attempts > 0"

_PAGED = """
    SELECT EXISTS (SELECT FROM alarm JOIN alarm_event ON alarm_event.alarm_id = alarm.id
        WHERE alarm.home_id = %(home)s AND alarm.kind = 'sos' AND alarm.closed_at IS NULL AND type = 'paged')
"""

Owner = psycopg.AsyncConnection[Any]


async def measure(directory: Path) -> Figures:
    """A thousand of a million; then a hundred thousand with presses among them."""
    async with stage(directory) as running, AsyncExitStack() as stack:
        owner = await psycopg.AsyncConnection.connect(running.database.admin, autocommit=True)
        stack.push_async_callback(owner.close)
        line(f"\nDeadlines: {CITY:,} homes with five devices each, {ARMED:,} deadlines armed")
        await _settle_city(owner)
        for arguments in (("ingest", "--lane", "alarm"), ("ingest", "--lane", "reading"), ("alerts",)):
            alerts = running.start(*arguments, health_port=ports.free_port())
            stack.push_async_callback(_stop, alerts)
        await _watermarks(owner)
        first_s = await _swept(owner, detect=CITY, others=0)
        line(f"  {CITY:,} homes looked at for the first time: {first_s:.1f} s")
        await owner.execute("VACUUM ANALYZE")
        few = [await _few(owner, run) for run in range(3)]
        few_s = sorted(few)[1]
        line(f"  {FEW:,} due among {ARMED:,}: " + "  ".join(f"{one:.2f}" for one in few) + f" s, median {few_s:.2f}")
        await _say(owner, "many", CITY)
        alone = await _presses(running, running.gateways[:_PRESSES], None)
        before = _cpu(running, alerts)
        sweep = asyncio.create_task(_swept(owner, detect=CITY, others=(MANY - CITY) // 2))
        pressed = await _presses(running, running.gateways[_PRESSES:], sweep)
        many_s = await sweep
        alerts_s, database_s = (after - then for after, then in zip(_cpu(running, alerts), before, strict=True))
        line(f"  {MANY:,} due at once: {many_s:.1f} s; processor: alerts {alerts_s:.1f} s, database {database_s:.1f} s")
        percentiles_table(
            "SOS from MQTT publish to the first people paged (ms)",
            [("nothing due", alone), (f"while {MANY:,} deadlines are due", pressed)],
        )
        await _say(owner, "two", CITY)
        stack.push_async_callback(_stop, running.start("alerts", health_port=ports.free_port()))
        await asyncio.sleep(_SETTLED_S)
        two_s = await _swept(owner, detect=CITY, others=(MANY - CITY) // 2)
        line(f"  the same with two alerts workers: {two_s:.1f} s")
        (put_back,) = await _one(owner, _PUT_BACK)
        if put_back:
            raise RuntimeError(f"{put_back} deadlines failed: see {running.log}")
    return {
        "deadlines_1000_due_s": few_s,
        "deadlines_100000_due_s": many_s,
        "deadlines_100000_due_two_workers_s": two_s,
        "sos_during_deadlines_ms": percentile(pressed, 99),
    }


async def _settle_city(owner: Owner) -> None:
    await owner.execute("SET statement_timeout = 0")
    await owner.execute(_REGISTER, [CITY])
    for statement in _LIVED:
        await owner.execute(statement.encode(), [ARMED] if "other" in statement else None)
    await _say(owner, "first", CITY)
    await owner.execute("VACUUM ANALYZE")


async def _say(owner: Owner, run: str, homes: int) -> None:
    """The first so many homes say something new, and all gateways have just been heard."""
    await owner.execute(_SAID, {"run": run, "homes": homes})
    if run == "many":
        await owner.execute(_FLAT, {"run": run})
    await owner.execute(_HEARD, {})
    await owner.execute("VACUUM ANALYZE reading, device_state")


async def _few(owner: Owner, run: int) -> float:
    share = FEW // 3
    await _say(owner, f"few{run}", FEW - 2 * share)
    return await _swept(owner, detect=FEW - 2 * share, others=share)


async def _swept(owner: Owner, *, detect: int, others: int) -> float:
    """Seconds from when so many deadlines fell due until none of them is left."""
    async with owner.transaction():
        await owner.execute(_DETECT, {"count": detect})
        await owner.execute(_OTHERS, {"count": others})
        await owner.execute("SELECT pg_notify('carebed_deadline', '')")
        (since,) = await _one(owner, "SELECT carebed_now()")
    began = time.perf_counter()
    async with asyncio.timeout(_PATIENCE_S):
        while (await _one(owner, _LEFT, since=since))[0]:
            await asyncio.sleep(_POLL_S)
    return time.perf_counter() - began


async def _presses(running: Stage, homes: Sequence[dict[str, Any]], ended: asyncio.Task[Any] | None) -> list[float]:
    """One home after another presses, until `ended` or once each; milliseconds, ascending."""
    took: list[float] = []
    conn = await psycopg.AsyncConnection.connect(running.database.reader, autocommit=True)
    async with conn:
        for gateway in homes:
            if ended is not None and ended.done():
                break
            home = Home(gateway)
            await home.connect("127.0.0.1", running.mqtt_port)
            _, began = home.press()
            async with asyncio.timeout(60):
                while not (await _one(conn, _PAGED, home=home.id))[0]:
                    await asyncio.sleep(_POLL_S / 5)
            took.append((time.perf_counter() - began) * 1000)
            await home.close()
            await asyncio.sleep(0.1)
    return sorted(took)


def _cpu(running: Stage, alerts: Child) -> tuple[float, float]:
    """Processor time so far, in seconds: of the alerts process, and of all of the database's."""
    return cpu_s(alerts.pid), cpu_s(running.database_pid, children=True)


async def _watermarks(owner: Owner) -> None:
    """Until both lanes serve all groups."""
    async with asyncio.timeout(60):
        while (await _one(owner, "SELECT count(*) FROM watermark"))[0] < 32:
            await asyncio.sleep(_POLL_S)
    # What was away while the stage was built has had its time to come.
    await owner.execute("UPDATE watermark SET recovered_at = recovered_at - interval '10 minutes'")


async def _one(conn: Owner, statement: str, **values: Any) -> tuple[Any, ...]:
    row = await (await conn.execute(statement.encode(), values or None)).fetchone()
    assert row is not None
    return tuple(row)


async def _stop(child: Child) -> None:
    with suppress(ProcessLookupError):
        await child.stop(signal.SIGTERM, grace_s=10)
