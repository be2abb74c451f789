"""What channels took is written down: no message waits for another's lock, nor is stopped by one that cannot be."""

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import AsyncExitStack, suppress
from typing import Any

import pytest
from fake_channel import FakeChannel
from sqlalchemy import Row, text
from sqlalchemy.ext.asyncio import AsyncConnection
from station_world import StationWorld, founded

from alerts import delivery
from alerts.channel import Handover, Outgoing
from alerts.delivery import Taken
from alerts.outbox import Outbox
from carebed.embedded.postgres import DatabaseUrls
from carebed.ids import new_id


@pytest.fixture
async def world(urls: DatabaseUrls) -> AsyncIterator[StationWorld]:
    """Lin and Chen on call and the desk, each with an SMS method."""
    async with founded(urls.engine, urls.owner, ("live", "sms")) as world:
        for who in ("lin", "chen", "desk"):
            await world.do(
                "INSERT INTO contact_method (id, staff_id, channel, address, verified_at)"
                " VALUES (:id, :staff, 'sms', :who, carebed_now())",
                id=new_id(), staff=world.people[who], who=who,
            )  # fmt: skip
        yield world


async def settled(world: StationWorld) -> dict[str, tuple[str, str | None]]:
    """Address -> state and error of its newest message."""
    rows = await world.rows(
        "SELECT address, state, error FROM notification JOIN contact_method ON contact_method.id = contact_method_id"
        " ORDER BY notification.created_at"
    )
    return {row.address: (row.state, row.error) for row in rows}


@pytest.mark.parametrize("cause", ["DataError", "RuntimeError"])
async def test_a_message_that_cannot_be_settled_stops_no_other_and_counts_as_failed(
    world: StationWorld, cause: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    sms = FakeChannel("sms")
    write = delivery.handed_over

    async def send(outgoing: Outgoing) -> Handover:
        return Handover("\0" if outgoing.address == "lin" and cause == "DataError" else None)

    async def handed_over(conn: AsyncConnection, messages: Sequence[Taken]) -> list[tuple[str, float]]:
        if cause == "RuntimeError" and any(rows[0].address == "lin" for rows, _ in messages):
            raise RuntimeError("lin")
        return await write(conn, messages)

    monkeypatch.setattr(sms, "send", send)
    monkeypatch.setattr(delivery, "handed_over", handed_over)
    await world.alarm()
    async with asyncio.timeout(5):
        await Outbox(world.database, [sms]).cycle()
    ended = await settled(world)
    assert ended.pop("lin") == ("pending", f"not settled: {cause}")
    assert ended == {"chen": ("handed_over", None), "desk": ("handed_over", None)}


async def test_two_methods_that_fail_at_once_bring_the_next_one_once(world: StationWorld) -> None:
    for rank, channel in enumerate(("email", "voice"), 1):
        await world.do(
            "INSERT INTO contact_method (id, staff_id, channel, address, rank, verified_at)"
            " VALUES (:id, :lin, :channel, 'lin', :rank, carebed_now())",
            id=new_id(), lin=world.people["lin"], channel=channel, rank=rank,
        )  # fmt: skip
    await world.do(
        "INSERT INTO notification (id, alarm_id, channel, staff_id, contact_method_id, kind, step, life_critical,"
        " payload, state, created_at, next_attempt_at)"
        " SELECT id, :alarm, channel, staff_id, id, 'resolved', 0, true, '{}', 'pending', carebed_now(), now()"
        " FROM contact_method WHERE address = 'lin' AND channel <> 'voice'",
        alarm=await world.alarm(),
    )  # fmt: skip
    email, sms = await world.rows(
        "SELECT *, CAST(NULL AS text) AS gone FROM notification WHERE kind = 'resolved' ORDER BY channel"
    )

    async def fails(conn: AsyncConnection, row: Row[Any]) -> None:
        through = ("email", "sms", "voice")
        await delivery.not_taken(conn, [row], "no such address", permanent=True, channels=through)

    async def fails_too() -> None:
        async with world.database.transaction() as conn:
            await fails(conn, sms)

    async with world.database.transaction() as conn:
        await fails(conn, email)
        other = asyncio.create_task(fails_too())
        with suppress(TimeoutError):  # nobody waits: what came of it is looked at below
            await world.waits_for_a_lock()
    await other
    told = await world.rows("SELECT channel FROM notification WHERE kind = 'resolved' ORDER BY channel")
    assert [row.channel for row in told] == ["email", "sms", "voice"]


@pytest.mark.parametrize("first", ["battery", "sos"])
async def test_a_message_whose_row_is_locked_delays_no_other(
    world: StationWorld, first: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    sms = FakeChannel("sms")
    outbox = Outbox(world.database, [sms])
    async with AsyncExitStack() as locks:

        async def send(outgoing: Outgoing) -> Handover:
            if outgoing.alarm and outgoing.alarm["kind"] == first:
                conn = await locks.enter_async_context(world.owner.transaction())
                await conn.execute(text("SELECT FROM notification WHERE id = :id FOR UPDATE"), {"id": outgoing.id})
            return Handover()

        monkeypatch.setattr(sms, "send", send)
        await world.do("DELETE FROM contact_method WHERE address = 'chen'")
        await world.alarm(first)
        await world.after(61)
        waiting = asyncio.create_task(outbox.cycle())
        await world.waits_for_a_lock()
        await world.alarm("smoke")
        async with asyncio.timeout(5):
            await outbox.cycle()
        assert (await settled(world))["lin"] == ("handed_over", None)
        assert not waiting.done()
    await waiting
    assert {state for state, _ in (await settled(world)).values()} == {"handed_over"}


async def test_life_critical_messages_wait_for_locks_beside_others_and_not_behind_them(
    world: StationWorld, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("alerts.settling._ALONE", 1)
    sms = FakeChannel("sms")
    outbox = Outbox(world.database, [sms])
    async with AsyncExitStack() as locks:

        async def send(outgoing: Outgoing) -> Handover:
            conn = await locks.enter_async_context(world.owner.transaction())
            await conn.execute(text("SELECT FROM notification WHERE id = :id FOR UPDATE"), {"id": outgoing.id})
            return Handover()

        monkeypatch.setattr(sms, "send", send)
        await world.do("DELETE FROM contact_method WHERE address = 'chen'")
        await world.alarm("battery")
        await world.after(61)
        ordinary = asyncio.create_task(outbox.cycle())
        await world.waits_for_a_lock()
        await world.alarm("smoke")
        urgent = asyncio.create_task(outbox.cycle())
        await world.waits_for_a_lock(2)
    await asyncio.gather(ordinary, urgent)
    assert {state for state, _ in (await settled(world)).values()} == {"handed_over"}
