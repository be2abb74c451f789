"""A fall that is reported: how long it is only suspected, and whose movement shows that it was none."""

from datetime import UTC, datetime, timedelta
from uuid import UUID

import msgspec
import pytest

from alerts.suspicion import Suspicion
from ingest.detect.core import Device, Event
from ingest.detect.fall import FallParameters, Wearer, find_movement, suspect

FELL = datetime(2026, 11, 22, 4, tzinfo=UTC)
HER, HIM = UUID(int=1), UUID(int=2)
BAND = Device("band", "wristband", resident_id=HER)
HIS_BAND = Device("his-band", "wristband", resident_id=HIM)
MOTION, BED, DOOR, RADAR = (Device(kind, kind) for kind in ("motion", "bed", "door", "radar"))
ALONE = Wearer(HER, "band", alone=True)
IN_COMPANY = Wearer(HER, "band", alone=False)
USUAL = FallParameters()


def at(seconds: float) -> datetime:
    """That many seconds after the fall."""
    return FELL + timedelta(seconds=seconds)


def says(seconds: float, device: Device, kind: str, value: float | bool | str = True, heard: float = 1) -> Event:
    """What a device says, and is heard of a second later."""
    return Event(at(seconds), device, kind, value, received_at=at(seconds + heard))


def windows(suspicion: Suspicion) -> tuple[float, float]:
    """(end of stillness, page) in seconds after the fall."""
    return tuple((time - FELL).total_seconds() for time in (suspicion.still_until, suspicion.page_at))


USUALLY = suspect({}, FELL, FELL, USUAL)


def test_a_minute_of_stillness_and_then_the_cancel_window() -> None:
    """Immobile for about a minute, then the countdown, then the call."""
    assert windows(USUALLY) == (60, 80)
    assert USUALLY.watching


def test_a_home_may_have_its_own_windows_but_no_fall_is_switched_off() -> None:
    assert windows(suspect({}, FELL, FELL, FallParameters(still_s=0, cancel_s=0))) == (0, 0)
    assert windows(suspect({}, FELL, FELL, FallParameters(still_s=30, cancel_s=15))) == (30, 45)
    with pytest.raises(ValueError, match="cannot be switched off"):
        FallParameters(enabled=False)
    for wrong in ({"still_s": 601}, {"cancel_s": -1}, {"settle_s": 31}, {"stil_s": 1}):
        with pytest.raises(msgspec.ValidationError):
            msgspec.convert(wrong, FallParameters)


@pytest.mark.parametrize(
    ("data", "still_s"),
    [
        ({"confirmed": True}, 0), ({"immobile_s": 60}, 0), ({"immobile_s": 3_600}, 0), ({"immobile_s": 45}, 15),
        ({"immobile_s": 0}, 60), ({"confirmed": False}, 60), ({"confirmed": "yes"}, 60), ({"immobile_s": "60"}, 60),
        ({"immobile_s": -5}, 60), ({"immobile_s": True}, 60), ({"immobile_s": 10**400}, 60), ({}, 60),
    ],
)  # fmt: skip
def test_a_device_that_has_waited_is_not_waited_for_again(data: dict[str, object], still_s: float) -> None:
    """What cannot be understood changes nothing; the wearer always has the whole cancel window."""
    suspicion = suspect(data, FELL, FELL, USUAL)
    assert windows(suspicion) == (still_s, still_s + 20)
    assert suspicion.watching == (still_s > 0)


def test_a_late_report_shortens_the_stillness_and_never_the_cancel_window() -> None:
    late = suspect({}, FELL, at(40), USUAL)
    assert (windows(late), late.watching) == ((60, 80), True)
    later = suspect({}, FELL, at(600), USUAL)
    assert (windows(later), later.watching) == ((60, 620), False)


@pytest.mark.parametrize(
    "event",
    [
        says(20, MOTION, "motion"), says(20, BAND, "motion"), says(20, MOTION, "check_in"), says(20, BAND, "check_in"),
        says(3, MOTION, "motion"), says(59.9, MOTION, "motion"),
    ],
)  # fmt: skip
def test_movement_of_who_lives_alone_ends_it(event: Event) -> None:
    found = find_movement(USUALLY, ALONE, [event])
    assert found is not None
    assert (found.at, found.device_id, found.type) == (event.at, event.device.id, event.type)


@pytest.mark.parametrize(
    "event",
    [
        says(2.9, MOTION, "motion"),  # the fall itself, as the sensor saw it
        says(-5, MOTION, "motion"),
        says(60, MOTION, "motion"),  # the stillness window is over: only the wearer cancels now
        says(20, MOTION, "motion", value=False),
        says(20, RADAR, "presence"),  # whoever lies there is present
        says(20, BAND, "heart_rate", value=90),
        says(20, BED, "bed", value=False),  # fell out of it; and mats are slow
        says(20, BED, "bed"),  # nobody knows what it said before
        says(20, BAND, "steps", value=100),
        says(20, DOOR, "door"),  # somebody comes
        says(20, MOTION, "power", value=900),
        says(20, BAND, "worn", value=False),
        says(20, HIS_BAND, "motion"),  # somebody else's, although nobody else is entered there
        says(20, BAND, "sos"),
        says(20, MOTION, "motion", value="yes"),
        says(20, MOTION, "check_in", value=False),
        msgspec.structs.replace(says(20, MOTION, "motion"), received_at=None),
    ],
)  # fmt: skip
def test_what_is_no_sure_movement_of_the_wearer_ends_nothing(event: Event) -> None:
    assert find_movement(USUALLY, ALONE, [event]) is None


def test_a_clock_that_runs_ahead_makes_no_movement_of_what_was_before_the_fall() -> None:
    """It says that it is later than the fall, but it was heard of before."""
    assert find_movement(USUALLY, ALONE, [says(20, MOTION, "motion", heard=-21)]) is None


def test_bed_and_steps_count_where_they_change_from_something_known() -> None:
    to_bed = [says(-600, BED, "bed", value=False), says(30, BED, "bed", value=True)]
    assert find_movement(USUALLY, ALONE, to_bed) is not None
    assert find_movement(USUALLY, ALONE, [says(-600, BED, "bed"), says(30, BED, "bed")]) is None
    walked = [says(10, BAND, "steps", value=100), says(30, BAND, "steps", value=104)]
    assert find_movement(USUALLY, ALONE, walked) is not None
    for value in (100, 4, True, "104"):
        again = [says(10, BAND, "steps", value=100), says(30, BAND, "steps", value=value)]
        assert find_movement(USUALLY, ALONE, again) is None, "the same, started over, or no number"


def test_steps_that_were_made_before_the_fall_and_told_after_it_are_none() -> None:
    """Counters are reported every few minutes: a band that tells 200 more right after the fall tells of the walk."""
    for before in (-600, 2.5):
        told = [says(before, BAND, "steps", value=100), says(30, BAND, "steps", value=300)]
        assert find_movement(USUALLY, ALONE, told) is None


def test_a_cupboard_that_is_opened_is_movement_and_one_that_falls_shut_is_not() -> None:
    """The refrigerator was open when she fell."""
    fridge = Device("fridge", "door", room="kitchen")
    shuts = [says(-10, fridge, "door"), says(8, fridge, "door", value=False)]
    assert find_movement(USUALLY, ALONE, shuts) is None
    assert find_movement(USUALLY, ALONE, [*shuts, says(20, fridge, "door")]) is not None
    assert find_movement(USUALLY, ALONE, [says(20, fridge, "door")]) is None, "nobody knows what it said before"
    assert find_movement(USUALLY, ALONE, [*shuts, says(20, MOTION, "motion")]) is not None, "nobody came in by it"
    assert find_movement(USUALLY, IN_COMPANY, [*shuts, says(20, fridge, "door")]) is None


def test_a_sensor_that_repeats_its_state_says_nothing_and_one_that_only_begins_says_something_each_time() -> None:
    state = [says(-900, MOTION, "motion", value=False), says(-30, MOTION, "motion"), says(25, MOTION, "motion")]
    assert find_movement(USUALLY, ALONE, state) is None
    assert find_movement(USUALLY, ALONE, state[1:]) is not None


def test_of_two_people_only_what_is_worn_counts() -> None:
    company = [says(20, MOTION, "motion"), says(21, HIS_BAND, "motion"), says(22, MOTION, "check_in")]
    assert find_movement(USUALLY, IN_COMPANY, company) is None
    mine = says(23, BAND, "motion")
    found = find_movement(USUALLY, IN_COMPANY, [*company, mine])
    assert found is not None
    assert found.device_id == "band"


def test_a_band_that_nobody_is_entered_for_is_the_wearers_if_it_reported_the_fall() -> None:
    band, other = Device("band", "wristband"), Device("other", "wristband")
    nobody_knows = Wearer(None, "band", alone=False)
    assert find_movement(USUALLY, nobody_knows, [says(20, band, "motion")]) is not None
    assert find_movement(USUALLY, nobody_knows, [says(20, other, "motion")]) is None
    radar = Wearer(None, "radar", alone=False)
    assert find_movement(USUALLY, radar, [says(20, RADAR, "motion")]) is None, "a radar sees whoever is there"


def test_who_may_have_come_in_is_not_the_wearer() -> None:
    """The neighbour heard it and comes in; what the sensors see from then on is he."""
    comes = [says(-60, DOOR, "door", value=False), says(15, DOOR, "door"), says(20, MOTION, "motion")]
    assert find_movement(USUALLY, ALONE, comes) is None
    assert find_movement(USUALLY, ALONE, [*comes, says(30, BAND, "motion")]) is not None
    goes_out = [says(-60, DOOR, "door", value=False), says(10, MOTION, "motion"), says(15, DOOR, "door")]
    assert find_movement(USUALLY, ALONE, goes_out) is not None
    repeated = [says(-60, DOOR, "door", value=False), says(15, DOOR, "door", value=False), says(20, MOTION, "motion")]
    assert find_movement(USUALLY, ALONE, repeated) is not None, "a state that is repeated is no visit"


def test_after_a_second_fall_only_what_moved_after_that_counts_and_no_window_grows() -> None:
    again = USUALLY.fallen_again(suspect({}, at(30), at(31), USUAL))
    assert windows(again) == (60, 80)
    assert find_movement(again, ALONE, [says(20, MOTION, "motion")]) is None
    assert find_movement(again, ALONE, [says(40, MOTION, "motion")]) is not None
    slow_line, fast_clock = says(20, MOTION, "motion", heard=20), says(40, MOTION, "motion", heard=-15)
    assert find_movement(again, ALONE, [slow_line]) is None, "before it, and heard of after it"
    assert find_movement(again, ALONE, [fast_clock]) is None, "after it by its own clock, and heard of before it"
    sure = USUALLY.fallen_again(suspect({"confirmed": True}, at(30), at(31), USUAL))
    assert windows(sure) == (30, 51)
    assert not sure.watching
    assert find_movement(sure, ALONE, [says(20, MOTION, "motion"), says(40, MOTION, "motion")]) is None


def test_whatever_order_they_come_in() -> None:
    events = [says(30, BED, "bed"), says(20, DOOR, "door", value=False), says(-600, BED, "bed", value=False)]
    found = find_movement(USUALLY, ALONE, events)
    assert found is None, "the door: the first thing that it says may be that somebody came"
    assert find_movement(USUALLY, ALONE, [events[0], events[2]]) is not None
