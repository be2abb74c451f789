"""Nothing is acknowledged but by `ack`, and whatever was not comes again."""

import asyncio

from session_broker import Broker, leave_behind, numbered, numbers, ready, take, until


async def test_what_was_not_acknowledged_comes_again_to_the_next_process(broker: Broker) -> None:
    """A process takes ten messages, stores four batches' worth of none, and goes: the next one gets all ten."""
    async with ready(broker.session()) as intake:
        await broker.publish(numbered(10))
        assert numbers(await take(intake, 10, ack=False)) == list(range(10))
    async with ready(broker.session()) as intake:
        assert numbers(await take(intake, 10)) == list(range(10))


async def test_what_was_acknowledged_does_not_come_again(broker: Broker) -> None:
    async with ready(broker.session()) as intake:
        await broker.publish(numbered(10))
        await take(intake, 10)
    async with ready(broker.session()) as intake:
        await broker.publish(numbered(1, "t/later"))
        assert [message.topic for message in await take(intake, 1)] == ["t/later"]


async def test_an_acknowledgement_after_the_reconnect_is_dropped_and_the_message_comes_again(broker: Broker) -> None:
    """The batch commits just after its connection broke: the packet id may mean another message by then."""
    async with ready(broker.session(keepalive_s=2)) as intake:
        (session,) = intake.sessions
        await broker.publish(numbered(3))
        batch = await anext(intake)
        while len(batch) < 3:  # the three may have come in several reads
            intake.ack(batch)
            batch = await anext(intake)
        session._connection._transport.abort()
        await until(lambda: session.counters.connects == 2)
        intake.ack(batch)
        assert session.counters.stale_acks == len(batch)
        again = await take(intake, len(batch))
        assert numbers(again) == numbers(batch.messages)
        assert again[0].generation > batch.messages[0].generation
        assert intake.pending == 0


async def test_batches_may_commit_in_another_order_but_pubacks_keep_the_order_of_arrival(broker: Broker) -> None:
    """The younger batch is stored first: nothing is acknowledged until the older one is."""
    session = broker.session()
    await leave_behind(session)
    await broker.publish(numbered(20))
    async with ready(session, max_batch=10) as intake:
        older, younger = await anext(intake), await anext(intake)
        intake.ack(younger)
        assert session.counters.acked == 0
        intake.ack(older)
        assert session.counters.acked == 20
        assert intake.pending == 0
        assert intake.oldest_unacked_s == 0


async def test_a_cancelled_consumer_loses_nothing(broker: Broker) -> None:
    """A time limit around the wait for a batch is how a worker looks up now and then."""
    async with ready(broker.session()) as intake:
        for _ in range(5):
            try:
                async with asyncio.timeout(0.01):
                    await anext(intake)
            except TimeoutError:
                continue
        await broker.publish(numbered(100))
        assert numbers(await take(intake, 100)) == list(range(100))


async def test_after_stop_the_iteration_ends_and_what_was_handed_out_is_still_acknowledged(broker: Broker) -> None:
    async with ready(broker.session()) as intake:
        await broker.publish(numbered(1))
        batch = await anext(intake)
        intake.stop()
        assert [later async for later in intake] == []
        intake.ack(batch)
    async with ready(broker.session()) as intake:
        await broker.publish(numbered(1, "t/later"))
        assert [message.topic for message in await take(intake, 1)] == ["t/later"]
