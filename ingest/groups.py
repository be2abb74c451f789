"""The shard groups of this worker: leased, connected under their client ids, handed over, or lost.

A round every half second renews the leases and looks around; it also follows at once when another worker comes, goes
or hands over. A group is taken in the database first and connected afterwards: MQTT's take-over then ends whoever was
still connected under its name, and the epoch keeps him from committing. It is handed over the other way round: read no
further, let the batches under way commit, DISCONNECT, and only then free the lease.
"""

import asyncio
import os
import re
import secrets
import socket
from collections.abc import Callable, Collection
from dataclasses import dataclass
from time import monotonic

from prometheus_client import Counter, Gauge
from sqlalchemy.ext.asyncio import AsyncConnection

from carebed.database import OUTAGE, Database
from carebed.errors import SettingsError
from carebed.logs import get_logger
from carebed.wake import woken_within
from ingest.balance import plan, the_dead
from ingest.fault import brief
from ingest.lease import CHANNEL, LeaseBook, View, keeper_name
from ingest.mqtt import Intake, Session

log = get_logger()

LEASE_S = 4.0
"""How long a worker that hangs keeps its groups: less than the 5 s after which a device resends an alarm at the
earliest, so it costs a resident no more than one lost packet does. The end of a process is noticed in one round."""

ROUND_S = 0.5
"""Eight renewals in a lease: neither a busy event loop nor a checkpoint of the database costs anybody his groups."""

_DRAIN_S = 2.0
"""What batches under way may take when a group is handed over; what is not committed by then comes again elsewhere."""

_LEAVE_S = 1.0

HELD = Gauge("carebed_ingest_groups", "Shard groups that this worker serves", ["lane"])
MOVES = Counter("carebed_ingest_group_moves", "Groups taken, handed over, lost", ["lane", "move"])


def new_worker_id(name: str | None) -> str:
    """An id for this process, of no other before or after it. `name`: what people call it; the host by default."""
    if name is not None and not re.fullmatch(r"[A-Za-z0-9_.-]{1,20}", name):
        raise SettingsError("A worker's name is made of up to 20 letters, digits and the signs `_.-`.")
    host = re.sub(r"[^A-Za-z0-9_.-]", "-", socket.gethostname())[:20]
    return f"{name or host}-{os.getpid()}-{secrets.token_hex(3)}"


@dataclass(eq=False, slots=True)
class Hold:
    """A group of ours. `handing_over`: we read it no more."""

    group: str
    epoch: int
    session: Session
    handing_over: bool = False


class Groups:
    """Keeps this worker's share of its lane's groups; the fence of its batches.

    `open_session`: makes the session of a group, not yet connected. `gained`: called when groups were taken, for what
    is remembered of their devices may be old.
    """

    def __init__(
        self, url: str, lane: str, worker: str, intake: Intake, open_session: Callable[[str], Session],
        gained: Callable[[], None], *, lease_s: float = LEASE_S, round_s: float = ROUND_S,
    ) -> None:  # fmt: skip
        # One connection, its own: rounds wait for no batch, and its end tells the others that this process has ended.
        self._database = Database(url, application=keeper_name(lane, worker), pool_size=1, patience_s=lease_s / 2)
        self._book = LeaseBook(lane, worker, lease_s)
        self._intake = intake
        self._open_session = open_session
        self._gained = gained
        self._round_s = round_s
        self._held: dict[Session, Hold] = {}
        self._handovers: set[asyncio.Task[None]] = set()
        self._asking: list[asyncio.Future[None]] = []
        self._wake = asyncio.Event()
        self._quota: int | None = None
        self._touched: float | None = None
        self._watching_since = 0.0
        self._been_away = False
        self._trouble: str | None = "the leases have not been looked at yet"
        self.connected = asyncio.Event()
        """Set whenever a session of ours has become ready."""

    # What others ask

    def serving(self) -> list[tuple[str, Session]]:
        """(group, session) of every group that is ours and connected."""
        return [(one.group, one.session) for one in self._kept() if one.session.unready is None]

    def names(self) -> list[str]:
        """Our groups, for the readiness page."""
        return sorted(one.group for one in self._kept())

    def ready(self) -> str | None:
        """None while the leases are renewed and our share is complete."""
        if self._trouble is not None:
            return self._trouble
        if not self._in_touch():
            return "the leases have not been renewed in time"
        count = len(self._kept())
        return None if self._quota is None or count >= self._quota else f"{count} of {self._quota} shard groups held"

    def idle(self) -> bool:
        """Others are known to serve all groups: none is ours, and we have just looked."""
        return not self._held and self._in_touch()

    async def lost(self, conn: AsyncConnection, sessions: Collection[Session]) -> Collection[Session]:
        """The fence: of these sessions those that are not ours any more, which end here; the others stay ours until
        `conn` commits."""
        holds = [self._held[session] for session in sessions if session in self._held]
        ours = await self._book.still_ours(conn, {one.group: one.epoch for one in holds})
        self._lose([one for one in holds if one.group not in ours])
        return [session for session in sessions if session not in self._held]

    async def confirm(self) -> None:
        """Wait for a look at the leases that began after this call. A session asks before it connects again: whoever
        threw it out may be the new owner. If so it is ended by the look, and never connects."""
        asking = asyncio.get_running_loop().create_future()
        self._asking.append(asking)
        self._wake.set()
        await asking

    # Named tasks

    async def run(self) -> None:
        """Rounds, until cancelled."""
        while True:
            self._wake.clear()
            asking, self._asking = self._asking, []
            try:
                await self._round()
            except OUTAGE as error:
                self._trouble = f"cannot look at the leases: {brief(error)}"
                log.warning("lease_round_failed", lane=self._book.lane, error=brief(error))
                self._asking += asking
            else:
                self._trouble = None
                for one in asking:
                    if not one.done():
                        one.set_result(None)
            await woken_within(self._wake, self._round_s)

    async def follow(self) -> None:
        """A round at once whenever somebody comes, goes or hands over."""
        await self._database.wake_on(CHANNEL, lambda _: self._wake.set())

    async def leave(self) -> None:
        """Give everything back, after the sessions have disconnected. Without a database the others find out."""
        for task in self._handovers:
            task.cancel()
        try:
            async with asyncio.timeout(_LEAVE_S), self._database.transaction() as conn:
                await self._book.leave(conn)
        except OUTAGE as error:
            log.warning("leases_not_given_back", lane=self._book.lane, error=type(error).__name__)
        await self._database.close()

    # A round

    def _in_touch(self) -> bool:
        return self._touched is not None and monotonic() - self._touched <= self._book.lease_s

    async def _round(self) -> None:
        view = await self._look()
        me = self._book.worker
        self._lose([one for one in self._held.values() if view.leases.get(one.group) != (one.epoch, me)])
        living = await self._bury(view)
        await self._share(view, living)
        HELD.labels(self._book.lane).set(len(self._kept()))

    async def _look(self) -> View:
        """Renew and look around. Whoever saw nothing for a while (it failed, hung, came late) begins to watch anew."""
        began = monotonic()
        try:
            async with self._database.transaction() as conn:
                view = await self._book.look(conn)
        except BaseException:  # one that was cancelled because it hung, too
            self._been_away = self._been_away or self._touched is not None
            self._touched = None
            raise
        now = monotonic()
        if self._touched is None:
            self._watching_since = now
        elif max(now - began, began - self._touched) > self._book.lease_s / 2:
            self._watching_since, self._been_away = now, True
        self._touched = now
        return view

    async def _bury(self, view: View) -> list[str]:
        """Free what the dead held; returns who lives."""
        others = [colleague for colleague, _ in view.workers.values() if colleague.id != self._book.worker]
        watched_s = monotonic() - self._watching_since
        dead = the_dead(others, watched_s, self._book.lease_s, self._been_away)
        for worker in dead:
            async with self._database.transaction() as conn:
                if await self._book.bury(conn, worker, view.workers[worker][1]):
                    log.warning("ingest_worker_dead", lane=self._book.lane, worker=worker)
                    self._wake.set()  # what it held is free now
        return [worker for worker in view.workers if worker not in dead]

    async def _share(self, view: View, living: list[str]) -> None:
        owners = {group: owner for group, (_, owner) in view.leases.items()}
        for hold in self._held.values():
            if hold.handing_over:
                owners[hold.group] = ""  # nobody's share, and not free yet
        todo = plan(self._book.worker, living, owners)
        self._quota = todo.quota
        for hold in list(self._held.values()):
            if hold.group in todo.hand_over and not hold.handing_over:
                hold.handing_over = True
                task = asyncio.create_task(self._hand_over(hold))
                self._handovers.add(task)
                task.add_done_callback(self._handovers.discard)
        if todo.take and None in owners.values():
            async with self._database.transaction() as conn:
                taken = await self._book.take(conn, todo.take)
            self._gain(taken)

    # How groups come and go

    def _gain(self, taken: dict[str, int]) -> None:
        if taken:
            self._gained()
        for group, epoch in taken.items():
            session = self._open_session(group)
            session.had_before = epoch > 1
            session.before_reconnect = self.confirm
            session.when_ready = self.connected.set
            self._held[session] = Hold(group, epoch, session)
            self._intake.add(session)
        self._moved("taken", taken)

    def _lose(self, holds: Collection[Hold]) -> None:
        """Somebody else has them: end the connections at once, acknowledge nothing more. Two batches may say so."""
        lost = [one for one in holds if self._held.pop(one.session, None) is not None]
        for one in lost:
            self._intake.drop(one.session)
        self._moved("lost", [one.group for one in lost])

    async def _hand_over(self, hold: Hold) -> None:
        await self._intake.remove(hold.session, _DRAIN_S)
        while hold.session in self._held:
            try:
                async with self._database.transaction() as conn:
                    await self._book.give_back(conn, hold.group, hold.epoch)
            except OUTAGE as error:
                log.warning("group_not_given_back", group=hold.group, error=brief(error))
                await asyncio.sleep(self._round_s)
                continue
            self._held.pop(hold.session, None)
            self._moved("handed over", [hold.group])

    def _moved(self, move: str, groups: Collection[str]) -> None:
        if not groups:
            return
        MOVES.labels(self._book.lane, move.replace(" ", "_")).inc(len(groups))
        level = log.warning if move == "lost" else log.info
        level("groups_" + move.replace(" ", "_"), lane=self._book.lane, groups=sorted(groups))

    def _kept(self) -> list[Hold]:
        return [one for one in self._held.values() if not one.handing_over]
