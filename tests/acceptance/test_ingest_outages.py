"""What stands around ingest fails: the broker with and without its store, the disk, a line, a neighbour."""

import asyncio
import os
import secrets
import subprocess
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, suppress
from datetime import UTC, datetime
from pathlib import Path

import pytest
from homes_on_line import answered, device_of, link_of, on_line, until
from lane_stage import LaneStage, lane_stage

from benchmarks.loader import Loader
from device_sim.gateway_link import GatewayLink
from gateway.wire import AlarmType, Lane, Message, Receipt, Status, encode, up_topic
from ingest.lease import LANE_LEASES
from tests.integration.alerts.webhook_receiver import SECRET, receiving
from tests.lines import line

FINAL = {Status.ACCEPTED, Status.DUPLICATE}


@pytest.fixture
async def stage(tmp_path: Path) -> AsyncIterator[LaneStage]:
    """Eight homes; no lane runs yet."""
    async with lane_stage(tmp_path / "data", homes=8) as stage:
        yield stage


class Life:
    """All homes say every third of a second that they are well, and how warm it is."""

    def __init__(self, stage: LaneStage, resend_s: tuple[float, float] = (1.0, 2.0)) -> None:
        self.stage = stage
        self.links = [link_of(stage, gateway, resend_s=resend_s) for gateway in stage.gateways]
        self.pending: dict[str, asyncio.Future[Receipt | None]] = {}
        self.readings: set[str] = set()
        self.unsafe: set[str] = set()
        """Readings of a time in which the broker knew nobody to keep them for; they may be stored or not."""
        self.safe = True

    @asynccontextmanager
    async def going_on(self, every_s: float = 0.3) -> AsyncIterator[None]:
        """While the block runs; afterwards the lines stay up until all is answered and stored."""
        async with on_line(self.links):
            living = asyncio.create_task(self._live(every_s))
            try:
                yield
            finally:
                living.cancel()
                with suppress(asyncio.CancelledError):
                    await living
            await self._all_there()

    async def _live(self, every_s: float) -> None:
        while True:
            for link, gateway in zip(self.links, self.stage.gateways, strict=True):
                self._one(link, device_of(gateway, "button"), device_of(gateway, "motion"))
            await asyncio.sleep(every_s)

    def _one(self, link: GatewayLink, button: str, sensor: str) -> None:
        well = link.message(AlarmType.CHECK_IN, True, message_id=f"{link.account.gateway}-{link.ids.next()}")
        self.pending[well.id] = link.alarm(button, well)
        warm = link.message("temperature", 21.5, "Cel", message_id=f"{link.account.gateway}-{link.ids.next()}")
        (self.readings if self.safe else self.unsafe).add(warm.id)
        link.publish(Lane.READING, sensor, warm)

    async def _all_there(self) -> None:
        """Every sign of well-being is answered and remembered once, every reading stored once."""
        receipts = await answered(self.pending.values(), 90)
        assert {receipt.status for receipt in receipts} <= FINAL
        kept = [row[0] for row in self.stage.query("SELECT message_id FROM inbox WHERE type = 'check_in'")]
        assert sorted(kept) == sorted(self.pending)

        def stored() -> list[str]:
            return [row[0] for row in self.stage.query("SELECT message_id FROM reading WHERE type = 'temperature'")]

        await until(lambda: self.readings <= set(stored()), 60)
        there = stored()
        assert len(there) == len(set(there))
        assert self.readings <= set(there) <= self.readings | self.unsafe
        assert self.stage.query("SELECT count(*) FROM quarantine") == [(0,)]


@pytest.mark.parametrize(
    "forgets",
    [pytest.param(False, id="with its store", marks=pytest.mark.long), pytest.param(True, id="without its store")],
)
async def test_a_broker_that_is_killed_and_comes_back_costs_no_press_and_no_reading(
    stage: LaneStage, forgets: bool
) -> None:
    """Without its store it has forgotten our sessions: that is counted, they are made anew, and devices send again
    what nobody confirmed. Readings of that time it confirms and drops (docs/operations.md): these alone may be lost."""
    for lane in ("alarm", "reading"):
        stage.start(lane)
        await stage.is_ready(lane)
    await stage.save_broker()
    life = Life(stage)
    async with life.going_on():
        await asyncio.sleep(1)
        life.safe = not forgets
        await asyncio.sleep(1)  # what was sent before is stored
        await stage.kill_broker(forget=forgets)
        await asyncio.sleep(1)
        assert "MQTT sessions are not ready" in str(await stage.reasons("alarm"))
        await stage.broker.start()
        for lane in ("alarm", "reading"):
            await stage.is_ready(lane, 30)
            metrics = await stage.metrics(lane)
            lost = sum(value for name, value in metrics.items() if "sessions_lost" in name and "created" not in name)
            assert lost == (len(LANE_LEASES) if forgets else 0)
        life.safe = True
        await asyncio.sleep(1)


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A file system of its own, with room for a new database and little more."""
    if os.geteuid() != 0:
        pytest.skip("only root may mount a file system of limited size")
    directory = tmp_path / "disk"
    directory.mkdir()
    mounted = subprocess.run(["mount", "-t", "tmpfs", "-o", "size=400m,mode=755", "tmpfs", str(directory)], check=False)
    if mounted.returncode != 0:
        pytest.skip("no file system may be mounted here")
    yield directory
    subprocess.run(["umount", "--lazy", str(directory)], check=True)


async def test_a_full_disk_acknowledges_nothing_says_why_and_goes_on_when_there_is_room(small_disk: Path) -> None:
    """Whether PostgreSQL only refuses, or falls over because it cannot write its log: the calls wait at the broker."""
    async with lane_stage(small_disk / "data", homes=3) as stage:
        stage.start("alarm")
        await stage.is_ready("alarm")
        stage.run("ALTER SYSTEM SET max_wal_size = '64MB'")
        stage.run("ALTER SYSTEM SET min_wal_size = '32MB'")
        stage.run("SELECT pg_reload_conf()")
        stage.run("CHECKPOINT")
        links = [link_of(stage, gateway) for gateway in stage.gateways]
        async with on_line(links):
            filler = small_disk / "filler"
            # Unbuffered: what no longer fits must not be tried again when the file is closed.
            with filler.open("wb", buffering=0) as file, suppress(OSError):
                while True:
                    file.write(bytes(1 << 16))
            pending = [
                link.alarm(device_of(gateway, "button"), link.message(AlarmType.CHECK_IN, True, data={"x": large}))
                for _ in range(20)
                for link, gateway in zip(links, stage.gateways, strict=True)
                for large in [secrets.token_hex(150_000)]
            ]
            async with asyncio.timeout(60):
                while "cannot store" not in str(await stage.reasons("alarm")):
                    await asyncio.sleep(0.1)
            calls = [
                link.alarm(device_of(gateway, "button"), link.message(AlarmType.SOS, True))
                for link, gateway in zip(links, stage.gateways, strict=True)
            ]
            await asyncio.sleep(2)
            unanswered = [one for one in (*pending, *calls) if not one.done()]
            assert len(unanswered) >= len(calls)
            remembered = stage.try_query("SELECT count(*) FROM inbox")
            assert remembered in (None, [(len(pending) + len(calls) - len(unanswered),)])
            filler.unlink()
            assert stage.postgres.child is not None
            if await until(lambda: stage.postgres.child.returncode is not None, 3):
                await stage.postgres.start()  # as whoever keeps it would
            receipts = await answered([*pending, *calls], 60)
            assert {receipt.status for receipt in receipts} <= FINAL
        assert stage.query("SELECT count(*), count(DISTINCT (gateway_id, message_id)) FROM inbox") == [(63, 63)]
        assert stage.query("SELECT count(*) FROM alarm WHERE kind = 'sos'") == [(3,)]
        assert stage.query("SELECT count(*) FROM quarantine") == [(0,)]


async def test_a_gateway_that_floods_is_cut_off_and_its_own_call_and_its_neighbours_are_not(stage: LaneStage) -> None:
    """12,000 readings as fast as the broker takes them, where 50 a second are allowed, and a call behind them."""
    for lane in ("alarm", "reading"):
        stage.start(lane, CAREBED_FLOOD_PER_S="50")
        await stage.is_ready(lane)
    published = "SELECT count(*) FROM watermark WHERE lane = 'reading'"
    assert await until(lambda: stage.query(published) == [(16,)], 20)
    flooder, *others = stage.gateways
    topic = up_topic(flooder["id"], Lane.READING, device_of(flooder, "motion"))
    began = time.monotonic()

    def flood() -> None:
        now = datetime.now(UTC)
        with Loader("127.0.0.1", stage.broker.port, flooder["id"], flooder["password"]) as loader:
            loader.publish(
                (topic, encode(Message(id=f"flood-{number}", time=now, type="temperature", value=20.0)))
                for number in range(12_000)
            )
            call = encode(Message(id="call", time=now, type="sos", value=True))
            loader.publish([(up_topic(flooder["id"], Lane.ALARM, device_of(flooder, "button")), call)])

    links = [link_of(stage, gateway) for gateway in others]
    async with on_line(links):
        flooding = asyncio.create_task(asyncio.to_thread(flood))
        for _ in range(20):
            for link, gateway in zip(links, others, strict=True):
                link.publish(Lane.READING, device_of(gateway, "motion"), link.message("steps", 1))
            await asyncio.sleep(0.05)
        await flooding
        for link in links:
            await link.flushed()
        stored = "SELECT count(*) FROM reading WHERE message_id LIKE 'flood-%%'"
        aside = "SELECT coalesce(sum(messages), 0)::int, coalesce(sum(kept_messages), 0)::int FROM flood"
        assert await until(lambda: stage.query(stored)[0][0] + stage.query(aside)[0][0] == 12_000, 60)
        took_s = time.monotonic() - began
        assert 3_000 <= stage.query(stored)[0][0] <= 3_000 + 50 * (took_s + 2)
        ((cut, kept),) = stage.query(aside)
        assert cut == kept
        steps = "SELECT count(*) FROM reading WHERE type = 'steps'"
        assert await until(lambda: stage.query(steps) == [(20 * len(others),)], 30)
        assert await until(lambda: stage.query("SELECT count(*) FROM alarm WHERE kind = 'sos'") == [(1,)], 30)
    assert stage.query("SELECT DISTINCT gateway_id FROM flood") == [(flooder["id"],)]
    assert '"gateway_floods"' in stage.log("reading")
    metrics = await stage.metrics("reading")
    assert metrics['carebed_quarantined_total{lane="reading",reason="flood"}'] == cut


@pytest.mark.long
@pytest.mark.parametrize("protocol", ["mqtt", "postgres"])
async def test_a_line_that_goes_dead_without_a_word_is_left_and_nothing_is_lost(
    stage: LaneStage, protocol: str
) -> None:
    """Half open: what is sent is taken, nothing comes back, and connections made anew are no better. A minute later it
    is mended."""
    to_port = stage.broker.port if protocol == "mqtt" else stage.postgres.port
    async with line(protocol, to_port) as one:
        through = {"mqtt_port" if protocol == "mqtt" else "database_port": one.port}
        for lane in ("alarm", "reading"):
            stage.start(lane, **through)
            await stage.is_ready(lane)
        await stage.save_broker()
        life = Life(stage)
        async with life.going_on():
            await asyncio.sleep(2)
            one.dead.set()
            expected = "MQTT sessions" if protocol == "mqtt" else "cannot store"
            async with asyncio.timeout(75):
                while expected not in str(await stage.reasons("alarm")):
                    await asyncio.sleep(0.5)
            one.dead.clear()
            for lane in ("alarm", "reading"):
                await stage.is_ready(lane, 90)
            await asyncio.sleep(2)


@pytest.mark.long
async def test_ten_minutes_without_a_database_lose_nothing_and_the_last_resort_is_called_all_the_time(
    stage: LaneStage, tmp_path: Path
) -> None:
    """The real ten minutes: it is called after 15 s, after each of five minutes, and after five more."""
    file = tmp_path / "addresses"
    async with receiving() as desk:
        file.write_text(desk.url)
        stage.start("alarm", CAREBED_LAST_RESORT_FILE=str(file), CAREBED_WEBHOOK_SECRET=SECRET)
        stage.start("reading")
        for lane in ("alarm", "reading"):
            await stage.is_ready(lane)
        life = Life(stage, resend_s=(5.0, 20.0))
        async with life.going_on(every_s=10.0):
            await asyncio.sleep(5)
            await stage.kill_database()
            await asyncio.sleep(600)
            calls = [one.content for one in desk.deliveries]
            assert len(calls) == 6
            assert calls[-1]["data"]["messages"] > calls[0]["data"]["messages"] > 0
            await stage.postgres.start()
            for lane in ("alarm", "reading"):
                await stage.is_ready(lane, 60)
        assert [one.content["type"] for one in desk.deliveries][6:] == ["last_resort.over"]
