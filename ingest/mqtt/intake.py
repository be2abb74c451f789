"""Many sessions into one stream of batches; sessions come and go while it runs."""

import asyncio
from collections import deque
from collections.abc import Collection, Iterable, Iterator
from contextlib import suppress
from time import monotonic
from typing import Self

from ingest.mqtt.bounds import Bounds, Load, fair_shares
from ingest.mqtt.message import OVERHEAD_BYTES, Batch, Incoming, Part
from ingest.mqtt.session import Session


class Intake:
    """`async for batch in intake`, then `intake.ack(batch)` once its transaction has committed.

    A batch closes with `max_batch` messages, or `linger_ms` after its first message came; with `linger_ms=0` at once.
    The sessions take fair turns in it. `max_pending` messages (and `max_pending_bytes`), received and not yet
    acknowledged, are the bound: beyond three quarters of it the busy sessions stop reading their sockets; what one
    socket read brings (up to 256 KiB a session) may go over it. For full speed let it be several batches.
    """

    def __init__(
        self, sessions: Iterable[Session] = (), *, max_batch: int = 4_000, linger_ms: float = 0,
        max_pending: int = 32_000, max_pending_bytes: int = 64 << 20,
    ) -> None:  # fmt: skip
        if max_batch < 1 or max_pending < 1 or max_pending_bytes < 1:
            raise ValueError("an intake needs bounds above zero")
        self.sessions: list[Session] = []
        self.pending = 0
        """Messages received, not yet acknowledged."""
        self.pending_bytes = 0
        self.acked_monotonic = monotonic()
        """When a batch was acknowledged last: `time.monotonic()`, at first that of the beginning."""
        self.max_pending = max_pending
        self.max_pending_bytes = max_pending_bytes
        self._max_batch = max_batch
        self._linger_s = linger_ms / 1000
        self._limit = Load(max_pending, max_pending_bytes)
        self._bounds = Bounds(self._limit, 1)
        self._outstanding: deque[Batch] = deque()
        self._queued = 0
        self._turn = 0
        self._tasks: dict[Session, asyncio.Task[None]] = {}
        self._draining: dict[Session, asyncio.Future[None]] = {}
        self._waiter: asyncio.Future[None] | None = None
        self._entered = self._stopped = False
        for session in sessions:
            self.add(session)

    async def __aenter__(self) -> Self:
        """Connect all sessions; returns at once, `unready` tells how far they are."""
        self._entered = True
        for session in self.sessions:
            self._start(session)
        return self

    async def __aexit__(self, *_: object) -> None:
        """Leave the broker in order; the sessions stay there and gather what comes."""
        self.stop()
        for task in self._tasks.values():
            task.cancel()
        if self._tasks:
            await asyncio.wait(self._tasks.values())

    # Sessions come and go

    def add(self, session: Session) -> None:
        """One more session; connects at once where the intake runs."""
        self.sessions.append(session)
        session.report_to(self)
        self._deal()
        if self._entered:
            self._start(session)

    async def remove(self, session: Session, within_s: float) -> None:
        """Hand a session over in order: read no further, drop what waits in no batch yet, let the batches under way be
        acknowledged within `within_s`, and DISCONNECT. Whoever connects next gets everything else."""
        if session not in self.sessions:
            return
        self._leave(session)
        session.retire()
        if session.pending:
            self._draining[session] = drained = asyncio.get_running_loop().create_future()
            with suppress(TimeoutError):
                async with asyncio.timeout(within_s):
                    await drained
            self._draining.pop(session, None)
        if (task := self._tasks.get(session)) is not None:
            task.cancel()
            await asyncio.wait([task])

    def drop(self, session: Session) -> None:
        """A session is lost to another owner: nothing more is read from it, acknowledged or sent on it."""
        if session in self.sessions:
            self._leave(session)
        session.abandon()
        if (drained := self._draining.get(session)) is not None and not drained.done():
            drained.set_result(None)
        if (task := self._tasks.get(session)) is not None:
            task.cancel()

    def stop(self) -> None:
        """No more batches: the iteration ends, and what was handed out may still be acknowledged."""
        self._stopped = True
        for session in self.sessions:
            session.pause()
        self._wake()

    # The stream

    def __aiter__(self) -> Self:
        return self

    async def __anext__(self) -> Batch:
        """The next batch. Safe to cancel: messages leave the queues only when this returns."""
        if self._waiter is not None:
            raise RuntimeError("an intake has one consumer")
        while True:
            self._raise_if_dead()
            if self._stopped:
                raise StopAsyncIteration
            wait_s = self._wait_s()
            if wait_s is not None and wait_s <= 0:
                return self._take()
            await self._wait(wait_s)

    def ack(self, batch: Batch, lost: Collection[Session] = ()) -> None:
        """The batch is stored: PUBACK its messages, each session in the order of arrival (MQTT-4.6.0-2).

        A batch acknowledged before an older one waits for that. Messages of a connection that is gone are only counted;
        the broker sends them again. On the sessions in `lost` nothing is acknowledged: their next owner stores it.
        """
        batch.acknowledged, batch.lost = True, lost
        self.acked_monotonic = monotonic()
        while self._outstanding and self._outstanding[0].acknowledged:
            done = self._outstanding.popleft()
            for part in done.parts:
                if part.session not in done.lost:
                    part.session.acknowledge(part.generation, part.packet_ids)
                self._released(part.session, part.messages, part.size_bytes)
        self._resume()

    # For readiness and metrics

    @property
    def unready(self) -> str | None:
        """None when every session is connected and subscribed, otherwise how many are not and why the first is not."""
        reasons = [session.unready for session in self.sessions if session.unready is not None]
        if not reasons:
            return None
        return f"{len(reasons)} of {len(self.sessions)} MQTT sessions are not ready: {reasons[0]}"

    @property
    def oldest_unacked_s(self) -> float:
        """Age of the oldest message received and not yet acknowledged; 0 when there is none. This is the lag on our
        side of the broker."""
        oldest = [batch.oldest_monotonic for batch in self._outstanding]
        oldest += [session.queue[0].received_monotonic for session in self.sessions if session.queue]
        return monotonic() - min(oldest) if oldest else 0.0

    def waiting(self) -> Iterator[Incoming]:
        """Everything received and not yet acknowledged: at most what the bounds allow, so not for every day."""
        for batch in self._outstanding:
            yield from batch.messages
        for session in self.sessions:
            yield from session.queue

    # What sessions report

    def arrived(self, session: Session, messages: int, size_bytes: int) -> None:
        """Called by a session for every socket read that brought messages."""
        self._queued += messages
        self.pending += messages
        self.pending_bytes += size_bytes
        session.pending += messages
        session.pending_bytes += size_bytes
        if not session.paused and self._bounds.must_pause(self._load(), _own(session)):
            session.pause()
        self._wake()

    def forgotten(self, session: Session, messages: int, size_bytes: int) -> None:
        """Called by a session whose connection is gone."""
        self._queued -= messages
        self._released(session, messages, size_bytes)
        self._resume()

    # Inside

    def _take(self) -> Batch:
        """A batch of what is queued now; the session that begins moves on by one each time."""
        self._turn = (self._turn + 1) % len(self.sessions)
        order = self.sessions[self._turn :] + self.sessions[: self._turn]
        shares = fair_shares([len(session.queue) for session in order], self._max_batch)
        messages: list[Incoming] = []
        parts: list[Part] = []
        oldest = monotonic()
        for session, share in zip(order, shares, strict=True):
            if not share:
                continue
            queue = session.queue
            taken = [queue.popleft() for _ in range(share)]
            size_bytes = sum([len(message.payload) for message in taken]) + OVERHEAD_BYTES * share
            packet_ids = [message.packet_id for message in taken]
            parts.append(Part(session, taken[0].generation, packet_ids, share, size_bytes))
            oldest = min(oldest, taken[0].received_monotonic)
            messages += taken
        self._queued -= len(messages)
        batch = Batch(messages, parts, oldest)
        self._outstanding.append(batch)
        return batch

    def _wait_s(self) -> float | None:
        """Seconds until a batch is due: at most 0 for now, None while nothing is queued."""
        if not self._queued:
            return None
        if self._queued >= self._max_batch or not self._linger_s:
            return 0
        first = min(session.queue[0].received_monotonic for session in self.sessions if session.queue)
        return first + self._linger_s - monotonic()

    async def _wait(self, wait_s: float | None) -> None:
        """Until something arrives, or for the rest of the linger."""
        loop = asyncio.get_running_loop()
        self._waiter = loop.create_future()
        timer = None if wait_s is None else loop.call_later(wait_s, self._wake)
        try:
            await self._waiter
        finally:
            self._waiter = None
            if timer is not None:
                timer.cancel()

    def _wake(self) -> None:
        if self._waiter is not None and not self._waiter.done():
            self._waiter.set_result(None)

    def _released(self, session: Session, messages: int, size_bytes: int) -> None:
        self.pending -= messages
        self.pending_bytes -= size_bytes
        session.pending -= messages
        session.pending_bytes -= size_bytes
        drained = self._draining.get(session)
        if drained is not None and not session.pending and not drained.done():
            drained.set_result(None)

    def _resume(self) -> None:
        """Read again where there is room again."""
        if self._stopped:
            return
        for session in self.sessions:
            if session.paused and self._bounds.may_resume(self._load(), _own(session)):
                session.resume()

    def _load(self) -> Load:
        return Load(self.pending, self.pending_bytes)

    def _start(self, session: Session) -> None:
        self._tasks[session] = task = asyncio.create_task(session.run(), name=f"mqtt {session.username}")
        task.add_done_callback(lambda _: self._ended(session))

    def _leave(self, session: Session) -> None:
        self.sessions.remove(session)
        self._deal()

    def _deal(self) -> None:
        """The bounds for as many sessions as there are now."""
        self._bounds = Bounds(self._limit, max(1, len(self.sessions)))

    def _ended(self, session: Session) -> None:
        """The task of a session that left is done. Of one that did not, it ends by our own mistake alone, and the
        consumer must know."""
        if session not in self.sessions:
            del self._tasks[session]
        self._wake()

    def _raise_if_dead(self) -> None:
        for task in self._tasks.values():
            if task.done() and not task.cancelled() and (error := task.exception()) is not None:
                raise error


def _own(session: Session) -> Load:
    return Load(session.pending, session.pending_bytes)
