"""At home or out: told by doors, beds and motion, and by nothing that fires alone."""

from datetime import timedelta

import pytest
from told_home import FUZHOU, GRANDMA, GRANDPA, HOME, at

from gateway.message import Value
from ingest.detect.core import Device, Event, Home
from ingest.detect.whereabouts import Whereabouts, entrances, follow

DOOR = Device("door", "door", "entrance")
FRIDGE = Device("fridge", "door", "kitchen")
HALL, KITCHEN = Device("hall", "motion", "hall"), Device("kitchen", "motion", "kitchen")
BED, CHAIR = Device("bed", "bed", "bedroom"), Device("chair", "presence")
TAP, BAND = Device("tap", "water"), Device("band", "wristband")
ALL = (DOOR, FRIDGE, HALL, KITCHEN, BED, CHAIR, TAP, BAND)
A_HOME = Home(HOME, FUZHOU, {one.id: one for one in ALL}, (GRANDMA,))

#: (minutes after nine, device, type, value)
Told = tuple[float, Device, str, Value]


def _after(*told: Told, home: Home = A_HOME, pets: bool = False) -> Whereabouts:
    where = Whereabouts()
    for minutes, device, kind, value in told:
        where = follow(where, Event(at(9) + timedelta(minutes=minutes), device, kind, value), home, pets=pets)
    return where


OUT: tuple[Told, ...] = ((0, HALL, "motion", True), (1, DOOR, "door", True), (1.1, DOOR, "door", False))


def test_who_leaves_by_the_door_is_out_since_then() -> None:
    where = _after(*OUT)
    assert where.left_at == where.still_since == at(9) + timedelta(minutes=1.1)


@pytest.mark.parametrize(
    "noticed",
    [
        [(1.5, HALL, "motion", True)],  # sees who leaves
        [(90, KITCHEN, "motion", True)],  # sun on a sensor
        [(90, KITCHEN, "motion", True), (150, HALL, "motion", True)],  # twice, and hours between
        [(90, KITCHEN, "motion", True), (91, KITCHEN, "motion", True), (118, KITCHEN, "motion", True)],
        [(90, KITCHEN, "motion", False)],
        [(90, BAND, "steps", 4000)],  # a walk
        [(90, BAND, "check_in", True)],
    ],
)
def test_what_proves_nobodys_return(noticed: list[Told]) -> None:
    assert _after(*OUT, *noticed).left_at is not None


@pytest.mark.parametrize(
    "noticed",
    [
        [(90, DOOR, "door", True), (90.1, DOOR, "door", False), (92, HALL, "motion", True), (93, TAP, "water", True)],
        [(60, HALL, "motion", True), (62, KITCHEN, "motion", True)],
        [(60 + step, KITCHEN, "motion", True) for step in range(4)],
        [(60 + 20 * step, KITCHEN, "motion", True) for step in range(3)],
        [(60, BED, "bed", True)],
        [(1.5, CHAIR, "presence", True)],
    ],
)
def test_what_proves_it(noticed: list[Told]) -> None:
    where = _after(*OUT, *noticed)
    assert where.left_at is None
    assert where.still_since == at(9) + timedelta(minutes=noticed[-1][0])


def test_a_door_inside_leads_nowhere() -> None:
    assert _after((0, FRIDGE, "door", True), (1, FRIDGE, "door", False)).left_at is None


def test_the_only_door_is_the_way_out_where_nobody_has_said_where_it_is() -> None:
    assert entrances([Device("a", "door"), HALL]) == {"a"}
    assert entrances([Device("a", "door"), Device("b", "door")]) == set()
    assert entrances([Device("a", "door", "kitchen")]) == set()
    assert entrances([Device("a", "door"), DOOR]) == {"door"}


def test_states_and_counters_count_when_they_change() -> None:
    where = _after((0, BED, "bed", True), (60, BED, "bed", True), (61, TAP, "water", 5.0), (62, TAP, "water", 5.0))
    assert (where.by, where.active_at) == ("tap", at(9) + timedelta(minutes=61))
    assert _after((0, BED, "bed", True), (60, BED, "bed", 1)).active_at == at(9)


def test_in_bed_and_out_of_it_are_two_things() -> None:
    assert _after((0, BED, "bed", True)).by == "bed+"
    assert _after((0, BED, "bed", True), (9, BED, "bed", False)).by == "bed"


def test_a_band_tells_that_somebody_moves_and_not_where() -> None:
    where = _after((0, BED, "bed", True), (9, BAND, "steps", 12), (10, BAND, "check_in", True))
    assert (where.by, where.active_at) == ("bed+", at(9) + timedelta(minutes=10))


def test_what_comes_late_changes_nothing() -> None:
    where = _after((10, KITCHEN, "motion", True))
    assert follow(where, Event(at(9), DOOR, "door", True), A_HOME) is where


def test_animals_set_off_motion_and_open_no_tap() -> None:
    told: list[Told] = [(0, KITCHEN, "motion", True), (5, CHAIR, "presence", True)]
    assert _after(*told, pets=True).active_at is None
    assert _after(*told, (9, TAP, "water", True), pets=True).active_at is not None


def test_other_readings_and_a_home_without_devices_tell_nothing() -> None:
    assert _after((0, BAND, "heart_rate", 70)) == Whereabouts()
    assert entrances(()) == frozenset()
    nobody = Home(HOME, FUZHOU, {}, (GRANDMA, GRANDPA))
    assert _after((0, DOOR, "door", True), home=nobody).left_at is None


def test_detectors_that_ask_the_same_of_an_event_have_the_same_answer_and_others_their_own() -> None:
    seen = Event(at(5), HALL, "motion", True)
    known = follow(Whereabouts(), seen, A_HOME)
    assert known.active_at == at(5)
    assert follow(Whereabouts(), seen, A_HOME) == known
    out = Whereabouts(active_at=at(4), by="door", left_at=at(4))
    assert follow(out, seen, A_HOME).noticed == ((at(5), HALL.id),)
    lay = follow(known, Event(at(6), BED, "bed", True), A_HOME)
    twin = Whereabouts(lay.active_at, lay.by, lay.left_at, lay.noticed, lay.lasts)
    said_again = Event(at(6), BED, "bed", True)
    assert follow(lay, said_again, A_HOME) is lay
    assert follow(twin, said_again, A_HOME) is twin
