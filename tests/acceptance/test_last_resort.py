"""The alarm lane cannot commit: after 15 s people are called from a file, without the database, until it is over."""

import asyncio
import signal
import time
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from homes_on_line import answered, device_of, link_of, on_line, until
from lane_stage import LaneStage, lane_stage

from carebed.embedded.ports import free_port
from gateway.wire import AlarmType, Status
from ingest.last_resort import AFTER_S
from tests.integration.alerts.webhook_receiver import SECRET, Receiver, receiving


@pytest.fixture
async def stage(tmp_path: Path) -> AsyncIterator[LaneStage]:
    """Three homes."""
    async with lane_stage(tmp_path / "data", homes=3) as stage:
        yield stage


def calls(receiver: Receiver, kind: str) -> list[dict]:
    return [one.content for one in receiver.deliveries if one.content["type"] == f"last_resort.{kind}"]


async def test_the_list_is_called_when_the_database_is_frozen_or_dead_and_every_press_is_answered_afterwards(
    stage: LaneStage, tmp_path: Path
) -> None:
    """First every process of the database is stopped, then it is killed and stays away. One address of the list is
    dead, another hangs, and the third one hears of it in time, twice; each time it hears that it is over."""
    gateways = stage.gateways[:2]
    links = [link_of(stage, gateway) for gateway in gateways]
    async with receiving() as receiver, receiving() as hanging, on_line(links):
        hanging.answer = lambda _delivery: asyncio.sleep(60, 204)
        file = tmp_path / "addresses"
        file.write_text(
            f"# who is called\nhttp://127.0.0.1:{free_port()}/dead\n{hanging.url}\n{receiver.url} # the desk\n"
        )
        stage.start("alarm", CAREBED_LAST_RESORT_FILE=str(file), CAREBED_WEBHOOK_SECRET=SECRET)
        await stage.is_ready("alarm")
        for number, outage in enumerate(("frozen", "dead"), 1):
            began = time.monotonic()
            if outage == "frozen":
                stage.freeze_database()
            else:
                await stage.kill_database()
            presses = [
                link.alarm(device_of(gateway, "button"), link.message(AlarmType.SOS, True))
                for link, gateway in zip(links, gateways, strict=True)
            ]
            assert await until(lambda number=number: len(calls(receiver, "calling")) >= number, AFTER_S + 10)
            assert time.monotonic() - began >= AFTER_S - 2
            call = calls(receiver, "calling")[-1]["data"]
            assert {(one["gateway"], one["type"], one["messages"]) for one in call["waiting"]} == {
                (gateway["id"], "sos", 1) for gateway in gateways
            }
            assert (call["messages"], call["more"]) == (2, 0)
            assert "last_resort" in (await stage.reasons("alarm") or {})
            if outage == "frozen":
                stage.freeze_database(signal.SIGCONT)
            else:
                await stage.postgres.start()
            receipts = await answered(presses, 60)
            assert {receipt.status for receipt in receipts} <= {Status.ACCEPTED, Status.DUPLICATE, Status.HOLD}
            assert await until(lambda number=number: len(calls(receiver, "over")) == number, 20)
            await stage.is_ready("alarm")
        assert all(one.signed_by(SECRET) for one in receiver.deliveries)
        assert len({one.id for one in receiver.deliveries}) == len(receiver.deliveries)
        assert hanging.deliveries
        kept = [row[0] for row in stage.query("SELECT message_id FROM inbox WHERE type = 'sos'")]
        assert len(kept) == 4
    (alarms,) = stage.query("SELECT count(DISTINCT home_id) FROM alarm WHERE kind = 'sos'")
    assert alarms == (2,)
