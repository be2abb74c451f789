"""What `carebed up` hands its children of its own environment."""

from pathlib import Path

import pytest
from pydantic import SecretStr

from carebed.embedded.datadir import DataDirectory
from carebed.embedded.postgres import DatabaseUrls
from carebed.settings import Settings
from carebed.up.links import link_settings
from carebed.up.programs import Surroundings, names, process_of, programs


def test_the_last_resort_reaches_the_alarm_lane_and_no_secret_of_another_role(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CAREBED_LAST_RESORT_FILE", "addresses")
    monkeypatch.setenv("CAREBED_OWNER_DATABASE_URL", "postgresql://somebody-else")
    urls = DatabaseUrls("admin", "owner", "engine", "api", "reader")
    surroundings = Surroundings(urls, 1883, Path("users"), 8080, Path("ready"), Path("logs"))
    ports = dict.fromkeys(("ingest-alarm", "ingest-reading", "alerts", "api", "scheduler"), 9000)
    alarm = next(program for program in programs(ports) if program.name == "ingest-alarm")
    environment = surroundings.environment(alarm)
    assert environment["CAREBED_LAST_RESORT_FILE"] == "addresses"
    assert environment["CAREBED_DATABASE_URL"] == "engine"
    assert "CAREBED_OWNER_DATABASE_URL" not in environment


def test_links_work_at_once_and_their_secret_stays(tmp_path: Path) -> None:
    def started() -> dict[str, str]:
        data = DataDirectory(tmp_path)
        try:
            return link_settings(Settings(), data, 8123)
        finally:
            data.close()

    first = started()
    assert first["CAREBED_PUBLIC_URL"] == "http://127.0.0.1:8123"
    assert len(first["CAREBED_LINK_SECRET"]) >= 32
    assert started() == first
    file = tmp_path / "secrets" / "link-secret"
    assert file.stat().st_mode & 0o777 == 0o600
    urls = DatabaseUrls("admin", "owner", "engine", "api", "reader")
    surroundings = Surroundings(urls, 1883, Path("users"), 8123, Path("ready"), Path("logs"), links=first)
    ports = dict.fromkeys(("ingest-alarm", "alerts", "alerts-2", "api", "scheduler"), 9000)
    knows = {one.name for one in programs(ports) if first.items() <= surroundings.environment(one).items()}
    assert knows == {"alerts", "alerts-2", "api"}


def test_what_somebody_has_set_for_links_is_left(tmp_path: Path) -> None:
    data = DataDirectory(tmp_path)
    try:
        own = Settings(public_url="https://care.example", link_secret=SecretStr("x" * 32))
        assert link_settings(own, data, 8123) == {}
        half = Settings(http_host="fd00::1", link_secret=SecretStr("x" * 32))
        assert link_settings(half, data, 8123) == {"CAREBED_PUBLIC_URL": "http://[fd00::1]:8123"}
        assert link_settings(Settings(http_host="0.0.0.0"), data, 1)["CAREBED_PUBLIC_URL"] == "http://127.0.0.1:1"  # noqa: S104
    finally:
        data.close()


def test_workers_of_a_kind_are_numbered_and_stand_under_its_name() -> None:
    ours = names(ingest_workers=1, alerts_workers=12)
    assert ours[:4] == ["ingest-alarm", "ingest-reading", "alerts", "alerts-2"]
    assert {process_of(name) for name in ours} == {
        "ingest-alarm", "ingest-reading", "alerts", "api", "scheduler", "sim",
    }  # fmt: skip
    started = programs(dict.fromkeys(ours, 9000))
    assert [program.arguments for program in started if program.process == "alerts"] == [("alerts",)] * 12
