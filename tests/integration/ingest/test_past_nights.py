"""`carebed replay`: past nights under other parameters, beside what was raised. It reads, and does nothing else."""

import asyncio
import json
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest
from click.testing import Result
from small_district import AREA, Pipeline
from typer.testing import CliRunner

from alerts.raising import merge_key
from carebed.cli import app
from carebed.embedded.postgres import DatabaseUrls


@pytest.fixture(autouse=True)
def _reader_role(urls: DatabaseUrls, monkeypatch: pytest.MonkeyPatch) -> None:
    """Who may change nothing."""
    monkeypatch.setenv("CAREBED_DATABASE_URL", urls.reader)


async def _replay(*options: str) -> Result:
    result: Result = await asyncio.to_thread(CliRunner().invoke, app, ["replay", *options])
    return result


async def _lines(*options: str) -> list[Any]:
    result = await _replay(*options, "--json")
    assert result.exit_code == 0, result.output
    return [json.loads(line) for line in result.stdout.splitlines()]


async def _noticed(pipeline: Pipeline, since: str, until: str, every: str = "30 minutes") -> None:
    """The hall's motion sensor notices somebody, and the gateway lives."""
    for device, kind, step in (("gw-1-motion", "motion", every), ("gw-1", "heartbeat", "10 minutes")):
        await pipeline.run(
            "INSERT INTO reading (device_id, message_id, time, type, value, data, received_at)"
            " SELECT :device, to_char(at, 'YYYYMMDDHH24MISS'), at, :kind, 1, '{}', at FROM generate_series("
            " CAST(:since AS timestamptz), CAST(:until AS timestamptz), CAST(:step AS interval)) AS at",
            device=device, kind=kind, since=datetime.fromisoformat(since), until=datetime.fromisoformat(until),
            step=step,
        )  # fmt: skip


async def _raised(pipeline: Pipeline, home: Any, at: str, outcome: str) -> None:
    await pipeline.run(
        "INSERT INTO alarm (id, kind, priority, state, area_code, station_id, home_id, merge_key, raised_at,"
        " happened_at, policy, why, outcome, closed_at) SELECT gen_random_uuid(), 'inactivity', 1, 'resolved', :area,"
        " station_id, id, :key, :at, :at, '{}',"
        " jsonb_build_object('code', 'inactivity'), :outcome, :at FROM home WHERE id = :home",
        area=AREA, home=home, at=datetime.fromisoformat(at), outcome=outcome,
        key=merge_key(home, None, "inactivity"),
    )  # fmt: skip


@pytest.fixture
async def home(pipeline: Pipeline) -> Any:
    """Ten days of somebody who is noticed every half hour, then a day of whom nobody knows anything from noon on."""
    home = await pipeline.simple_home()
    await pipeline.run("UPDATE device SET heartbeat_s = 600 WHERE id = 'gw-1'")
    await _noticed(pipeline, "2026-02-01T00:00+08:00", "2026-02-11T12:00+08:00")
    await pipeline.run(
        "INSERT INTO reading (device_id, message_id, time, type, value, data, received_at)"
        " SELECT 'gw-1', 'b' || at, at, 'heartbeat', 1, '{}', at FROM generate_series("
        " timestamptz '2026-02-11 12:10+08', timestamptz '2026-02-12 12:00+08', interval '10 minutes') AS at"
    )
    return home


async def test_what_was_raised_beside_what_would_be(pipeline: Pipeline, home: Any) -> None:
    """The rhythm as of then is learned from what was stored, so the day of silence is found within hours."""
    await _raised(pipeline, home, "2026-02-11T20:00+08:00", "emergency")
    await _raised(pipeline, home, "2026-02-05T20:00+08:00", "false_alarm")
    gone, moved, summary = await _lines("--from", "2026-02-05", "--to", "2026-02-12", "--home", str(home))
    assert (gone["fate"], gone["raised"]["outcome"], gone["now"]) == ("goes", "false_alarm", None)
    assert (moved["fate"], moved["kind"], moved["home"]) == ("moves", "inactivity", str(home))
    assert moved["now"]["why"]["days"] >= 7
    assert datetime.fromisoformat(moved["now"]["at"]) < datetime.fromisoformat("2026-02-11T16:00+08:00")
    assert moved["shift_s"] < -4 * 3600
    counts = summary["summary"]["kinds"]["inactivity"]
    assert (counts["raised"], counts["real"], counts["now"], counts["goes"], counts["moves"]) == (2, 1, 1, 1, 1)
    assert summary["summary"]["time_zone"] == "Asia/Shanghai"
    assert summary["summary"]["read_from"].startswith("2026-01-08T")


async def test_rules_move_an_alarm_and_take_it_away(home: Any, tmp_path: Path) -> None:
    rules = tmp_path / "rules.toml"
    rules.write_text("[inactivity]\nleast_s = 36000\n")
    span = ("--from", "2026-02-11T00:00", "--to", "2026-02-12T02:00+08:00", "--area", AREA, "--rules", str(rules))
    (moved, summary) = await _lines(*span)
    assert (moved["fate"], moved["raised"]) == ("moves", None)
    assert moved["ruled"]["at"] == "2026-02-11T14:00:00+00:00"
    assert summary["summary"]["rules"] == {"inactivity": {"least_s": 36000}}
    rules.write_text("[inactivity]\nenabled = false\n")
    shown = (await _replay(*span)).stdout
    assert "rules: inactivity: enabled = false" in shown
    (line,) = [line for line in shown.splitlines() if line.startswith(str(home))]
    assert line.endswith("goes")
    assert "2026-02-11 1" in line
    rules.write_text("[inactivity]\nleast_s = 1\n")
    refused = await _replay(*span)
    assert "line 2: inactivity.least_s = 1" in str(refused.exception)
    # What stays as it is, is shown when asked for.
    rules.write_text("[inactivity]\naway_s = 86400\n")
    assert str(home) not in (await _replay(*span)).stdout
    assert str(home) in (await _replay(*span, "--all")).stdout


async def test_what_is_set_today_counts_and_so_do_absences(pipeline: Pipeline, home: Any, tmp_path: Path) -> None:
    await pipeline.run(
        "INSERT INTO detector_parameters (id, detector, home_id, values)"
        " VALUES (gen_random_uuid(), 'inactivity', :home, jsonb_build_object('enabled', false))",
        home=home,
    )  # fmt: skip
    span = ("--from", "2026-02-11", "--to", "2026-02-12")
    (summary,) = await _lines(*span)
    assert summary["summary"]["homes"] == 1
    rules = tmp_path / "rules.json"
    rules.write_text('{"inactivity": {"enabled": true}}')
    comes, _ = await _lines(*span, "--rules", str(rules))
    assert comes["fate"] == "comes"
    # An absence that was entered explains the silence.
    await pipeline.run(
        "INSERT INTO staff (id, login, name, role, area_code, password_hash)"
        " VALUES (gen_random_uuid(), 'm', 'x', 'manager', :area, '')", area=AREA,
    )  # fmt: skip
    await pipeline.run(
        "INSERT INTO absence (id, home_id, begins_at, ends_at, entered_by) SELECT gen_random_uuid(), :home,"
        " '2026-02-11 12:00+08', '2026-02-13 00:00+08', id FROM staff", home=home,
    )  # fmt: skip
    (summary,) = await _lines(*span, "--rules", str(rules))
    assert summary["summary"]["kinds"] == {}


async def test_what_cannot_be_asked_is_one_sentence(pipeline: Pipeline) -> None:
    await pipeline.simple_home()
    for options, sentence in (
        (("--from", "yesterday"), "'yesterday' is no time: write 2026-11-22"),
        (("--from", "2026-02-12", "--to", "2026-02-11"), "--from must be before --to"),
        (("--from", "2999-01-01"), "--from must be before --to, and in the past"),
        (("--from", "2026-02-11", "--area", "350"), "'350' is not a 12-digit area code"),
        (("--from", "2026-02-11", "--area", "110000000000"), "no homes in that area"),
        (("--from", "2026-02-11", "--home", "0192f0c4-6a51-7c3e-9d0a-5b1f0e9c7a11"), "There is no home 0192f0c4"),
        (("--from", "2026-02-11", "--rules", "none.toml"), "cannot be read"),
    ):
        assert sentence in str((await _replay(*options)).exception)
