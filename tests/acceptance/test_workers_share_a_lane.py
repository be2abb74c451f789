"""Two workers for each lane: one comes, one goes, one is killed, one is paused; every message is stored once, in order,
and every press is answered."""

import asyncio
import logging
import os
import signal
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from datetime import datetime, timedelta
from itertools import pairwise
from pathlib import Path
from typing import Any

import psycopg
import pytest
import structlog
from homes_on_line import answered, device_of, link_of, on_line, until
from lane_stage import LaneStage, lane_stage

from device_sim.gateway_link import GatewayLink
from gateway.wire import AlarmType, Lane, Receipt, Status
from ingest.groups import LEASE_S
from ingest.lease import LANE_LEASES

HOMES = 24
LANES = ("alarm", "reading")
#: The processes get slow where many tests share a machine.
PATIENCE_S = 60


@pytest.fixture(autouse=True)
def _quiet() -> Iterator[None]:
    """A line for every receipt would be most of the work."""
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.ERROR))
    yield
    structlog.reset_defaults()


@pytest.fixture
async def stage(tmp_path: Path) -> AsyncIterator[LaneStage]:
    """Homes in most shard groups; no lane runs yet."""
    async with lane_stage(tmp_path / "data", HOMES) as stage:
        yield stage


class Talk:
    """What the homes say for as long as a story lasts, numbered by gateway; and what became of it."""

    def __init__(self, stage: LaneStage) -> None:
        self._stage = stage
        self._links = [link_of(stage, gateway) for gateway in stage.gateways]
        self.readings: list[str] = []
        self.alarms: list[str] = []
        self._receipts: list[asyncio.Future[Receipt | None]] = []
        self._round = 0

    @asynccontextmanager
    async def going_on(self) -> AsyncIterator[None]:
        """Talk while the block runs; afterwards everything has been said, and every alarm message is answered."""
        async with on_line(self._links):
            talking = asyncio.create_task(self._go_on())
            try:
                yield
            finally:
                talking.cancel()
            for link in self._links:
                await link.flushed()
            receipts = await answered(self._receipts, PATIENCE_S)
            assert {receipt.status for receipt in receipts} <= {Status.ACCEPTED, Status.DUPLICATE}
            assert await until(lambda: len(self._stored()) >= len(self.readings), PATIENCE_S)

    def say(self, rounds: int = 1) -> None:
        """Every home: a reading, and with each tenth an alarm message."""
        for _ in range(rounds):
            self._round += 1
            for link, gateway in zip(self._links, self._stage.gateways, strict=True):
                self._say(link, gateway)

    async def _go_on(self) -> None:
        while True:
            self.say()
            await asyncio.sleep(0.1)

    def _say(self, link: GatewayLink, gateway: dict[str, Any]) -> None:
        name = f"{gateway['id']}-{self._round:06d}"
        reading = link.message("temperature", 21.5, "Cel", message_id=name)
        link.publish(Lane.READING, device_of(gateway, "motion"), reading)
        self.readings.append(name)
        if self._round % 10 == 0:
            message = link.message(AlarmType.CHECK_IN, True, message_id=name)
            self._receipts.append(link.alarm(device_of(gateway, "button"), message))
            self.alarms.append(name)

    def _stored(self) -> list[tuple[Any, ...]]:
        return self._stage.query("SELECT message_id, received_at FROM reading WHERE type = 'temperature'")

    def account(self) -> None:
        """Nothing is lost or doubled, and no gateway's messages were taken in another order than they were sent in.

        Two batches of readings are under way at a time and may begin in either order, a moment apart.
        """
        inbox = self._stage.query("SELECT message_id, received_at FROM inbox")
        moment = timedelta(seconds=LEASE_S / 2)
        for said, kept, apart in ((self.readings, self._stored(), moment), (self.alarms, inbox, timedelta(0))):
            assert sorted(name for name, _ in kept) == sorted(said)
            taken: dict[str, list[datetime]] = {}
            for name, at in sorted(kept):
                taken.setdefault(name[:-7], []).append(at)
            assert all(before - after <= apart for ats in taken.values() for before, after in pairwise(ats))
        assert self._stage.query("SELECT count(*) FROM quarantine") == [(0,)]


def owners(stage: LaneStage, lane: str) -> dict[str, list[str]]:
    """Worker -> its groups, by the rows; "" has what is free."""
    found: dict[str, list[str]] = {}
    for group, owner in stage.query("SELECT shard_group, owner FROM lease WHERE lane = %s", lane):
        found.setdefault(owner or "", []).append(group)
    return found


async def shared_by(stage: LaneStage, count: int) -> None:
    """Every lane's groups have so many owners, each an equal share."""

    def equal() -> bool:
        for lane in LANES:
            sizes = [len(groups) for groups in owners(stage, lane).values()]
            if len(sizes) != count or max(sizes) - min(sizes) > 1 or "" in owners(stage, lane):
                return False
        return True

    assert await until(equal, PATIENCE_S), [owners(stage, lane) for lane in LANES]


async def work_together(stage: LaneStage, *names: str) -> None:
    """Start workers of both lanes, known as `alarm-{name}` and `reading-{name}`, and wait for all."""
    for name in names:
        for lane in LANES:
            stage.start(lane, called=f"{lane}-{name}", CAREBED_BATCH_MESSAGES="200")
    for name in names:
        for lane in LANES:
            await stage.is_ready(f"{lane}-{name}", PATIENCE_S)


def signal_both(stage: LaneStage, name: str, number: signal.Signals) -> None:
    """To the worker of this name in each lane."""
    for lane in LANES:
        os.kill(stage.pids[f"{lane}-{name}"], number)


async def test_a_worker_comes_under_load_and_another_leaves_in_order(stage: LaneStage) -> None:
    """Every group is handed over, half of them twice, and the watermarks go on."""
    await work_together(stage, "one")
    talk = Talk(stage)
    async with talk.going_on():
        await work_together(stage, "two")
        await shared_by(stage, 2)
        await asyncio.sleep(2)
        signal_both(stage, "one", signal.SIGTERM)
        await shared_by(stage, 1)
        moved = "SELECT count(*) FROM watermark WHERE committed_at > (SELECT max(taken_at) FROM lease)"
        assert await until(lambda: stage.query(moved) == [(32,)], PATIENCE_S)
    talk.account()
    for lane in LANES:
        metrics = await stage.metrics(f"{lane}-two")
        assert metrics[f'carebed_ingest_groups{{lane="{lane}"}}'] == len(LANE_LEASES)


async def test_a_worker_that_is_killed_is_replaced_by_the_others_within_seconds(stage: LaneStage) -> None:
    """kill -9 of one of two under load, three times in a row."""
    await work_together(stage, "one", "two")
    talk = Talk(stage)
    async with talk.going_on():
        for number, (dies, comes) in enumerate((("one", "three"), ("two", "four"), ("three", "five"))):
            await shared_by(stage, 2)
            await asyncio.sleep(0.3 * number)
            talk.say(20)
            signal_both(stage, dies, signal.SIGKILL)
            await shared_by(stage, 1)
            await work_together(stage, comes)
        await shared_by(stage, 2)
    talk.account()


async def test_a_worker_that_is_paused_past_its_lease_commits_and_acknowledges_nothing_when_it_goes_on(
    stage: LaneStage,
) -> None:
    """It is stopped in the middle of a transaction that holds its leases; when it wakes all it had is somebody else's,
    and stored."""
    await work_together(stage, "one", "two")
    talk = Talk(stage)
    async with talk.going_on():
        await shared_by(stage, 2)
        await asyncio.sleep(LEASE_S)  # they have watched each other
        with psycopg.connect(stage.postgres.urls().admin) as conn:
            conn.execute("LOCK TABLE reading, inbox IN EXCLUSIVE MODE")
            talk.say(20)
            assert await until(lambda: _waiting(conn) >= 4, PATIENCE_S)
            signal_both(stage, "two", signal.SIGSTOP)
            conn.rollback()
        paused = {lane: owners(stage, lane) for lane in LANES}
        await shared_by(stage, 1)
        for lane in LANES:
            (owner,) = owners(stage, lane)
            assert owner in paused[lane]
    # Everything has been said, and is stored.
    signal_both(stage, "two", signal.SIGCONT)
    await shared_by(stage, 2)
    talk.account()
    for lane in LANES:
        await stage.is_ready(f"{lane}-two")
        assert '"groups_lost"' in stage.log(f"{lane}-two")
    one, two = [await stage.metrics(f"reading-{name}") for name in ("one", "two")]
    # Whatever the paused one had in hand was stored by the other before it woke, and would count as duplicates here.
    assert two["carebed_readings_duplicate_total"] == 0
    stored = [metrics["carebed_readings_stored_total"] for metrics in (one, two)]
    assert [(sum(stored),)] == stage.query("SELECT count(*) FROM reading")
    assert all(stored)


def _waiting(conn: psycopg.Connection[Any]) -> int:
    """Batches that wait for the lock."""
    statement = "SELECT count(*) FROM pg_stat_activity WHERE wait_event_type = 'Lock' AND wait_event = 'relation'"
    row = conn.execute(statement).fetchone()
    return int(row[0]) if row else 0
