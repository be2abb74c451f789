"""The data directory says clearly why it cannot be used."""

import stat
from pathlib import Path

import pytest

from carebed.embedded import datadir
from carebed.embedded.child import rotate
from carebed.embedded.datadir import DataDirectory, read_json, write_atomically
from carebed.embedded.ports import is_free
from carebed.errors import StartError


def test_a_directory_with_other_files_is_not_touched(tmp_path: Path) -> None:
    (tmp_path / "thesis.txt").write_text("chapter one")
    with pytest.raises(StartError, match="holds files that are not Carebed's: choose an empty or new directory"):
        DataDirectory(tmp_path)
    assert [path.name for path in tmp_path.iterdir()] == ["thesis.txt"]


def test_two_at_a_time_are_one_too_many(tmp_path: Path) -> None:
    first = DataDirectory(tmp_path / "data")
    with pytest.raises(StartError, match=r"is in use by another `carebed up` \(PID \d+\)"):
        DataDirectory(tmp_path / "data")
    first.close()
    DataDirectory(tmp_path / "data").close()


def test_a_place_where_nothing_can_be_written(tmp_path: Path) -> None:
    with pytest.raises(
        StartError, match=r"Cannot write to the data directory /proc/carebed .*choose another --data-dir"
    ):
        DataDirectory(Path("/proc/carebed"))
    (tmp_path / "file").write_text("")
    for path in (tmp_path / "file", tmp_path / "file" / "below"):
        with pytest.raises(StartError, match="is not a directory: choose another --data-dir"):
            DataDirectory(path)


def test_a_directory_of_another_format_is_left_to_its_version(tmp_path: Path) -> None:
    (tmp_path / "carebed.json").write_text('{"format": 99}')
    with pytest.raises(StartError, match="written by another version of Carebed"):
        DataDirectory(tmp_path)
    assert read_json(tmp_path / "carebed.json") == {"format": 99}


def test_what_root_started_the_last_time_is_roots(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    DataDirectory(tmp_path / "data").close()
    monkeypatch.setattr(datadir.os, "geteuid", lambda: 4_000_000_000)
    with pytest.raises(
        StartError, match=r"holds files of another account \(.*secrets\): start as root as the last time"
    ):
        DataDirectory(tmp_path / "data")


@pytest.mark.parametrize("left", ["", '{"form'])
def test_a_marker_cut_short_by_a_crash_is_ours_all_the_same(tmp_path: Path, left: str) -> None:
    (tmp_path / "carebed.json").write_text(left)
    (tmp_path / "lost+found").mkdir()
    DataDirectory(tmp_path).close()
    assert read_json(tmp_path / "carebed.json")["format"] == 1


def test_an_empty_disk_of_its_own_will_do(tmp_path: Path) -> None:
    (tmp_path / "lost+found").mkdir()
    DataDirectory(tmp_path).close()


def test_secrets_and_logs_are_for_the_owner_alone(tmp_path: Path) -> None:
    data = DataDirectory(tmp_path / "data")
    for path in (data.secrets, data.logs):
        assert stat.S_IMODE(path.stat().st_mode) == 0o700
    write_atomically(data.secrets / "x.json", '{"a": 1}')
    write_atomically(data.secrets / "x.json", '{"a": 2}')
    assert stat.S_IMODE((data.secrets / "x.json").stat().st_mode) == 0o600
    assert read_json(data.secrets / "x.json") == {"a": 2}
    assert len(list(data.secrets.iterdir())) == 1
    data.close()


def test_logs_begin_anew_and_the_last_three_are_kept(tmp_path: Path) -> None:
    log = tmp_path / "api.log"
    for run in range(6):
        rotate(log)
        log.write_text(str(run))
    assert {path.name: path.read_text() for path in tmp_path.iterdir()} == {
        "api.log": "5", "api.log.1": "4", "api.log.2": "3", "api.log.3": "2",
    }  # fmt: skip


def test_a_port_on_an_address_that_is_not_ours_is_not_free() -> None:
    assert not is_free(4464, "203.0.113.1")
