"""One of several processes is the one; another stands by, and follows when it is gone."""

import asyncio
from datetime import timedelta

import pytest

from carebed import election
from carebed.calendar import Calendar, Job
from carebed.database import Database


async def test_a_second_scheduler_stands_by_and_follows_the_first(
    database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(election, "_ASK_S", 0.02)
    ran: list[str] = []

    def scheduler(name: str) -> Calendar:
        async def job() -> None:
            ran.append(name)

        return Calendar(database, [Job("said", timedelta(hours=1), job, at_once=True)])

    async def leads(one: Calendar) -> None:
        async with asyncio.timeout(20):
            while not one.leading():
                await asyncio.sleep(0.01)

    first, second = scheduler("first"), scheduler("second")
    assert first.ready() == "not elected yet"
    leader = asyncio.create_task(first.run())
    await leads(first)
    follower = asyncio.create_task(second.run())
    try:
        async with asyncio.timeout(20):
            while second.ready() is not None:
                await asyncio.sleep(0.01)
        assert not second.leading()
        assert ran == ["first"]
        leader.cancel()
        await leads(second)
        assert ran == ["first", "second"]
    finally:
        leader.cancel()
        follower.cancel()
        await asyncio.wait({leader, follower})
