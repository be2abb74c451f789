"""Probes of drills for `test_scope`: a manager orders, reads and stops those of his own branch and no other."""

from typing import Any
from uuid import uuid4

from rota_probes import MANAGERS, OFFICE, expected
from scope_ground import AREAS, DESK, SUPERVISION


async def _put(ground: Any, area: str) -> str:
    """A drill of that area, planned by somebody for tomorrow."""
    drill = str(uuid4())
    await ground.service.write(
        "INSERT INTO drill (id, area_code, kind, most, lasts_s, state, starts_at, ordered_by, ordered_at)"
        " SELECT %s, %s, 'sos', 1, 600, 'planned', now() + interval '1 day', id, now() FROM staff"
        " WHERE login = 'admin'", drill, area,
    )  # fmt: skip
    return drill


async def drills(ground: Any, person: Any) -> None:
    for area, alarm in zip(AREAS, (ground.ours, ground.theirs), strict=True):
        visible = alarm in ground.visible_to(person.login)
        drill = await _put(ground, area)
        listed = await person.get("/drills")
        assert listed.status_code == (200 if person.login in SUPERVISION else 403)
        if listed.status_code == 200:
            assert (drill in {one["id"] for one in listed.json()["items"]}) is visible
        assert (await person.get(f"/drills/{drill}")).status_code == expected(person, SUPERVISION, visible)
        later = {"area": area, "starts_at": "2026-01-01T00:00:00Z", "most": 1, "lasts_s": 120}
        ordered = await person.post("/drills", later)
        # In the ground's areas somebody has called and been answered, or not: both are the drill's own affair.
        assert ordered.status_code in {expected(person, MANAGERS, visible, 201), 409 if visible else 404, 403}
        assert (ordered.status_code == 403) is (person.login not in MANAGERS)
        assert (await person.post(f"/drills/{drill}/stop")).status_code == expected(person, MANAGERS, visible)


async def test_calls(ground: Any, person: Any) -> None:
    listed = await person.get("/test-calls")
    assert listed.status_code == (200 if person.login in OFFICE else 403)
    homes = {one["home"] for one in listed.json()["items"]} if listed.status_code == 200 else set()
    for gateway, alarm in (("gw-0001", ground.ours), ("gw-other-0001", ground.theirs)):
        home, visible = ground.service.home(gateway), alarm in ground.visible_to(person.login)
        assert (home in homes) is (visible and person.login in OFFICE)
        answer = await person.post(f"/homes/{home}/test-call", {"minutes": 5})
        assert answer.status_code == expected(person, DESK, visible)


DRILL_PROBES = {
    **dict.fromkeys(("orderDrill", "listDrills", "readDrill", "stopDrill"), drills),
    **dict.fromkeys(("listTestCalls", "expectTestCall"), test_calls),
}
