"""The bed in recorded homes: mats that chatter and get stuck, and a man who sleeps until noon."""

import os
from datetime import UTC, datetime, timedelta
from functools import cache
from pathlib import Path

import msgspec
import pytest

from evaluation.recorded_home import RecordedHome, read_homes
from ingest.detect.bed import DETECTOR
from ingest.detect.bed_plan import BedParameters
from ingest.detect.core import Device, Event, Finding
from ingest.detect.fold import Found, Memory, look

RECORDINGS = Path(os.environ.get("CAREBED_RECORDINGS", Path(__file__).parents[5] / "shared" / "data"))

#: What stands in the bedroom: in home B a motion sensor, a chest of drawers and the door; in Ordonez the door.
_BEDROOM = {"kasteren_B": {"10", "16", "18"}, "ordonez_A": {"Bedroom.Door.PIR"}}


@cache
def _homes(folder: Path) -> list[RecordedHome]:
    return read_homes(folder)


def _recorded(name: str) -> RecordedHome:
    folder = RECORDINGS / "homes"
    if not (folder / name).is_dir() and not os.environ.get("CI"):
        pytest.skip(f"no recording at {folder / name}; set CAREBED_RECORDINGS")
    return next(one for one in _homes(folder) if one.name == name)


def _looked_at(
    recorded: RecordedHome, of: list[Event] | None = None, until: datetime | None = None
) -> tuple[Memory, list[Found]]:
    """With the parameters as they come; `of`: these events only."""

    def placed(device: Device) -> Device:
        room = "bedroom" if device.id in _BEDROOM[recorded.name] else device.room
        return msgspec.structs.replace(device, room=room)

    home = msgspec.structs.replace(recorded.home, devices={k: placed(v) for k, v in recorded.home.devices.items()})
    told = recorded.events if of is None else of
    events = [msgspec.structs.replace(one, device=home.devices[one.device.id]) for one in told]
    parameters = {DETECTOR.name: BedParameters(enabled=True)}
    return look([DETECTOR], parameters, home, {}, events, until or events[-1].at)


def _raised(recorded: RecordedHome, found: list[Found]) -> list[tuple[str, str]]:
    return [
        (one.at.astimezone(recorded.home.zone).strftime("%m-%d"), str(one.what.why["code"]))
        for one in found
        if isinstance(one.what, Finding)
    ]


def test_two_chattering_mats_are_about_one_night_a_day() -> None:
    """4,670 intervals of mats 12 and 13 in home B; labels name 17 nights and mornings in the days that they cover.

    From 6 August on a mat is stuck and he is hardly at home, and on 23 and 24 July; the rest is for nothing: one long
    morning while little was known of him, and half an hour in which the mats had lost him just when a sensor that
    fires at nothing fired in the kitchen.
    """
    recorded = _recorded("kasteren_B")
    beds = sum(one.type == "bed" and bool(one.value) for one in recorded.events)
    assert beds == 4670
    memory, found = _looked_at(recorded)
    assert _raised(recorded, found) == [
        ("07-24", "bed_too_long"),
        ("07-24", "bed_not_up"),
        ("07-26", "bed_not_up"),
        ("08-01", "bed_still"),
        ("08-12", "bed_too_long"),
        ("08-12", "bed_not_up"),
    ]
    assert 7 <= len(memory["bed"].state.beds[""].ups) <= 14, "mornings of the fifteen days with a working mat"


def test_a_man_who_sleeps_until_noon_is_called_until_he_is_known() -> None:
    """Fourteen nights: the fixed hour, 10:00, is too early for him on the first two mornings, and none after."""
    recorded = _recorded("ordonez_A")
    memory, found = _looked_at(recorded)
    assert _raised(recorded, found) == [("11-28", "bed_not_up"), ("11-29", "bed_not_up")]
    (bed,) = memory["bed"].state.beds.values()
    assert len(bed.ups) == 14
    assert bed.usual_up() == (9 * 60 + 26, 12 * 60 + 37)


@pytest.mark.parametrize(
    ("name", "mornings"),
    [
        ("kasteren_B", ("07-28", "07-29", "08-02")),
        ("ordonez_A", tuple(f"12-{day:02}" for day in range(1, 12))),
    ],
)
def test_had_he_not_got_up_it_would_have_been_noticed_by_the_early_afternoon(
    name: str, mornings: tuple[str, ...]
) -> None:
    """Nothing more comes from six o'clock on, of nights in which he slept then (home B: as far as labels tell)."""
    recorded = _recorded(name)
    year = recorded.events[0].at.year
    for morning in mornings:
        six = datetime.strptime(f"{year}-{morning} 06", "%Y-%m-%d %H").replace(tzinfo=UTC)
        cut = [one for one in recorded.events if one.at < six]
        _, found = _looked_at(recorded, cut, six + timedelta(hours=9))
        noticed = [one.at for one in found if isinstance(one.what, Finding) and one.at >= six]
        assert noticed, morning
        assert noticed[0] <= six + timedelta(hours=8), morning
