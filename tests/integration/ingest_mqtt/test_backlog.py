"""A backlog: in order, in bounded memory, in fair turns."""

import asyncio
from time import monotonic

import pytest
from session_broker import Broker, leave_behind, numbered, numbers, ready, take, until

from ingest.mqtt import Session

_ONE_READ = 256 * 1024 // 100
"""Messages of at least 100 bytes on the wire that one socket read may bring beyond the bound."""


def _groups(broker: Broker, count: int) -> list[Session]:
    return [broker.session(f"ingest-reading-{group}", f"t/{group}/#") for group in range(count)]


async def test_a_backlog_of_50_000_arrives_once_and_in_order_for_each_session(broker: Broker) -> None:
    """Four groups; two batches are held at a time, as a pipeline does that stores one while it commits the other."""
    sessions = _groups(broker, 4)
    await leave_behind(*sessions)
    await broker.publish((f"t/{number % 4}/device", b"%d" % number) for number in range(50_000))
    arrived: dict[str, list[int]] = {}
    count = 0
    async with ready(*sessions, max_batch=3_000, max_pending=12_000) as intake:
        held = []
        async for batch in intake:
            held.append(batch)
            for message in batch.messages:
                arrived.setdefault(message.topic, []).append(int(message.payload))
            count += len(batch)
            if len(held) == 2 or count == 50_000:
                for each in held:
                    intake.ack(each)
                held.clear()
            if count == 50_000:
                break
    assert arrived == {f"t/{group}/device": list(range(group, 50_000, 4)) for group in range(4)}
    assert sum(session.counters.acked for session in sessions) == 50_000


@pytest.mark.parametrize("bound", [{"max_pending": 2_000}, {"max_pending_bytes": 500_000, "max_pending": 10**6}])
async def test_while_the_consumer_stalls_little_is_read_and_later_all_of_it_comes(
    broker: Broker, bound: dict[str, int]
) -> None:
    """The database is down: 30,000 messages stay with the broker, although their PUBACKs once flowed freely."""
    session = broker.session(receive_maximum=60_000)
    async with ready(session, max_batch=500, **bound) as intake:
        await broker.publish(numbered(1_000, "t/" + "x" * 90))  # opens Mosquitto's window beyond its limit
        await take(intake, 1_000)
        await broker.publish(numbered(30_000, "t/" + "x" * 90))
        await until(lambda: session.paused)
        read = session.counters.received
        await asyncio.sleep(0.2)  # nothing to wait for: it must stay as it is
        assert session.counters.received == read
        assert intake.pending <= 2_000 + _ONE_READ
        assert intake.oldest_unacked_s > 0.2
        assert numbers(await take(intake, 30_000)) == list(range(30_000))
        assert (intake.pending, intake.pending_bytes) == (0, 0)


async def test_a_flood_in_one_group_does_not_stop_another(broker: Broker) -> None:
    """Group 0 has 20,000 waiting and is not read any more; the one message of group 1 is in the next batch."""
    flooded, quiet = _groups(broker, 2)
    await leave_behind(flooded, quiet)
    await broker.publish(numbered(20_000, "t/0/" + "x" * 90))
    async with ready(flooded, quiet, max_batch=200, max_pending=2_000) as intake:
        await until(lambda: flooded.paused)
        await broker.publish(numbered(1, "t/1/press"))
        await until(lambda: quiet.counters.received == 1)
        batch = await anext(intake)
        assert {message.topic for message in batch.messages} >= {"t/1/press"}
        assert len(batch) == 200


async def test_sessions_take_equal_turns_in_a_batch(broker: Broker) -> None:
    sessions = _groups(broker, 3)
    await leave_behind(*sessions)
    for group in range(3):
        await broker.publish(numbered(1_000, f"t/{group}/device"))
    async with ready(*sessions, max_batch=300) as intake:
        await until(lambda: intake.pending == 3_000)
        batch = await anext(intake)
        assert [part.messages for part in batch.parts] == [100, 100, 100]


async def test_a_batch_waits_for_company_as_long_as_it_lingers_and_no_longer(broker: Broker) -> None:
    async with ready(broker.session(), linger_ms=300, max_batch=50) as intake:
        await broker.publish(numbered(1))
        batch = await anext(intake)
        assert monotonic() - batch.oldest_monotonic >= 0.3
        intake.ack(batch)
    async with ready(broker.session(), linger_ms=60_000, max_batch=50) as intake:
        await broker.publish(numbered(50))
        async with asyncio.timeout(30):
            assert len(await anext(intake)) == 50
