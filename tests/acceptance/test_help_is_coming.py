"""The home hears that help is coming: real broker, real processes, a gateway of the demo. And never what has lapsed."""

import queue
import time
from collections.abc import Iterator
from typing import Any

import pytest

from tests.device_line import DeviceLine
from tests.house import House, wait_for
from tests.person import Person

#: Generous: it is a tenth of a second on an idle machine.
SOON_S = 15.0


@pytest.fixture(scope="module")
def operator(system: House) -> Iterator[Person]:
    """The operator at the district's desk."""
    with Person(system.http, system.user("operator")) as person:
        yield person


@pytest.fixture
def home(system: House, request: pytest.FixtureRequest) -> Iterator[DeviceLine]:
    """The devices of the home with this number."""
    with DeviceLine(system.ready, system.ready["gateways"][request.param]) as line:
        yield line


def _events(operator: Person, alarm_id: str, kind: str) -> list[dict[str, Any]]:
    items: list[dict[str, Any]] = operator.get(f"/alarms/{alarm_id}/events")["items"]
    return [event for event in items if event["type"] == kind]


@pytest.mark.parametrize("home", [10], indirect=True)
def test_who_pressed_hears_that_help_is_coming_and_the_answer_is_on_record(home: DeviceLine, operator: Person) -> None:
    alarm_id = home.press()
    wait_for(lambda: operator.alarm(alarm_id)["step"] == 1, SOON_S)
    assert home.commands.empty()
    operator.move(alarm_id, "acknowledge")

    device, command = home.commands.get(timeout=SOON_S)
    assert (device, command["type"], command["data"]) == (home.device("button"), "say", {"phrase": "help_is_coming"})
    home.send("health", device, "command_result", message_id=command["id"])
    (heard,) = wait_for(lambda: _events(operator, alarm_id, "home_heard"), SOON_S)
    assert heard["data"] == {"phrase": "help_is_coming"}
    assert heard["actor"]["id"] == f"{home.gateway['id']}/{device}"

    # On the way as well, which is news to who waits.
    operator.move(alarm_id, "accept")
    assert home.commands.get(timeout=SOON_S)[1]["data"] == {"phrase": "help_is_coming"}
    operator.move(alarm_id, "resolve", outcome="help_given")


@pytest.mark.parametrize("home", [11], indirect=True)
def test_who_cancels_hears_that_it_is_cancelled(home: DeviceLine) -> None:
    home.press()
    home.receipt(home.send("alarm", home.device("button"), "sos_cancel"))
    assert home.commands.get(timeout=SOON_S)[1]["data"] == {"phrase": "alarm_cancelled"}


def test_a_home_that_was_away_is_not_promised_help_of_an_hour_ago(system: House, operator: Person) -> None:
    gateway = system.ready["gateways"][12]
    with DeviceLine(system.ready, gateway) as home:
        alarm_id = home.press()
    operator.move(alarm_id, "acknowledge")
    wait_for(
        lambda: system.query("SELECT FROM command WHERE state = 'handed_over' AND alarm_id = %s", alarm_id), SOON_S
    )
    system.advance_clock(121)
    wait_for(lambda: _events(operator, alarm_id, "home_not_reached"), SOON_S)
    with DeviceLine(system.ready, gateway) as home:
        until = time.monotonic() + 2.5  # the second attempt would have come after two seconds
        while time.monotonic() < until:
            with pytest.raises(queue.Empty):
                home.commands.get(timeout=0.5)
    operator.move(alarm_id, "resolve", outcome="help_given")


@pytest.mark.parametrize("home", [13], indirect=True)
def test_a_home_that_did_not_answer_is_told_again_under_the_same_id(home: DeviceLine, operator: Person) -> None:
    alarm_id = home.press()
    operator.move(alarm_id, "acknowledge")
    _, first = home.commands.get(timeout=SOON_S)
    _, again = home.commands.get(timeout=SOON_S)
    assert first == again
    operator.move(alarm_id, "resolve", outcome="help_given")
