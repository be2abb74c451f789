"""Commit, then PUBACK, then receipt: in this order, whatever happens between."""

from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass, field
from typing import cast

import psycopg
import pytest
from small_district import Line, Pipeline, message

from ingest import worker as worker_module
from ingest.mqtt import Batch, Incoming, Intake
from ingest.worker import Worker


@dataclass
class Counter:
    """Stands in for the intake: hands out batches and notes what the database held when each was acknowledged."""

    batches: list[list[Incoming]]
    look: Callable[[], object]
    acked: list[object] = field(default_factory=list)
    unready: str | None = None

    async def __aiter__(self) -> AsyncIterator[Batch]:
        for messages in self.batches:
            yield Batch(messages, [], 0.0)

    def ack(self, batch: Batch, _lost: object = ()) -> None:
        """As `Intake.ack`."""
        del batch
        self.acked.append(self.look())


class Pen(Line):
    """Notes how many batches had been acknowledged when a receipt was written."""

    def __init__(self) -> None:
        super().__init__()
        self.counter: Counter | None = None
        self.acked_before: list[int] = []

    def publish(self, topic: str, payload: bytes, qos: int = 1) -> bool:
        """As `Session.publish`."""
        assert self.counter is not None
        self.acked_before.append(len(self.counter.acked))
        return super().publish(topic, payload, qos)


def committed(pipeline: Pipeline) -> Callable[[], object]:
    """How many messages another connection sees in the inbox."""

    def look() -> object:
        with psycopg.connect(pipeline.admin_url) as conn:
            return conn.execute("SELECT count(*) FROM inbox").fetchone()

    return look


async def test_a_batch_is_acknowledged_after_its_commit_and_receipted_after_that(pipeline: Pipeline) -> None:
    """At each PUBACK everything of the batch can be read by others; at each receipt its batch was acknowledged."""
    await pipeline.simple_home()
    pen = Pen()
    batches = [[pipeline.incoming(message("check_in"), line=pen) for _ in range(3)] for _ in range(2)]
    pen.counter = counter = Counter(batches, committed(pipeline))
    await Worker(pipeline.database, cast("Intake", counter), pipeline.alarm_lane).run()
    assert counter.acked == [(3,), (6,)]
    assert pen.acked_before == [1, 1, 1, 2, 2, 2]


async def test_a_batch_that_has_not_been_committed_is_not_acknowledged(
    pipeline: Pipeline, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The database is away for two tries: no PUBACK before the third."""
    await pipeline.simple_home()
    monkeypatch.setattr(worker_module, "_RETRY_FIRST_S", 0.001)
    pen = Pen()
    pen.counter = counter = Counter([[pipeline.incoming(message("sos"), line=pen)]], committed(pipeline))
    process, tries = pipeline.alarm_lane.process, []

    async def away(*arguments: object) -> object:
        tries.append(len(counter.acked))
        if len(tries) < 3:
            raise ConnectionResetError
        return await process(*arguments)

    monkeypatch.setattr(pipeline.alarm_lane, "process", away)
    await Worker(pipeline.database, cast("Intake", counter), pipeline.alarm_lane).run()
    assert (tries, counter.acked) == ([0, 0, 0], [(1,)])


async def test_an_answer_that_cannot_be_sent_ends_nothing(pipeline: Pipeline) -> None:
    """The device asks again; the next batch is taken."""
    await pipeline.simple_home()

    class Broken(Line):
        def publish(self, topic: str, payload: bytes, qos: int = 1) -> bool:
            del payload, qos
            raise UnicodeEncodeError("utf-8", topic, 0, 1, "no such topic")

    batches = [[pipeline.incoming(message("check_in"), line=Broken())] for _ in range(2)]
    counter = Counter(batches, committed(pipeline))
    await Worker(pipeline.database, cast("Intake", counter), pipeline.alarm_lane).run()
    assert counter.acked == [(1,), (2,)]
