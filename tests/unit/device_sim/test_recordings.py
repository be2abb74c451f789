"""Recorded homes in both formats, odd lines included; the small files here are of our own writing."""

import os
from datetime import datetime
from pathlib import Path

import pytest

from device_sim.recordings import RecordingError, read_recording
from device_sim.replay import devices_of

KASTEREN = (
    "01-Mar-2010 07:00:00\t01-Mar-2010 07:00:05\t3\t\r\n"
    "01-Mar-2010 07:00:02\t01-Mar-2010 07:10:00\t12\t\r\n"
    "01-Mar-2010 07:00:02\t01-Mar-2010 07:10:00\t12\t\r\n"
    "\r\n"
    "1-mar-2010 08:00:00\t1-mar-2010 07:59:00\t99"
)
KASTEREN_MAP = (
    "3,Front door,Outside\r\n12,press bed left,Sleep\n16,PIR hall,Hall\n5,toilet flush,Toilet\n7,Toaster,Kitchen"
)

ORDONEZ = (
    "Start time          \tEnd time            \tLocation\tType\t\tPlace\r\n"
    "--------------------\t--------------------\t--------\t--------\t\t-----\r\n"
    "2012-05-01 02:00:00\t2012-05-01 08:00:00\t\tBed\t\tPressure\tBedroom\r\n"
    "2012-05-01 08:01:00\t2012-05-01 08:01:10\tDoor\tPIR\tHall\t\r\n"
    "2012-05-01 08:02:00\t2012-05-01 08:02:30\t\tDoor\t\tPIR\t\tLiving\r\n"
)

RECORDINGS = Path(os.environ.get("CAREBED_RECORDINGS", Path(__file__).parents[4] / "shared" / "data"))


@pytest.fixture
def kasteren(tmp_path: Path) -> Path:
    folder = tmp_path / "house_X"
    folder.mkdir()
    (folder / "houseX-ss.txt").write_bytes(KASTEREN.encode())
    (folder / "houseX-as.txt").write_text("labels are not read")
    (folder / "sensorMapX.txt").write_bytes(KASTEREN_MAP.encode())
    return folder


@pytest.fixture
def ordonez(tmp_path: Path) -> Path:
    folder = tmp_path / "ordonez X"
    folder.mkdir()
    (folder / "OrdonezX_Sensors.txt").write_bytes(ORDONEZ.encode())
    return folder


def test_every_line_is_two_readings_in_time_order_however_odd_it_is(kasteren: Path) -> None:
    readings = read_recording(kasteren).readings()
    told = [(r.id, r.sensor.id, r.local_time.strftime("%H:%M:%S"), r.value) for r in readings]
    assert told == [
        ("1-start", "3", "07:00:00", True),
        ("2-start", "12", "07:00:02", True),
        ("3-start", "12", "07:00:02", True),
        ("1-end", "3", "07:00:05", False),
        ("2-end", "12", "07:10:00", False),
        ("3-end", "12", "07:10:00", False),
        ("5-end", "99", "07:59:00", False),
        ("5-start", "99", "08:00:00", True),
    ]


def test_sensors_of_the_map_and_those_that_no_map_names_become_devices(kasteren: Path) -> None:
    assert [(device.device_id, device.kind) for device in devices_of(kasteren)] == [
        ("house_X-3", "door"),
        ("house_X-12", "bed"),
        ("house_X-16", "motion"),
        ("house_X-5", "water"),
        ("house_X-7", "power"),
        ("house_X-99", "presence"),
    ]
    assert devices_of(kasteren, "h1")[0].device_id == "h1-3"


def test_the_other_format_names_sensors_by_place(ordonez: Path) -> None:
    recording = read_recording(ordonez)
    assert [(interval.line, interval.sensor) for interval in recording.intervals] == [
        (3, "Bedroom.Bed.Pressure"),
        (4, "Hall.Door.PIR"),
        (5, "Living.Door.PIR"),
    ]
    assert recording.intervals[0].end == datetime(2012, 5, 1, 8, 0)  # noqa: DTZ001  local time of the home
    assert devices_of(ordonez)[0].device_id == "ordonez_X-Bedroom.Bed.Pressure"
    assert [sensor.kind for sensor in recording.sensors.values()] == ["bed", "motion", "motion"]


@pytest.mark.parametrize(
    "line",
    ["31-Feb-2010 07:00:00\t01-Mar-2010 07:00:05\t3", "01-Mar-2010 07:00:00\t3", "yesterday\ttoday\t3", "a\tb\tc\td"],
)
def test_a_line_that_cannot_be_read_is_an_error_that_names_it(kasteren: Path, line: str) -> None:
    file = kasteren / "houseX-ss.txt"
    file.write_text(KASTEREN + "\n" + line + "\n")
    with pytest.raises(RecordingError, match="line 6"):
        read_recording(kasteren)


def test_a_folder_without_a_recording_is_an_error_that_says_what_is_expected(tmp_path: Path, kasteren: Path) -> None:
    with pytest.raises(RecordingError, match=r"\*-ss\.txt"):
        read_recording(tmp_path)
    (kasteren / "houseX-ss.txt").write_text("")
    with pytest.raises(RecordingError, match="no intervals"):
        read_recording(kasteren)


def test_a_home_whose_name_fits_no_topic_is_an_error(kasteren: Path) -> None:
    with pytest.raises(RecordingError, match="device id"):
        devices_of(kasteren, "h" * 64)


@pytest.mark.parametrize(
    ("home", "lines", "kinds"),
    [
        ("kasteren_A", 1229, {"door", "power", "water"}),
        ("kasteren_B", 19075, {"door", "power", "water", "bed", "motion", "presence"}),
        ("ordonez_A", 409, {"door", "power", "water", "bed", "motion", "presence"}),
    ],
)
def test_the_real_recordings_are_read_to_the_last_line(home: str, lines: int, kinds: set[str]) -> None:
    folder = RECORDINGS / "homes" / home
    if not folder.is_dir() and not os.environ.get("CI"):
        pytest.skip(f"no recording at {folder}; set CAREBED_RECORDINGS")
    readings = read_recording(folder).readings()
    assert len(readings) == 2 * lines
    assert len({reading.id for reading in readings}) == 2 * lines
    assert {device.kind for device in devices_of(folder)} == kinds
