"""Somebody else is in the way, for real: deadlocks and serialisation failures made by a second connection."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Any

import psycopg
import pytest
import structlog
from small_district import Pipeline, message

from gateway.wire import Lane, Receipt, Status
from ingest import worker as worker_module
from ingest.mqtt import Incoming


@pytest.fixture(autouse=True)
def _short_pauses(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(worker_module, "_RETRY_FIRST_S", 0.001)


@pytest.fixture
async def homes(pipeline: Pipeline) -> Pipeline:
    """Two homes, each with an open call and a sensor that has been heard of."""
    for gateway in ("gw-1", "gw-2"):
        await pipeline.simple_home(gateway)
        await pipeline.press("sos", f"{gateway}-button", gateway)
        await pipeline.tell("temperature", f"{gateway}-motion")
    return pipeline


@asynccontextmanager
async def somebody(pipeline: Pipeline) -> AsyncIterator[psycopg.AsyncConnection[Any]]:
    async with await psycopg.AsyncConnection.connect(pipeline.admin_url) as conn:
        yield conn


async def store(pipeline: Pipeline, lane: Lane, *messages: Incoming) -> list[Receipt]:
    for answer in await pipeline.worker(lane).work().store(messages):
        answer.send()
    return [receipt for _, receipt in pipeline.line.receipts()]


async def waits_for_a_lock(pipeline: Pipeline) -> None:
    waiting = """SELECT count(*) AS n FROM pg_stat_activity
                 WHERE datname = current_database() AND usename = 'carebed_engine' AND wait_event_type = 'Lock'"""
    async with asyncio.timeout(10):
        while not (await pipeline.row(waiting)).n:
            await asyncio.sleep(0.01)


async def faults(
    work: Callable[[], Awaitable[list[Receipt]]], meanwhile: Callable[[], Awaitable[None]]
) -> tuple[list[Receipt], list[str]]:
    """The receipts of `work`, and the errors that it met while `meanwhile` happened."""
    with structlog.testing.capture_logs() as logs:
        working = asyncio.create_task(work())
        await meanwhile()
        receipts = await asyncio.wait_for(working, 30)
    return receipts, [entry["error"] for entry in logs if entry["event"] == "batch_failed"]


async def test_a_deadlock_of_the_alarm_lane_ends_in_an_answer_to_everybody(homes: Pipeline) -> None:
    """Each holds one alarm's deadline and wants the other's; PostgreSQL ends the lane's transaction, not the lane."""
    rows = await homes.rows("SELECT id FROM deadline WHERE kind = 'alarm' ORDER BY id")
    first, last = (row.id for row in rows)
    batch = [homes.incoming(message("sos"), gateway, f"{gateway}-button") for gateway in ("gw-1", "gw-2")]
    async with somebody(homes) as other:
        await other.execute("SELECT FROM deadline WHERE id = %s FOR UPDATE", [last])

        async def cross() -> None:
            await waits_for_a_lock(homes)
            await other.execute("SELECT FROM deadline WHERE id = %s FOR UPDATE", [first])
            await other.rollback()

        receipts, errors = await faults(lambda: store(homes, Lane.ALARM, *batch), cross)
    assert errors[0].startswith("DeadlockDetected")
    assert [receipt.status for receipt in receipts] == [Status.ACCEPTED] * 2
    assert [row.repeats for row in await homes.rows("SELECT repeats FROM alarm")] == [1, 1]


async def test_a_deadlock_of_the_reading_lane_loses_and_doubles_nothing(homes: Pipeline) -> None:
    batch = [
        homes.incoming(message("temperature", id=gateway), gateway, f"{gateway}-motion", "reading")
        for gateway in ("gw-1", "gw-2")
    ]
    await homes.run("UPDATE device_state SET seen_at = seen_at - interval '1 hour'")
    homes.reading_lane = type(homes.reading_lane)(homes.who)
    homes.who.forget()  # so that it looks for the deadlines again, in the order of the ids
    async with somebody(homes) as other:
        locked = "SELECT FROM device_state WHERE device_id = %s AND lane = 'reading' FOR UPDATE"
        await other.execute(locked, ["gw-2-motion"])

        async def cross() -> None:
            await waits_for_a_lock(homes)
            await other.execute(locked, ["gw-1-motion"])
            await other.rollback()

        _, errors = await faults(lambda: store(homes, Lane.READING, *batch), cross)
    assert errors[0].startswith("DeadlockDetected")
    assert await homes.count("reading", "message_id IN ('gw-1', 'gw-2')") == 2
    assert await homes.count("quarantine") == 0


@pytest.mark.parametrize("lane", [Lane.ALARM, Lane.READING])
async def test_a_serialisation_failure_is_tried_again(homes: Pipeline, lane: Lane) -> None:
    """As on a server whose transactions are repeatable reads by default: the row was changed since the snapshot."""
    name = homes.admin_url.rsplit("/", 1)[1]
    await homes.run_as_admin(f"ALTER DATABASE \"{name}\" SET default_transaction_isolation = 'repeatable read'")
    await homes.run_as_admin("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE usename = 'carebed_engine'")
    homes.reading_lane = type(homes.reading_lane)(homes.who)
    homes.alarm_lane = type(homes.alarm_lane)(homes.who, ("live",))
    word = "alarm" if lane is Lane.ALARM else "reading"
    kind, device = ("check_in", "gw-1-button") if lane is Lane.ALARM else ("temperature", "gw-1-motion")
    async with somebody(homes) as other:
        await other.execute("UPDATE device_state SET seen_at = seen_at WHERE lane = %s", [word])

        async def commit() -> None:
            await waits_for_a_lock(homes)
            await other.commit()

        incoming = homes.incoming(message(kind, id="late"), "gw-1", device, word)
        receipts, errors = await faults(lambda: store(homes, lane, incoming), commit)
    assert errors[0].startswith("SerializationFailure")
    assert [receipt.status for receipt in receipts] == [Status.ACCEPTED] * (lane is Lane.ALARM)
    assert await homes.count("inbox" if lane is Lane.ALARM else "reading", "message_id = 'late'") == 1
