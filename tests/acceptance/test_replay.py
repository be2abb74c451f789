"""Recorded homes pass through the running house: broker, ingest, database, inactivity detection."""

import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from datetime import datetime, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest

from device_sim.recordings import RecordedReading, read_recording
from ingest.detect.activity import Last, is_compared, judge_change, may_be_activity
from tests.house import House

HOMES = Path(os.environ.get("CAREBED_RECORDINGS", Path(__file__).parents[2] / "../shared/data")) / "homes"

pytestmark = pytest.mark.skipif(
    not HOMES.is_dir() and "CI" not in os.environ, reason=f"no recorded homes in {HOMES}: set CAREBED_RECORDINGS"
)


@pytest.fixture(scope="module")
def house(tmp_path_factory: pytest.TempPathFactory) -> Iterator[House]:
    """A house of its own, whose clock the replays take weeks ahead."""
    house = House(tmp_path_factory.mktemp("replay") / "data", homes=1).start()
    yield house
    house.stop()


def replay(house: House, folder: Path, span: timedelta = timedelta(days=2)) -> str:
    """`carebed sim replay`, as fast as it goes; what it says."""
    command = [
        sys.executable, "-m", "carebed", "sim", "replay", str(folder), "--inactivity-s",
        str(int(span.total_seconds())), "--data-dir", str(house.data_dir),
    ]  # fmt: skip
    done = subprocess.run(command, capture_output=True, text=True, timeout=200, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def lines_of(name: str) -> int:
    """Data lines of the recording, counted without our own reader: those that begin with a date."""
    (file,) = [*(HOMES / name).glob("*-ss.txt"), *(HOMES / name).glob("*_Sensors.txt")]
    return sum(line[:1].isdigit() for line in file.read_text(encoding="utf-8", errors="replace").splitlines())


def stored_of(house: House, name: str) -> int:
    """Readings in the database."""
    return int(house.query("SELECT count(*) FROM reading WHERE starts_with(device_id, %s)", f"replay-{name}-")[0][0])


@pytest.mark.parametrize(("name", "days"), [("ordonez_A", 14), ("kasteren_A", 24)])
def test_a_recorded_home_passes_through_the_house_to_the_last_line(house: House, name: str, days: int) -> None:
    """A reading per start and per end of every line, repeats kept, nothing put aside."""
    lines = lines_of(name)
    assert lines > 400
    said = replay(house, HOMES / name)
    assert f"{lines} lines, {2 * lines} readings published, {2 * lines} stored, 0 quarantined" in said
    assert stored_of(house, name) == 2 * lines
    (span,) = house.query(
        "SELECT max(time) - min(time) FROM reading WHERE starts_with(device_id, %s)", f"replay-{name}-"
    )[0]
    assert span > timedelta(days=days)


def test_a_second_replay_comes_on_top(house: House) -> None:
    """The same fortnight some weeks on: nothing of the first is lost, nothing taken for it."""
    before = stored_of(house, "ordonez_A")
    replay(house, HOMES / "ordonez_A")
    assert stored_of(house, "ordonez_A") == before + 2 * lines_of("ordonez_A")


def test_stillness_is_found_where_it_was(house: House, tmp_path: Path) -> None:
    """With a short span, the first pause that is longer raises an alarm when the span is over, not when the home comes
    to life again; the later ones join it."""
    folder = tmp_path / "a_new_home"
    shutil.copytree(HOMES / "ordonez_A", folder)
    span = timedelta(hours=7)
    pause = first_pause(read_recording(folder).readings(), span)
    assert pause is not None
    replay(house, folder, span)
    found = house.query(
        "SELECT happened_at, raised_at FROM alarm JOIN gateway USING (home_id)"
        " WHERE kind = 'inactivity' AND gateway.id = 'replay-a_new_home'"
    )
    ((happened_at, raised_at),) = found
    local = happened_at.astimezone(ZoneInfo("Asia/Shanghai"))
    assert (local.weekday(), local.time()) == (pause.weekday(), pause.time())
    assert timedelta(0) <= raised_at - happened_at - span < timedelta(minutes=2)


def first_pause(readings: list[RecordedReading], span: timedelta) -> datetime | None:
    """Last activity before the first stretch of `span` without any."""
    lasts: dict[str, Last | None] = {}
    active: datetime | None = None
    for reading in readings:
        kind, at, value = reading.sensor.kind, reading.local_time, reading.value
        if active is not None and at - active > span:
            return active
        changed = True
        if is_compared(kind, value):
            lasts[reading.sensor.id] = judged = judge_change(lasts.get(reading.sensor.id), at, value)
            changed = judged.changed
        if changed and may_be_activity(kind, value):
            active = at
    return None
