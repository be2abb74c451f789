"""The first walk through the house: a press reaches a person, and the answer is on record. Real broker, real database.

Every story has a home of its own, so that they share one house without meeting.
"""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

import pytest

from tests.device_line import DeviceLine
from tests.house import House, wait_for
from tests.person import Person


@pytest.fixture(scope="module")
def operator(system: House) -> Iterator[Person]:
    """The operator at the district's desk."""
    with Person(system.http, system.user("operator")) as person:
        yield person


@pytest.fixture(scope="module")
def caregiver(system: House) -> Iterator[Person]:
    """A caregiver on the first tier of the rota."""
    with Person(system.http, system.user("caregiver")) as person:
        yield person


@pytest.fixture
def home(system: House, request: pytest.FixtureRequest) -> Iterator[DeviceLine]:
    """The devices of the home whose number the test's `home` mark names."""
    ready = system.ready
    with DeviceLine(ready, ready["gateways"][request.param]) as line:
        yield line


@pytest.mark.parametrize("home", [0], indirect=True)
def test_a_press_brings_a_caregiver_to_the_door(home: DeviceLine, operator: Person, caregiver: Person) -> None:
    """Pressed, receipted, paged, acknowledged, accepted, on the way, there, resolved; and the visit is on record."""
    alarm_id = home.press()
    wait_for(lambda: operator.alarm(alarm_id)["step"] == 1, 5)
    alarm = operator.alarm(alarm_id)
    assert (alarm["kind"], alarm["priority"], alarm["state"]) == ("sos", "life_critical", "raised")
    assert alarm["home"] == home.gateway["home"]
    assert caregiver.id in [one["staff"] for one in alarm["responses"] if one["state"] == "called"]

    assert operator.move(alarm_id, "acknowledge")["state"] == "acknowledged"
    assert caregiver.move(alarm_id, "accept")["state"] == "acknowledged"
    assert caregiver.move(alarm_id, "en-route")["state"] == "en_route"
    assert caregiver.move(alarm_id, "arrive")["state"] == "on_scene"
    closed = caregiver.move(alarm_id, "resolve", outcome="help_given", note="Helped up, tea made.")
    assert (closed["state"], closed["outcome"], closed["deadline_at"]) == ("resolved", "help_given", None)

    (visit,) = operator.get("/visits", alarm=alarm_id)["items"]
    assert (visit["staff"], visit["home"], visit["outcome"]) == (caregiver.id, home.gateway["home"], "help_given")
    assert visit["ended_at"] >= visit["started_at"]
    assert operator.events(alarm_id) == [
        "raised",
        "paged",
        "family_told",
        "acknowledged",
        "accepted",
        "family_told",
        "en_route",
        "arrived",
        "resolved",
        "family_told",
    ]


@pytest.mark.parametrize("home", [1], indirect=True)
def test_a_caregiver_accepts_and_never_moves_so_the_alarm_comes_back(
    system: House, home: DeviceLine, operator: Person, caregiver: Person
) -> None:
    """An accepted call with nobody on the move is no answer."""
    alarm_id = home.press()
    wait_for(lambda: operator.alarm(alarm_id)["step"] == 1, 5)
    caregiver.move(alarm_id, "accept")
    system.advance_clock(181)
    wait_for(lambda: operator.alarm(alarm_id)["step"] == 2, 5)
    alarm = operator.alarm(alarm_id)
    assert (alarm["state"], alarm["step"], alarm["owner"]["type"]) == ("raised", 2, "station")
    assert "acceptance_expired" in operator.events(alarm_id)
    operator.move(alarm_id, "resolve", outcome="test")


@pytest.mark.parametrize("home", [2], indirect=True)
def test_nobody_answers_and_the_ladder_goes_round_in_red(system: House, home: DeviceLine, operator: Person) -> None:
    """After the last step it starts again, and the alarm is a permanent red item."""
    alarm_id = home.press()
    for step in (1, 2, 3):
        wait_for(lambda reached=step: operator.alarm(alarm_id)["step"] == reached, 5)
        assert operator.alarm(alarm_id)["step"] == step
        system.advance_clock(61)
    assert operator.alarm(alarm_id)["exhausted"] is True
    system.advance_clock(120)
    wait_for(lambda: operator.alarm(alarm_id)["step"] == 4, 5)
    assert operator.alarm(alarm_id)["step"] == 4
    operator.move(alarm_id, "resolve", outcome="test")


@pytest.mark.parametrize("home", [3], indirect=True)
def test_a_second_press_joins_and_postpones_nothing(home: DeviceLine, operator: Person) -> None:
    """Pressing again says it is urgent, never that there is more time."""
    first = home.press()
    wait_for(lambda: operator.alarm(first)["step"] == 1, 5)
    due = operator.alarm(first)["deadline_at"]
    assert home.press() == first
    alarm = operator.alarm(first)
    assert (alarm["repeats"], alarm["deadline_at"]) == (1, due)
    operator.move(first, "resolve", outcome="false_alarm")
    assert home.press() != first


@pytest.mark.parametrize("home", [4], indirect=True)
def test_a_fall_waits_for_its_wearer_and_then_calls(system: House, home: DeviceLine, operator: Person) -> None:
    """Suspected while it is watched and can be cancelled; cancelled it is kept on record; not cancelled it pages."""
    band = home.device("wristband")
    cancelled = home.press("fall", "wristband")
    assert operator.alarm(cancelled)["state"] == "suspected"
    assert operator.alarm(cancelled)["responses"] == []
    assert home.receipt(home.send("alarm", band, "fall_cancel"))["alarm"] == cancelled
    assert operator.alarm(cancelled)["state"] == "cancelled"

    serious = home.press("fall", "wristband")
    assert serious != cancelled
    system.advance_clock(81)
    wait_for(lambda: operator.alarm(serious)["step"] == 1, 5)
    assert operator.alarm(serious)["state"] == "raised"
    operator.move(serious, "acknowledge")
    assert home.receipt(home.send("alarm", band, "fall_cancel"))["status"] == "accepted"
    assert operator.alarm(serious)["state"] == "acknowledged"
    assert operator.events(serious)[-1] == "cancel_remark"
    operator.move(serious, "resolve", outcome="no_help_needed")


@pytest.mark.parametrize("home", [7], indirect=True)
def test_who_falls_and_walks_on_is_left_alone(system: House, home: DeviceLine, operator: Person) -> None:
    """Movement that the reading lane has stored ends the suspicion in the alerts process; nobody is paged."""
    fall = home.press("fall", "wristband")
    later = (datetime.now(UTC) + timedelta(seconds=20)).isoformat()
    home.send("reading", home.device("motion"), "motion", at=later, message_id="walks-on")
    wait_for(lambda: system.query("SELECT count(*) FROM reading WHERE message_id = 'walks-on'") == [(1,)], 5)
    system.advance_clock(61)
    wait_for(lambda: operator.alarm(fall)["state"] == "cancelled", 5)
    assert operator.events(fall) == ["suspected", "movement_after_fall"]
    assert operator.alarm(fall)["responses"] == []


@pytest.mark.parametrize("home", [5], indirect=True)
def test_a_resend_counts_once_and_a_closed_alarm_answers_with_its_state(
    home: DeviceLine, operator: Person, caregiver: Person
) -> None:
    """The same message again is a duplicate of the same alarm; a move that came too late is told so, and logged."""
    button = home.device("button")
    at = "2026-11-22T00:00:00.123Z"
    first = home.receipt(home.send("alarm", button, "sos", at=at, message_id="resent-1"))
    again = home.receipt(home.send("alarm", button, "sos", at=at, message_id="resent-1"))
    assert (first["status"], again["status"], again["alarm"]) == ("accepted", "duplicate", first["alarm"])
    alarm_id = str(first["alarm"])
    assert operator.alarm(alarm_id)["repeats"] == 0
    operator.move(alarm_id, "resolve", outcome="test")
    refused = caregiver.try_move(alarm_id, "accept")
    assert refused.status_code == 409
    assert refused.json()["alarm"]["state"] == "resolved"
    assert operator.events(alarm_id)[-1] == "move_refused"


@pytest.mark.parametrize("home", [6], indirect=True)
def test_another_district_sees_nothing(system: House, home: DeviceLine, operator: Person) -> None:
    """Everybody sees his own branch and no other."""
    alarm_id = home.press()
    login = next(one for one in system.ready["users"] if one["login"] == "operator-other")
    with Person(system.http, login) as stranger:
        assert all(alarm["id"] != alarm_id for alarm in stranger.get("/alarms", state="open")["items"])
        assert stranger.try_move(alarm_id, "acknowledge").status_code == 404
    operator.move(alarm_id, "resolve", outcome="test")
