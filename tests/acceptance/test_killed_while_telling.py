"""The alerts process is killed before each statement between a due step and its last settled message.

As in `test_killed_at_every_statement`: the packets that it sends to the database are counted on a line, and in the n-th
round it gets kill -9 at the n-th one since it claimed the alarm's deadline, first for step one, then for step two. The
rounds end when everybody has been told before the process has sent so many. Whatever it was doing, everybody of every
step is called, no step is skipped or taken twice, and at the worst a message comes twice.
"""

import asyncio
import os
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import timedelta
from functools import cached_property
from pathlib import Path

import pytest
from executioner import Executioner
from homes_on_line import until
from lane_stage import LaneStage, lane_stage

from alerts import book
from alerts.raising import Place, Raise, merge_key, raise_alarms
from carebed.clock import advance, now
from carebed.database import Database
from tests.integration.alerts.webhook_receiver import SECRET, Receiver, receiving
from tests.lines import Line, line

#: Every n-th statement; all of them take some minutes (make stories).
ALL = "CAREBED_TEST_EVERY_STATEMENT" in os.environ
STRIDE = 1 if ALL else 12
#: Statements of a round are fewer than that; other tasks of the process send some in between.
MOST = 150
CALM = 3
_CHANNELS = ("live", "webhook")

_LEFT = """
    SELECT count(*) FILTER (WHERE state = 'pending'), count(*) FROM notification
    WHERE alarm_id = %s AND step = %s AND kind = 'called' AND channel = 'webhook'
"""
# What a dying process had in hand is sent again when its lease is over: no need to wait for that.
_LEASES_ARE_OVER = "UPDATE notification SET next_attempt_at = clock_timestamp() WHERE state = 'pending'"


@dataclass
class Night:
    """A stage on which only alerts runs, behind its line."""

    stage: LaneStage
    line: Line
    executioner: Executioner
    database: Database
    owner: Database
    settings: dict[str, str]
    receiver: Receiver

    async def start(self) -> None:
        """What the dead one has sent and nobody has read yet arrives nowhere either."""
        self.line.cut()
        self.executioner.rest()
        self.stage.start_process("alerts", ["alerts"], database_port=self.line.port, **self.settings)
        await self.stage.is_ready("alerts")

    async def press(self, number: int) -> str:
        """An alarm of its own home, due at once; its process is to die at the statement that is awaited."""
        station, area, home = self.homes[number]
        async with self.database.transaction() as conn:
            at = await now(conn)
            why = {"code": "sos", "text": {"en": "sos", "zh": "sos"}}
            signal = Raise("sos", Place(station, area, home), merge_key(home, None, "sos"), at, why)
            raised = await raise_alarms(conn, at, [signal])
            (alarm,) = raised.cases
            self.executioner.wait_for(str(alarm), self.executioner.at)
            await book.finish(conn, at, raised.cases.values(), _CHANNELS)
        return str(alarm)

    @cached_property
    def homes(self) -> list[tuple[object, ...]]:
        return self.stage.query("SELECT station_id, area_code, id FROM home ORDER BY id")

    async def told(self, alarm: str, step: int) -> bool:
        """Whether everybody of the step is, within the time; the process is started again where it died."""

        def over() -> bool:
            ((left, called),) = self.stage.query(_LEFT, alarm, step)
            return bool(called) and not left

        assert await until(lambda: self.executioner.killed or over(), 30, 0.02), self.stage.log("alerts")[-2000:]
        if not self.executioner.killed:
            return True
        await self.start()
        await self.change(_LEASES_ARE_OVER)
        assert await until(over, 30, 0.02), self.stage.log("alerts")[-2000:]
        return False

    async def rest(self) -> None:
        """Until the next round it may live. It may have died after everybody was told."""
        died = self.executioner.killed
        self.executioner.rest()
        if died and await self.stage.reasons("alerts") != {}:
            await self.start()

    async def change(self, statement: str) -> None:
        """In a thread: it may wait for locks of the process, whose statements pass through this one's loop."""
        await asyncio.to_thread(self.stage.run, statement)

    async def after(self, seconds: float, alarm: str, at: int) -> None:
        """Time goes on, and the process is to die at the statement of that number."""
        self.executioner.wait_for(alarm, at)
        async with self.owner.transaction() as conn:
            await advance(conn, timedelta(seconds=seconds))


@asynccontextmanager
async def night(directory: Path) -> AsyncIterator[Night]:
    async with (
        receiving() as receiver,
        lane_stage(directory, MOST) as stage,
        line("postgres", stage.postgres.port) as database_line,
    ):
        settings = {"CAREBED_WEBHOOK_URL": receiver.url, "CAREBED_WEBHOOK_SECRET": SECRET}
        executioner = Executioner(lambda: stage.kill("alerts"))
        database_line.watch, database_line.heard = executioner.statement, executioner.heard
        urls = stage.postgres.urls()
        database = Database(urls.engine, application="story", pool_size=2)
        owner = Database(urls.owner, application="story-clock", pool_size=1)
        try:
            stage.run("UPDATE clock_shift SET shiftable = true")
            one = Night(stage, database_line, executioner, database, owner, settings, receiver)
            await one.start()
            yield one
        finally:
            await database.close()
            await owner.close()


@pytest.mark.parametrize("step", [1, 2] if ALL else [1])
async def test_everybody_is_called_wherever_the_alerts_process_dies(tmp_path: Path, step: int) -> None:
    """Each round another home calls; the others are closed, so that a round is about its own alarm."""
    async with night(tmp_path / "data") as one:
        calm = died = 0
        alarms = []
        for number in range(MOST // STRIDE):
            at = (number + 1) * STRIDE
            one.executioner.at = at if step == 1 else 0
            alarm = await one.press(number)
            alarms.append(alarm)
            told = await one.told(alarm, 1)
            if step == 2:
                await one.after(61, alarm, at)
                told = await one.told(alarm, 2)
            died += not told
            await one.rest()
            calm = calm + 1 if told else 0
            # Nobody is called any more for this one: it stands for a year.
            await one.change("UPDATE deadline SET due_at = due_at + interval '1 year' WHERE alarm_id IS NOT NULL")
            if calm == (CALM if ALL else 1):
                break
        else:
            pytest.fail(f"{len(alarms)} homes are too few for {one.executioner.counted} statements")
        assert died > (10 if ALL else 0)
        _accounted_for(one, alarms, step)


def _accounted_for(one: Night, alarms: list[str], step: int) -> None:
    """Every alarm's steps are all there, each once, with a message to everybody that was handed over."""
    pages = one.stage.query(
        """SELECT alarm_id::text, array_agg((data->>'step')::int ORDER BY seq) FROM alarm_event
           WHERE type = 'paged' AND alarm_id::text = ANY(%s) GROUP BY alarm_id""", alarms,
    )  # fmt: skip
    assert dict(pages) == {alarm: list(range(1, step + 1)) for alarm in alarms}
    called = one.stage.query(
        """SELECT alarm_id::text, data->>'step', staff
           FROM alarm_event, jsonb_array_elements_text(data->'called') AS staff
           WHERE type = 'paged' AND alarm_id::text = ANY(%s)""", alarms,
    )  # fmt: skip
    rows = one.stage.query(
        """SELECT alarm_id::text, step::text, staff_id::text, id::text, state FROM notification
           WHERE channel = 'webhook' AND kind = 'called' AND alarm_id::text = ANY(%s)""", alarms,
    )  # fmt: skip
    assert sorted((alarm, taken, staff) for alarm, taken, staff, _, _ in rows) == sorted(called)
    assert {state for *_, state in rows} == {"delivered"}
    taken = Counter(delivery.id for delivery in one.receiver.deliveries)
    assert {taken[notification] for *_, notification, _ in rows} <= {1, 2}, "a kill costs one duplicate at the worst"
    unarmed = """SELECT count(*) FROM alarm WHERE closed_at IS NULL AND (SELECT count(*) FROM deadline
                 WHERE alarm_id = alarm.id) <> 1"""
    assert one.stage.query(unarmed) == [(0,)]
