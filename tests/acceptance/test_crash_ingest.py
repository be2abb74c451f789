"""Crashes on the way of a press: whatever dies, whenever it dies, no press is lost, doubled, or left unanswered."""

import asyncio
import logging
import os
import signal
from collections.abc import Iterator, Sequence
from typing import Any

import psycopg
import pytest
import structlog
from homes_on_line import answered, device_of, link_of, on_line, until

from gateway.wire import AlarmType, Lane, Receipt, Status
from tests.house import House, wait_for

HOMES = 200
#: Each home calls twice and says 47 times that all is well; a last message nobody knows the meaning of.
OF_A_HOME = (AlarmType.SOS, AlarmType.ASSIST, *[AlarmType.CHECK_IN] * 47, "hummed")
KILL_AFTER = (500, 2_500, 5_000, 7_500)


@pytest.fixture(scope="module")
def house(tmp_path_factory: pytest.TempPathFactory) -> Iterator[House]:
    """A house of its own: these stories break it."""
    house = House(tmp_path_factory.mktemp("crashes") / "data", homes=HOMES).start()
    yield house
    house.stop()


@pytest.fixture(autouse=True)
def _quiet() -> Iterator[None]:
    """A line for every receipt of 200 homes would be most of the work."""
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.ERROR))
    yield
    structlog.reset_defaults()


def kill(house: House, process: str) -> int:
    """kill -9; the PID that is gone."""
    pid = house.pid(process)
    os.kill(pid, signal.SIGKILL)
    return pid


def kill_while_it_flows(house: House, process: str, counts: Sequence[int], statement: str) -> list[int]:
    """Kill each time that `statement` counts so many; how many were there then. In a thread of its own, since the loop
    has its hands full with the homes."""
    found = []
    with psycopg.connect(house.ready["database_url"], autocommit=True) as conn:
        for count in counts:
            assert wait_for(lambda count=count: conn.execute(statement).fetchone()[0] >= count, 120, 0.005)
            found.append(conn.execute(statement).fetchone()[0])
            gone = kill(house, process)
            assert wait_for(lambda gone=gone: house.pid(process) != gone, 30)
    return found


async def test_killing_the_alarm_lane_in_the_flow_loses_doubles_and_forgets_nothing(house: House) -> None:
    """10,000 messages of 200 homes; the lane is killed four times while they flow."""
    gateways = house.ready["gateways"]
    # As devices resend: any faster, and on a busy machine ten thousand repeats leave no time for answers.
    links = [link_of(house, gateway, resend_s=(5.0, 20.0)) for gateway in gateways]
    pending: dict[str, asyncio.Future[Receipt | None]] = {}
    calls: set[str] = set()
    async with on_line(links):
        counted = "SELECT count(*) FROM inbox"
        killing = asyncio.create_task(
            asyncio.to_thread(kill_while_it_flows, house, "ingest-alarm", KILL_AFTER, counted)
        )
        for kind in OF_A_HOME:
            for link, gateway in zip(links, gateways, strict=True):
                message = link.message(kind, True, message_id=f"{gateway['id']}-{link.ids.next()}")
                pending[message.id] = link.alarm(device_of(gateway, "button"), message)
                if kind in (AlarmType.SOS, AlarmType.ASSIST):
                    calls.add(message.id)
            await asyncio.sleep(0.2)
        assert max(await killing) < 10_000, "killed when all was over"
        receipts = await answered(pending.values(), 180)
    assert len(pending) == HOMES * len(OF_A_HOME) == 10_000
    assert {receipt.id for receipt in receipts} == pending.keys()
    assert {receipt.status for receipt in receipts} <= {Status.ACCEPTED, Status.DUPLICATE}
    kept = [row[0] for row in house.query("SELECT message_id FROM inbox")]
    assert sorted(kept) == sorted(pending)
    alarms: dict[Any, list[str]] = {}
    for receipt in receipts:
        if receipt.alarm is not None:
            alarms.setdefault(receipt.alarm, []).append(str(receipt.id))
    assert sorted(one for ids in alarms.values() for one in ids) == sorted(calls)
    rows = house.query("SELECT id, repeats, home_id, kind FROM alarm WHERE kind IN ('sos', 'assist')")
    assert {row[0] for row in rows} == alarms.keys()
    assert len({(row[2], row[3]) for row in rows}) == len(rows) == 2 * HOMES
    assert {row[1] for row in rows} == {0}
    assert house.query("SELECT count(*) FROM quarantine") == [(0,)]


async def test_killing_broker_and_database_leaves_no_press_unanswered(house: House) -> None:
    """Twenty homes press every second; both are killed, twice each, and come back."""
    gateways = house.ready["gateways"][:20]
    links = [link_of(house, gateway) for gateway in gateways]
    pending: list[asyncio.Future[Receipt | None]] = []
    before = {row[0] for row in house.query("SELECT message_id FROM inbox")}

    async def press() -> None:
        while True:
            for link, gateway in zip(links, gateways, strict=True):
                pending.append(link.alarm(device_of(gateway, "wristband"), link.message(AlarmType.SOS, True)))
            await asyncio.sleep(1.0)

    async with on_line(links):
        pressing = asyncio.create_task(press())
        for process in ("broker", "database", "broker", "database"):
            await asyncio.sleep(2.0)
            gone = kill(house, process)
            assert await until(lambda gone=gone, process=process: house.pid(process) != gone, 30)
        await asyncio.sleep(2.0)
        pressing.cancel()
        receipts = await answered(pending, 60)
    assert len(receipts) >= 200
    assert {receipt.status for receipt in receipts} <= {Status.ACCEPTED, Status.DUPLICATE}
    assert all(receipt.alarm is not None for receipt in receipts)
    kept = [row[0] for row in house.query("SELECT message_id FROM inbox") if row[0] not in before]
    assert sorted(kept) == sorted(str(receipt.id) for receipt in receipts)


async def test_killing_the_reading_lane_in_the_backlog_loses_and_doubles_no_reading(house: House) -> None:
    """Readings are published once and have no receipt: what the broker has taken must be stored, each once."""
    gateways = house.ready["gateways"][:20]
    links = [link_of(house, gateway) for gateway in gateways]
    stored = "SELECT count(*), count(DISTINCT (device_id, message_id)) FROM reading WHERE type = 'temperature'"
    frozen = house.pid("ingest-reading")
    os.kill(frozen, signal.SIGSTOP)
    async with on_line(links):
        for _ in range(500):
            for link, gateway in zip(links, gateways, strict=True):
                link.publish(Lane.READING, device_of(gateway, "motion"), link.message("temperature", 21.5, "Cel"))
        for link in links:
            await link.flushed()
        assert house.query(stored) == [(0, 0)]
        os.kill(frozen, signal.SIGCONT)
        await asyncio.to_thread(kill_while_it_flows, house, "ingest-reading", (1, 5_001), stored)
        await until(lambda: house.query(stored)[0][0] >= 10_000, 30)
        await asyncio.sleep(1.0)
    assert house.query(stored) == [(10_000, 10_000)]
