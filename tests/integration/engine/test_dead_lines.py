"""A line to the database that takes everything and answers nothing: left in time, by transactions and by listeners."""

import asyncio
import time

import pytest
from sqlalchemy import text

from carebed import database as database_module
from carebed.database import Database
from carebed.embedded.postgres import DatabaseUrls
from tests.lines import Line, line

PATIENCE_S = 0.5
#: psycopg asks the server to cancel (5 s) and waits for that (5 s) before it closes the connection.
CANCEL_S = 10.0


def through(urls: DatabaseUrls, one: Line) -> str:
    """The engine's address, by way of the line."""
    before, after = urls.engine.rsplit(":", 1)
    return f"{before}:{one.port}/{after.split('/', 1)[1]}"


def port_of(urls: DatabaseUrls) -> int:
    return int(urls.engine.rsplit(":", 1)[1].split("/")[0])


async def test_a_transaction_is_given_up_and_the_next_one_takes_a_new_line(urls: DatabaseUrls) -> None:
    async with line("postgres", port_of(urls)) as one:
        database = Database(through(urls, one), application="test", pool_size=1, patience_s=PATIENCE_S)
        async with database.transaction() as conn:
            await conn.execute(text("SELECT 1"))
        one.dead.set()
        began = time.monotonic()
        with pytest.raises(TimeoutError):
            async with database.transaction() as conn:
                await conn.execute(text("SELECT 1"))
        assert time.monotonic() - began < PATIENCE_S + CANCEL_S + 5
        one.dead.clear()
        one.cut()
        async with database.transaction() as conn:
            assert (await conn.execute(text("SELECT 1"))).scalar_one() == 1
        await database.close()


async def test_a_listener_asks_whether_anybody_is_there_and_begins_anew(
    urls: DatabaseUrls, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Notifications that come while it asks are not lost either."""
    monkeypatch.setattr(database_module, "_LISTEN_ASK_S", 0.1)
    monkeypatch.setattr(database_module, "_LISTEN_ANSWER_S", 0.3)
    async with line("postgres", port_of(urls)) as one:
        database = Database(through(urls, one), application="test", pool_size=1)
        woken: list[float] = []
        following = asyncio.create_task(database.wake_on("anything", lambda _: woken.append(time.monotonic())))
        async with asyncio.timeout(30):
            while not woken:
                await asyncio.sleep(0.01)
            await asyncio.sleep(0.5)
            assert len(woken) == 1  # asked a few times, and answered
            one.dead.set()
            while len(woken) < 2:
                await asyncio.sleep(0.01)
            one.dead.clear()
            while len(woken) < 3:  # it listens again
                await asyncio.sleep(0.01)
            direct = Database(urls.engine, application="test", pool_size=1)
            async with direct.transaction() as conn:
                await conn.execute(text("NOTIFY anything"))
            while len(woken) < 4:
                await asyncio.sleep(0.01)
        following.cancel()
        await asyncio.wait({following})
        await direct.close()
        await database.close()
