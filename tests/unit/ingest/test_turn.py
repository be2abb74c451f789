"""The order in which batches that are worked on at a time store, write and commit."""

import asyncio

import pytest

from ingest.turn import OvertakenError, Turn


async def test_the_first_waits_for_nobody() -> None:
    turn = Turn()
    await turn.to_store()
    await turn.to_write()


async def test_the_next_stores_once_the_first_has_stored_and_writes_once_it_has_committed() -> None:
    first = Turn()
    second = Turn(first)
    storing = asyncio.create_task(second.to_store())
    await asyncio.sleep(0)
    assert not storing.done()
    first.stored()
    await storing
    writing = asyncio.create_task(second.to_write())
    await asyncio.sleep(0)
    assert not writing.done()
    first.committed()
    await writing


async def test_the_next_gives_up_when_the_first_fails_and_then_waits_for_its_commit() -> None:
    first = Turn()
    second = Turn(first)
    first.stored()
    await second.to_store()
    first.failed()
    with pytest.raises(OvertakenError):
        await second.to_write()
    second.failed()
    storing = asyncio.create_task(second.to_store())
    first.stored()
    first.failed()
    await asyncio.sleep(0)
    await asyncio.sleep(0)
    assert not storing.done()
    first.committed()
    await storing
    await second.to_write()


async def test_one_that_failed_lets_nobody_store_beside_it_again() -> None:
    """It may come in parts now, and a part that has committed is not all of it."""
    first = Turn()
    second = Turn(first)
    storing = asyncio.create_task(second.to_store())
    await asyncio.sleep(0)
    first.failed()
    first.stored()
    await asyncio.sleep(0)
    assert not storing.done()
    first.committed()
    await storing


async def test_whoever_is_cancelled_while_he_waits_stops_nobody_else() -> None:
    first = Turn()
    storing = asyncio.create_task(Turn(first).to_store())
    await asyncio.sleep(0)
    storing.cancel()
    await asyncio.wait([storing])
    first.stored()
    first.committed()
