"""What `carebed up` hands its children of its own environment."""

from pathlib import Path

import pytest

from carebed.embedded.postgres import DatabaseUrls
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


def test_workers_of_a_kind_are_numbered_and_stand_under_its_name() -> None:
    ours = names(ingest_workers=1, alerts_workers=12)
    assert ours[:4] == ["ingest-alarm", "ingest-reading", "alerts", "alerts-2"]
    assert {process_of(name) for name in ours} == {
        "ingest-alarm", "ingest-reading", "alerts", "api", "scheduler", "sim",
    }  # fmt: skip
    started = programs(dict.fromkeys(ours, 9000))
    assert [program.arguments for program in started if program.process == "alerts"] == [("alerts",)] * 12
