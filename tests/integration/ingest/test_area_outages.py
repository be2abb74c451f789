"""A power cut: one page at the desk, every home listed in it, and whoever calls for help is heard at once."""

import uuid
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

import pytest
from small_district import AREA, STATION, Pipeline, message
from sqlalchemy import text
from sqlalchemy.exc import IntegrityError
from sqlalchemy.ext.asyncio import AsyncConnection
from test_silence_judged import SETTLED

from alerts import book
from alerts.case import Case
from alerts.firing import AlarmHandler
from alerts.incident import GATHERING, MEMBER_WAITS
from alerts.policy import WORK_ORDER_POLICY, policy_json
from alerts.raising import Place, Raise, raise_alarms
from carebed.clock import now as clock_now
from ingest.offline import OfflineHandler
from ingest.outage import OutageHandler
from tests.conftest import TestClock

#: Homes of the street, of which the first are in the cut.
STREET = 12


class Street:
    """Twelve homes of a community with a gateway each, and an operator at the desk."""

    def __init__(self, pipeline: Pipeline, clock: TestClock, homes: Sequence[UUID]) -> None:
        self.pipeline, self.clock, self.homes = pipeline, clock, homes
        self._sentinel_at = datetime.now(UTC)

    async def sentinels(self) -> None:
        """A second of real time after the last ones, however slow the machine is: no gap."""
        self._sentinel_at += timedelta(seconds=1)
        await self.pipeline.sentinels(at=self._sentinel_at)

    async def say(self, *gateways: int, kind: str = "heartbeat", **more: Any) -> None:
        """These gateways speak, by the shifted clock."""
        (now,) = await self.pipeline.row("SELECT carebed_now()")
        await self.pipeline.reading(*(
            self.pipeline.incoming(message(kind, time=now.isoformat(), **more), f"gw-{one}", "_", "health")
            for one in gateways
        ))  # fmt: skip

    async def pass_(self, **span: float) -> None:
        """Time passes in earnest; then everything that is due is handled, in any engine's order."""
        await self.clock.advance(**span)
        await self.pipeline.run_as_admin(SETTLED)
        await self.sentinels()
        for kind, handler in (("offline", OfflineHandler()), ("outage", OutageHandler()), ("alarm", AlarmHandler())):
            await self.pipeline.fire(kind, handler)

    async def until(self, seconds: int, *alive: int, step: int = 30) -> None:
        """These gateways go on beating, for so long."""
        for _ in range(0, seconds, step):
            await self.say(*alive)
            await self.pass_(seconds=step)

    async def open(self, kind: str) -> list[Any]:
        """Open alarms of a kind."""
        return list(await self.pipeline.rows(
            "SELECT * FROM alarm WHERE kind = :kind AND closed_at IS NULL ORDER BY home_id", kind=kind
        ))  # fmt: skip

    async def paged(self) -> list[str]:
        """For which kinds somebody was paged, in order."""
        rows = await self.pipeline.rows(
            "SELECT kind FROM alarm_event JOIN alarm ON alarm.id = alarm_id WHERE type = 'paged' ORDER BY seq"
        )
        return [row.kind for row in rows]


@pytest.fixture
async def street(pipeline: Pipeline, clock: TestClock) -> Street:
    """All have been alive for a while."""
    homes = []
    for number in range(STREET):
        home, _ = await pipeline.home()
        await pipeline.pair(f"gw-{number}", home)
        homes.append(home)
    await pipeline.run(
        "INSERT INTO staff (id, login, name, role, area_code, station_id, password_hash)"
        " VALUES (:id, 'desk', 'desk', 'operator', :area, :station, 'x')",
        id=uuid.uuid4(), area=AREA, station=STATION,
    )  # fmt: skip
    await pipeline.run("INSERT INTO deadline (kind, subject, due_at) VALUES ('outage', '', carebed_now())")
    one = Street(pipeline, clock, homes)
    await one.sentinels()
    await one.say(*range(STREET))
    return one


async def test_a_cut_is_one_page_that_lists_every_home_and_an_sos_in_it_pages_at_once(street: Street) -> None:
    """Eight homes go dark; somebody in one of them presses a button that has a line of its own."""
    await street.until(180, *range(8, STREET))
    (incident,) = await street.open("outage")
    members = await street.open("offline")
    assert {row.home_id for row in members} == set(street.homes[:8])
    assert {row.incident_id for row in members} == {incident.id}
    assert (incident.station_id, incident.area_code, incident.priority) == (STATION, AREA, 1)
    assert incident.why["homes"] == 8
    assert "8 homes in here" in incident.why["text"]["en"]
    assert await street.paged() == ["outage"]
    await street.pipeline.press("sos", "gw-0", "gw-0")
    await street.pipeline.fire("alarm", AlarmHandler())
    assert (await street.paged())[:2] == ["outage", "sos"]
    (sos,) = await street.open("sos")
    assert sos.incident_id is None


async def test_a_few_homes_are_an_order_each_minutes_later(street: Street) -> None:
    """Four are not enough; they have waited three minutes for others in vain."""
    await street.until(150, *range(4, STREET))
    assert len(await street.open("offline")) == 4
    assert await street.paged() == []
    await street.until(240, *range(4, STREET))
    assert await street.paged() == ["offline"] * 4
    assert await street.open("outage") == []
    assert await street.pipeline.count("alarm", "gathering_until IS NOT NULL") == 0


async def test_mains_and_silence_are_one_incident_and_a_battery_that_dies_in_it_is_no_other_page(
    street: Street,
) -> None:
    """Three gateways have a battery and say so after a minute, three die at once; later a battery is empty."""
    alive = range(6, STREET)
    await street.until(60, 3, 4, 5, *alive)
    await _raise_mains(street, [3, 4, 5])
    await street.until(120, 3, 4, 5, *alive)
    (incident,) = await street.open("outage")
    assert {row.home_id for row in [*await street.open("offline"), *await street.open("mains")]} == set(
        street.homes[:6]
    )
    assert (incident.why["homes"], incident.why["mains"]) == (6, 3)
    await street.until(240, 3, 4, *alive, step=60)
    (battery,) = [row for row in await street.open("offline") if row.home_id == street.homes[5]]
    assert battery.incident_id == incident.id
    assert await street.paged() == ["outage"]


async def test_homes_that_are_back_close_and_the_last_one_closes_the_incident(street: Street) -> None:
    await street.until(180, *range(6, STREET))
    await street.until(360, *range(1, STREET), step=60)
    assert [row.home_id for row in await street.open("offline")] == [street.homes[0]]
    assert len(await street.open("outage")) == 1
    await street.until(360, *range(STREET), step=60)
    assert await street.open("offline") == await street.open("outage") == []
    (over,) = await street.pipeline.rows("SELECT state FROM alarm WHERE kind = 'outage'")
    assert over.state == "cancelled"
    assert await street.pipeline.count("incident", "over_at IS NULL") == 0


async def test_a_home_that_stays_out_becomes_an_order_by_itself(street: Street) -> None:
    """When the desk has had the incident for hours, it is no longer the incident's alone."""
    await street.until(180, *range(6, STREET))
    members = await street.pipeline.rows(
        "SELECT due_at - carebed_now() AS left FROM deadline JOIN alarm ON alarm.id = alarm_id"
        " WHERE alarm.kind = 'offline'"
    )
    assert len(members) == 6
    assert all(MEMBER_WAITS / 2 < row.left <= MEMBER_WAITS for row in members)
    await street.pipeline.run("UPDATE deadline SET due_at = carebed_now() WHERE kind = 'alarm'")
    await street.pipeline.run("UPDATE alarm SET next_step_at = carebed_now() WHERE kind = 'offline'")
    await street.pipeline.fire("alarm", AlarmHandler())
    assert (await street.paged()).count("offline") == 6


async def test_a_home_that_was_told_of_before_is_taken_in_as_long_as_it_waits(street: Street) -> None:
    """The first one fell silent half a minute before the others: one page all the same."""
    await street.until(30, *range(1, STREET))
    await street.until(180, *range(7, STREET))
    assert len({row.incident_id for row in await street.open("offline")}) == 1
    assert await street.paged() == ["outage"]


async def test_nobody_can_hide_a_call_for_help_in_an_incident(street: Street) -> None:
    """The database itself refuses it."""
    await street.until(180, *range(6, STREET))
    await street.pipeline.press("sos", "gw-0", "gw-0")
    with pytest.raises(IntegrityError, match="life_critical_stands_alone"):
        await street.pipeline.run("UPDATE alarm SET incident_id = (SELECT alarm_id FROM incident) WHERE kind = 'sos'")


async def test_what_is_set_for_the_desk_counts(street: Street) -> None:
    await street.pipeline.run(
        "INSERT INTO detector_parameters (id, detector, station_id, \"values\")"
        " VALUES (gen_random_uuid(), 'outage', :station, '{\"least\": 9}')", station=STATION,
    )  # fmt: skip
    await street.until(390, *range(8, STREET), step=60)
    assert await street.open("outage") == []
    assert await street.paged() == ["offline"] * 8


async def test_a_thousand_homes_are_one_incident_a_few_looks_later(pipeline: Pipeline, clock: TestClock) -> None:
    """Raised in batches as the engine claims them; each look takes in as many as one transaction may."""
    del clock
    await pipeline.run("INSERT INTO deadline (kind, subject, due_at) VALUES ('outage', '', carebed_now())")
    await _gather_many(pipeline, 1000)
    for _ in range(6):
        await pipeline.run("UPDATE deadline SET due_at = carebed_now() WHERE kind = 'outage'")
        await pipeline.fire("outage", OutageHandler())
    assert await pipeline.count("incident") == 1
    assert await pipeline.count("alarm", "incident_id IS NOT NULL") == 1000
    assert await pipeline.count("deadline", "kind = 'alarm'") == 1001
    (homes,) = await pipeline.row("SELECT homes FROM incident")
    assert homes == 1000
    late = await pipeline.count("deadline", "kind = 'alarm' AND due_at < carebed_now() + interval '3 hours'")
    assert late == 1, "only the incident pages"


async def test_an_incident_whose_homes_were_all_back_before_they_could_join_ends_by_itself(
    pipeline: Pipeline, clock: TestClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The power was back at the moment of the look: no home is in it, and nothing else would ever end it."""
    await pipeline.run("INSERT INTO deadline (kind, subject, due_at) VALUES ('outage', '', carebed_now())")
    await _gather_many(pipeline, 6)
    load = book.load

    async def back_first(conn: AsyncConnection, ids: Sequence[UUID]) -> dict[UUID, Case]:
        await conn.execute(text("UPDATE alarm SET state = 'cancelled', closed_at = carebed_now(), next_step_at = NULL"
                                " WHERE kind = 'offline' AND closed_at IS NULL"))  # fmt: skip
        await conn.execute(text("DELETE FROM deadline USING alarm WHERE alarm.id = alarm_id"
                                " AND alarm.kind = 'offline'"))  # fmt: skip
        return await load(conn, ids)

    with monkeypatch.context() as patched:
        patched.setattr(book, "load", back_first)
        await pipeline.fire("outage", OutageHandler())
    assert await pipeline.count("alarm", "kind = 'outage' AND closed_at IS NULL") == 1
    await clock.advance(minutes=4)
    await pipeline.fire("outage", OutageHandler())
    assert await pipeline.count("alarm", "kind = 'outage' AND closed_at IS NULL") == 0


async def _raise_mains(street: Street, gateways: Sequence[int]) -> None:
    """As the detector's finding would be."""
    async with street.pipeline.database.transaction() as conn:
        now = await clock_now(conn)
        cut_at = now - timedelta(minutes=1)
        signals = [
            Raise("mains", Place(STATION, AREA, street.homes[one]), f"mains:{one}", cut_at, {}, device_id=f"gw-{one}",
                  gateway_id=f"gw-{one}", counts_again=False, gathers=True)
            for one in gateways
        ]  # fmt: skip
        raised = await raise_alarms(conn, now, signals)
        await book.finish(conn, now, raised.cases.values())


async def _gather_many(pipeline: Pipeline, count: int) -> None:
    """Homes that all fell silent at one moment and are waiting for each other."""
    async with pipeline.database.transaction() as conn:
        await conn.execute(
            text("""
            WITH homes AS (
                INSERT INTO home (id, name, area_code, station_id)
                SELECT gen_random_uuid(), 'home', :area, :station FROM generate_series(1, :count) RETURNING id
            ), gateways AS (
                INSERT INTO gateway (id, home_id, station_id, secret_hash)
                SELECT 'gw-' || id, id, :station, 'x' FROM homes
            ), alarms AS (
                INSERT INTO alarm (id, kind, priority, state, area_code, station_id, home_id, merge_key, raised_at,
                    happened_at, policy, why, next_step_at, gathering_until)
                SELECT gen_random_uuid(), 'offline', 2, 'raised', :area, :station, id, 'gone:' || id,
                    carebed_now() - interval '20 s', carebed_now() - interval '2 minutes', CAST(:policy AS jsonb), '{}',
                    carebed_now() + CAST(:gathering AS interval), carebed_now() + CAST(:gathering AS interval)
                FROM homes RETURNING id, next_step_at
            )
            INSERT INTO deadline (kind, subject, alarm_id, due_at)
            SELECT 'alarm', id::text, id, next_step_at FROM alarms
            """),
            {
                "area": AREA,
                "station": STATION,
                "count": count,
                "gathering": GATHERING,
                "policy": policy_json(WORK_ORDER_POLICY),
            },
        )
