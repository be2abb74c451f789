"""Several batches at a time: readings are stored beside the end of the batch before, everything else after its commit,
so the watermark never passes what is not stored yet, and each gateway's messages keep their order."""

import asyncio
from collections.abc import AsyncIterator, Sequence
from datetime import datetime
from typing import TYPE_CHECKING, Any, cast

import pytest
from psycopg.errors import DeadlockDetected
from small_district import Pipeline, message
from sqlalchemy.ext.asyncio import AsyncConnection

from ingest import worker as worker_module
from ingest.mqtt import Batch, Incoming
from ingest.turn import Turn
from ingest.watermark import Stamp
from ingest.worker import Worker

if TYPE_CHECKING:
    from ingest.mqtt import Intake

_STAMP = "SELECT stamp FROM watermark WHERE lane = 'reading'"


class Queue:
    """Stands where the intake stands, with batches that are there already."""

    def __init__(self, *batches: list[Incoming]) -> None:
        self._batches = batches
        self.acked: list[int] = []

    async def __aiter__(self) -> AsyncIterator[Batch]:
        for messages in self._batches:
            yield Batch(messages, [], 0.0)

    def ack(self, batch: Batch, _lost: object = ()) -> None:
        """As `Intake.ack`."""
        self.acked.append(len(batch))


async def test_a_batch_is_read_at_once_and_written_after_the_one_before_it(
    pipeline: Pipeline, monkeypatch: pytest.MonkeyPatch
) -> None:
    await pipeline.simple_home()
    stamp, at = await pipeline.row("SELECT carebed_now(), clock_timestamp()")
    sentinel = pipeline.incoming(Stamp(stamp, at), topic="carebed/v1/00/carebed-sentinel/health/_")
    motions = [pipeline.incoming(message("motion"), device="gw-1-motion", lane="reading") for _ in range(2)]
    process, go_on, newer_reads = pipeline.reading_lane.process, asyncio.Event(), asyncio.Event()

    async def held(conn: AsyncConnection, now: datetime, messages: Sequence[Incoming], *turn: Any) -> Any:
        if len(messages) == 2:
            await go_on.wait()
        else:
            newer_reads.set()
        return await process(conn, now, messages, *turn)

    monkeypatch.setattr(pipeline.reading_lane, "process", held)
    queue = Queue(motions, [sentinel])
    worker = Worker(pipeline.database, cast("Intake", queue), pipeline.reading_lane, at_once=2)
    async with asyncio.timeout(20):
        running = asyncio.create_task(worker.run())
        await newer_reads.wait()
        await asyncio.sleep(0.2)
        assert await pipeline.rows(_STAMP) == []
        assert queue.acked == []
        go_on.set()
        await running
    assert queue.acked == [2, 1]
    assert await pipeline.row(_STAMP) == (stamp,)
    assert await pipeline.count("reading") == 2


async def test_readings_are_stored_beside_the_end_of_the_batch_before_and_committed_after_it(
    pipeline: Pipeline, monkeypatch: pytest.MonkeyPatch
) -> None:
    await pipeline.simple_home()
    # TimescaleDB makes a day's chunk with its first reading, and whoever needs it too waits for that one's commit.
    await pipeline.reading(_motion(pipeline, "earlier"))
    older, newer = ([_motion(pipeline, one)] for one in ("older", "newer"))
    go_on, newer_stored = asyncio.Event(), asyncio.Event()
    process = pipeline.reading_lane.process

    async def held(conn: AsyncConnection, now: datetime, messages: Sequence[Incoming], turn: Turn) -> Any:
        outcome = await process(conn, now, messages, _told(turn, newer_stored) if messages[0] is newer[0] else turn)
        if messages[0] is older[0]:
            await go_on.wait()
        return outcome

    monkeypatch.setattr(pipeline.reading_lane, "process", held)
    queue = Queue(older, newer)
    worker = Worker(pipeline.database, cast("Intake", queue), pipeline.reading_lane, at_once=2)
    async with asyncio.timeout(20):
        running = asyncio.create_task(worker.run())
        await newer_stored.wait()
        await asyncio.sleep(0.1)
        assert queue.acked == []
        assert await pipeline.count("reading") == 1
        go_on.set()
        await running
    assert queue.acked == [1, 1]
    assert await pipeline.count("reading") == 3


async def test_a_batch_that_fails_never_waits_for_the_same_readings_in_the_batch_behind_it(
    pipeline: Pipeline, monkeypatch: pytest.MonkeyPatch
) -> None:
    """They came again after a reconnect, and their rows are stored there, though not committed."""
    await pipeline.simple_home()
    monkeypatch.setattr(worker_module, "_RETRY_FIRST_S", 0.001)
    older, newer = [_motion(pipeline, "a"), _motion(pipeline, "b")], [_motion(pipeline, "b"), _motion(pipeline, "a")]
    newer_stored = asyncio.Event()
    process, tries = pipeline.reading_lane.process, 0

    async def fails_once(conn: AsyncConnection, now: datetime, messages: Sequence[Incoming], turn: Turn) -> Any:
        nonlocal tries
        if messages[0] is newer[0]:
            return await process(conn, now, messages, _told(turn, newer_stored))
        tries += 1
        if tries == 1:
            # Its rows are those of nobody yet: only so can the batch behind it store them first.
            turn.stored()
            await newer_stored.wait()
            raise DeadlockDetected
        return await process(conn, now, messages, turn)

    monkeypatch.setattr(pipeline.reading_lane, "process", fails_once)
    queue = Queue(older, newer)
    worker = Worker(pipeline.database, cast("Intake", queue), pipeline.reading_lane, at_once=2)
    async with asyncio.timeout(20):
        await worker.run()
    assert tries == 2
    assert queue.acked == [2, 2]
    assert await pipeline.count("reading") == 2


def _motion(pipeline: Pipeline, message_id: str) -> Incoming:
    payload = message("motion", id=message_id, time="2026-01-01T00:00:00Z")
    return pipeline.incoming(payload, device="gw-1-motion", lane="reading")


def _told(turn: Turn, stored: asyncio.Event) -> Turn:
    """The same turn, which says when the readings are stored."""
    original = turn.stored

    def told() -> None:
        original()
        stored.set()

    turn.stored = told
    return turn
