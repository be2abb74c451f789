"""Managers set ladders, see who would be called, and are told what is wrong with one."""

from uuid import uuid4

import pytest
from api_service import Service

STEPS = [
    {"delay_s": 0, "call": ["assigned", "rota:1"]},
    {"delay_s": 30, "call": ["neighbours", "volunteers"]},
    {"delay_s": 30, "call": ["family", "manager", "district"]},
]


async def test_a_ladder_is_set_previewed_used_and_removed(service: Service) -> None:
    manager = await service.person("manager")
    home, policy = service.home(), str(uuid4())
    built_in = (await manager.get(f"/homes/{home}/escalation", kind="sos")).json()
    assert built_in["policy"] == {
        "id": None, "name": "default", "place": {"scope": "everywhere", "id": None}, "from_time": None, "to_time": None,
        "days": None,
    }  # fmt: skip
    body = {"name": "her people", "home": home, "kind": "sos", "steps": STEPS, "last_resort_s": 45, "loop_s": 90}
    answer = await manager.put(f"/policies/{policy}", body)
    assert answer.status_code == 200, answer.text
    assert answer.json()["place"] == {"scope": "home", "id": home}
    assert answer.json()["set_by_name"] == "许文静"

    seen = (await manager.get(f"/homes/{home}/escalation", kind="sos", at="2026-11-25T15:00:00Z")).json()
    assert seen["policy"]["id"] == policy
    people = [
        {target["target"]: [one["name"] for one in target["people"]] for target in step["targets"]}
        for step in seen["steps"]
    ]
    assert people == [
        {"assigned": ["林小禾"], "rota:1": ["林小禾", "陈知夏"]},
        {"neighbours": ["周玉兰", "邱水生"], "volunteers": ["叶青青"]},
        {"family": ["陈思远", "Chen Lihua"], "manager": ["许文静"], "district": ["黄一鸣"]},
    ]
    assert [step["after_s"] for step in seen["steps"]] == [0, 30, 60]
    assert seen["last_resort_at"] == "2026-11-25T15:01:45.000Z"
    assert seen["again_at"] == "2026-11-25T15:02:30.000Z"
    assert (await manager.get(f"/homes/{home}/escalation", kind="fall")).json()["policy"]["id"] is None

    alarm = await service.raised()
    ((kept,),) = service.sql("SELECT policy ->> 'name' FROM alarm WHERE id = %s", alarm)
    assert kept == "her people"
    assert [one["id"] for one in (await manager.get("/policies")).json()["items"]] == [policy]
    again = await manager.put(f"/policies/{uuid4()}", body)
    assert again.status_code == 409
    assert (await manager.delete(f"/policies/{policy}")).status_code == 200
    assert (await manager.delete(f"/policies/{policy}")).status_code == 404


async def test_a_ladder_of_the_weekends_nights_holds_from_friday_night_to_sunday_morning(service: Service) -> None:
    manager = await service.person("manager")
    home, policy = service.home(), str(uuid4())
    body = {"name": "weekend", "home": home, "from_time": "22:00", "to_time": "06:00", "days": [6, 5, 6],
            "steps": [{"delay_s": 0, "call": ["manager"]}]}  # fmt: skip
    assert (await manager.put(f"/policies/{policy}", body)).json()["days"] == [5, 6]

    async def holds(at: str) -> bool:
        seen = (await manager.get(f"/homes/{home}/escalation", kind="sos", at=at)).json()["policy"]
        assert seen["id"] is None or (seen["days"], seen["from_time"], seen["to_time"]) == ([5, 6], "22:00", "06:00")
        return seen["id"] == policy

    # Friday is 27 November; Shanghai is 8 hours ahead.
    assert [await holds(f"2026-11-{at}Z") for at in ("26T15:00:00", "27T13:59:59", "27T14:00:00", "28T21:59:59",
                                                     "28T22:00:00", "29T15:00:00")] == [
        False, False, True, True, False, False
    ]  # fmt: skip
    assert (await manager.put(f"/policies/{uuid4()}", {**body, "days": [5, 6]})).status_code == 409
    everyday = await manager.put(f"/policies/{uuid4()}", {**body, "days": [1, 2, 3, 4, 5, 6, 7]})
    assert (everyday.status_code, everyday.json()["days"]) == (200, None)


@pytest.mark.parametrize(
    ("change", "pointer", "says"),
    [
        ({"area": "350102001000"}, "", "exactly one"),
        ({"kind": "ghost"}, "/kind", "no such kind"),
        ({"from_time": "22:00"}, "/to_time", "together"),
        ({"from_time": "22:00", "to_time": "22:00"}, "/to_time", "whole day"),
        ({"days": []}, "/days", "at least 1"),
        ({"days": [1, 8]}, "/days/1", "less than or equal to 7"),
        ({"from_time": "24:00", "to_time": "06:00"}, "/from_time", "pattern"),
        ({"steps": [{"delay_s": 0, "call": ["rota:1", "janitor"]}]}, "/steps/0/call/1", "nobody who can be called"),
        ({"steps": [{"delay_s": 0, "call": [f"person:{uuid4()}"]}]}, "/steps/0/call/0", "no such person"),
        ({"steps": []}, "/steps", "at least 1"),
        ({"steps": [{"delay_s": 61, "call": ["desk"]}]}, "/steps/0/delay_s", "within 60 s"),
        ({"last_resort_s": None}, "/last_resort_s", "silence"),
        ({"steps": [{"delay_s": 0, "call": ["desk"]}, {"delay_s": 86_400, "call": ["desk"]}]}, "", "within 3600 s"),
        ({"last_resort_s": 3_601}, "", "within 3600 s"),
        ({"repeat": 20, "loop_s": 180}, "", "within 3600 s"),
        ({"loop_s": 1_801}, "/loop_s", "within 1800 s"),
        ({"acknowledged_s": 1_801}, "/acknowledged_s", "within 1800 s"),
        ({"accepted_s": 86_400}, "/accepted_s", "within 1800 s"),
        ({"en_route_s": 86_400}, "/en_route_s", "within 14400 s"),
        ({"on_scene_s": 14_401}, "/on_scene_s", "within 14400 s"),
        ({"loop_s": 0}, "/loop_s", "greater than or equal to 1"),
        ({"pause": 1}, "/pause", "not permitted"),
    ],
)
async def test_what_is_wrong_with_a_ladder_is_said(
    service: Service, change: dict[str, object], pointer: str, says: str
) -> None:
    manager = await service.person("manager")
    body = {"name": "n", "home": service.home(), "steps": [{"delay_s": 0, "call": ["desk"]}], **change}
    answer = await manager.put(f"/policies/{uuid4()}", body)
    assert answer.status_code == 422
    (error,) = answer.json()["errors"]
    assert error["pointer"] == pointer
    assert says in error["detail"]


async def test_who_hands_over_to_120_names_the_reference(service: Service) -> None:
    operator, alarm = await service.person("operator"), await service.raised()
    refused = await operator.move(alarm, "resolve", outcome="handed_to_120")
    assert refused.status_code == 422
    assert refused.json()["errors"][0]["pointer"] == "/reference"
    answer = await operator.move(alarm, "resolve", outcome="handed_to_120", reference="120-20261122-0417")
    assert answer.json()["reference"] == "120-20261122-0417"
    events = (await operator.get(f"/alarms/{alarm}/events")).json()["items"]
    (resolved,) = (event for event in events if event["type"] == "resolved")
    assert resolved["data"]["reference"] == "120-20261122-0417"
