"""The process that escalates is killed in the middle of its work: it comes back by itself and goes on where it was."""

import asyncio
import os
import signal
import time
import urllib.request
from collections.abc import Callable, Iterator
from datetime import timedelta
from pathlib import Path

import psycopg
import pytest

from carebed.clock import advance
from carebed.database import Database
from carebed.embedded.postgres import running_urls
from tests.device_line import DeviceLine
from tests.house import House, wait_for

_HOMES = 12
#: Once the process is ready, a restart costs one tick of the engine (carebed.engine.TICK_S); on a busy machine a few.
_TICKS_S = 5 * 1.0


@pytest.fixture(scope="module")
def house(tmp_path_factory: pytest.TempPathFactory) -> Iterator[House]:
    """A house of its own: it is broken here."""
    house = House(tmp_path_factory.mktemp("crash-alerts") / "data", homes=_HOMES).start()
    yield house
    house.stop()


def shift_clock(data_dir: Path, seconds: float) -> None:
    """What `carebed clock advance` does, without the start of a process between the shift and the kill."""

    async def shift() -> None:
        database = Database(running_urls(data_dir).owner, application="test-clock", pool_size=1)
        async with database.transaction() as conn:
            await advance(conn, timedelta(seconds=seconds))
        await database.close()

    asyncio.run(shift())


def is_ready(house: House) -> bool:
    """Does the alerts process that runs now say that it is ready?"""
    try:
        with urllib.request.urlopen(house.ready["health"]["alerts"][0] + "/readyz", timeout=1) as answer:  # noqa: S310 - ours
            return bool(answer.status == 200)
    except OSError:
        return False


def come_back(house: House, killed: int) -> float:
    """Wait for the next alerts process and its readiness; the moment of it."""
    assert wait_for(lambda: house.pid("alerts") != killed, 20), "nobody started it again"
    assert wait_for(lambda: is_ready(house), 20, 0.01), "it runs and does not become ready"
    return time.monotonic()


def steps(house: House) -> set[int]:
    """The ladder steps that the open alarms stand on."""
    return {step for (step,) in house.query("SELECT step FROM alarm WHERE closed_at IS NULL AND kind = 'sos'")}


@pytest.fixture(scope="module")
def alarms(house: House) -> list[str]:
    """A press in every home, each paged for the first time."""
    ready = house.ready
    pressed = []
    for gateway in ready["gateways"]:
        with DeviceLine(ready, gateway) as line:
            pressed.append(line.press())
    assert wait_for(lambda: steps(house) == {1}, 10)
    return pressed


def kill_before(house: House, pid: int) -> None:
    """It dies, and then the steps fall due."""
    os.kill(pid, signal.SIGKILL)
    shift_clock(house.data_dir, 181)


def kill_amid(house: House, pid: int) -> None:
    """It dies when all is written and nothing committed: its last statement waits for the lock of the event log."""
    with psycopg.connect(house.ready["database_url"]) as conn:
        conn.execute("SELECT pg_advisory_xact_lock(7270143)")
        shift_clock(house.data_dir, 181)
        waiting = """SELECT FROM pg_stat_activity JOIN pg_locks USING (pid)
                     WHERE application_name = 'carebed-alerts' AND locktype = 'advisory' AND NOT granted"""
        assert wait_for(lambda: house.query(waiting), 10, 0.01)
        os.kill(pid, signal.SIGKILL)


def kill_at_once(house: House, pid: int) -> None:
    """It dies as soon as the steps have fallen due."""
    shift_clock(house.data_dir, 181)
    os.kill(pid, signal.SIGKILL)


@pytest.mark.parametrize("kill", [kill_before, kill_amid, kill_at_once])
def test_killed_amid_an_escalation_it_goes_on_within_a_tick_and_loses_and_doubles_no_step(
    house: House, alarms: list[str], kill: Callable[[House, int], None]
) -> None:
    (before,) = steps(house)
    killed = house.pid("alerts")
    kill(house, killed)
    ready_at = come_back(house, killed)
    assert wait_for(lambda: steps(house) == {before + 1}, 10, 0.01)
    assert time.monotonic() - ready_at < _TICKS_S
    pages = house.query(
        """SELECT alarm_id::text, array_agg((data->>'step')::int ORDER BY seq) FROM alarm_event
           WHERE type = 'paged' GROUP BY alarm_id"""
    )
    expected = list(range(1, before + 2))
    assert {alarm: taken for alarm, taken in pages if alarm in alarms} == dict.fromkeys(alarms, expected)
    doubled = house.query(
        """SELECT alarm_id, staff_id, step FROM notification WHERE kind = 'called'
           GROUP BY alarm_id, staff_id, step, channel HAVING count(*) > 1"""
    )
    assert doubled == []
    called = house.query(
        """SELECT count(*) FROM alarm_event, jsonb_array_elements_text(data->'called') AS staff
           WHERE type = 'paged' AND NOT EXISTS (
               SELECT FROM notification WHERE notification.alarm_id = alarm_event.alarm_id AND kind = 'called'
               AND notification.step = (data->>'step')::int AND staff_id = staff::uuid)"""
    )
    assert called == [(0,)], "whoever was called has a message in the outbox"
    unarmed = house.query(
        """SELECT id, kind FROM alarm WHERE closed_at IS NULL
           AND NOT EXISTS (SELECT FROM deadline WHERE alarm_id = alarm.id)"""
    )
    assert unarmed == []
    # What is not life-critical has its turn after that.
    overdue = "SELECT FROM deadline WHERE kind = 'alarm' AND due_at <= carebed_now()"
    assert wait_for(lambda: not house.query(overdue), 10)
