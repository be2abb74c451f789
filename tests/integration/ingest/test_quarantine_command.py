"""`carebed quarantine` as a person at the keyboard sees it."""

import asyncio
import json
import subprocess
import sys
from typing import Any

import pytest
from click.testing import Result
from small_district import Line, Pipeline, message
from typer.testing import CliRunner

from carebed.cli import app
from carebed.embedded.postgres import DatabaseUrls
from gateway.wire import Reason, shard_of
from ingest.explanation import REMEDIES, hexdump
from registry.pairing import NewDevice, pair_devices

#: Stands in a payload and may be seen only by whoever asks for it.
PRIVATE = "has been crying"


@pytest.fixture(autouse=True)
def _engine_role(urls: DatabaseUrls, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CAREBED_DATABASE_URL", urls.engine)


async def _carebed(*arguments: str) -> Result:
    result: Result = await asyncio.to_thread(CliRunner().invoke, app, ["quarantine", *arguments])
    return result


async def _json(*arguments: str) -> Any:
    return json.loads((await _carebed(*arguments, "--json")).stdout)


async def _fill(pipeline: Pipeline) -> None:
    """Seven readings of an unknown device, a nonsense, and an alarm of an unknown gateway."""
    await pipeline.simple_home()
    for _ in range(7):
        body = message("motion", value=PRIVATE, data={"note": PRIVATE})
        await pipeline.reading(pipeline.incoming(body, device="late-1", lane="reading"))
    await pipeline.reading(pipeline.incoming(b"nonsense", device="gw-1-door", lane="health"))
    await pipeline.alarm(pipeline.incoming(message("sos", value=PRIVATE), "gw-9", "button-9"))


async def test_the_list_is_newest_first_page_by_page_and_filtered(pipeline: Pipeline) -> None:
    await _fill(pipeline)
    ids: list[int] = []
    before: list[str] = []
    while True:
        page = await _json("list", "--limit", "4", *before)
        ids += [item["id"] for item in page["items"]]
        if page["next"] is None:
            break
        before = ["--before", str(page["next"])]
    assert ids == sorted(ids, reverse=True)
    assert len(ids) == 9
    for options, count in (
        (["--reason", "unknown_device"], 7), (["--lane", "health"], 1), (["--gateway", "gw-9"], 1),
        (["--since", "1h"], 9), (["--since", "2199-01-01T00:00:00Z"], 0),
        (["--reason", "unknown_device", "--gateway", "gw-9"], 0),
    ):  # fmt: skip
        assert len((await _json("list", *options))["items"]) == count, options
    text = (await _carebed("list", "--limit", "3")).stdout
    assert "gw-9/button-9" in text
    assert text.splitlines()[-1].startswith("older ones: --before ")


async def test_nothing_personal_is_shown_unless_asked_for(pipeline: Pipeline) -> None:
    await _fill(pipeline)
    shown = [await _carebed("list", "--all"), await _carebed("list", "--json")]
    for item in (await _json("list"))["items"]:
        shown += [await _carebed("explain", str(item["id"])), await _carebed("explain", str(item["id"]), "--json")]
    assert all(one.exit_code == 0 for one in shown)
    assert not any(PRIVATE in one.stdout for one in shown)
    (first,) = (await _json("list", "--limit", "1", "--reason", "unknown_device"))["items"]
    asked = (await _carebed("explain", str(first["id"]), "--payload")).stdout
    assert "68 61 73 20 62 65" in asked.replace("\n", " ") or "has be" in asked


async def test_a_row_is_explained(pipeline: Pipeline) -> None:
    """What came, from whom, why not, what to do, and what a replay would do now."""
    await _fill(pipeline)
    (row,) = (await _json("list", "--limit", "1", "--reason", "unknown_device"))["items"]
    told = await _json("explain", str(row["id"]))
    assert told["gateway"].startswith("gw-1: home ")
    assert told["device"] == "late-1: not registered"
    assert told["reason"].startswith("unknown_device: ")
    assert "Pair the device" in told["remedy"]
    assert told["objects"][0].startswith("motion, id ")
    assert told["a replay now"] == "would be refused: unknown_device (late-1)"
    async with pipeline.database.transaction() as conn:
        await pair_devices(conn, "gw-1", [NewDevice("late-1", "motion")])
    assert (await _json("explain", str(row["id"])))["a replay now"] == "would be: 1 taken in"
    assert await pipeline.count("reading") == 0


async def test_a_device_is_paired_and_its_rows_are_replayed(pipeline: Pipeline) -> None:
    """Exit code 1 while some stay, 0 when all are in; a second time there is nothing left to do."""
    await _fill(pipeline)
    assert (await _carebed("replay", "--reason", "unknown_device", "--dry-run")).exit_code == 1
    refused = await _carebed("replay", "--reason", "unknown_device")
    assert (refused.exit_code, "7 stay, unknown_device" in refused.stdout) == (1, True)
    async with pipeline.database.transaction() as conn:
        await pair_devices(conn, "gw-1", [NewDevice("late-1", "motion")])
    tried = await _carebed("replay", "--reason", "unknown_device", "--dry-run")
    assert (tried.exit_code, "nothing was changed" in tried.stdout) == (0, True)
    assert await pipeline.count("reading") == 0
    done = await _carebed("replay", "--reason", "unknown_device")
    assert (done.exit_code, "7 taken in, with 7 new and 0 known messages" in done.stdout) == (0, True)
    assert await pipeline.count("reading") == 7
    again = await _carebed("replay", "--reason", "unknown_device")
    assert (again.exit_code, again.stdout.strip()) == (
        0, "0 rows: 0 taken in, with 0 new and 0 known messages",
    )  # fmt: skip
    taken = [item for item in (await _json("list", "--all"))["items"] if item["outcome"] == "taken"]
    assert len(taken) == 7
    assert (await _carebed("replay", str(taken[0]["id"]))).exit_code == 1


async def test_whatever_came_can_be_listed_and_explained(pipeline: Pipeline) -> None:
    """Topics and payloads that are no text, on any session."""
    await pipeline.simple_home()
    shard = shard_of("gw-1")
    for topic in ("", "\x00", "carebed/v1/\ud800", f"carebed/v1/{shard}/gw-1/reading/\x1b[31m", "a" * 60_000):
        for payload in (b"", b"\xff\x00\x1b", b"[" * 9_999, b"[" + b"{}," * 50 + b"{}]"):
            await pipeline.reading(
                pipeline.incoming(payload, topic=topic, line=Line("ingest-reading-0"), defect="malformed")
            )
    items = (await _json("list"))["items"]
    assert len(items) == 20
    for item in items:
        told = await _carebed("explain", str(item["id"]), "--payload")
        assert told.exit_code == 0, told.output
        assert "\x1b" not in told.stdout
        assert "\x1b" not in (await _carebed("list")).stdout


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (["replay"], "Say what to replay"),
        (["replay", "1", "--reason", "flood"], "Say what to replay"),
        (["list", "--reason", "nonsense"], "There is no reason 'nonsense': choose one of malformed_topic,"),
        (["list", "--lane", "fast"], "There is no lane 'fast'"),
        (["list", "--since", "yesterday"], "'yesterday' is no time: write 30m"),
        (["list", "--since", "2026-11-22T04:00:00"], "is no time"),
        (["explain", "999"], "There is no row 999 in quarantine"),
    ],
)
def test_a_wrong_command_is_one_sentence_and_exit_code_2(
    urls: DatabaseUrls, arguments: list[str], sentence: str
) -> None:
    ended = _process(arguments, urls.engine)
    assert ended.returncode == 2
    assert sentence in ended.stderr
    assert len(ended.stderr.strip().splitlines()) == 1


def test_a_database_that_is_away_is_one_sentence_and_exit_code_2() -> None:
    ended = _process(["list"], "postgresql://carebed_engine:secret@127.0.0.1:1/carebed")
    assert ended.returncode == 2
    assert ended.stderr.startswith("carebed: The database cannot be used")
    assert "secret" not in ended.stderr


def _process(arguments: list[str], url: str) -> "subprocess.CompletedProcess[str]":
    return subprocess.run(
        [sys.executable, "-m", "carebed", "quarantine", *arguments], capture_output=True, text=True, check=False,
        env={"CAREBED_DATABASE_URL": url, "PATH": "/usr/bin:/bin"},
    )  # fmt: skip


def test_every_reason_has_its_remedy() -> None:
    assert REMEDIES.keys() == set(Reason)


def test_a_hexdump_is_cut_and_says_so() -> None:
    assert hexdump(b"\x00Ab~\x7f") == ["00000000  00 41 62 7e 7f                                   .Ab~."]
    assert hexdump(bytes(5_000))[-1] == "... and 904 bytes more"
