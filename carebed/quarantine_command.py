"""`carebed quarantine`: what could not be taken in, why, and again. Its room is loaded by name, as every room is."""

import asyncio
import importlib
import re
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Annotated, Any

import typer

from carebed.command_database import url_for
from carebed.errors import CarebedError
from carebed.logs import configure_logs
from carebed.settings import Settings, load_settings

app = typer.Typer(no_args_is_help=True, help="Messages that were put aside: list, explain, replay.")

_SPAN = re.compile(r"(\d+)([smhd])")
_UNITS = {"s": "seconds", "m": "minutes", "h": "hours", "d": "days"}

Reason = Annotated[str | None, typer.Option(help="as in docs/protocol.md, Bad input")]
Lane = Annotated[str | None, typer.Option(help="alarm, reading, health")]
Gateway = Annotated[str | None, typer.Option(help="gateway id")]
Since = Annotated[str | None, typer.Option(help="received since: 30m, 12h, 7d, or 2026-11-22T04:00:00Z")]
Json = Annotated[bool, typer.Option("--json", help="for programs")]
DataDir = Annotated[Path, typer.Option(envvar="CAREBED_DATA_DIR", help="of a running `carebed up`")]


@app.command("list")
def list_(
    reason: Reason = None, lane: Lane = None, gateway: Gateway = None, since: Since = None,
    limit: Annotated[int, typer.Option(min=1, max=10_000)] = 50,
    before: Annotated[int | None, typer.Option(help="older than this id: the next page")] = None,
    everything: Annotated[bool, typer.Option("--all", help="also what has been taken in since")] = False,
    json: Json = False, data_dir: DataDir = Path("data"),
) -> None:  # fmt: skip
    """What waits in quarantine, newest first; without payloads."""
    _, url = _settings(data_dir)
    wanted = _wanted(reason, lane, gateway, since, replayed_too=everything)
    _say(asyncio.run(_room().list_rows(url, wanted, limit, before, as_json=json)))


@app.command()
def explain(
    row_id: Annotated[int, typer.Argument(metavar="ID", min=1)],
    payload: Annotated[bool, typer.Option("--payload", help="also what came, as a hexdump: personal")] = False,
    json: Json = False, data_dir: DataDir = Path("data"),
) -> None:  # fmt: skip
    """What came, from whom, which rule it breaks, what can be done, and what a replay would do now."""
    settings, url = _settings(data_dir)
    _say(asyncio.run(_room().explain_row(url, settings, row_id, payload=payload, as_json=json)))


@app.command()
def replay(
    ids: Annotated[list[int] | None, typer.Argument(metavar="[ID]...")] = None,
    reason: Reason = None, lane: Lane = None, gateway: Gateway = None, since: Since = None,
    limit: Annotated[int, typer.Option(min=1, max=1_000_000, help="rows at most")] = 10_000,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="say what would happen and change nothing")] = False,
    json: Json = False, data_dir: DataDir = Path("data"),
) -> None:  # fmt: skip
    """Put rows through the pipeline again, each once: by ID, or all that wait with a --reason.

    Exit code 0 when all were taken in, 1 when some stay (with the reason of now), 2 when it could not be tried. A call
    for help of the last 24 hours is raised as a late alarm, an older one as a work order for the desk.
    """
    if bool(ids) == (reason is not None):
        raise CarebedError("Say what to replay: row ids, or --reason (with --lane, --gateway, --since if you like).")
    settings, url = _settings(data_dir)
    wanted = _wanted(reason, lane, gateway, since)
    lines, all_taken = asyncio.run(
        _room().replay_rows(url, settings, ids or [], wanted, limit, dry_run=dry_run, as_json=json)
    )
    _say(lines)
    if not all_taken:
        raise typer.Exit(1)


def _settings(data_dir: Path) -> tuple[Settings, str]:
    """Settings, and the database as the engine: the setting, else that of the `carebed up` that runs in `data_dir`."""
    settings = load_settings()
    configure_logs("quarantine", "error")
    return settings, url_for("engine", settings, data_dir)


def _room() -> Any:
    return importlib.import_module("ingest.quarantine_command")


def _wanted(
    reason: str | None, lane: str | None, gateway: str | None, since: str | None, *, replayed_too: bool = False
) -> Any:
    reasons = importlib.import_module("gateway.reason").Reason
    if reason is not None and reason not in set(reasons):
        raise CarebedError(f"There is no reason {reason!r}: choose one of {', '.join(reasons)}.")
    if lane not in (None, "alarm", "reading", "health"):
        raise CarebedError(f"There is no lane {lane!r}: choose alarm, reading or health.")
    since_at = None if since is None else _moment(since)
    return importlib.import_module("ingest.quarantine_list").Filter(reason, lane, gateway, since_at, replayed_too)


def _moment(since: str) -> datetime:
    span = _SPAN.fullmatch(since)
    if span is not None:
        try:
            return datetime.now(UTC) - timedelta(**{_UNITS[span[2]]: int(span[1])})
        except OverflowError:
            raise CarebedError(f"{since!r} is longer ago than time goes back.") from None
    try:
        moment = datetime.fromisoformat(since)
    except ValueError:
        moment = None
    if moment is None or moment.tzinfo is None:
        raise CarebedError(f"{since!r} is no time: write 30m, 12h, 7d, or 2026-11-22T04:00:00Z.")
    return moment


def _say(lines: list[str]) -> None:
    for line in lines:
        typer.echo(line)
