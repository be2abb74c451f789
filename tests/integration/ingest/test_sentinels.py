"""Sentinels are published for the groups that are served; for one that was taken over, as soon as it is connected."""

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, cast

import pytest
from small_district import Line, Pipeline

from gateway.wire import Lane
from ingest import watermark
from ingest.mqtt import Session
from ingest.watermark import publish_sentinels


@contextmanager
def publishing(pipeline: Pipeline, served: list[tuple[str, Line]], connected: asyncio.Event) -> Iterator[None]:
    """The task, over whatever `served` holds at the moment."""

    def serving() -> list[tuple[str, Session]]:
        return [(group, cast("Session", line)) for group, line in served]

    task = asyncio.create_task(publish_sentinels(pipeline.database, Lane.ALARM, serving, connected))
    try:
        yield
    finally:
        task.cancel()


async def until(condition: Any) -> None:
    async with asyncio.timeout(20):
        while not condition():
            await asyncio.sleep(0.01)


async def test_a_group_that_is_taken_over_has_its_sentinel_at_once(
    pipeline: Pipeline, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Not up to a second later, so that a hand-over in order leaves no gap; a group that has gone has none."""
    monkeypatch.setattr(watermark, "PERIOD_S", 3600.0)
    old, new = Line(), Line()
    served, connected = [("a", old)], asyncio.Event()
    with publishing(pipeline, served, connected):
        await until(lambda: old.sent)
        served[:] = [("b", new)]
        connected.set()
        await until(lambda: new.sent)
    assert [topic for topic, _ in old.sent] == ["carebed/v1/a0/carebed-sentinel/alarm/_"]
    assert [topic for topic, _ in new.sent] == ["carebed/v1/b0/carebed-sentinel/alarm/_"]


async def test_the_group_of_malformed_shards_has_no_watermark(pipeline: Pipeline) -> None:
    stray, group = Line(), Line()
    with publishing(pipeline, [("stray", stray), ("0", group)], asyncio.Event()):
        await until(lambda: group.sent)
    assert stray.sent == []
