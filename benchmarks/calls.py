"""From the raise of an alarm to the people who are called: with a city's alarms open and a million deadlines armed, a
thousand alarms at once, a provider that hangs, and several alerts workers.

Alerts is the product's own process. The provider is ours and stands on the same machine; it thinks about each message
for as long as a provider of short messages does that is not far away.
"""

import asyncio
import signal
import time
from collections.abc import AsyncIterator, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path
from typing import Any
from uuid import UUID

import psycopg

from alerts import book
from alerts.case import Actor
from alerts.raising import Place, Raise, merge_key, raise_alarms
from benchmarks.provider import Provider, provider
from benchmarks.report import Figures, line, percentile, percentiles_table
from benchmarks.stage import Stage, stage
from carebed.clock import now
from carebed.database import Database
from carebed.embedded import ports
from carebed.embedded.child import Child

OPEN = 10_000
ARMED = 1_000_000
RAISES = 200
AT_ONCE = 1_000
WAITING = 2_000
"""Alarms that are due when one worker, or two, begin."""

#: How long the provider thinks about a message.
DELAY_S = 0.05

_PATIENCE_S = 120
_CHANNELS = ("live", "webhook")
_WEARER = Actor("device", "bench", "mqtt")

_ARM = """
    INSERT INTO deadline (kind, subject, due_at)
    SELECT (ARRAY['inactivity', 'offline', 'detect'])[number %% 3 + 1], 'other ' || number,
        carebed_now() + interval '5 hours' + number * interval '10 ms'
    FROM generate_series(1, %s - (SELECT count(*) FROM deadline)) AS number
"""

# What is open stands at its first step, and its next comes in some hours.
_LATER = (
    "UPDATE alarm SET step = 1, next_step_at = carebed_now() + interval '6 hours' WHERE closed_at IS NULL",
    "UPDATE deadline SET due_at = carebed_now() + interval '6 hours' WHERE alarm_id IS NOT NULL",
)
#: Life-critical alarms of before would be called for again in the middle of what is measured next.
_DONE = (
    "UPDATE deadline SET due_at = carebed_now() + interval '6 hours' WHERE alarm_id IS NOT NULL AND life_critical",
    "UPDATE alarm SET next_step_at = carebed_now() + interval '6 hours' WHERE closed_at IS NULL AND priority = 0",
    "DELETE FROM notification WHERE state IN ('pending', 'handed_over')",
)
# Everybody has a verified telephone; the first message to it is due with the call itself.
_SHORT_MESSAGES = """
    INSERT INTO contact_method (id, staff_id, channel, address, verified_at)
    SELECT gen_random_uuid(), id, 'sms', 'bench ' || id, carebed_now() FROM staff
"""
_HANDED_OVER = """
    SELECT count(*) FILTER (WHERE handed_over_at IS NULL), count(*) FROM notification
    WHERE channel = 'webhook' AND kind = 'called' AND step = 1 AND alarm_id = ANY(%s)
"""

Owner = psycopg.AsyncConnection[Any]


async def measure(directory: Path) -> Figures:
    """All of it, one after the other, on one stage."""
    async with stage(directory) as running, provider() as receiver, AsyncExitStack() as stack:
        owner = await psycopg.AsyncConnection.connect(running.database.admin, autocommit=True)
        stack.push_async_callback(owner.close)
        city = City(running, owner, stack)
        receiver.delay_s = DELAY_S
        await city.settle()
        line(f"\nCalls: {OPEN:,} alarms open, {ARMED:,} deadlines armed, a provider that takes {DELAY_S * 1000:.0f} ms")
        figures: Figures = {}
        async with alerts(running, receiver):
            figures |= await _one_by_one(city, receiver)
            figures |= await _at_once(city, receiver)
        async with alerts(running, receiver, hanging=True):
            figures |= await _beside_a_hanging_one(city, receiver)
        figures |= await _workers(city, receiver)
        return figures


class City:
    """Homes that raise alarms, as the alarm lane does: many in one transaction."""

    def __init__(self, running: Stage, owner: Owner, stack: AsyncExitStack) -> None:
        self.running = running
        self.owner = owner
        self._database = Database(running.database.engine, application="bench", pool_size=2)
        stack.push_async_callback(self._database.close)
        self._homes: list[tuple[UUID, str, UUID]] = []
        self._raised = 0

    async def settle(self) -> None:
        """A city with its open alarms and its deadlines."""
        await self.owner.execute("SET statement_timeout = 0")
        rows = await self.owner.execute("SELECT station_id, area_code, id FROM home WHERE area_code LIKE '350102%'")
        self._homes = [(station, area, home) for station, area, home in await rows.fetchall()]
        for _ in range(OPEN // 500):
            await self.raise_some(500, "offline")
        for statement in _LATER:
            await self.owner.execute(statement.encode())
        await self.owner.execute("DELETE FROM notification")
        await self.owner.execute(_ARM, [ARMED])
        await self.owner.execute("VACUUM ANALYZE")

    async def raise_some(self, count: int, kind: str = "sos") -> list[str]:
        """So many alarms in one transaction, committed."""
        async with self._database.transaction() as conn:
            at = await now(conn)
            signals = [self._signal(kind, at) for _ in range(count)]
            raised = await raise_alarms(conn, at, signals)
            await book.finish(conn, at, raised.cases.values(), _CHANNELS)
        return [str(one) for one in raised.alarm_ids]

    def _signal(self, kind: str, at: Any) -> Raise:
        station, area, home = self._homes[self._raised % len(self._homes)]
        self._raised += 1
        why = {"code": kind, "text": {"en": kind, "zh": kind}}
        key = merge_key(home, None, f"{kind}-{self._raised}")
        return Raise(kind, Place(station, area, home), key, at, why, actor=_WEARER)

    async def done(self) -> None:
        """Nobody is called any more for what was raised so far."""
        for statement in _DONE:
            await self.owner.execute(statement.encode())

    async def handed_over(self, alarms: Sequence[str]) -> int:
        """Wait until every message of their first steps has been; how many that were."""
        ids = [UUID(one) for one in alarms]
        async with asyncio.timeout(_PATIENCE_S):
            while True:
                row = await (await self.owner.execute(_HANDED_OVER, [ids])).fetchone()
                assert row is not None
                left, called = row
                if called and not left:
                    return int(called)
                await asyncio.sleep(0.05)


async def _one_by_one(city: City, receiver: Provider) -> Figures:
    took = await _first_calls(city, receiver)
    percentiles_table(
        "From the commit of the raise to the first message in the provider's hands (ms)", [("alone", took)]
    )
    await city.done()
    return {"raise_to_handover_p50_ms": percentile(took, 50), "raise_to_handover_p99_ms": percentile(took, 99)}


async def _first_calls(city: City, receiver: Provider) -> list[float]:
    """One alarm after another; milliseconds, ascending."""
    took = []
    for number in range(RAISES):
        (alarm,) = await city.raise_some(1)
        committed = time.perf_counter()
        async with asyncio.timeout(_PATIENCE_S):
            while (alarm, 1) not in receiver.calls:
                await asyncio.sleep(0.001)
        took.append((receiver.calls[alarm, 1][0] - committed) * 1000)
        await asyncio.sleep(0.02 + number % 7 * 0.01)
    return sorted(took)


async def _at_once(city: City, receiver: Provider) -> Figures:
    """A thousand within a second, in ten transactions. How long the last of them waited for all of its first step."""
    began = time.perf_counter()
    committed: dict[str, float] = {}
    for number in range(10):
        await asyncio.sleep(max(0.0, began + number / 10 - time.perf_counter()))
        alarms = await city.raise_some(AT_ONCE // 10)
        committed |= dict.fromkeys(alarms, time.perf_counter())
    raised_s = time.perf_counter() - began
    called = await city.handed_over(list(committed))
    first_s = max(min(receiver.calls[one, 1]) - at for one, at in committed.items())
    last_s = max(max(receiver.calls[one, 1]) - at for one, at in committed.items())
    line(
        f"  {AT_ONCE:,} raised in {raised_s:.2f} s: {called:,} messages of first steps; from its raise, somebody was "
        f"called for each within {first_s:.2f} s, and everybody of its first step within {last_s:.2f} s"
    )
    await city.done()
    return {"thousand_raised_s": last_s, "thousand_raised_somebody_s": first_s}


async def _beside_a_hanging_one(city: City, receiver: Provider) -> Figures:
    await city.owner.execute(_SHORT_MESSAGES)
    took = await _first_calls(city, receiver)
    row = await (await city.owner.execute("SELECT count(*) FROM notification WHERE channel = 'sms'")).fetchone()
    assert row is not None
    if not row[0]:
        raise RuntimeError("no short messages: the provider that hangs was asked nothing")
    line(f"\n{row[0]:,} short messages wait for a provider that hangs")
    percentiles_table(
        "The same while the provider of everybody's short messages hangs (ms)", [("the other channel", took)]
    )
    await city.done()
    return {"hanging_provider_p99_ms": percentile(took, 99)}


async def _workers(city: City, receiver: Provider) -> Figures:
    """Alarms that waited for a worker are paged and their messages handed over by one, and by two."""
    rates = []
    for workers in (1, 2):
        alarms: list[str] = []
        for _ in range(WAITING // 500):
            alarms += await city.raise_some(500)
        async with AsyncExitStack() as stack:
            began = time.perf_counter()
            for _ in range(workers):
                await stack.enter_async_context(alerts(city.running, receiver, ready=False))
            called = await city.handed_over(alarms)
            first = min(min(receiver.calls[one, 1]) for one in alarms)
            last = max(max(receiver.calls[one, 1]) for one in alarms)
        rates.append(called / (last - first))
        line(f"  {workers} alerts: {called:,} messages of {len(alarms):,} alarms in {last - first:.1f} s of "
             f"{last - began:.1f} s with its start, {rates[-1]:,.0f}/s")  # fmt: skip
        await city.done()
    return {"alerts_1_per_s": rates[0], "alerts_2_per_s": rates[1], "alerts_workers_gain": rates[1] / rates[0]}


@asynccontextmanager
async def alerts(
    running: Stage, receiver: Provider, *, hanging: bool = False, ready: bool = True
) -> AsyncIterator[Child]:
    """One alerts process. `hanging`: with one more channel, whose provider never answers."""
    port = ports.free_port()
    module, arguments = ("benchmarks.hanging", ()) if hanging else ("carebed", ("alerts",))
    child = running.start(*arguments, health_port=port, module=module, settings=receiver.settings)
    try:
        async with asyncio.timeout(_PATIENCE_S):
            while ready and not await _is_ready(port):
                await asyncio.sleep(0.1)
        yield child
    finally:
        await child.stop(signal.SIGTERM, grace_s=10)


async def _is_ready(port: int) -> bool:
    try:
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
    except OSError:
        return False
    writer.write(b"GET /readyz HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")
    try:
        return b" 200 " in await reader.readline()
    finally:
        writer.close()
