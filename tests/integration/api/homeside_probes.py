"""Probes for `test_scope` of what belongs to a home's side of an alarm: its door, its family, its incident."""

from typing import Any
from uuid import uuid4

from rota_probes import MANAGERS, OFFICE, expected
from scope_ground import DESK, SUPERVISION


def _both(ground: Any, person: Any) -> list[tuple[str, str, bool]]:
    """(alarm, its home, whether `person` sees them)."""
    visible = ground.visible_to(person.login)
    homes = ground.service.home("gw-0001"), ground.service.home("gw-other-0001")
    return [(alarm, home, alarm in visible) for alarm, home in zip((ground.ours, ground.theirs), homes, strict=True)]


async def meets_the_door(ground: Any, person: Any) -> None:
    """Notes are read by who has accepted (the ground's admin), written and watched over in the branch."""
    for alarm, home, visible in _both(ground, person):
        answer = await person.get(f"/alarms/{alarm}/access")
        assert answer.status_code == (200 if person.login == "admin" else 403 if visible else 404), answer.text
        body = {"key_box": "0000"}
        assert (await person.put(f"/homes/{home}/access-note", body)).status_code == expected(person, MANAGERS, visible)
        assert (await person.get(f"/homes/{home}/access-note")).status_code == expected(person, MANAGERS, visible)
        assert (await person.get(f"/homes/{home}/access-log")).status_code == expected(person, SUPERVISION, visible)


async def meets_the_family(ground: Any, person: Any) -> None:
    for number, (_, home, visible) in enumerate(_both(ground, person)):
        relative = f"00000000-0000-4000-9000-00000000000{number}"
        await ground.service.write(
            "INSERT INTO staff (id, name, role, area_code) SELECT %s, 'R', 'family', area_code FROM home WHERE id = %s"
            " ON CONFLICT DO NOTHING", relative, home,
        )  # fmt: skip
        await ground.service.write(
            "INSERT INTO care_circle (id, home_id, staff_id, relation) VALUES (%s, %s, %s, 'family')"
            " ON CONFLICT DO NOTHING", uuid4(), home, relative,
        )  # fmt: skip
        answer = await person.get(f"/homes/{home}/family")
        assert answer.status_code == expected(person, OFFICE, visible)
        if answer.status_code == 200:
            assert relative in {one["staff"] for one in answer.json()["items"]}
        answer = await person.put(f"/homes/{home}/family/{relative}", {"when": "never"})
        assert answer.status_code in {expected(person, MANAGERS, visible), 422}, answer.text
    assert (await person.get("/me/family")).json()["items"] == []


async def meets_the_circle(ground: Any, person: Any) -> None:
    """A manager pairs people of his own areas with homes of his own areas."""
    near, far = (ground.service.sql("SELECT id FROM staff WHERE login = %s", login)[0][0]
                 for login in ("caregiver1", "caregiver-other"))  # fmt: skip
    for (_, home, visible), who in zip(_both(ground, person), (near, far), strict=True):
        path, allowed = f"/homes/{home}/circle", expected(person, MANAGERS, visible)
        await ground.service.write("DELETE FROM care_circle WHERE staff_id = %s AND relation = 'volunteer'", who)
        assert (await person.put(f"{path}/volunteer/{who}", {"rank": 7})).status_code == allowed
        answer = await person.get(path)
        assert answer.status_code == allowed
        if allowed == 200:
            assert (str(who), "volunteer", 7) in {(one["staff"], one["relation"], one["rank"])
                                                  for one in answer.json()["items"]}  # fmt: skip
        stored = ground.service.sql("SELECT count(*) FROM care_circle WHERE rank = 7")[0][0]
        assert stored == (allowed == 200)
        assert (await person.delete(f"{path}/volunteer/{who}")).status_code == allowed
        if allowed == 200:
            assert (await person.delete(f"{path}/volunteer/{who}")).status_code == 404
            stranger = await person.put(f"{path}/volunteer/{uuid4()}", {})
            assert stranger.status_code == 404
            if person.login == "manager":
                assert (await person.put(f"{path}/volunteer/{far}", {})).status_code == 404


async def meets_the_incident(ground: Any, person: Any) -> None:
    kinds = {alarm: ground.service.sql("SELECT kind FROM alarm WHERE id = %s", alarm)[0][0]
             for alarm in (ground.ours, ground.theirs)}  # fmt: skip
    try:
        await ground.service.write("UPDATE alarm SET kind = 'outage' WHERE id = ANY(%s::uuid[])", list(kinds))
        for alarm, _, visible in _both(ground, person):
            assert (await person.get(f"/incidents/{alarm}/homes")).status_code == (200 if visible else 404)
            answer = await person.post(f"/incidents/{alarm}/members/{uuid4()}/tick", {"finding": "well"})
            assert answer.status_code == (404 if person.login in DESK else 403)
            if person.login in DESK:
                assert ("in your areas" in answer.json()["detail"]) is not visible
    finally:
        for alarm, kind in kinds.items():
            await ground.service.write("UPDATE alarm SET kind = %s WHERE id = %s", kind, alarm)


HOMESIDE_PROBES = {
    **dict.fromkeys(("readAccessNotes", "seeAccessNote", "writeAccessNote", "listAccessLog"), meets_the_door),
    **dict.fromkeys(("listFamily", "chooseForRelative", "listMyFamily"), meets_the_family),
    **dict.fromkeys(("listCareCircle", "setCareCircle", "removeFromCareCircle"), meets_the_circle),
    **dict.fromkeys(("listIncidentHomes", "tickIncidentHome"), meets_the_incident),
}
