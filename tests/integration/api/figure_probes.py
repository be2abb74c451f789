"""Probes of histories and figures for `test_scope`."""

import psycopg
from api_service import Person
from scope_ground import AREAS, DESK, SUPERVISION, Ground, Probe


async def _reads_history(ground: Ground, person: Person) -> None:
    for gateway, alarm in (("gw-0001", ground.ours), ("gw-other-0001", ground.theirs)):
        await ground.service.write(
            "INSERT INTO reading_hour (device_id, hour, type, readings, numbers)"
            " SELECT id, '2026-11-20 08:00Z', 'motion', 3, 0 FROM device WHERE gateway_id = %s"
            " ON CONFLICT DO NOTHING", gateway,
        )  # fmt: skip
        home = ground.service.home(gateway)
        answer = await person.get(f"/homes/{home}/readings", **{"from": "2026-11-20T00:00Z", "to": "2026-11-21T00:00Z"})
        if alarm in ground.visible_to(person.login):
            assert answer.status_code == 200
            assert {item["readings"][0] for item in answer.json()["items"]} == {3}
        else:
            assert answer.status_code == 404
        # Nor does the function behind it show more to somebody who gets past the API.
        with psycopg.connect(ground.service.urls.api) as conn:
            hours = conn.execute("SELECT count(*) FROM history_of_home(%s, '-infinity', 'infinity')", [home]).fetchone()
            assert hours == (0,)


def _reads_figures(path: str, counted: str) -> Probe:
    """`counted`: what there are some of in the total of one's own branch."""

    async def probe(ground: Ground, person: Person) -> None:
        for alarm in (ground.ours, ground.theirs):
            ((area,),) = ground.service.sql("SELECT area_code FROM alarm WHERE id = %s", alarm)
            answer = await person.get(path, area=area)
            if person.login not in SUPERVISION:
                assert answer.status_code == 403
            elif alarm in ground.visible_to(person.login):
                assert answer.json()["total"][counted] > 0
            else:
                assert answer.status_code == 404

    return probe


async def _reads_readiness(ground: Ground, person: Person) -> None:
    await ground.service.write(
        "INSERT INTO readiness (station_id, homes, first_homes, judged_at, until, gaps) SELECT id, 2,"
        " (SELECT jsonb_agg(jsonb_build_object('home', id, 'policy', 'own', 'step', 1, 'targets', jsonb_build_array("
        " 'family'), 'from', now(), 'until', now(), 'reason', 'nobody')) FROM (SELECT DISTINCT ON (left(area_code, 6))"
        " id FROM home ORDER BY left(area_code, 6)) AS one_of_each), now(), now() + interval '1 day',"
        " jsonb_build_array(jsonb_build_object('policy', 'default', 'step', 1, 'targets', jsonb_build_array('desk'),"
        " 'from', now(), 'until', now(), 'reason', 'no_method', 'people', jsonb_build_array(jsonb_build_object("
        " 'staff', (SELECT id FROM staff WHERE login = 'operator'), 'reason', 'no_method'))))"
        " FROM station ON CONFLICT DO NOTHING"
    )  # fmt: skip
    answer = await person.get("/readiness")
    if person.login not in DESK | {"supervisor"}:
        assert answer.status_code == 403
        return
    found = {item["area"][:6] for item in answer.json()["items"]}
    visible = ground.visible_to(person.login)
    assert found == ({"350102"} if ground.ours in visible else set()) | (
        {"350103"} if ground.theirs in visible else set()
    )
    assert all(item["gaps"][0]["people"][0]["name"] and not item["ready"] for item in answer.json()["items"])
    assert all(len(item["homes"]["first"]) == len(visible) for item in answer.json()["items"])
    assert (await person.get("/readiness", area="110000000000")).json()["items"] == []


async def _sets_targets(ground: Ground, person: Person) -> None:
    body = {"targets": [{"within_s": 45, "share": 0.95, "source": "x"}]}
    for area, alarm in zip(AREAS, (ground.ours, ground.theirs), strict=True):
        visible = alarm in ground.visible_to(person.login)
        expected = 403 if person.login not in {"manager", "admin"} else 200 if visible else 404
        assert (await person.put(f"/areas/{area}/kpi-targets", body)).status_code == expected
        assert (await person.delete(f"/areas/{area}/kpi-targets")).status_code == expected


FIGURE_PROBES: dict[str, Probe] = {
    "listReadings": _reads_history,
    "readAlarmLoad": _reads_figures("/alarm-load", "alarms"),
    "readKpis": _reads_figures("/kpis", "calls"),
    "readReadiness": _reads_readiness,
    "setKpiTargets": _sets_targets,
    "unsetKpiTargets": _sets_targets,
}
