"""Silence: a home that goes still and a device that falls silent are noticed; a house that was deaf accuses nobody."""

import asyncio
import os
import signal
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from homes_on_line import device_of, link_of, on_line, until

from device_sim.gateway_link import GatewayLink
from gateway.wire import GATEWAY_ITSELF, HealthType, Lane, ReadingType
from tests.house import House
from tests.person import Person


@pytest.fixture(scope="module")
def house(tmp_path_factory: pytest.TempPathFactory) -> Iterator[House]:
    """A house of its own, whose clock and processes these stories handle roughly."""
    house = House(tmp_path_factory.mktemp("silence") / "data", homes=6).start()
    yield house
    house.stop()


class LivingHomes:
    """Homes in which somebody moves and everything beats once a second, by the house's clock."""

    def __init__(self, house: House) -> None:
        self.gateways = house.ready["gateways"]
        self.links = [link_of(house, gateway, clock=self.now) for gateway in self.gateways]
        self.still: set[str] = set()
        """Devices that say nothing any more."""
        self._shift = house.query("SELECT carebed_now() - clock_timestamp()")[0][0]

    def now(self) -> datetime:
        """The devices' clock."""
        return datetime.now(UTC) + self._shift

    def shifted(self, by_s: float) -> None:
        """The devices' clock goes with the house's."""
        self._shift += timedelta(seconds=by_s)

    def speak(self) -> None:
        """One round of all homes."""
        for link, gateway in zip(self.links, self.gateways, strict=True):
            self._tell(link, Lane.HEALTH, GATEWAY_ITSELF, HealthType.HEARTBEAT)
            self._tell(link, Lane.HEALTH, device_of(gateway, "wristband"), HealthType.HEARTBEAT)
            self._tell(link, Lane.READING, device_of(gateway, "motion"), ReadingType.MOTION)

    def _tell(self, link: GatewayLink, lane: Lane, device: str, kind: str) -> None:
        if device not in self.still:
            link.publish(lane, device, link.message(kind, True))

    async def live(self) -> None:
        """Until cancelled."""
        while True:
            self.speak()
            await asyncio.sleep(1.0)


@asynccontextmanager
async def living(house: House) -> AsyncIterator[LivingHomes]:
    """All homes live, and the house has heard of every one of them."""
    homes = LivingHomes(house)
    async with on_line(homes.links):
        living = asyncio.create_task(homes.live())
        try:
            await heard_of_all(house)
            yield homes
        finally:
            living.cancel()


async def heard_of_all(house: House) -> None:
    """A heartbeat and a motion of every home has been taken in, by the clock of now."""
    now = house.query("SELECT carebed_now()")[0][0]
    fresh = """SELECT (SELECT count(*) FROM home_state WHERE activity_at >= %s) = 6
        AND (SELECT count(*) FROM device_state JOIN device ON id = device_id
             WHERE kind IN ('gateway', 'wristband') AND seen_at >= %s AND lane = 'reading') = 12"""
    assert await until(lambda: house.query(fresh, now, now)[0][0], 30)


def alarms(house: House) -> list[tuple[Any, ...]]:
    """(kind, device) of every open alarm."""
    return house.query("SELECT kind, device_id FROM alarm WHERE closed_at IS NULL ORDER BY kind, device_id")


def close_all(house: House) -> None:
    """Somebody clears the board between two stories."""
    with Person(house.http, house.user("admin")) as admin:
        for (alarm,) in house.query("SELECT id FROM alarm WHERE closed_at IS NULL"):
            admin.move(str(alarm), "resolve", outcome="no_help_needed")


@pytest.mark.parametrize("how", [signal.SIGSTOP, signal.SIGKILL], ids=["stopped", "killed"])
async def test_an_hour_without_the_reading_lane_is_one_lag_alarm_and_no_false_silence(
    house: House, how: signal.Signals
) -> None:
    """The lane hears nothing for an hour of the house's clock; then it comes back and catches up."""
    async with living(house) as homes:
        gone = house.pid("ingest-reading")
        os.kill(gone, how)
        await asyncio.to_thread(house.advance_clock, 3600)
        homes.shifted(3600)
        if how is signal.SIGSTOP:
            assert await until(lambda: alarms(house) == [("lag", None)], 30)
            await asyncio.sleep(3)
            os.kill(gone, signal.SIGCONT)
        else:
            assert await until(lambda: house.pid("ingest-reading") != gone, 30)
        await heard_of_all(house)
        await asyncio.sleep(8)
        # A killed lane is back within seconds, on a busy machine perhaps not soon enough.
        assert alarms(house) == [("lag", None)] or (how is signal.SIGKILL and alarms(house) == [])
        assert house.query("SELECT count(*) FROM alarm WHERE kind <> 'lag'") == [(0,)]
    close_all(house)


async def test_a_shift_of_the_clock_with_everything_alive_raises_nothing(house: House) -> None:
    """An hour ahead in one leap, as a demo does it."""
    async with living(house) as homes:
        before = house.query("SELECT count(*) FROM alarm")
        await asyncio.to_thread(house.advance_clock, 3600)
        homes.shifted(3600)
        await heard_of_all(house)
        await asyncio.sleep(8)
        assert house.query("SELECT count(*) FROM alarm") == before


async def test_a_home_that_goes_still_raises_inactivity_after_its_span(house: House) -> None:
    """Nobody moves in one home for twelve hours; in the others life goes on."""
    async with living(house) as homes:
        quiet = homes.gateways[0]
        homes.still.add(device_of(quiet, "motion"))
        for hours, expected in ((6, []), (5.9, []), (0.2, [("inactivity", None)])):
            await asyncio.to_thread(house.advance_clock, hours * 3600)
            homes.shifted(hours * 3600)
            if expected:
                assert await until(lambda: alarms(house) != [], 30)
            await asyncio.sleep(5)
            assert alarms(house) == expected
        (row,) = house.query("SELECT home_id FROM alarm WHERE closed_at IS NULL")
        assert str(row[0]) == quiet["home"]
    close_all(house)


async def test_a_device_that_misses_its_beats_is_offline_once(house: House) -> None:
    """One wristband says nothing; its gateway and the others go on."""
    async with living(house) as homes:
        band = device_of(homes.gateways[1], "wristband")
        homes.still.add(band)
        await asyncio.to_thread(house.advance_clock, 300)
        homes.shifted(300)
        assert await until(lambda: alarms(house) == [("offline", band)], 30)
        for _ in range(2):
            await asyncio.to_thread(house.advance_clock, 600)
            homes.shifted(600)
            await heard_of_all_but_one(house)
        await asyncio.sleep(6)
        assert alarms(house) == [("offline", band)]
        assert house.query("SELECT repeats FROM alarm WHERE device_id = %s", band) == [(0,)]
    close_all(house)


async def heard_of_all_but_one(house: House) -> None:
    """As `heard_of_all`, with one wristband silent."""
    now = house.query("SELECT carebed_now()")[0][0]
    fresh = """SELECT count(*) = 11 FROM device_state JOIN device ON id = device_id
             WHERE kind IN ('gateway', 'wristband') AND seen_at >= %s AND lane = 'reading'"""
    assert await until(lambda: house.query(fresh, now)[0][0], 30)
