"""Somebody at the box: openings, rattling contacts, and the installer's own hand."""

from datetime import timedelta
from itertools import pairwise
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from told_home import ToldHome, at

from gateway.message import Value
from ingest.detect.core import Device, Finding
from ingest.detect.tamper import DETECTOR

BUTTON, DOOR = Device("button", "button"), Device("door", "door")


def _home(*devices: Device, **parameters: Any) -> ToldHome:
    return ToldHome(DETECTOR, *(devices or (BUTTON, DOOR)), **parameters)


@pytest.mark.parametrize("value", [True, 1.0, None])
def test_an_opened_device_is_raised_at_once(value: Value) -> None:
    home = _home()
    home.tell(at(3), "button", "tamper", value)
    (finding,) = home.raised(at(3))
    assert (finding.kind, finding.device_id, finding.per_device) == ("tamper", "button", True)
    assert finding.happened_at == at(3)
    assert [one.message_id for one in finding.evidence] == ["m-0"]
    assert finding.why["observed"] == {"tamper": True}


@pytest.mark.parametrize("value", ["on the wall", 7.0, False, 0.0])
def test_what_is_no_opening_raises_nothing(value: Value) -> None:
    home = _home()
    home.tell(at(3), "button", "tamper", value)
    assert home.found(at(30)) == []


def test_what_is_repeated_or_rattles_is_one_alarm_and_shutting_it_is_a_remark() -> None:
    home = _home()
    for minutes in range(50):
        home.tell(at(3) + timedelta(minutes=minutes), "button", "tamper", minutes % 2 == 0)
    found = home.found(at(3.9))
    assert [type(one.what).__name__ for one in found] == ["Finding", "Clearing"]
    home.tell(at(3.95), "button", "tamper", True)
    (again,) = home.raised(at(8))
    assert again.happened_at == at(3.95), "still open when the quiet hour is over"


def test_the_installer_has_an_hour_and_what_he_leaves_open_is_raised_then() -> None:
    home = _home(Device("button", "button", paired_at=at(9)), Device("door", "door", paired_at=at(9)))
    home.tell(at(9.1), "button", "tamper", True)
    home.tell(at(9.2), "door", "tamper", True)
    home.tell(at(9.3), "door", "tamper", False)
    (found,) = home.found(at(12))
    assert (found.at, found.what.device_id) == (at(10), "button")


def test_late_messages_change_nothing() -> None:
    home = _home()
    home.tell(at(5), "button", "tamper", False)
    home.found(at(5))
    home.tell(at(4), "button", "tamper", True)
    assert home.found(at(9)) == []


@given(st.lists(st.tuples(st.integers(1, 7200), st.booleans(), st.sampled_from(["button", "door"])), max_size=60))
def test_no_device_is_raised_more_than_once_an_hour(told: list[tuple[int, bool, str]]) -> None:
    home, when = _home(), at(0)
    for seconds, is_open, device in told:
        when += timedelta(seconds=seconds)
        home.tell(when, device, "tamper", is_open)
    found = home.found(when + timedelta(days=1))
    for device in ("button", "door"):
        times = [one.at for one in found if isinstance(one.what, Finding) and one.what.device_id == device]
        assert all(later - earlier >= timedelta(hours=1) for earlier, later in pairwise(times))
