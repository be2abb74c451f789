"""What RabbitMQ has acknowledged is not lost: not by its crash, nor by ours, nor by a link that dies in silence."""

import asyncio
import signal

import pytest
from rabbit import RabbitMQ, drained, ids, ids_of, ready, until

from gateway.topics import receipt_topic
from ingest.mqtt import Intake, Session

pytestmark = pytest.mark.asyncio(loop_scope="module")


async def test_killed_with_a_backlog_while_ingest_is_away_it_loses_nothing(rabbit: RabbitMQ) -> None:
    async with ready(rabbit.sessions()):
        pass
    sent = [await asyncio.to_thread(rabbit.publish, f"gw-{number}", range(2_000)) for number in range(8)]
    assert [backlog.count for backlog in sent] == [2_000] * 8
    await rabbit.kill()
    await rabbit.start()
    async with ready(rabbit.sessions()) as intake:
        arrived = await drained(intake)
        assert sum(session.counters.sessions_lost for session in intake.sessions) == 0
    assert sorted(arrived) == sorted(one for number in range(8) for one in ids(f"gw-{number}", range(2_000)))
    for number in range(8):
        own = [one for one in arrived if one.startswith(f"gw-{number}-")]
        assert own == sorted(own), "in the order in which its gateway sent them"


async def test_killed_again_and_again_under_load_it_loses_nothing_that_it_acknowledged(rabbit: RabbitMQ) -> None:
    arrived: list[str] = []
    promised: list[str] = []
    async with ready(rabbit.sessions()) as intake:
        draining = asyncio.create_task(_into(arrived, intake))
        for number in range(10, 14):
            publishing = asyncio.create_task(asyncio.to_thread(rabbit.publish, f"gw-{number}", range(100_000)))
            # Its own: after a crash the last one's come again.
            await until(lambda own=f"gw-{number}-": sum(one.startswith(own) for one in arrived) > 1_000, within_s=120)
            await rabbit.kill()
            backlog = await publishing
            assert backlog.ended is not None
            assert 0 < backlog.count < 100_000
            promised += ids(f"gw-{number}", backlog.acknowledged)
            await rabbit.start()
        await until(lambda: intake.unready is None, lambda: intake.unready)
        await until(lambda: set(promised) <= set(arrived), lambda: len(set(promised) - set(arrived)), 120)
        draining.cancel()
        await asyncio.wait({draining})
        arrived += await drained(intake)


async def test_a_restart_in_order_keeps_sessions_and_backlog(rabbit: RabbitMQ) -> None:
    async with ready(rabbit.sessions()) as intake:
        await asyncio.to_thread(rabbit.publish, "gw-20", range(10))
        assert await drained(intake, 1.0) == ids("gw-20", range(10))
    await asyncio.to_thread(rabbit.publish, "gw-20", range(10, 3_000))
    await rabbit.stop()
    await rabbit.start()
    async with ready(rabbit.sessions()) as intake:
        assert await drained(intake) == ids("gw-20", range(10, 3_000))


async def test_ingest_that_dies_with_the_same_messages_thirty_times_gets_them_again(rabbit: RabbitMQ) -> None:
    """Quorum queues throw a message away at its 21st delivery unless a policy says otherwise."""
    async with ready(rabbit.sessions()):
        pass
    await asyncio.to_thread(rabbit.publish, "gw-21", range(50))
    for _ in range(30):
        async with ready(rabbit.sessions()) as intake:
            taken = 0
            while taken < 50:
                async with asyncio.timeout(20):
                    taken += len(await anext(intake))
    async with ready(rabbit.sessions()) as intake:
        assert await drained(intake) == ids("gw-21", range(50))


async def test_a_frozen_broker_is_noticed_and_nothing_is_lost(rabbit: RabbitMQ) -> None:
    """The half-open link: nobody answers, nobody hangs up."""
    async with ready(rabbit.sessions(keepalive_s=2)) as intake:
        await asyncio.to_thread(rabbit.publish, "gw-22", range(500))
        rabbit.send(signal.SIGSTOP)
        try:
            await until(lambda: intake.unready is not None, within_s=30)
            assert "does not answer" in str(intake.unready)
        finally:
            rabbit.send(signal.SIGCONT)
        await until(lambda: intake.unready is None, lambda: intake.unready)
        assert sorted(set(await drained(intake))) == ids("gw-22", range(500))


async def test_whoever_takes_a_session_over_gets_what_the_other_had_not_acknowledged(rabbit: RabbitMQ) -> None:
    async with ready(rabbit.sessions()) as first:
        await asyncio.to_thread(rabbit.publish, "gw-23", range(1_000))
        batch = await anext(first)
        async with ready(rabbit.sessions()) as second:
            assert await drained(second, 1.0) == ids("gw-23", range(1_000)), "all of them, in order"
            assert all(session.counters.takeovers for session in first.sessions), "they were told, and wait"
            first.ack(batch)  # too late, and without effect
            assert sum(session.counters.stale_acks for session in first.sessions) == len(batch)


async def test_a_full_disk_stops_everybody_and_loses_nothing(rabbit: RabbitMQ) -> None:
    """RabbitMQ then reads from nobody who has ever published: our acknowledgements wait as well, until there is room.

    Were this ever to change, docs/operations.md tells people to hurry for nothing.
    """
    async with ready(rabbit.sessions(receive_maximum=100)) as intake:
        for session in intake.sessions:
            assert session.publish(f"carebed/v1/{session.username[-1]}0/carebed-sentinel/health/_", b'{"id": "s"}')
        await drained(intake, 1.0)
        await asyncio.to_thread(rabbit.publish, "gw-24", range(300))
        await rabbit.control("set_disk_free_limit", "1000000GB")
        stuck = asyncio.create_task(asyncio.to_thread(rabbit.publish, "gw-25", range(1)))
        try:
            arrived: list[str] = []
            draining = asyncio.create_task(_into(arrived, intake))
            await until(lambda: len(arrived) >= 100)
            await asyncio.sleep(1.0)  # nothing comes: there is no event to wait for
            assert arrived == ids("gw-24", range(len(arrived)))
            assert len(arrived) < 300
            assert not stuck.done()
        finally:
            await rabbit.control("set_disk_free_limit", "1GB")
        await stuck
        await until(lambda: set(ids("gw-24", range(300))) | set(ids("gw-25", range(1))) <= set(arrived))
        draining.cancel()
        await asyncio.wait({draining})


async def test_receipts_go_down_in_order_to_the_gateway_that_is_meant(rabbit: RabbitMQ) -> None:
    """3,000 at once through the broker's Receive Maximum, on a connection that also brings messages."""
    lane = rabbit.sessions("0")
    device = Session("127.0.0.1", rabbit.port, "gw-30", rabbit.password("gw-30"), [receipt_topic("gw-30", "+")])
    async with ready([device]) as receiving, ready(lane):
        for number in range(3_000):
            assert lane[0].publish(receipt_topic("gw-30", "button"), b'{"id": "%d"}' % number)
        assert await drained(receiving) == [str(number) for number in range(3_000)]
        assert lane[0].counters.publishes_dropped == 0


async def _into(arrived: list[str], intake: Intake) -> None:
    """Acknowledge all that comes, across crashes, until cancelled."""
    async for batch in intake:
        arrived += ids_of(batch)
        intake.ack(batch)
