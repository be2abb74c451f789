"""False alarms that come again and again become a work order, which says where to look and ends by itself."""

import uuid
from typing import Any
from uuid import UUID

import pytest
from small_district import AREA, Pipeline

from carebed.database import Database
from carebed.settings import Settings
from ingest.alarm_load import LOOK_AT, watch_load
from ingest.detect.catalogue import with_parameters
from tests.conftest import TestClock


async def _closed(
    pipeline: Pipeline, home: UUID, outcome: str, kind: str = "inactivity", *, days_ago: float = 1
) -> None:
    await pipeline.run(
        "INSERT INTO alarm (id, kind, priority, state, area_code, station_id, home_id, merge_key, raised_at,"
        " happened_at, policy, why, outcome, closed_at) SELECT :id, :kind, 1, 'resolved', area_code, station_id, id,"
        " 'x', at, at, '{}', jsonb_build_object('code', CAST(:kind AS text), 'detector', CAST(:kind AS text)),"
        " :outcome, at FROM home, LATERAL (SELECT carebed_now() - make_interval(secs => :ago) AS at) AS moment"
        " WHERE home.id = :home",
        id=uuid.uuid4(), kind=kind, home=home, outcome=outcome, ago=days_ago * 86_400,
    )  # fmt: skip


async def _orders(pipeline: Pipeline) -> list[Any]:
    columns = "state, priority, home_id, merge_key, why"
    return list(await pipeline.rows(f"SELECT {columns} FROM alarm WHERE kind = 'alarm_load' ORDER BY raised_at"))


@pytest.fixture
async def owner(pipeline: Pipeline, urls: Any) -> Any:
    """The calendar's role."""
    del pipeline
    database = Database(urls.owner, application="test", pool_size=1)
    yield database
    await database.close()


async def test_more_false_alarms_than_allowed_are_a_work_order_until_they_are_fewer(
    pipeline: Pipeline, owner: Database, clock: TestClock
) -> None:
    """Real ones, tests, other homes and older ones do not count; three a week are nobody's work."""
    home, other = await pipeline.simple_home("gw-1"), await pipeline.simple_home("gw-2")
    for outcome in ("false_alarm", "no_help_needed", "false_alarm", "help_given", "emergency", "test"):
        await _closed(pipeline, home, outcome)
    await _closed(pipeline, home, "false_alarm", days_ago=9)
    await _closed(pipeline, home, "false_alarm", "bed")
    await _closed(pipeline, other, "false_alarm")
    await watch_load(owner, Settings())
    assert await _orders(pipeline) == []

    await _closed(pipeline, home, "false_alarm", days_ago=2)
    for _ in range(2):  # and once only
        await watch_load(owner, Settings())
    (order,) = await _orders(pipeline)
    assert (order.state, order.priority, order.home_id) == ("raised", 2, home)
    assert (order.why["of_kind"], order.why["count"], order.why["most"], order.why["days"]) == ("inactivity", 4, 3, 7)
    assert (order.why["look_at"], order.why["parameters"][0]) == ("inactivity", "buffer")
    assert len(order.why["alarms"]) == 4
    assert "buffer" in order.why["text"]["en"]
    assert "buffer" in order.why["text"]["zh"]

    await clock.advance(days=6)
    await watch_load(owner, Settings())
    (order,) = await _orders(pipeline)
    assert order.state == "cancelled"
    assert await pipeline.count("alarm_event", "type = 'cleared'") == 1


async def test_what_a_person_has_looked_into_counts_no_more_and_the_limit_can_be_set(
    pipeline: Pipeline, owner: Database
) -> None:
    home = await pipeline.simple_home()
    for _ in range(4):
        await _closed(pipeline, home, "false_alarm", "smoke", days_ago=0.5)
    await watch_load(owner, Settings())
    (order,) = await _orders(pipeline)
    assert order.why["parameters"] == []  # nothing can be set: the device is to be looked at
    await pipeline.run("DELETE FROM deadline WHERE alarm_id IS NOT NULL; UPDATE alarm SET state = 'resolved',"
                       " outcome = 'help_given', closed_at = carebed_now() WHERE kind = 'alarm_load'")  # fmt: skip
    await watch_load(owner, Settings())
    assert len(await _orders(pipeline)) == 1

    await pipeline.run(
        "INSERT INTO detector_parameters (id, detector, area_code, values)"
        " VALUES (gen_random_uuid(), 'alarm_load', :area, jsonb_build_object('most', 0))", area=AREA,
    )  # fmt: skip
    await _closed(pipeline, home, "no_help_needed", "sos", days_ago=0)
    await watch_load(owner, Settings())
    keys = [one.merge_key for one in await _orders(pipeline)]
    assert sorted(keys) == [f"load:{home}:smoke", f"load:{home}:sos"]
    # It is only a work order: the next press is raised as ever.
    receipt = await pipeline.press("sos")
    assert receipt.alarm is not None


def test_what_is_to_be_looked_at_can_be_set() -> None:
    detectors = {str(one.name): one for one in with_parameters()}
    for name, parameters in LOOK_AT.items():
        assert set(parameters) <= set(detectors[name].parameters.__struct_fields__), name
    assert set(detectors) - set(LOOK_AT) == {"presses", "alarm_load", "outage"}
