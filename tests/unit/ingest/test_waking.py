"""Waking a home once: until the watermark has passed, whoever comes behind it is seen by the same look."""

from datetime import UTC, datetime, timedelta
from typing import Any, cast
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy.ext.asyncio import AsyncConnection

from gateway.lanes import Lane
from gateway.topics import Topic
from ingest import waking
from ingest.mqtt import Session
from ingest.waking import Waking
from ingest.watermark import Stamp
from ingest.who import DeviceFacts, Place, Sender

T0 = datetime(2026, 11, 22, tzinfo=UTC)


class Rows:
    """Stands in for the connection: remembers which homes were woken."""

    def __init__(self) -> None:
        self.woken: list[str] = []

    async def execute(self, _statement: Any, values: dict[str, str]) -> None:
        self.woken += values["homes"].strip("{}").replace('"', "").split(",")


def sender(number: int, shard: str = "a0") -> Sender:
    home = UUID(int=number)
    values = dict.fromkeys(Place.__struct_fields__) | {"home_id": home, "home_text": str(home)}
    place = Place(**cast("dict[str, Any]", values))
    device = DeviceFacts(f"d{number}", "gw", place, None, None, 4)
    return Sender(Topic(shard, "gw", Lane.READING, device.id), device.id, None, device)


def session() -> Session:
    return cast("Session", object())


def at(seconds: float) -> datetime:
    return T0 + timedelta(seconds=seconds)


async def batch(
    memory: Waking, now: float, brought: dict[Sender, Session], stamp: float | None = None, *, commits: bool = True
) -> list[str]:
    """Which homes a batch woke. `stamp`: of the sentinel of group a in it."""
    rows = Rows()
    new = await memory.wake(cast("AsyncConnection", rows), at(now), brought)
    if commits:
        stamps = [] if stamp is None else [("a", Stamp(at(stamp), at(stamp)))]
        memory.committed(at(now), brought, new, stamps)
    return rows.woken


async def test_a_home_is_woken_again_only_when_its_groups_watermark_has_passed() -> None:
    memory, one, other, line = Waking(), sender(1), sender(2, "b0"), session()
    assert len(await batch(memory, 0, {one: line, other: line})) == 2
    assert await batch(memory, 1, {one: line}, stamp=-5) == []
    assert await batch(memory, 2, {one: line}, stamp=1) == []
    assert await batch(memory, 3, {one: line, other: line}) == [str(UUID(int=1))]


async def test_what_was_not_committed_is_not_remembered() -> None:
    memory, one, line = Waking(), sender(1), session()
    assert len(await batch(memory, 0, {one: line}, commits=False)) == 1
    assert len(await batch(memory, 1, {one: line})) == 1


async def test_a_group_that_was_served_by_somebody_else_meanwhile_is_woken_anew() -> None:
    """He moved the watermark, and the look has been."""
    memory, one = Waking(), sender(1)
    await batch(memory, 0, {one: session()})
    assert len(await batch(memory, 1, {one: session()})) == 1


async def test_with_too_many_all_are_forgotten(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(waking, "_KEPT", 3)
    memory, line, many = Waking(), session(), [sender(number) for number in range(6)]
    for number, one in enumerate(many):
        await batch(memory, number, {one: line})
    assert len(await batch(memory, 9, {many[0]: line})) == 1


@given(st.lists(st.tuples(st.sampled_from(["reading", "sentinel"]), st.integers(0, 9)), max_size=60))
async def test_no_reading_is_committed_without_a_look_to_come(steps: list[tuple[str, int]]) -> None:
    """A look comes when a committed watermark has reached a waking: then everything committed so far is seen. What is
    committed later must have woken its home anew, or stand behind a waking that is still to come."""
    memory, one, line = Waking(), sender(1), session()
    pending: list[float] = []
    unseen = False
    for now, (what, behind) in enumerate(steps):
        if what == "reading":
            pending += [now for _ in await batch(memory, now, {one: line})]
            unseen = True
        else:
            await batch(memory, now, {}, stamp=now - behind)
            reached = [one for one in pending if one <= now - behind]
            if reached:
                unseen = False
            pending = [one for one in pending if one > now - behind]
        assert pending or not unseen
