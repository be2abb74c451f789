"""Leases on shard groups in a real database: who holds what, who loses it when, and that the loser commits nothing."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from datetime import timedelta
from typing import Any, cast

import psycopg
import pytest
from small_district import Pipeline, message
from sqlalchemy.exc import DBAPIError

from carebed.database import Database
from carebed.embedded.postgres import DatabaseUrls
from ingest.groups import Groups
from ingest.lease import LANE_LEASES, LeaseBook, keeper_name, worker_name
from ingest.mqtt import Batch, Intake, Session
from ingest.worker import Worker
from tests.conftest import TestClock

LEASE_S, ROUND_S = 3.0, 0.1


class Hand:
    """Stands in for an intake: remembers which sessions it was given, and which were taken away again."""

    def __init__(self) -> None:
        self.sessions: list[Session] = []
        self.dropped: list[str] = []

    def add(self, session: Session) -> None:
        """As `Intake.add`."""
        self.sessions.append(session)
        session.unready = None

    async def remove(self, session: Session, within_s: float) -> None:
        """As `Intake.remove`."""
        del within_s
        self.sessions.remove(session)

    def drop(self, session: Session) -> None:
        """As `Intake.drop`."""
        if session in self.sessions:
            self.sessions.remove(session)
        self.dropped.append(session.username.removeprefix("ingest-alarm-"))


def _session(group: str) -> Session:
    return Session("nowhere", 1, f"ingest-alarm-{group}", "secret", ["t/#"])


class One:
    """A worker that keeps its groups but has no broker. `stop()` and `go_on()` are SIGSTOP and SIGCONT to it, `kill()`
    ends its connection and everything else."""

    def __init__(self, url: str, name: str) -> None:
        self.name = name
        self.hand = Hand()
        self.gained = 0
        self.groups = Groups(
            url, "alarm", name, cast("Intake", self.hand), _session, self._gained, lease_s=LEASE_S, round_s=ROUND_S
        )
        self.database = Database(url, application=worker_name("alarm", name), pool_size=1)
        self._url = url
        self._task: asyncio.Task[None] | None = None

    def _gained(self) -> None:
        self.gained += 1

    def go_on(self) -> None:
        """Rounds, from now on."""
        self._task = asyncio.create_task(self.groups.run())

    async def stop(self) -> None:
        """No round any more; connections and memory stay as they are."""
        assert self._task is not None
        self._task.cancel()
        await asyncio.wait([self._task])

    async def kill(self) -> None:
        """kill -9."""
        await self.stop()
        await self.groups._database.close()
        await self.database.close()

    async def leave(self) -> None:
        """SIGTERM."""
        await self.stop()
        await self.groups.leave()
        await self.database.close()

    @property
    def names(self) -> list[str]:
        """Its groups, by its own word."""
        return self.groups.names()


@asynccontextmanager
async def working(url: str, *names: str) -> AsyncIterator[list[One]]:
    """Workers, once their shares are complete."""
    ones = []
    for name in names:
        ones.append(One(url, name))
        ones[-1].go_on()
    try:
        await until(lambda: shared(*ones))
        yield ones
    finally:
        for one in ones:
            await one.kill()


def shared(*ones: One) -> bool:
    """All groups held, each once, in equal shares."""
    held = [group for one in ones for group in one.names]
    sizes = [len(one.names) for one in ones]
    return sorted(held) == sorted(LANE_LEASES) and max(sizes) - min(sizes) <= 1


async def until(condition: Callable[[], Any], timeout_s: float = 60) -> None:
    """Poll until true; fail after `timeout_s`."""
    async with asyncio.timeout(timeout_s):
        while not condition():
            await asyncio.sleep(0.01)


async def owners(url: str) -> dict[str, tuple[str | None, int]]:
    """Group -> (owner, epoch), by the rows."""
    async with await psycopg.AsyncConnection.connect(url) as conn:
        rows = await conn.execute("SELECT shard_group, owner, epoch FROM lease WHERE lane = 'alarm'")
        return {group: (owner, epoch) async for group, owner, epoch in rows}


async def test_workers_share_the_groups_and_who_leaves_hands_his_over_at_once(urls: DatabaseUrls) -> None:
    async with working(urls.engine, "a", "b", "c") as (a, b, c):
        assert a.groups.ready() is None
        assert {owner for owner, _ in (await owners(urls.admin)).values()} == {"a", "b", "c"}
        await c.leave()
        left = await owners(urls.admin)
        assert not [group for group, (owner, _) in left.items() if owner == "c"]
        await until(lambda: shared(a, b))
        assert a.hand.dropped == b.hand.dropped == []


async def test_a_dead_process_loses_its_groups_within_a_round_and_a_hung_one_after_its_lease(
    urls: DatabaseUrls,
) -> None:
    """The connection of the one is closed, that of the other is not."""
    async with working(urls.engine, "a", "b", "c") as (a, b, c):
        await asyncio.sleep(LEASE_S)  # they have watched each other for a lease
        loop = asyncio.get_running_loop()
        await b.kill()
        began = loop.time()
        await until(lambda: shared(a, c))
        assert loop.time() - began < LEASE_S + 2  # in a round, were this machine alone
        hung = set(c.names)
        await c.stop()
        await asyncio.sleep(LEASE_S / 2)
        assert not hung & set(a.names)
        await until(lambda: shared(a))


async def test_a_paused_worker_loses_all_it_held_when_it_goes_on_and_gets_a_share_again(urls: DatabaseUrls) -> None:
    async with working(urls.engine, "a", "b") as (a, b):
        held = b.names
        await b.stop()
        await until(lambda: shared(a))
        b.go_on()
        await until(lambda: shared(a, b))
        assert set(held) <= set(b.hand.dropped)
        assert b.gained >= 2


async def test_only_who_has_just_looked_knows_that_others_serve_everything(urls: DatabaseUrls) -> None:
    """A lane that is started while the database is away serves nothing either, and people must be called for it."""
    late = One(urls.engine, "late")
    async with working(urls.engine, "early"):
        assert not late.groups.idle()
        await late.groups._look()
        assert late.groups.idle()
        await asyncio.sleep(LEASE_S)
        assert not late.groups.idle()
    await late.groups.leave()


async def test_the_epoch_grows_with_every_owner(urls: DatabaseUrls) -> None:
    async with working(urls.engine, "a"):
        first = {epoch for _, epoch in (await owners(urls.admin)).values()}
    async with working(urls.engine, "b"):
        second = {epoch for _, epoch in (await owners(urls.admin)).values()}
    assert (first, second) == ({1}, {2})


async def test_leases_do_not_run_out_when_the_demos_clock_leaps(urls: DatabaseUrls, clock: TestClock) -> None:
    """They measure whether a process lives, and nobody has died."""
    async with working(urls.engine, "a", "b") as (a, b):
        before = await owners(urls.admin)
        await asyncio.sleep(LEASE_S)
        await clock.advance(hours=24)
        await asyncio.sleep(LEASE_S)
        assert await owners(urls.admin) == before
        assert shared(a, b)


async def test_a_restarted_process_has_its_groups_back_at_once(urls: DatabaseUrls) -> None:
    """Alone in its lane: the closed connection of its predecessor says that nobody is there; no lease is waited for."""
    long = 3600.0
    async with working(urls.engine, "a") as (a,):
        async with a.database.transaction() as conn:
            await LeaseBook("alarm", "a", long).look(conn)
        await a.kill()
        async with working(urls.engine, "b"):
            pass


async def test_when_the_database_comes_back_nobody_takes_the_others_groups(urls: DatabaseUrls) -> None:
    """Away for longer than a lease: whoever returns first sees only closed connections and leases that have run out."""
    async with working(urls.engine, "a", "b", "c") as ones:
        await asyncio.sleep(LEASE_S)
        before = await owners(urls.admin)
        name = urls.engine.rsplit("/", 1)[1]
        await _as_admin(urls, f'ALTER DATABASE "{name}" ALLOW_CONNECTIONS false')
        await _end_connections(urls, name)
        await until(lambda: all(one.groups.ready() for one in ones))
        await asyncio.sleep(2 * LEASE_S)
        await _as_admin(urls, f'ALTER DATABASE "{name}" ALLOW_CONNECTIONS true')
        await until(lambda: not any(one.groups.ready() for one in ones))
        await asyncio.sleep(LEASE_S)
        assert await owners(urls.admin) == before
        assert all(one.hand.dropped == [] for one in ones)


async def test_a_worker_that_alone_was_away_finds_out_that_it_is_replaced(urls: DatabaseUrls) -> None:
    """The network between it and the database was cut; the others go on, and it comes back into their circle."""
    async with working(urls.engine, "a", "b") as (a, b):
        held = b.names
        await b.stop()
        await until(lambda: shared(a))
        asked = asyncio.create_task(b.groups.confirm())
        await asyncio.sleep(ROUND_S)
        assert not asked.done()
        assert b.names == held  # it does not know yet; only the look tells
        b.go_on()
        await asked
        assert set(held) <= set(b.hand.dropped)


# The fence


async def test_a_batch_under_way_holds_its_leases_until_it_commits(urls: DatabaseUrls) -> None:
    """Whoever takes a group waits for the transaction that has checked it: there is no moment in between."""
    async with working(urls.engine, "a") as (a,):
        await a.stop()
        book, three = LeaseBook("alarm", "a", LEASE_S), a.hand.sessions[:3]
        async with a.database.transaction() as conn:
            assert await a.groups.lost(conn, three) == []
            group = three[0].username.rsplit("-", 1)[1]
            with pytest.raises(Exception, match="lock timeout"):
                async with a.groups._database.transaction() as other:
                    await book.give_back(other, group, 1)
        async with a.groups._database.transaction() as other:
            await book.give_back(other, group, 1)
        async with a.database.transaction() as conn:
            assert await a.groups.lost(conn, three) == three[:1]


async def test_a_transaction_that_hangs_with_its_worker_does_not_keep_its_groups(urls: DatabaseUrls) -> None:
    """SIGSTOP in the middle of a batch: whoever takes over ends the dead worker's sessions in the database first."""
    async with working(urls.engine, "a", "b") as (a, b):
        await b.stop()
        with pytest.raises(DBAPIError) as ended:
            await _hang_in_a_batch(b, lambda: shared(a))
        assert ended.value.connection_invalidated


async def _hang_in_a_batch(one: One, over: Callable[[], bool]) -> None:
    async with one.database.transaction() as conn:
        assert await one.groups.lost(conn, one.hand.sessions) == []
        await until(over)
        await conn.exec_driver_sql("SELECT 1")


async def test_two_batches_may_find_out_at_the_same_time_that_their_group_is_lost(urls: DatabaseUrls) -> None:
    """Two are under way at a time: the second one must not stumble over what the first has cleared away."""
    async with working(urls.engine, "a") as (a,):
        await a.stop()
        sessions = list(a.hand.sessions)
        async with a.groups._database.transaction() as conn:
            await LeaseBook("alarm", "a", LEASE_S).leave(conn)
        async with a.database.transaction() as one, a.groups._database.transaction() as other:
            found = await asyncio.gather(a.groups.lost(one, sessions), a.groups.lost(other, sessions))
        assert found == [sessions, sessions]
        assert sorted(a.hand.dropped) == sorted(LANE_LEASES)


class Sessions:
    """A batch on real `Session` objects, and the intake's side of it."""

    oldest_unacked_s = 0.0
    unready = None

    def __init__(self, batch: Batch) -> None:
        self._batch = batch
        self.acknowledged: list[object] = []

    async def __aiter__(self) -> AsyncIterator[Batch]:
        yield self._batch

    def ack(self, batch: Batch, lost: object = ()) -> None:
        """As `Intake.ack`."""
        self.acknowledged += [one.payload for one in batch.messages if one.session not in cast("set[Session]", lost)]


@pytest.mark.parametrize("lane", ["alarm", "reading"])
async def test_messages_of_a_lost_group_are_neither_stored_nor_acknowledged_and_the_others_are(
    pipeline: Pipeline, urls: DatabaseUrls, lane: str
) -> None:
    """A worker goes on with a batch of two groups, one of which somebody else has taken meanwhile."""
    await pipeline.simple_home()
    processor = pipeline.alarm_lane if lane == "alarm" else pipeline.reading_lane
    async with working(urls.engine, "a") as (a,):
        await a.stop()
        kept, lost = a.hand.sessions[:2]
        await pipeline.run(
            "INSERT INTO ingest_worker VALUES ('b', 'alarm', clock_timestamp() + :span)", span=timedelta(minutes=1)
        )
        group = lost.username.rsplit("-", 1)[1]
        await pipeline.run(
            "UPDATE lease SET owner = 'b', epoch = epoch + 1 WHERE lane = 'alarm' AND shard_group = :g", g=group
        )
        kind = "check_in" if lane == "alarm" else "motion"
        batch = [pipeline.incoming(message(kind, id=name), lane=lane) for name in ("kept", "lost")]
        for incoming, session in zip(batch, (kept, lost), strict=True):
            incoming.session = session
        hand = Sessions(Batch(batch, [], 0.0))
        await Worker(pipeline.database, cast("Intake", hand), processor, a.groups).run()
        table = "inbox" if lane == "alarm" else "reading"
        assert [row.message_id for row in await pipeline.rows(f"SELECT message_id FROM {table}")] == ["kept"]
        assert hand.acknowledged == [batch[0].payload]
        assert a.hand.dropped == [group]


async def test_what_the_database_refuses_of_a_lost_group_is_not_quarantined_by_the_loser(
    pipeline: Pipeline, urls: DatabaseUrls
) -> None:
    """Its next owner meets it, and puts it aside."""
    await pipeline.simple_home()
    await pipeline.run_as_admin("ALTER TABLE inbox ADD CONSTRAINT poison CHECK (message_id <> 'poison')")
    async with working(urls.engine, "a") as (a,):
        await a.stop()
        incoming = pipeline.incoming(message("check_in", id="poison"))
        incoming.session = a.hand.sessions[0]
        worker = Worker(pipeline.database, cast("Intake", None), pipeline.alarm_lane, a.groups)
        await pipeline.run("UPDATE lease SET owner = NULL")
        assert await worker.work()._quarantine(incoming, RuntimeError()) == []
        assert await pipeline.count("quarantine") == 0


async def test_a_worker_that_is_not_registered_takes_nothing(urls: DatabaseUrls) -> None:
    """Paused between its look and its take, it was struck off: the foreign key knows."""
    async with working(urls.engine, "a") as (a,):
        await a.leave()
        database = Database(urls.engine, application=keeper_name("alarm", "late"), pool_size=1)
        with pytest.raises(Exception, match="foreign key"):
            async with database.transaction() as conn:
                await LeaseBook("alarm", "late", LEASE_S).take(conn, 3)
        await database.close()


async def _as_admin(urls: DatabaseUrls, statement: str) -> None:
    server = urls.admin.rsplit("/", 1)[0] + "/postgres"
    async with await psycopg.AsyncConnection.connect(server, autocommit=True) as conn:
        await conn.execute(statement.encode())


async def _end_connections(urls: DatabaseUrls, name: str) -> None:
    await _as_admin(urls, f"SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = '{name}'")
