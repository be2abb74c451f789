"""What `carebed up` does with a process that dies, is not ready, or refuses to start."""

import asyncio
import os
import signal
import sys
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from carebed.embedded.child import Child
from carebed.embedded.ports import free_port
from carebed.embedded.quarters import own_command
from carebed.errors import StartError
from carebed.up import readiness
from carebed.up.console import say
from carebed.up.keeper import Keeper, describe
from carebed.up.programs import Program
from carebed.up.readiness import all_ready

_UNREADY = """
import http.server, sys

class Health(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        self.send_response(503)
        self.end_headers()
        self.wfile.write(sys.argv[2].encode())

    def log_message(self, *_):
        pass

print("starting up", flush=True)
http.server.HTTPServer(("127.0.0.1", int(sys.argv[1])), Health).serve_forever()
"""


@asynccontextmanager
async def _kept(tmp_path: Path, *argv: str) -> AsyncIterator[Keeper]:
    async def start() -> Child:
        return Child("process", own_command(argv, signal.SIGKILL), tmp_path / "process.log", {})

    keeper = Keeper("process", start, signal.SIGTERM)
    await keeper.start()
    try:
        yield keeper
    finally:
        await keeper.stop(grace_s=5)


async def _until(condition: Callable[[], bool]) -> None:
    async with asyncio.timeout(10):
        while not condition():
            await asyncio.sleep(0.02)


async def test_a_process_that_is_killed_runs_again_under_a_new_pid(tmp_path: Path) -> None:
    news = asyncio.Event()
    async with _kept(tmp_path, "/bin/sleep", "600") as keeper:
        keeping = asyncio.create_task(keeper.keep(news.set))
        first = keeper.pid
        assert first is not None
        os.kill(first, signal.SIGKILL)
        await asyncio.wait_for(news.wait(), 10)
        assert keeper.pid not in (None, first)
        keeping.cancel()
        await asyncio.wait({keeping})
    assert keeper.pid is None


async def test_pauses_grow_while_it_keeps_dying(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    starts: list[None] = []
    async with _kept(tmp_path, "/bin/false") as keeper:
        keeping = asyncio.create_task(keeper.keep(lambda: starts.append(None)))
        await _until(lambda: len(starts) == 3)
        keeping.cancel()
        await asyncio.wait({keeping})
    said = [line for line in capsys.readouterr().out.splitlines() if "starting it again" in line]
    assert [line.split("again in ")[1] for line in said[:3]] == ["0.1 s", "0.2 s", "0.4 s"]
    assert "process ended with exit code 1" in said[0]


async def test_a_process_that_is_not_ready_is_named_with_its_reason_and_log(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(readiness, "_PATIENCE_S", 1.0)
    port = free_port()
    reasons = '{"reasons": {"last_resort": "no file", "broker": "no connection"}}'
    async with _kept(tmp_path, sys.executable, "-c", _UNREADY, str(port), reasons) as keeper:
        await _until(lambda: "starting up" in (tmp_path / "process.log").read_text())
        with pytest.raises(StartError, match=r"process alerts is not ready: .*no connection(.|\n)*starting up"):
            await all_ready({Program("alerts", (), (), port): keeper})


async def test_a_last_resort_that_cannot_be_called_is_said_and_keeps_no_house_shut(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    port, reasons = free_port(), '{"reasons": {"last_resort": "the file cannot be read"}}'
    async with _kept(tmp_path, sys.executable, "-c", _UNREADY, str(port), reasons) as keeper:
        await all_ready({Program("ingest-alarm", (), (), port): keeper})
    assert "WARNING: the file cannot be read" in capsys.readouterr().out


async def test_a_process_that_refuses_to_start_is_not_waited_for(tmp_path: Path) -> None:
    script = "print('CAREBED_X is not set.'); raise SystemExit(2)"
    async with _kept(tmp_path, sys.executable, "-c", script) as keeper:
        async with asyncio.timeout(20):
            with pytest.raises(StartError, match=r"refused to start(.|\n)*CAREBED_X is not set"):
                await all_ready({Program("api", (), (), free_port()): keeper})


async def test_a_start_that_fails_is_tried_again(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    attempts = [OSError("No space left on device"), StartError("Port 1 is busy."), None]
    news = asyncio.Event()

    async def start() -> Child:
        if (trouble := attempts.pop(0)) is not None:
            raise trouble
        return Child("process", own_command(["/bin/sleep", "600"], signal.SIGKILL), tmp_path / "process.log", {})

    keeper = Keeper("process", start, signal.SIGTERM)
    keeping = asyncio.create_task(keeper.keep(news.set))
    await asyncio.wait_for(news.wait(), 10)
    keeping.cancel()
    await asyncio.wait({keeping})
    await keeper.stop(grace_s=5)
    said = capsys.readouterr().out
    assert "No space left on device" in said
    assert "Port 1 is busy." in said


def test_a_reader_who_has_gone_does_not_stop_the_house(monkeypatch: pytest.MonkeyPatch) -> None:
    reading, writing = os.pipe()
    os.close(reading)
    with os.fdopen(writing, "w") as gone:
        monkeypatch.setattr(sys, "stdout", gone)
        say("nobody hears this")
        monkeypatch.undo()
        with pytest.raises(BrokenPipeError):
            gone.close()


def test_how_it_ended_is_said_in_words() -> None:
    assert describe(-signal.SIGKILL) == "was ended by SIGKILL"
    assert describe(2) == "ended with exit code 2"
