"""An incident at the desk: each home is listed with its people and ticked off, and nobody is left by oversight."""

from dataclasses import dataclass

import pytest
from api_service import Person, Service


@dataclass
class Cut:
    """A power cut in two homes, the first of which has lost its mains and then its gateway."""

    service: Service
    operator: Person
    incident: str
    members: list[str]

    @property
    def path(self) -> str:
        return f"/incidents/{self.incident}"


@pytest.fixture
async def cut(service: Service) -> Cut:
    incident = await service.raised("gw-0003", kind="leak")
    members = [await service.raised(gateway, kind=kind) for gateway, kind in
               (("gw-0001", "assist"), ("gw-0001", "leak"), ("gw-0002", "assist"))]  # fmt: skip
    await service.write(
        "UPDATE alarm SET kind = 'outage', home_id = NULL, resident_id = NULL, merge_key = 'outage:x' WHERE id = %s",
        incident,
    )
    await service.write(
        "UPDATE alarm SET kind = 'mains', priority = 2, incident_id = %s, merge_key = id::text"
        " WHERE id = ANY(%s::uuid[])",
        incident, members,
    )  # fmt: skip
    return Cut(service, await service.person("operator"), incident, members)


async def test_each_home_is_listed_with_its_people_and_ticked_off(cut: Cut) -> None:
    listed = (await cut.operator.get(f"{cut.path}/homes")).json()
    assert (len(listed["items"]), listed["unticked"]) == (2, 2)
    assert [len(home["alarms"]) for home in listed["items"]] == [2, 1]
    assert all(home["residents"] and home["tick"] is None and home["out"] for home in listed["items"])

    body = {"finding": "well", "note": "Rang; she has candles."}
    first = await cut.operator.post(f"{cut.path}/members/{cut.members[1]}/tick", body, key="once")
    again = await cut.operator.post(f"{cut.path}/members/{cut.members[1]}/tick", body, key="once")
    assert first.json() == again.json()
    assert (first.status_code, first.json()["alarm"], first.json()["unticked"]) == (200, None, 1)
    # Who has not been asked after comes first now.
    page = (await cut.operator.get(f"{cut.path}/homes", limit=1)).json()
    rest = (await cut.operator.get(f"{cut.path}/homes", limit=1, cursor=page["next"])).json()
    assert [home["tick"] and home["tick"]["finding"] for home in (*page["items"], *rest["items"])] == [None, "well"]
    assert rest["items"][0]["tick"]["name"] == "郑晓岚"
    assert rest["next"] is None
    for member in cut.members[:2]:
        types = [event["type"] for event in (await cut.operator.get(f"/alarms/{member}/events")).json()["items"]]
        assert types[-1] == "ticked"


@pytest.mark.parametrize("finding", ["not_reached", "needs_help"])
async def test_who_cannot_be_reached_is_gone_to(cut: Cut, finding: str) -> None:
    path = f"{cut.path}/members/{cut.members[2]}/tick"
    raised = (await cut.operator.post(path, {"finding": finding})).json()["alarm"]
    alarm = await cut.operator.alarm(raised)
    assert (alarm["kind"], alarm["priority"], alarm["incident"]) == ("assist", "urgent", None)
    assert alarm["home"] == cut.service.home("gw-0002")
    assert alarm["deadline_at"] is not None
    # The last word counts.
    assert (await cut.operator.post(path, {"finding": "well"})).json()["alarm"] is None


async def test_an_incident_is_not_closed_over_homes_that_nobody_has_asked_after(cut: Cut) -> None:
    refused = await cut.operator.move(cut.incident, "resolve", outcome="help_given")
    assert refused.status_code == 409
    assert refused.json()["detail"].startswith("2 homes of this incident nobody has asked after")
    # One is ticked off, the other one has come back by itself.
    await cut.operator.post(f"{cut.path}/members/{cut.members[0]}/tick", {"finding": "well"})
    assert (await cut.operator.move(cut.incident, "resolve", outcome="help_given")).status_code == 409
    await cut.operator.move(cut.members[2], "resolve", outcome="no_help_needed")
    assert (await cut.operator.move(cut.incident, "resolve", outcome="help_given")).status_code == 200
    late = await cut.operator.post(f"{cut.path}/members/{cut.members[0]}/tick", {"finding": "well"})
    assert late.status_code == 409
    late = await cut.operator.post(f"{cut.path}/members/{cut.members[0]}/tick", {"finding": "needs_help"})
    assert late.status_code == 409
    assert "by hand" in late.json()["detail"], "who has just heard that somebody needs help must know what to do"


async def test_whoever_leaves_homes_says_so_and_it_is_on_record(cut: Cut) -> None:
    closed = await cut.operator.move(cut.incident, "resolve", outcome="help_given", leave_unticked=True)
    assert closed.status_code == 200
    events = (await cut.operator.get(f"/alarms/{cut.incident}/events")).json()["items"]
    assert [(event["type"], event["data"].get("homes")) for event in events[-2:]] == [
        ("left_unticked", 2), ("resolved", None)
    ]  # fmt: skip


async def test_only_the_desk_of_the_branch_ticks_and_only_members(cut: Cut) -> None:
    path = f"{cut.path}/members/{cut.members[0]}/tick"
    caregiver, other = await cut.service.person("caregiver1"), await cut.service.person("operator-other")
    assert (await caregiver.post(path, {"finding": "well"})).status_code == 403
    assert (await other.post(path, {"finding": "well"})).status_code == 404
    assert (await other.get(f"{cut.path}/homes")).status_code == 404
    stranger = await cut.service.raised("gw-0003")
    for wrong in (f"{cut.path}/members/{stranger}/tick", f"/incidents/{stranger}/members/{cut.members[0]}/tick"):
        assert (await cut.operator.post(wrong, {"finding": "well"})).status_code == 404
    assert (await cut.operator.post(path, {"finding": "fine"})).status_code == 422
    assert (await cut.operator.get(f"{cut.path}/homes", cursor="1.-")).status_code == 422
