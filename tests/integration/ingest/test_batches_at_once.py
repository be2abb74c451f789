"""Several batches at a time: each is written after the one before it, so the watermark never passes what is not stored
yet, and each gateway's messages keep their order."""

import asyncio
from collections.abc import AsyncIterator, Sequence
from datetime import datetime
from typing import TYPE_CHECKING, Any, cast

import pytest
from small_district import Pipeline, message
from sqlalchemy.ext.asyncio import AsyncConnection

from ingest.mqtt import Batch, Incoming
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
