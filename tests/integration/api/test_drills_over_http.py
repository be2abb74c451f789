"""A manager's drill over HTTP: ordered, answered by people with their methods, stopped, and read as evidence."""

from datetime import UTC, datetime, timedelta
from typing import Any

from api_service import Service

from alerts.drilling import DrillHandler
from alerts.firing import AlarmHandler
from carebed.database import Database
from carebed.engine import Engine

AREA = "350102001000"


async def _ticks(service: Service) -> None:
    """What `carebed alerts` does when something is due."""
    database = Database(service.urls.engine, application="test-drill", pool_size=2)
    try:
        through = ("live", "sms")
        engine = Engine(database, {"drill": DrillHandler(through), "alarm": AlarmHandler(through)}, process="test")
        for _ in range(3):
            for life_critical in (True, False):
                await engine.cycle(life_critical=life_critical)
    finally:
        await database.close()


async def _ordered(service: Service, **more: Any) -> Any:
    manager = await service.person("manager")
    return await manager.post("/drills", {"area": AREA, "most": 2, **more}, key="drill")


async def test_a_drill_from_its_order_to_its_evidence(service: Service) -> None:
    await service.write(
        "INSERT INTO contact_method (id, staff_id, channel, address, rank, verified_at)"
        " SELECT gen_random_uuid(), id, 'sms', login, 0, now() FROM staff WHERE role = 'caregiver'"
    )
    ordered = await _ordered(service)
    assert (ordered.status_code, ordered.json()["state"], ordered.json()["homes"]) == (201, "planned", [])
    assert (await _ordered(service)).json()["id"] == ordered.json()["id"]
    await _ticks(service)
    manager = await service.person("manager")
    path = f"/drills/{ordered.json()['id']}"
    drill = (await manager.get(path)).json()
    assert (drill["state"], drill["result"]["homes"], drill["result"]["answered"]) == ("running", 2, 0)
    alarms = [home["alarm"] for home in drill["homes"]]
    caregiver = await service.person("caregiver1")
    answer = await caregiver.move(alarms[0], "accept")
    assert (answer.json()["drill"], answer.json()["state"], answer.json()["outcome"]) == (True, "resolved", "test")
    # Nobody goes: what he may do for a call in earnest is over for a drill.
    assert (await caregiver.move(alarms[0], "arrive")).status_code == 409
    stopped = await manager.post(f"{path}/stop")
    assert (stopped.json()["state"], stopped.json()["result"]["not_answered"]) == ("stopped", 1)
    assert (await manager.post(f"{path}/stop")).status_code == 409
    homes = {home["alarm"]: home for home in stopped.json()["homes"]}
    answered, left = homes[alarms[0]], homes[alarms[1]]
    assert (answered["outcome"], left["outcome"], left["answered_s"]) == ("test", "not_answered", None)
    assert answered["accepted_s"] == answered["answered_s"] is not None
    me = await caregiver.me()
    (mine,) = [one for one in answered["people"] if one["staff"] == me]
    assert mine["accepted_at"] is not None
    assert (mine["step"], mine["answered_by"], {one["channel"] for one in mine["methods"]}) == (
        1,
        "api",
        {"live", "sms"},
    )


async def test_no_drill_starts_while_somebody_waits_for_an_answer_and_the_sentence_says_so(service: Service) -> None:
    alarm = await service.raised()
    refused = await _ordered(service)
    assert (refused.status_code, "has not been answered yet" in refused.json()["detail"]) == (409, True)
    assert (await (await service.person("operator")).move(alarm, "acknowledge")).status_code == 200
    manager = await service.person("manager")
    ordered = await manager.post("/drills", {"area": AREA, "homes": [service.home(), service.home("gw-0002")]})
    assert ordered.status_code == 201
    await _ticks(service)
    homes = (await manager.get(f"/drills/{ordered.json()['id']}")).json()["homes"]
    # Where somebody has called in earnest, a drill has no business.
    assert {home["home"]: home["left_out"] for home in homes} == {
        service.home(): "in_need",
        service.home("gw-0002"): None,
    }
    second = await manager.post("/drills", {"area": AREA})
    assert "another drill" in second.json()["detail"]


async def test_nor_in_a_flood_of_calls(service: Service) -> None:
    for number in range(12):
        alarm = await service.raised(f"gw-000{1 + number % 3}", kind=("sos", "fall", "assist", "leak")[number // 3])
        assert (
            await (await service.person("operator")).move(alarm, "resolve", outcome="help_given")
        ).status_code == 200
    assert "too many calls" in (await _ordered(service)).json()["detail"]


async def test_what_cannot_be_a_drill_is_refused(service: Service) -> None:
    manager = await service.person("manager")
    later = (datetime.now(UTC) + timedelta(days=40)).isoformat()
    for body, status in (
        ({"area": AREA, "starts_at": later}, 422), ({"area": AREA, "kind": "battery"}, 422),
        ({"area": AREA, "most": 0}, 422), ({"area": AREA, "lasts_s": 10}, 422), ({"area": "350103001000"}, 404),
        ({"area": AREA, "homes": [service.home("gw-other-0001")]}, 404),
    ):  # fmt: skip
        assert (await manager.post("/drills", body)).status_code == status, body
    assert service.sql("SELECT count(*) FROM drill") == [(0,)]


async def test_who_was_called_to_a_home_elsewhere_answers_for_no_test_call_of_it(service: Service) -> None:
    operator = await service.person("operator")
    await service.raised("gw-other-0001", by="operator-other")
    await service.write(
        "INSERT INTO response (alarm_id, staff_id, state, step, called_at)"
        " SELECT alarm.id, %s, 'called', 1, now() FROM alarm WHERE home_id = %s",
        await operator.me(), service.home("gw-other-0001"),
    )  # fmt: skip
    seen = (await operator.get("/homes", q="")).json()["items"]
    listed = (await operator.get("/test-calls")).json()
    home = service.home("gw-other-0001")
    assert home in {one["id"] for one in seen}, "whoever is called has to find the way"
    assert home not in {one["home"] for one in listed["items"]}
    assert sum(listed["counts"].values()) == len(listed["items"])
