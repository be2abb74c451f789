"""How soon calls were answered: a supervisor's figures, his spreadsheet's, and the targets of his district."""

import csv
import io

from api_service import Person, Service


async def _call(service: Service, gateway: str, by: str, outcome: str) -> None:
    alarm = await service.raised(gateway, by=by)
    person = await service.person(by)
    assert (await person.move(alarm, "acknowledge")).status_code == 200
    assert (await person.move(alarm, "resolve", outcome=outcome)).status_code == 200


async def test_a_supervisor_counts_his_branch_and_no_other(service: Service) -> None:
    await _call(service, "gw-0001", "operator", "help_given")
    await _call(service, "gw-0002", "operator", "test")
    await _call(service, "gw-other-0001", "operator-other", "help_given")
    supervisor = await service.person("supervisor")
    told = (await supervisor.get("/kpis")).json()
    assert told["area"] == (await supervisor.get("/me")).json()["area"]
    assert (told["total"]["calls"], told["tests"]["calls"]) == (1, 1)
    assert told["total"]["within"][0] == {"within_s": 60, "answered": 1, "of": 1, "share": 1.0}
    assert [(one["area"][:6], one["calls"]) for one in told["by_area"]] == [("350102", 1)]
    assert [(one["within_s"], one["reached"], one["met"]) for one in told["targets"]["items"]] == [
        (60, 1.0, True), (180, 1.0, True),
    ]  # fmt: skip
    admin, operator = await service.person("admin"), await service.person("operator")
    assert (await admin.get("/kpis")).json()["total"]["calls"] == 2
    assert (await operator.get("/kpis")).status_code == 403
    assert (await supervisor.get("/kpis", area="350103000000")).status_code == 404
    turned = await supervisor.get("/kpis", **{"from": "2026-02-01T00:00Z", "to": "2026-01-01T00:00Z"})
    assert turned.status_code == 422
    empty = (await supervisor.get("/kpis", **{"from": "2020-01-01T00:00Z", "to": "2020-02-01T00:00Z"})).json()
    assert (empty["total"]["calls"], empty["targets"]["items"][0]["met"], empty["by_hour"]) == (0, None, [])


async def test_the_same_as_a_table_for_a_spreadsheet(service: Service) -> None:
    await _call(service, "gw-0001", "operator", "help_given")
    await service.write("UPDATE station SET name = '=1+1'")
    answer = await (await service.person("manager")).get("/kpis", format="csv")
    assert answer.headers["content-type"].startswith("text/csv")
    assert "attachment" in answer.headers["content-disposition"]
    head, total, *rows = list(csv.reader(io.StringIO(answer.text.removeprefix("\ufeff"))))
    assert all(len(row) == len(head) for row in (total, *rows))
    told = dict(zip(head, total, strict=True))
    assert (told["by"], told["calls"], told["share_60_s"], told["to_answer_s_count"]) == ("total", "1", "1.0", "1")
    assert [row[0] for row in rows] == ["area", "station", "kind", "priority", "hour", "tests"]
    assert [row[2] for row in rows if row[0] == "station"] == ["'=1+1"], "no formula"


async def _targets(person: Person) -> list[tuple[int, float, str]]:
    items = (await person.get("/kpis")).json()["targets"]["items"]
    return [(one["within_s"], one["share"], one["source"]) for one in items]


async def test_a_district_sets_its_own_targets_with_their_source(service: Service) -> None:
    manager, supervisor = await service.person("manager"), await service.person("supervisor")
    own = (await manager.get("/me")).json()["area"]
    usual = await _targets(manager)
    target = {"within_s": 45, "share": 0.95, "source": "Service contract 2026, annex 3"}
    body = {"targets": [target]}
    answer = await manager.put(f"/areas/{own}/kpi-targets", body)
    assert answer.json() == {"set_in": own, **body}
    assert await _targets(manager) == [(45, 0.95, "Service contract 2026, annex 3")]
    within = [one["within_s"] for one in (await manager.get("/kpis")).json()["total"]["within"]]
    assert within == [45, 60, 180], "the usual ones stay, to compare with others"
    assert (await supervisor.put(f"/areas/{own}/kpi-targets", body)).status_code == 403
    assert (await manager.put("/areas/350103000000/kpi-targets", body)).status_code == 404
    for wrong in ([], [{**target, "share": 1.2}], [{"within_s": 60}], [{**target, "within_s": 0}]):
        assert (await manager.put(f"/areas/{own}/kpi-targets", {"targets": wrong})).status_code == 422
    assert (await manager.delete(f"/areas/{own}/kpi-targets")).json()["set_in"] is None
    assert await _targets(manager) == usual
