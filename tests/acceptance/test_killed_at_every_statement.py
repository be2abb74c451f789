"""A lane is killed before each statement, commit, PUBACK and receipt of a batch in turn; every message counts once.

The packets that the process sends to database and broker are counted on lines between them. In the n-th round it gets
kill -9 when it sends the n-th one since the batch reached it, and that packet arrives nowhere; so what was sent before
has been done, and nothing else. The rounds end when a batch has fewer packets than that.
"""

import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest
from executioner import Executioner
from homes_on_line import answered, device_of, link_of, on_line, until
from lane_stage import LaneStage, lane_stage

from gateway.wire import AlarmType, Lane, Message, Status
from tests.lines import Line, line

#: Every n-th packet of a batch; all of them take some minutes (make stories).
ALL = "CAREBED_TEST_EVERY_STATEMENT" in os.environ
STRIDE = {"alarm": 1 if ALL else 15, "reading": 1 if ALL else 3}
HOMES = {"alarm": 180 // STRIDE["alarm"], "reading": 90 // STRIDE["reading"]}

#: A batch with sentinels in it has more packets than one without: the rounds end after so many that nobody died in.
CALM = 3


@dataclass
class Rounds:
    """The stage with one lane behind two lines."""

    stage: LaneStage
    lane: str
    database: Line
    broker: Line
    executioner: Executioner

    async def start(self) -> None:
        """What the dead one has sent and nobody has read yet arrives nowhere either."""
        self.database.cut()
        self.broker.cut()
        self.executioner.rest()
        self.stage.start(self.lane, mqtt_port=self.broker.port, database_port=self.database.port)
        await self.stage.is_ready(self.lane)


@asynccontextmanager
async def rounds(directory: Path, lane: str) -> AsyncIterator[Rounds]:
    async with (
        lane_stage(directory, HOMES[lane]) as stage,
        line("postgres", stage.postgres.port) as database,
        line("mqtt", stage.broker.port) as broker,
    ):
        executioner = Executioner(lambda: stage.kill(lane))
        database.watch, broker.watch, broker.heard = executioner.statement, executioner.packet, executioner.heard
        one = Rounds(stage, lane, database, broker, executioner)
        await one.start()
        await stage.save_broker()
        yield one


async def test_a_press_opens_one_alarm_and_is_answered_wherever_the_alarm_lane_dies(
    tmp_path: Path,
) -> None:
    """Each round another home calls and says that all is well."""
    async with rounds(tmp_path / "data", "alarm") as one:
        gateways = one.stage.gateways
        links = [link_of(one.stage, gateway, resend_s=(0.5, 1.0)) for gateway in gateways]
        calls: list[Message] = []
        calm = 0
        async with on_line(links):
            for number, (link, gateway) in enumerate(zip(links, gateways, strict=True)):
                call = link.message(AlarmType.SOS, True, message_id=f"round-{number:03d}-call")
                calls.append(call)
                one.executioner.wait_for(call.id, at=(number + 1) * STRIDE["alarm"])
                button = device_of(gateway, "button")
                pending = [
                    link.alarm(button, call),
                    link.alarm(button, link.message(AlarmType.CHECK_IN, True, message_id=f"round-{number:03d}-well")),
                ]
                assert await until(
                    lambda pending=pending: one.executioner.killed or all(each.done() for each in pending), 30, 0.01
                )
                if one.executioner.killed:
                    await one.start()
                elif (calm := calm + 1) == CALM:
                    break
                receipts = await answered(pending, 30)
                assert {receipt.status for receipt in receipts} <= {Status.ACCEPTED, Status.DUPLICATE}
            else:
                pytest.fail(f"{len(links)} homes are too few for {one.executioner.counted} packets")
        kinds = " ".join(one.executioner.sent)
        assert "database" in kinds
        if ALL:
            assert "broker 4" in kinds  # between commit and PUBACK
            assert "broker 3" in kinds  # between PUBACK and receipt
        rows = one.stage.query("SELECT message_id, count(*) FROM inbox WHERE message_id LIKE 'round-%%' GROUP BY 1")
        assert sorted(rows) == sorted((f"{call.id[:-4]}{what}", 1) for call in calls for what in ("call", "well"))
        alarms = one.stage.query(
            """SELECT alarm.home_id, repeats, count(*) FILTER (WHERE alarm_event.type = 'raised'),
                   (SELECT count(*) FROM deadline WHERE alarm_id = alarm.id)
               FROM alarm JOIN alarm_event ON alarm_event.alarm_id = alarm.id WHERE alarm.kind = 'sos'
               GROUP BY alarm.id"""
        )
        assert len({home for home, *_ in alarms}) == len(alarms) == len(calls)
        assert {(repeats, raised, deadlines) for _, repeats, raised, deadlines in alarms} == {(0, 1, 1)}


def stored(one: Rounds) -> int:
    return int(one.stage.query("SELECT count(*) FROM reading WHERE message_id LIKE 'round-%%'")[0][0])


async def test_a_reading_is_stored_once_wherever_the_reading_lane_dies(tmp_path: Path) -> None:
    """Each round one home sends single readings of several kinds, and an array. Nobody resends: the broker does."""
    async with rounds(tmp_path / "data", "reading") as one:
        gateways = one.stage.gateways
        links = [link_of(one.stage, gateway) for gateway in gateways]
        sent: set[str] = set()
        calm = 0
        async with on_line(links):
            for number, (link, gateway) in enumerate(zip(links, gateways, strict=True)):
                one.executioner.wait_for(f"round-{number:03d}-0", at=(number + 1) * STRIDE["reading"])
                sensor = device_of(gateway, "motion")
                readings = [
                    link.message(kind, value, message_id=f"round-{number:03d}-{index}")
                    for index, (kind, value) in enumerate(
                        (("motion", True), ("door", True), ("temperature", 21.5), ("steps", 12), ("hum", "loud"))
                    )
                ]
                sent |= {reading.id for reading in readings}
                for reading in readings[:3]:
                    link.publish(Lane.READING, sensor, reading)
                link.publish(Lane.READING, sensor, readings[3:])
                await link.flushed()
                assert await until(lambda: one.executioner.killed or stored(one) == len(sent), 30, 0.02)  # noqa: B023 - asked within the round
                # Stored is not acknowledged yet; a batch that is over sends nothing more.
                if await until(lambda: one.executioner.killed, 0.5):
                    await one.start()
                elif (calm := calm + 1) == CALM:
                    break
                assert await until(lambda: stored(one) >= len(sent), 30)  # noqa: B023 - asked within the round
            else:
                pytest.fail(f"{len(links)} homes are too few for {one.executioner.counted} packets")
        assert "database" in " ".join(one.executioner.sent)
        rows = one.stage.query("SELECT message_id FROM reading WHERE message_id LIKE 'round-%%'")
        assert sorted(row[0] for row in rows) == sorted(sent)
        assert one.stage.query("SELECT count(*) FROM quarantine") == [(0,)]
