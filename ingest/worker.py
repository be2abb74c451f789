"""The loop of an ingest process: a batch is a transaction; PUBACK after its commit, receipts after that.

A fault that passes (database away, deadlock) keeps the batch and tries again for as long as it takes: the window then
stops the broker, which keeps the rest. A batch that cannot be stored as it stands is halved, and an array taken apart,
until the one object that spoils it is alone; that one goes into quarantine, and the stream goes on.
"""

import asyncio
from collections.abc import Sequence
from datetime import datetime
from typing import Protocol

from prometheus_client import Histogram
from sqlalchemy.ext.asyncio import AsyncConnection

from carebed.clock import now as clock_now
from carebed.database import Database
from carebed.logs import get_logger
from gateway.lanes import Lane
from gateway.reason import Reason
from ingest.fault import Fault, brief, fault_of
from ingest.item import split
from ingest.mqtt import Incoming, Intake
from ingest.quarantine import Rejected, put_aside

log = get_logger()

_RETRY_FIRST_S = 0.1
_RETRY_LONGEST_S = 5.0
#: Tries of a batch that others are in the way of; afterwards it is halved, and a single object put aside.
_CONTESTED_TRIES = 5
#: Tries of a single object that the database refuses: the registry is asked anew before the last one.
_REFUSED_TRIES = 2

BATCH = Histogram("carebed_ingest_batch_messages", "Messages per batch", ["lane"], buckets=(1, 10, 100, 1000, 5000))
COMMIT = Histogram("carebed_ingest_batch_seconds", "Transaction of a batch", ["lane"])


class Answer(Protocol):
    """What a lane wants sent after the commit."""

    def send(self) -> None:
        """Send it; a device that does not get it asks again."""


class LaneProcessor(Protocol):
    """One lane's work on one batch, within a transaction."""

    lane: Lane

    async def process(self, conn: AsyncConnection, now: datetime, messages: Sequence[Incoming]) -> Sequence[Answer]:
        """Everything but the commit."""

    def start_over(self) -> None:
        """Forget whatever is kept in memory: a transaction failed, perhaps because of it."""

    def refusals(self, rejected: Rejected) -> Sequence[Answer]:
        """What to answer to an object that could not be stored."""


class Worker:
    """Feeds batches to a lane."""

    def __init__(self, database: Database, intake: Intake, processor: LaneProcessor) -> None:
        self._database = database
        self._intake = intake
        self._processor = processor
        self._trouble: str | None = None
        lane = str(processor.lane)
        self._batch, self._commit = BATCH.labels(lane), COMMIT.labels(lane)

    def ready(self) -> str | None:
        """Readiness: connected to the broker, and no batch is waiting for the database."""
        return self._trouble or self._intake.unready

    async def run(self) -> None:
        """A named task: until the intake stops."""
        async for batch in self._intake:
            self._batch.observe(len(batch))
            answers = await self._store(batch.messages)
            self._intake.ack(batch)
            for answer in answers:
                _send(answer)

    async def _store(self, messages: Sequence[Incoming]) -> list[Answer]:
        """Commit these messages, however long it takes; what is to be sent afterwards."""
        tries = dict.fromkeys(Fault, 0)
        while True:
            try:
                with self._commit.time():
                    answers = await self._transaction(messages)
                self._trouble = None
                return answers
            except Exception as error:  # noqa: BLE001 - nothing a device sends may stop the stream behind it
                fault = fault_of(error)
                tries[fault] += 1
                self._trouble = f"cannot store: {brief(error)}"
                log.warning(
                    "batch_failed", messages=len(messages), fault=fault.value, tries=tries[fault], error=brief(error)
                )
                if (tries[Fault.CONTESTED] >= _CONTESTED_TRIES or tries[Fault.REFUSED]) and (parts := _parts(messages)):
                    return [answer for part in parts for answer in await self._store(part)]
                if tries[Fault.CONTESTED] >= _CONTESTED_TRIES or tries[Fault.REFUSED] >= _REFUSED_TRIES:
                    return await self._quarantine(messages[0], error)
                self._processor.start_over()
            await _pause(tries[fault])

    async def _transaction(self, messages: Sequence[Incoming]) -> list[Answer]:
        async with self._database.transaction() as conn:
            now = await clock_now(conn)
            return list(await self._processor.process(conn, now, messages))

    async def _quarantine(self, message: Incoming, error: Exception) -> list[Answer]:
        """Put one object aside, for as long as that takes."""
        lane = self._processor.lane
        log.error("message_quarantined", lane=str(lane), error=brief(error))
        rejected = Rejected(message, lane, Reason.STORE_ERROR, brief(error))
        tries = 0
        while True:
            try:
                async with self._database.transaction() as conn:
                    await put_aside(conn, await clock_now(conn), [rejected])
                self._trouble = None
                return list(self._processor.refusals(rejected))
            except Exception as failure:  # noqa: BLE001 - as above
                tries += 1
                log.warning("quarantine_failed", tries=tries, error=brief(failure))
                if fault_of(failure) is not Fault.AWAY and tries >= _CONTESTED_TRIES:
                    # Not even as plain bytes: nothing more can be done, and others wait behind it.
                    log.critical("message_lost", lane=str(lane), error=brief(failure))
                    return list(self._processor.refusals(rejected))
            await _pause(tries)


def _parts(messages: Sequence[Incoming]) -> list[Sequence[Incoming]]:
    """Two halves; of a single message its objects' halves; nothing where there is nothing to halve."""
    if len(messages) == 1:
        messages = split(messages[0])
    middle = len(messages) // 2
    return [messages[:middle], messages[middle:]] if middle else []


async def _pause(tries: int) -> None:
    await asyncio.sleep(min(_RETRY_LONGEST_S, _RETRY_FIRST_S * 2 ** min(tries - 1, 10)))


def _send(answer: Answer) -> None:
    """What cannot be sent is asked for again; no topic that a device thought of may end the process."""
    try:
        answer.send()
    except Exception as error:  # noqa: BLE001 - as it says
        log.error("answer_not_sent", error=type(error).__name__)
