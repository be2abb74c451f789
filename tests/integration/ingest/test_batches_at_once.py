"""Several batches at a time: the watermark never passes a message that is not stored yet."""

from typing import Any

from small_district import Pipeline, message

from gateway.wire import Lane
from ingest.mqtt import Incoming
from ingest.watermark import Stamp

_STAMP = "SELECT stamp FROM watermark WHERE lane = 'reading'"


async def sentinel(pipeline: Pipeline) -> tuple[Any, Incoming]:
    """Its stamp, and a sentinel of one group that was published now."""
    stamp, at = await pipeline.row("SELECT carebed_now(), clock_timestamp()")
    return stamp, pipeline.incoming(Stamp(stamp, at), topic="carebed/v1/00/carebed-sentinel/health/_")


async def test_a_sentinel_does_not_count_while_an_older_batch_waits(pipeline: Pipeline) -> None:
    await pipeline.simple_home()
    worker = pipeline.worker(Lane.READING)
    older, newer = worker.work(), worker.work()
    _, early = await sentinel(pipeline)
    await newer.store([early])
    newer.done()
    assert await pipeline.rows(_STAMP) == []
    await older.store([pipeline.incoming(message("motion"), device="gw-1-motion", lane="reading")])
    older.done()
    stamp, late = await sentinel(pipeline)
    await worker.work().store([late])
    assert await pipeline.row(_STAMP) == (stamp,)
