"""Power cuts as gateways with a battery tell them."""

from datetime import timedelta

from hypothesis import given
from hypothesis import strategies as st
from told_home import ToldHome, at

from ingest.detect.core import Clearing, Device, Finding
from ingest.detect.mains import DETECTOR

GATEWAY, OTHER = Device("gw-1", "gateway"), Device("gw-2", "gateway")


def test_a_cut_that_lasts_is_raised_and_clears_when_the_mains_are_back() -> None:
    home = ToldHome(DETECTOR, GATEWAY, OTHER)
    home.tell(at(3), "gw-1", "mains", False)
    home.tell(at(3.01), "gw-1", "mains", 0.0)
    home.tell(at(3), "gw-2", "mains", True)
    (found,) = home.found(at(4))
    assert isinstance(found.what, Finding)
    assert (found.what.kind, found.what.device_id, found.what.per_device) == ("mains", "gw-1", True)
    assert (found.what.happened_at, found.at - found.what.happened_at) == (at(3), timedelta(seconds=60))
    assert [one.message_id for one in found.what.evidence] == ["m-0"]
    home.tell(at(5), "gw-1", "mains", 1.0)
    (clearing,) = home.cleared(at(5))
    assert (clearing.kind, clearing.device_id, clearing.happened_at) == ("mains", "gw-1", at(5))


def test_a_flicker_late_news_and_what_says_nothing_are_no_cut() -> None:
    home = ToldHome(DETECTOR, GATEWAY)
    for minute in range(0, 60, 2):
        home.tell(at(3 + minute / 60), "gw-1", "mains", minute % 4 != 0)
        home.tell(at(3 + minute / 60) + timedelta(seconds=30), "gw-1", "mains", True)
    home.tell(at(4), "gw-1", "mains", "battery")
    home.tell(at(4), "gw-1", "mains", None)
    assert home.found(at(5)) == []
    home.tell(at(2), "gw-1", "mains", False)
    assert home.found(at(6)) == []


@given(st.lists(st.tuples(st.integers(0, 300), st.booleans()), max_size=60))
def test_alarm_and_clearing_take_turns(told: list[tuple[int, bool]]) -> None:
    home, when = ToldHome(DETECTOR, GATEWAY), at(0)
    for seconds, present in told:
        when += timedelta(seconds=seconds)
        home.tell(when, "gw-1", "mains", present)
    kinds = [type(one.what) for one in home.found(when + timedelta(hours=1))]
    assert kinds == [(Finding, Clearing)[number % 2] for number in range(len(kinds))]
