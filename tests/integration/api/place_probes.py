"""Probes of what is set for areas, stations and homes, for `test_scope`."""

from uuid import uuid4

from api_service import Person
from scope_ground import AREAS, DESK, Ground, Probe, places

_KINDS = (("Home", "homes"), ("Station", "stations"), ("Area", "areas"))
_VALUES = {"values": {"enabled": False}}
_LADDER = {"name": "ours", "steps": [{"delay_s": 0, "call": ["desk"]}]}


async def _finds_homes(ground: Ground, person: Person) -> None:
    items = (await person.get("/homes", limit=100)).json()["items"]
    found = {item["area"][:6] for item in items}
    visible = ground.visible_to(person.login)
    assert found == ({"350102"} if ground.ours in visible else set()) | (
        {"350103"} if ground.theirs in visible else set()
    )


def _judged(kind: str, method: str) -> Probe:
    """What detectors are set to: seen in the office, set by managers, each in his branch."""

    async def probe(ground: Ground, person: Person) -> None:
        allowed = {"manager", "admin"} | (DESK | {"supervisor"} if method == "get" else set())
        for place, alarm in zip(places(ground, kind), (ground.ours, ground.theirs), strict=True):
            path = f"/{kind}/{place}/parameters"
            if method == "get":
                answer = await person.get(path)
            elif method == "put":
                answer = await person.put(f"{path}/inactivity", _VALUES)
            else:
                answer = await person.delete(f"{path}/inactivity")
            visible = alarm in ground.visible_to(person.login)
            assert answer.status_code == (403 if person.login not in allowed else 200 if visible else 404)

    return probe


async def _absent(ground: Ground, person: Person) -> None:
    """Entered, seen and withdrawn, each in his branch."""
    span = {"begins_at": "2026-11-22T08:00:00Z", "ends_at": "2026-11-23T08:00:00Z"}
    for home, alarm in zip(places(ground, "homes"), (ground.ours, ground.theirs), strict=True):
        path, visible = f"/homes/{home}/absences", alarm in ground.visible_to(person.login)
        (entered,) = await ground.service.write(
            "INSERT INTO absence (id, home_id, begins_at, ends_at, entered_by)"
            " SELECT gen_random_uuid(), %s, now(), now() + interval '1 day', id FROM staff LIMIT 1 RETURNING id", home,
        )  # fmt: skip
        mine = DESK if visible else set()
        expected = 404 if person.login in DESK else 403
        answer = await person.post(path, span)
        assert answer.status_code == (201 if person.login in mine else expected)
        answer = await person.delete(f"{path}/{entered[0]}")
        assert answer.status_code == (200 if person.login in mine else expected)
        answer = await person.get(path)
        seen = 200 if visible else 404
        assert answer.status_code == (seen if person.login in DESK | {"supervisor"} else 403)


async def _sets_policies(ground: Ground, person: Person) -> None:
    """Set, listed and removed by managers, each in his branch; seen in the office."""
    office, managers = DESK | {"supervisor"}, {"manager", "admin"}
    for area, alarm in zip(AREAS, (ground.ours, ground.theirs), strict=True):
        visible, policy = alarm in ground.visible_to(person.login), uuid4()
        expected = 403 if person.login not in managers else 200 if visible else 404
        assert (await person.put(f"/policies/{policy}", {**_LADDER, "area": area})).status_code == expected
        await ground.service.write(
            "INSERT INTO policy (id, area_code, ladder) VALUES (%s, %s, %s) ON CONFLICT DO NOTHING",
            policy, area, '{"name": "n", "steps": [{"delay_s": 0, "call": ["desk"]}]}',
        )  # fmt: skip
        answer = await person.get("/policies")
        assert answer.status_code == (200 if person.login in office else 403)
        if person.login in office:
            assert (str(policy) in {one["id"] for one in answer.json()["items"]}) == visible
        assert (await person.put(f"/policies/{policy}", {**_LADDER, "area": area})).status_code == expected
        assert (await person.delete(f"/policies/{policy}")).status_code == expected
        await ground.service.write("DELETE FROM policy")


async def _previews(ground: Ground, person: Person) -> None:
    for home, alarm in zip(places(ground, "homes"), (ground.ours, ground.theirs), strict=True):
        visible = alarm in ground.visible_to(person.login)
        expected = 403 if person.login not in DESK | {"supervisor"} else 200 if visible else 404
        assert (await person.get(f"/homes/{home}/escalation")).status_code == expected


PLACE_PROBES: dict[str, Probe] = {
    "findHomes": _finds_homes,
    "listPolicies": _sets_policies,
    "setPolicy": _sets_policies,
    "removePolicy": _sets_policies,
    "readEscalation": _previews,
    "listAbsences": _absent,
    "enterAbsence": _absent,
    "withdrawAbsence": _absent,
    **{f"list{kind}Parameters": _judged(path, "get") for kind, path in _KINDS},
    **{f"set{kind}Parameters": _judged(path, "put") for kind, path in _KINDS},
    **{f"unset{kind}Parameters": _judged(path, "delete") for kind, path in _KINDS},
}
