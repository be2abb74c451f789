"""Probes of the rotas' addresses for `test_scope`: everybody meets the rotas of his own branch and no other."""

from typing import Any

from scope_ground import DESK

from registry import demo_district as district

MANAGERS = {"manager", "admin"}
OFFICE = DESK | {"supervisor"}

#: Station, somebody on its rota, and whether it is ours, for both districts.
OURS = (str(district.STREET_STATION), str(district.fixed_id("staff caregiver2")))
THEIRS = (str(district.OTHER_STATION), str(district.fixed_id("staff caregiver-other")))
LAYER = {"anchor": "2026-11-23", "turn_days": 1, "handover": "08:00"}
SPAN = {"starts_at": "2099-01-01T00:00:00Z", "ends_at": "2099-01-02T00:00:00Z"}


def both(ground: Any, person: Any) -> list[tuple[str, str, bool]]:
    """(station, somebody on its rota, whether `person` sees it)."""
    visible = ground.visible_to(person.login)
    return [(*OURS, ground.ours in visible), (*THEIRS, ground.theirs in visible)]


def pattern_of(ground: Any, station: str) -> str:
    return str(ground.service.sql("SELECT min(id::text) FROM rota_pattern WHERE station_id = %s", station)[0][0])


def expected(person: Any, allowed: set[str], visible: bool, ok: int = 200) -> int:
    return 403 if person.login not in allowed else ok if visible else 404


async def lists_shifts(ground: Any, person: Any) -> None:
    seen = {item["station"] for item in (await person.get("/shifts")).json()["items"]}
    assert seen == {station for station, _, visible in both(ground, person) if visible}


async def reads_station(ground: Any, person: Any) -> None:
    for station, who, visible in both(ground, person):
        status = 200 if visible else 404
        answer = await person.get(f"/stations/{station}/on-call")
        assert answer.status_code == status
        if visible:
            assert who in {one["staff"] for one in answer.json()["shifts"]}
        assert (await person.get("/rota-gaps", station=station)).status_code == status
        assert (await person.get(f"/stations/{station}/rota-patterns")).status_code == status
    gaps = (await person.get("/rota-gaps")).json()["items"]
    assert {one["station"] for one in gaps} <= {station for station, _, visible in both(ground, person) if visible} | {
        str(district.DISTRICT_STATION)
    }


async def reads_pattern(ground: Any, person: Any) -> None:
    for station, _, visible in both(ground, person):
        pattern = pattern_of(ground, station)
        for path in (f"/rota-patterns/{pattern}", f"/rota-patterns/{pattern}/overrides"):
            assert (await person.get(path)).status_code == (200 if visible else 404)


async def creates_pattern(ground: Any, person: Any) -> None:
    for station, who, visible in both(ground, person):
        layers = [{**LAYER, "people": [who]}]
        answer = await person.post(f"/stations/{station}/rota-patterns", {"name": "x", "tier": 9, "layers": layers})
        assert answer.status_code == expected(person, MANAGERS, visible, 201)
        answer = await person.post(f"/stations/{station}/rota-preview", {"layers": layers})
        assert answer.status_code == expected(person, MANAGERS, visible)


async def changes_pattern(ground: Any, person: Any) -> None:
    for station, who, visible in both(ground, person):
        path = f"/rota-patterns/{pattern_of(ground, station)}"
        status = expected(person, MANAGERS, visible)
        assert (await person.put(path, {"layers": [{**LAYER, "people": [who]}]})).status_code == status


async def ends_pattern(ground: Any, person: Any) -> None:
    for station, _, visible in both(ground, person):
        (made,) = await ground.service.write(
            "INSERT INTO rota_pattern (id, station_id, tier, name) VALUES (gen_random_uuid(), %s, 8, 'x') RETURNING id",
            station,
        )
        answer = await person.delete(f"/rota-patterns/{made[0]}")
        assert answer.status_code == expected(person, MANAGERS, visible)


async def overrides(ground: Any, person: Any) -> None:
    for station, who, visible in both(ground, person):
        pattern = pattern_of(ground, station)
        path = f"/rota-patterns/{pattern}/overrides"
        answer = await person.post(path, {"staff": who, **SPAN})
        assert answer.status_code == expected(person, MANAGERS, visible, 201)
        (entered,) = await ground.service.write(
            "INSERT INTO rota_override (id, pattern_id, staff_id, starts_at, ends_at, entered_by)"
            " VALUES (gen_random_uuid(), %s, %s, now(), now() + interval '1 day', %s) RETURNING id", pattern, who, who,
        )  # fmt: skip
        answer = await person.delete(f"{path}/{entered[0]}")
        assert answer.status_code == expected(person, MANAGERS, visible)


async def proposed(ground: Any, station: str, who: str) -> str:
    """A swap that caregiver1 or caregiver-other has proposed."""
    proposer = district.fixed_id("staff caregiver1") if station == OURS[0] else who
    to = who if station == OURS[0] else district.fixed_id("staff operator-other")
    ((swap,),) = await ground.service.write(
        "INSERT INTO rota_swap (id, pattern_id, proposed_by, proposed_to, starts_at, ends_at)"
        " VALUES (gen_random_uuid(), %s, %s, %s, '2099-01-01', '2099-01-02') RETURNING id",
        pattern_of(ground, station), proposer, to,
    )  # fmt: skip
    return str(swap)


async def lists_swaps(ground: Any, person: Any) -> None:
    wanted = set()
    for station, who, visible in both(ground, person):
        swap = await proposed(ground, station, who)
        wanted |= {swap} if visible else set()
    seen = {item["id"] for item in (await person.get("/rota-swaps")).json()["items"]}
    assert wanted <= seen
    assert len(wanted) == len(seen & set(wanted))
    stations = {
        str(station)
        for (station,) in ground.service.sql(
            "SELECT DISTINCT station_id FROM rota_swap JOIN rota_pattern p ON p.id = pattern_id"
            " WHERE rota_swap.id = ANY(%s::uuid[])", list(seen),
        )
    }  # fmt: skip
    assert stations == {station for station, _, visible in both(ground, person) if visible}


async def proposes(ground: Any, person: Any) -> None:
    for station, who, _ in both(ground, person):
        ((shift, owner),) = ground.service.sql(
            "SELECT id, staff_id FROM rota WHERE station_id = %s AND starts_at > now() ORDER BY starts_at, id LIMIT 1",
            station,
        )
        before = ground.service.sql("SELECT count(*) FROM rota_swap")
        answer = await person.post("/rota-swaps", {"shift": str(shift), "to": who})
        if person.login == "supervisor":
            assert answer.status_code == 403
        else:
            assert answer.status_code == (409 if await person.me() == str(owner) else 404)
        assert ground.service.sql("SELECT count(*) FROM rota_swap") == before


def answers_swap(move: str) -> Any:
    async def probe(ground: Any, person: Any) -> None:
        for station, who, visible in both(ground, person):
            swap = await proposed(ground, station, who)
            answer = await person.post(f"/rota-swaps/{swap}/{move}")
            mine = {"withdraw": {"caregiver1", "caregiver-other"} | MANAGERS, "decline": {"operator-other"}}
            if person.login == "supervisor":
                assert answer.status_code == 403
            elif not visible:
                assert answer.status_code == 404
            else:
                assert answer.status_code == (200 if person.login in mine.get(move, set()) else 409)

    return probe


async def absences(ground: Any, person: Any) -> None:
    span = {"begins_at": "2099-01-01T00:00:00Z", "ends_at": "2099-01-02T00:00:00Z"}
    for _, who, visible in both(ground, person):
        path, himself = f"/staff/{who}/absences", await person.me() == who
        assert (await person.get(path)).status_code == (200 if himself else expected(person, OFFICE, visible))
        for kind, entered_by_himself, withdrawn_by_himself in (("sick", 201, 200), ("holiday", 403, 403)):
            answer = await person.post(path, {"kind": kind, **span})
            assert answer.status_code == (entered_by_himself if himself else expected(person, DESK, visible, 201))
            (entered,) = await ground.service.write(
                "INSERT INTO staff_absence (id, staff_id, kind, begins_at, ends_at, entered_by) VALUES"
                " (gen_random_uuid(), %s, %s, '2099-01-01', '2099-01-02', %s) RETURNING id", who, kind, who,
            )  # fmt: skip
            answer = await person.delete(f"{path}/{entered[0]}")
            assert answer.status_code == (withdrawn_by_himself if himself else expected(person, DESK, visible))


ROTA_PROBES = {
    "listShifts": lists_shifts,
    "readOnCall": reads_station,
    "listRotaGaps": reads_station,
    "listRotaPatterns": reads_station,
    "readRotaPattern": reads_pattern,
    "listOverrides": reads_pattern,
    "createRotaPattern": creates_pattern,
    "previewRota": creates_pattern,
    "setRotaPattern": changes_pattern,
    "endRotaPattern": ends_pattern,
    "enterOverride": overrides,
    "withdrawOverride": overrides,
    "listSwaps": lists_swaps,
    "proposeSwap": proposes,
    "acceptSwap": answers_swap("accept"),
    "declineSwap": answers_swap("decline"),
    "withdrawSwap": answers_swap("withdraw"),
    "listStaffAbsences": absences,
    "enterStaffAbsence": absences,
    "withdrawStaffAbsence": absences,
}
