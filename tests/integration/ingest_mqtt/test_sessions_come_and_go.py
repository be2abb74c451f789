"""Sessions are added to a running intake, handed over to another one, or lost to it; no message is lost or confused."""

import asyncio

from session_broker import Broker, leave_behind, numbered, numbers, ready, take, until

from ingest.mqtt import Intake, Session


async def test_a_session_that_is_added_later_brings_what_waited_for_it(broker: Broker) -> None:
    await leave_behind(broker.session("ingest-reading-0", "t/#"))
    await broker.publish(numbered(10))
    async with Intake() as intake:
        assert intake.unready is None
        intake.add(broker.session("ingest-reading-0", "t/#"))
        assert numbers(await take(intake, 10)) == list(range(10))


async def test_a_hand_over_in_order_gives_the_next_owner_what_was_not_acknowledged_and_nothing_else(
    broker: Broker,
) -> None:
    """One batch is under way and commits, the rest waits in the queue: the second owner gets the rest, in order."""
    await leave_behind(broker.session())
    await broker.publish(numbered(1_000))
    session = broker.session()
    async with ready(session, max_batch=100) as first, Intake() as second:
        await until(lambda: len(session.queue) >= 100)
        batch = await anext(first)
        removing = asyncio.create_task(first.remove(session, 10))
        await asyncio.sleep(0)
        assert first.pending == len(batch)
        assert not session.queue
        first.ack(batch)
        await removing
        assert first.sessions == []
        assert first.pending == first.pending_bytes == 0
        second.add(broker.session())
        assert numbers(await take(second, 1_000 - len(batch))) == list(range(len(batch), 1_000))


async def test_a_hand_over_waits_only_so_long_for_a_batch_that_does_not_commit(broker: Broker) -> None:
    """The database is stuck: the batch comes again to the next owner, and its late acknowledgement says nothing."""
    await leave_behind(broker.session())
    await broker.publish(numbered(10))
    session = broker.session()
    async with ready(session) as first, Intake() as second:
        batch = await anext(first)
        await first.remove(session, 0.1)
        second.add(broker.session())
        again = await take(second, 10, ack=False)
        first.ack(batch)
        assert session.counters.acked == 0
        assert numbers(again) == list(range(10))
        assert first.pending == 0


async def test_after_a_loss_nothing_is_acknowledged_any_more(broker: Broker) -> None:
    """The lease is gone while a batch is under way: its messages are the next owner's."""
    await leave_behind(broker.session())
    await broker.publish(numbered(100))
    session = broker.session()
    async with ready(session, max_batch=10) as first, Intake() as second:
        await until(lambda: len(session.queue) >= 10)
        batch = await anext(first)
        first.drop(session)
        assert first.pending == len(batch)
        first.ack(batch)
        assert first.pending == first.pending_bytes == 0
        assert session.counters.acked == 0
        second.add(broker.session())
        assert numbers(await take(second, 100)) == list(range(100))
        await asyncio.sleep(0.3)  # long enough for a reconnect, which comes after 0.1 s at most
        assert session.counters.connects == 1


async def test_a_loss_ends_a_hand_over_that_waits(broker: Broker) -> None:
    session = broker.session()
    async with ready(session) as intake:
        await broker.publish(numbered(1))
        await anext(intake)
        removing = asyncio.create_task(intake.remove(session, 60))
        await asyncio.sleep(0)
        intake.drop(session)
        await asyncio.wait_for(removing, 5)


async def test_whoever_is_thrown_out_asks_before_he_connects_again(broker: Broker) -> None:
    """Two workers, one session: the loser looks at its lease first, and does not throw the winner out."""
    asked: list[Session] = []

    async def lease_is_gone() -> None:
        asked.append(loser)
        await asyncio.Event().wait()

    loser, winner = broker.session(), broker.session()
    loser.before_reconnect = lease_is_gone
    async with ready(loser) as old, Intake([winner]) as new:
        await until(lambda: bool(asked))
        await broker.publish(numbered(10))
        assert numbers(await take(new, 10)) == list(range(10))
        assert (loser.counters.connects, winner.counters.connects) == (1, 1)
        old.drop(loser)


async def test_each_session_has_its_share_of_the_bound_however_many_there_are(broker: Broker) -> None:
    """A flood in one group, and another group comes: it is read."""
    flooded = broker.session("ingest-reading-0", "t/0/#")
    async with ready(flooded, max_batch=10, max_pending=100) as intake:
        await broker.publish(numbered(1_000, "t/0/x"))
        await until(lambda: flooded.paused)
        quiet = broker.session("ingest-reading-1", "t/1/#")
        intake.add(quiet)
        await until(lambda: quiet.unready is None)
        await broker.publish(numbered(1, "t/1/x"))
        await until(lambda: len(quiet.queue) == 1)
        await intake.remove(quiet, 0)
        assert numbers(await take(intake, 1_000)) == list(range(1_000))


async def test_a_session_that_somebody_had_and_the_broker_no_longer_knows_is_counted_as_lost(broker: Broker) -> None:
    """The broker lost its store between two owners: the next one notices at its first connect."""
    fresh, known = broker.session("ingest-reading-0"), broker.session("ingest-reading-1")
    known.had_before = True
    async with ready(fresh, known):
        assert (fresh.counters.sessions_lost, known.counters.sessions_lost) == (0, 1)
    again = broker.session("ingest-reading-1")
    again.had_before = True
    async with ready(again):
        assert again.counters.sessions_lost == 0
