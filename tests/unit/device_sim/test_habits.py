"""A made-up resident lives an ordinary day, the same one for the same seed."""

from collections import Counter
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

from device_sim.habits import Place, Reading, Resident

CHINA = ZoneInfo("Asia/Shanghai")
MIDNIGHT = datetime(2026, 11, 22, 0, 0, tzinfo=CHINA).astimezone(UTC)


def live(resident: Resident, days: int) -> list[Reading]:
    steps = (MIDNIGHT + timedelta(seconds=5 * number) for number in range(days * 24 * 720))
    return [reading for now in steps for reading in resident.step(now)]


def test_a_week_has_nights_in_bed_days_in_motion_and_outings() -> None:
    readings = live(Resident("gw-0001", CHINA), 7)
    kinds = Counter((reading.type, reading.value) for reading in readings if reading.type in {"bed", "door"})
    assert 14 <= kinds["bed", True] <= 22
    assert kinds["bed", False] == kinds["bed", True] - 1
    assert kinds["door", True] == 7 * 4
    hours = Counter(r.time.astimezone(CHINA).hour for r in readings if r.type == "motion")
    assert hours[12] > 20 * hours[3]
    assert [reading.time for reading in readings if reading.time.tzinfo is not UTC] == []


def test_a_person_awake_at_home_is_noticed_at_least_every_five_minutes() -> None:
    resident = Resident("gw-0002", CHINA)
    last = None
    for number in range(24 * 720):
        now = MIDNIGHT + timedelta(seconds=5 * number)
        if any(reading.type == "motion" for reading in resident.step(now)) or resident.place(now) is not Place.ROOMS:
            last = now
        assert last is not None
        assert now - last < timedelta(minutes=5)


def test_one_seed_is_one_life_and_another_seed_another() -> None:
    assert live(Resident("a", CHINA), 1) == live(Resident("a", CHINA), 1)
    assert live(Resident("a", CHINA), 1) != live(Resident("b", CHINA), 1)
