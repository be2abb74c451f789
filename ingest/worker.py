"""The loop of an ingest process: a batch is a transaction; PUBACK after its commit, receipts after that.

A fault that passes (database away, deadlock) keeps the batch and tries again for as long as it takes: the window then
stops the broker, which keeps the rest. A batch that cannot be stored as it stands is halved until the one message that
spoils it is alone; that one goes into quarantine, and the stream goes on.
"""

import asyncio
from collections.abc import Sequence
from datetime import datetime
from typing import Any, Protocol

from prometheus_client import Gauge, Histogram
from psycopg import InterfaceError, OperationalError
from sqlalchemy.exc import DBAPIError
from sqlalchemy.ext.asyncio import AsyncConnection

from carebed.clock import now as clock_now
from carebed.database import Database
from carebed.logs import get_logger
from gateway.lanes import Lane
from gateway.reason import Reason
from ingest.mqtt import Incoming, Intake
from ingest.quarantine import Rejected, put_aside

log = get_logger()

_RETRY_FIRST_S = 0.1
_RETRY_LONGEST_S = 5.0
#: SQLSTATE classes and codes that pass by themselves: connection, resources (disk full too), shutdown, serialisation,
#: deadlock, lock and statement time-outs; and a unique key that another worker was faster with (it is a duplicate).
_PASSING = ("08", "53", "57", "58", "40", "55", "23505")

BATCH = Histogram("carebed_ingest_batch_messages", "Messages per batch", ["lane"], buckets=(1, 10, 100, 1000, 5000))
COMMIT = Histogram("carebed_ingest_batch_seconds", "Transaction of a batch", ["lane"])
OLDEST = Gauge("carebed_ingest_oldest_unacked_seconds", "Age of the oldest message not yet acknowledged", ["lane"])


class Answer(Protocol):
    """What a lane wants sent after the commit."""

    def send(self) -> None:
        """Send it; a device that does not get it asks again."""


class LaneProcessor(Protocol):
    """One lane's work on one batch, within a transaction."""

    lane: Lane

    async def process(self, conn: AsyncConnection, now: datetime, messages: Sequence[Incoming]) -> Sequence[Answer]:
        """Everything but the commit."""


class Worker:
    """Feeds batches to a lane."""

    def __init__(self, database: Database, intake: Intake, processor: LaneProcessor) -> None:
        self._database = database
        self._intake = intake
        self._processor = processor
        self._trouble: str | None = None
        lane = str(processor.lane)
        self._batch, self._commit, self._oldest = BATCH.labels(lane), COMMIT.labels(lane), OLDEST.labels(lane)

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
                answer.send()
            self._oldest.set(self._intake.oldest_unacked_s)

    async def _store(self, messages: Sequence[Incoming]) -> list[Answer]:
        """Commit these messages, however long it takes; what is to be sent afterwards."""
        tries = 0
        while True:
            try:
                with self._commit.time():
                    answers = await self._transaction(messages)
                self._trouble = None
                return answers
            except Exception as error:  # noqa: BLE001 - nothing a device sends may stop the stream behind it
                passing = _passes(error)
                tries += 1
                self._trouble = f"cannot store: {type(error).__name__}"
                log.warning("batch_failed", messages=len(messages), passing=passing, tries=tries, error=_brief(error))
                if not passing:
                    return await self._apart(messages, error)
            await asyncio.sleep(min(_RETRY_LONGEST_S, _RETRY_FIRST_S * 2 ** min(tries, 10)))

    async def _transaction(self, messages: Sequence[Incoming]) -> list[Answer]:
        async with self._database.transaction() as conn:
            now = await clock_now(conn)
            return list(await self._processor.process(conn, now, messages))

    async def _apart(self, messages: Sequence[Incoming], error: Exception) -> list[Answer]:
        """Halve what fails; a single message that fails goes into quarantine."""
        if len(messages) > 1:
            middle = len(messages) // 2
            return [*await self._store(messages[:middle]), *await self._store(messages[middle:])]
        rejected = Rejected(messages[0], self._processor.lane, Reason.STORE_ERROR, _brief(error))
        log.error("message_quarantined", lane=str(self._processor.lane), error=_brief(error))
        await self._put_aside(rejected)
        return []

    async def _put_aside(self, rejected: Rejected) -> None:
        """Quarantine one message, for as long as it takes. No receipt: the device keeps asking, as it must."""
        tries = 0
        while True:
            try:
                async with self._database.transaction() as conn:
                    await put_aside(conn, await clock_now(conn), [rejected])
                return
            except (DBAPIError, OperationalError, InterfaceError, OSError) as error:
                tries += 1
                log.warning("quarantine_failed", tries=tries, error=_brief(error))
                await asyncio.sleep(min(_RETRY_LONGEST_S, _RETRY_FIRST_S * 2 ** min(tries, 10)))


def _passes(error: Exception) -> bool:
    """Whether trying the same again can help."""
    cause: Any = error.orig if isinstance(error, DBAPIError) else error
    state = getattr(cause, "sqlstate", None)
    if state is None:
        return isinstance(cause, OperationalError | InterfaceError | OSError | TimeoutError)
    return str(state).startswith(_PASSING)


def _brief(error: Exception) -> str:
    """Type and SQLSTATE: an error's text may quote what a person wrote."""
    cause: Any = error.orig if isinstance(error, DBAPIError) else error
    state = getattr(cause, "sqlstate", None)
    return type(cause).__name__ + (f" {state}" if state else "")
