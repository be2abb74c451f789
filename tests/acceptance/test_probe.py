"""The probe from outside: through all of a running house and back, and it says which stage did not answer."""

import os
import re
import signal
import subprocess
import sys
from typing import Any

import pytest

from carebed.embedded.ports import free_port
from tests.house import House


def _probe(house: House, number: int, **changed: Any) -> tuple[int, str]:
    """Its exit code and its line; the person is one whom the ladder of every home calls."""
    gateway = house.ready["gateways"][number]
    user = house.user("operator")
    button = next(one["id"] for one in gateway["devices"] if one["kind"] == "button")
    options = {"gateway": gateway["id"], "device": button, "login": user["login"], "http": house.http, **changed}
    argv = [sys.executable, "-m", "carebed", "probe", *(part for name, value in options.items() if name != "mqtt_port"
                                                        for part in (f"--{name}", str(value)))]  # fmt: skip
    mqtt = house.ready["mqtt"]
    port = options.get("mqtt_port", mqtt["port"])
    environment = {
        **os.environ, "CAREBED_MQTT_HOST": mqtt["host"], "CAREBED_MQTT_PORT": str(port),
        "CAREBED_PROBE_GATEWAY_PASSWORD": gateway["password"], "CAREBED_PROBE_PASSWORD": user["password"],
    }  # fmt: skip
    ended = subprocess.run(argv, capture_output=True, text=True, check=False, env=environment)
    return ended.returncode, ended.stdout.strip() or ended.stderr


def _calls(house: House, number: int) -> list[tuple[Any, ...]]:
    """What has been pressed in that home; other stories shift the clock of the house, and its devices go offline."""
    home = house.ready["gateways"][number]["home"]
    return house.query("SELECT state, outcome FROM alarm WHERE home_id = %s AND kind = 'sos' ORDER BY raised_at", home)


def test_a_press_from_outside_goes_all_the_way_and_is_closed_as_a_test(system: House) -> None:
    before = len(_calls(system, 14))
    code, line = _probe(system, 14)
    assert code == 0, line
    assert re.fullmatch(r"ok receipt_s=\d+\.\d{3} called_s=\d+\.\d{3} closed_s=\d+\.\d{3}", line)
    assert _calls(system, 14)[before:] == [("resolved", "test")]


@pytest.mark.parametrize(
    ("changed", "stage"),
    [
        ({"login": "nobody"}, "sign-in: status 40"),
        ({"http": f"http://127.0.0.1:{free_port()}"}, "sign-in: ConnectError"),
        ({"mqtt_port": free_port(), "patience": 3}, "broker: nothing within 3 s"),
    ],
)
def test_it_says_which_stage_did_not_answer(system: House, changed: dict[str, Any], stage: str) -> None:
    code, line = _probe(system, 14, **changed)
    assert code == 1
    assert line.startswith("failed receipt_s=- called_s=- closed_s=- at "), line
    assert stage in line


def test_a_call_that_never_comes_is_a_failure_and_leaves_no_open_alarm_behind(system: House) -> None:
    """The engine stands still: the press is taken in, nobody is called, and the probe says so and cleans up."""
    os.kill(system.pid("alerts"), signal.SIGSTOP)
    try:
        code, line = _probe(system, 15, patience=8)
    finally:
        os.kill(system.pid("alerts"), signal.SIGCONT)
    assert code == 1
    assert re.match(r"failed receipt_s=\d+\.\d{3} called_s=- closed_s=- at call \(alerts", line), line
    assert _calls(system, 15) == [("resolved", "test")]
