"""How many alarms there were, and how many were real: a manager's figures."""

import uuid

from api_service import Service


async def _alarm(service: Service, gateway: str, kind: str, outcome: str | None, *, days_ago: float = 1) -> None:
    state = "cancelled" if outcome == "cancelled" else "resolved"
    await service.write(
        "INSERT INTO alarm (id, kind, priority, state, area_code, station_id, home_id, merge_key, raised_at,"
        " happened_at, policy, why, outcome, closed_at) SELECT %s, %s, 1, %s, area_code, station_id, id, 'x', at, at,"
        " '{}', '{\"code\": \"x\", \"text\": {\"en\": \"x\", \"zh\": \"x\"}}', nullif(%s, 'cancelled'), at"
        " FROM home, LATERAL (SELECT carebed_now() - make_interval(secs => %s) AS at) AS moment WHERE home.id = %s",
        uuid.uuid4(), kind, state, outcome, days_ago * 86_400, service.home(gateway),
    )  # fmt: skip


async def test_the_share_that_was_real_by_kind_area_and_home(service: Service) -> None:
    for outcome in ("emergency", "false_alarm", "no_help_needed", "false_alarm", "test", "cancelled"):
        await _alarm(service, "gw-0001", "inactivity", outcome)
    await _alarm(service, "gw-0002", "sos", "handed_to_120")
    await _alarm(service, "gw-0002", "sos", "help_given", days_ago=40)
    await _alarm(service, "gw-other-0001", "sos", "false_alarm")
    manager = await service.person("manager")
    load = (await manager.get("/alarm-load")).json()
    assert load["area"] == (await manager.get("/me")).json()["area"]
    total = load["total"]
    assert [total[name] for name in ("alarms", "real", "false", "test", "cancelled", "open")] == [6, 2, 3, 1, 1, 0]
    assert total["real_share"] == 0.4
    assert total["per_1000_homes_day"] == round(6 / load["homes"] / 28 * 1000, 2)
    still, sos = load["by_kind"]
    assert (still["kind"], still["false"], still["real_share"]) == ("inactivity", 3, 0.25)
    assert (sos["kind"], sos["detector"], sos["real_share"]) == ("sos", "sos", 1.0)
    assert load["by_home"][0]["home"] == service.home("gw-0001")
    assert sum(area["alarms"] for area in load["by_area"]) == 6
    longer = await manager.get("/alarm-load", **{"from": "2026-01-01T00:00Z", "to": "2026-12-30T00:00Z"})
    assert longer.status_code == 200
    empty = (await manager.get("/alarm-load", **{"from": "2020-01-01T00:00Z", "to": "2020-01-02T00:00Z"})).json()
    assert (empty["total"]["alarms"], empty["total"]["real_share"], empty["by_home"]) == (0, None, [])


async def test_only_who_answers_for_it_and_only_of_his_own_branch(service: Service) -> None:
    assert (await (await service.person("operator")).get("/alarm-load")).status_code == 403
    manager = await service.person("manager")
    assert (await manager.get("/alarm-load", area="350103000000")).status_code == 404
    assert (await manager.get("/alarm-load", area="1")).status_code == 422
    turned = await manager.get("/alarm-load", **{"from": "2026-02-01T00:00Z", "to": "2026-01-01T00:00Z"})
    assert turned.status_code == 422
