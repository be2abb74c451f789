"""The order of a batch: the transaction, its commit, the PUBACK, the receipt. The promise of a receipt rests on it."""

from collections.abc import AsyncIterator
from typing import cast

import psycopg
import pytest
from small_district import Pipeline, message

from gateway.wire import Lane
from ingest.mqtt import Batch, Intake
from ingest.worker import Worker


class Hand:
    """Stands in for the intake: hands out one batch, and looks from outside what is committed at its ack."""

    def __init__(self, pipeline: Pipeline, batch: Batch, counted: str) -> None:
        self._url = pipeline.admin_url
        self._line = pipeline.line
        self._batch = batch
        self._counted = counted
        self.committed_at_ack: object = None
        self.receipts_before_ack: int | None = None

    async def __aiter__(self) -> AsyncIterator[Batch]:
        yield self._batch

    def ack(self, _batch: Batch, _lost: object = ()) -> None:
        """As `Intake.ack`."""
        with psycopg.connect(self._url) as outside:
            row = outside.execute(f"SELECT count(*) FROM {self._counted}".encode()).fetchone()
        self.committed_at_ack = row and row[0]
        self.receipts_before_ack = len(self._line.sent)


@pytest.mark.parametrize(("lane", "kind", "table"), [(Lane.ALARM, "sos", "inbox"), (Lane.READING, "motion", "reading")])
async def test_a_batch_is_acknowledged_after_its_commit_and_receipted_after_that(
    pipeline: Pipeline, lane: Lane, kind: str, table: str
) -> None:
    await pipeline.simple_home()
    incoming = pipeline.incoming(message(kind), lane=lane)
    hand = Hand(pipeline, Batch([incoming], [], 0.0), table)
    processor = pipeline.alarm_lane if lane is Lane.ALARM else pipeline.reading_lane
    await Worker(pipeline.database, cast("Intake", hand), processor).run()
    assert hand.committed_at_ack == 1
    assert hand.receipts_before_ack == 0
    assert len(pipeline.line.receipts()) == (1 if lane is Lane.ALARM else 0)
