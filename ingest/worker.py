"""The loop of an ingest process: a batch is a transaction; PUBACK after its commit, receipts after that.

A fault that passes (database away, deadlock) keeps the batch and tries again for as long as it takes: the window then
stops the broker, which keeps the rest. A batch that cannot be stored as it stands is halved, and an array taken apart,
until the one object that spoils it is alone; that one goes into quarantine, and the stream goes on.
"""

import asyncio
from collections.abc import Collection, Sequence
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
from ingest.mqtt import Batch, Incoming, Intake, Session
from ingest.outcome import Answer, Outcome
from ingest.quarantine import Rejected, put_aside
from ingest.turn import OvertakenError, Turn

log = get_logger()

_RETRY_FIRST_S = 0.1
_RETRY_LONGEST_S = 5.0
#: Tries of a batch that others are in the way of; afterwards it is halved, and a single object put aside.
_CONTESTED_TRIES = 5
#: Tries of a single object that the database refuses: the registry is asked anew before the last one.
_REFUSED_TRIES = 2

BATCH = Histogram("carebed_ingest_batch_messages", "Messages per batch", ["lane"], buckets=(1, 10, 100, 1000, 10_000))
COMMIT = Histogram("carebed_ingest_batch_seconds", "Transaction of a batch", ["lane"])


class LaneProcessor(Protocol):
    """One lane's work on one batch, within a transaction."""

    lane: Lane

    async def process(
        self, conn: AsyncConnection, now: datetime, messages: Sequence[Incoming], turn: Turn | None = None
    ) -> Outcome:
        """Everything but the commit; written is what the batch's `turn` lets it write."""

    def start_over(self) -> None:
        """Forget whatever is kept in memory: a transaction failed, perhaps because of it."""

    def refusals(self, rejected: Rejected) -> Sequence[Answer]:
        """What to answer to an object that could not be stored."""


class Fence(Protocol):
    """Keeps out a worker that was only paused while another one took over."""

    async def lost(self, conn: AsyncConnection, sessions: Collection[Session]) -> Collection[Session]:
        """Of these sessions, those that are not (any more) ours; the others stay ours until `conn` commits."""


class Worker:
    """Feeds batches to a lane. Without a `fence` nobody else may serve its sessions.

    `at_once`: batches that are worked on at a time, each in a transaction of its own: while the database stores one,
    the next is read. They are written and committed one after the other, so that none waits for another's locks and
    each gateway's messages keep their order.
    """

    def __init__(
        self, database: Database, intake: Intake, processor: LaneProcessor, fence: Fence | None = None, *,
        at_once: int = 1,
    ) -> None:  # fmt: skip
        self._database = database
        self._intake = intake
        self._processor = processor
        self._fence = fence
        self._free = asyncio.Semaphore(at_once)
        self._last: Turn | None = None
        self._under_way: set[Work] = set()
        lane = str(processor.lane)
        self._batch, self._commit = BATCH.labels(lane), COMMIT.labels(lane)

    def ready(self) -> str | None:
        """Readiness: connected to the broker, and no batch is waiting for the database."""
        return next((work.trouble for work in self._under_way if work.trouble), None) or self._intake.unready

    async def run(self) -> None:
        """A named task: until the intake stops."""
        batches = aiter(self._intake)
        async with asyncio.TaskGroup() as tasks:
            while True:
                await self._free.acquire()
                try:
                    batch = await anext(batches)
                except StopAsyncIteration:
                    return
                tasks.create_task(self._handle(batch))

    async def _handle(self, batch: Batch) -> None:
        self._batch.observe(len(batch))
        self._last = turn = Turn(self._last)
        work = self.work(turn)
        self._under_way.add(work)
        try:
            answers = await work.store(batch.messages)
            turn.committed()
            self._intake.ack(batch, work.lost)
            for answer in answers:
                _send(answer)
        finally:
            self._under_way.remove(work)
            self._free.release()

    def work(self, turn: Turn | None = None) -> "Work":
        """What one batch needs."""
        return Work(self._database, self._processor, self._fence, self._commit, turn)


class Work:
    """One batch on its way into the database."""

    def __init__(
        self, database: Database, processor: LaneProcessor, fence: Fence | None, commit_time: Histogram,
        turn: Turn | None,
    ) -> None:  # fmt: skip
        self.lost: set[Session] = set()
        """Sessions that turned out to be somebody else's: nothing of theirs was stored."""
        self.trouble: str | None = None
        """Why it waits for the database, if it does."""
        self._database = database
        self._processor = processor
        self._fence = fence
        self._commit = commit_time
        self._turn = turn

    async def store(self, messages: Sequence[Incoming]) -> list[Answer]:
        """Commit these messages, however long it takes; what is to be sent afterwards."""
        tries = dict.fromkeys(Fault, 0)
        while True:
            try:
                with self._commit.time():
                    outcome = await self._transaction(messages)
                self.trouble = None
                outcome.committed()
                return outcome.answers
            except OvertakenError:
                self._failed()
                self._processor.start_over()
                continue
            except Exception as error:  # noqa: BLE001 - nothing a device sends may stop the stream behind it
                self._failed()
                fault = fault_of(error)
                tries[fault] += 1
                self.trouble = f"cannot store: {brief(error)}"
                log.warning(
                    "batch_failed", messages=len(messages), fault=fault.value, tries=tries[fault], error=brief(error)
                )
                if (tries[Fault.CONTESTED] >= _CONTESTED_TRIES or tries[Fault.REFUSED]) and (parts := _parts(messages)):
                    return [answer for part in parts for answer in await self.store(part)]
                if tries[Fault.CONTESTED] >= _CONTESTED_TRIES or tries[Fault.REFUSED] >= _REFUSED_TRIES:
                    return await self._quarantine(messages[0], error)
                self._processor.start_over()
            await _pause(tries[fault])

    def _failed(self) -> None:
        if self._turn is not None:
            self._turn.failed()

    async def _transaction(self, messages: Sequence[Incoming]) -> Outcome:
        async with self._database.transaction() as conn:
            now = await clock_now(conn)
            return await self._processor.process(conn, now, await self._ours(conn, messages), self._turn)

    async def _ours(self, conn: AsyncConnection, messages: Sequence[Incoming]) -> Sequence[Incoming]:
        """Without the messages of sessions that somebody else has taken over: he gets them again, and stores them."""
        if self._fence is None:
            return messages
        self.lost.update(await self._fence.lost(conn, {message.session for message in messages}))
        return [message for message in messages if message.session not in self.lost] if self.lost else messages

    async def _quarantine(self, message: Incoming, error: Exception) -> list[Answer]:
        """Put one object aside, for as long as that takes."""
        lane = self._processor.lane
        log.error("message_quarantined", lane=str(lane), error=brief(error))
        rejected = Rejected(message, lane, Reason.STORE_ERROR, brief(error))
        tries = 0
        while True:
            try:
                async with self._database.transaction() as conn:
                    now = await clock_now(conn)
                    if not await self._ours(conn, [message]):
                        return []
                    await put_aside(conn, now, [rejected])
                self.trouble = None
                Outcome(rejected=[rejected]).committed()
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
