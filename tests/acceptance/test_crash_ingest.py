"""Crashes on the way of a press: whatever dies, whenever it dies, no press is lost, doubled, or left unanswered."""

import asyncio
import os
import signal
from collections.abc import Iterator
from typing import Any

import pytest
from homes_on_line import answered, device_of, link_of, on_line, until

from gateway.wire import AlarmType, Lane, Receipt, Status
from tests.house import House

HOMES = 500
#: Each home calls twice and says seventeen times that all is well; a twentieth message nobody knows the meaning of.
OF_A_HOME = (AlarmType.SOS, AlarmType.ASSIST, *[AlarmType.CHECK_IN] * 17, "hummed")
KILL_AFTER = (500, 2_500, 5_000, 7_500)


@pytest.fixture(scope="module")
def house(tmp_path_factory: pytest.TempPathFactory) -> Iterator[House]:
    """A house of its own: these stories break it."""
    house = House(tmp_path_factory.mktemp("crashes") / "data", homes=HOMES).start()
    yield house
    house.stop()


def kill(house: House, process: str) -> int:
    """kill -9; the PID that is gone."""
    pid = house.pid(process)
    os.kill(pid, signal.SIGKILL)
    return pid


async def reached(house: House, count: int) -> None:
    """Wait until so many messages are in the inbox."""
    assert await until(lambda: house.query("SELECT count(*) >= %s FROM inbox", count)[0][0], 60, 0.02)


async def test_killing_the_alarm_lane_in_the_backlog_loses_doubles_and_forgets_nothing(house: House) -> None:
    """10,000 messages of 500 homes; the lane is killed four times while they flow."""
    gateways = house.ready["gateways"]
    links = [link_of(house, gateway) for gateway in gateways]
    pending: dict[str, asyncio.Future[Receipt | None]] = {}
    calls: set[str] = set()
    async with on_line(links):
        for kind in OF_A_HOME:
            for link, gateway in zip(links, gateways, strict=True):
                message = link.message(kind, True, message_id=f"{gateway['id']}-{link.ids.next()}")
                pending[message.id] = link.alarm(device_of(gateway, "button"), message)
                if kind in (AlarmType.SOS, AlarmType.ASSIST):
                    calls.add(message.id)
        for count in KILL_AFTER:
            await reached(house, count)
            gone = kill(house, "ingest-alarm")
            assert any(not receipt.done() for receipt in pending.values()), "killed when all was over"
            assert await until(lambda gone=gone: house.pid("ingest-alarm") != gone, 30)
        receipts = await answered(pending.values(), 60)
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
        for count in (1, 5_001):
            await until(lambda count=count: house.query(stored)[0][0] >= count, 20, 0.01)
            gone = kill(house, "ingest-reading")
            assert await until(lambda gone=gone: house.pid("ingest-reading") != gone, 30)
        await until(lambda: house.query(stored)[0][0] >= 10_000, 30)
        await asyncio.sleep(1.0)
    assert house.query(stored) == [(10_000, 10_000)]
