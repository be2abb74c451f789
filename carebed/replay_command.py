"""`carebed replay`: past nights under other parameters. Its room is loaded by name, as every room is."""

import asyncio
import importlib
from pathlib import Path
from typing import Annotated, Any
from uuid import UUID

import typer

from carebed.command_database import one_sentence, url_for
from carebed.errors import CarebedError
from carebed.logs import configure_logs
from carebed.settings import load_settings


def replay(
    from_: Annotated[str, typer.Option("--from", help="2026-11-01 or 2026-11-01T20:00 (the district's), or RFC 3339")],
    to: Annotated[str | None, typer.Option("--to", help="as --from, not itself included; default now")] = None,
    home: Annotated[UUID | None, typer.Option(help="only this home")] = None,
    area: Annotated[str | None, typer.Option(help="only this branch of the area tree: its 12-digit code")] = None,
    rules: Annotated[Path | None, typer.Option(help="TOML or JSON: detector -> parameter -> value")] = None,
    warm_up: Annotated[
        int, typer.Option(min=0, max=90, help="days that are read before --from, so that detectors know their state")
    ] = 28,
    everything: Annotated[bool, typer.Option("--all", help="also alarms that stay as they are")] = False,
    json: Annotated[bool, typer.Option("--json", help="for programs: one object a line, the summary last")] = False,
    data_dir: Annotated[Path, typer.Option(envvar="CAREBED_DATA_DIR", help="of a running `carebed up`")] = Path("data"),
) -> None:  # fmt: skip
    """Which alarms past nights would have brought under other parameters. Reads only: nothing is taken in or raised.

    Without --rules: what today's parameters would have found, beside what was raised. To take in messages that were put
    aside, see `carebed quarantine replay`; to play a recorded home through a demo, `carebed sim replay`.
    """
    if home is not None and area is not None:
        raise CarebedError("Choose --home or --area, not both.")
    settings = load_settings()
    configure_logs("replay", "error")
    room = importlib.import_module("ingest.past.command")
    wanted = room.Wanted(from_, to, home, area, warm_up, rules, everything, json)
    asyncio.run(_say(room, url_for("reader", settings, data_dir), wanted))


async def _say(room: Any, url: str, wanted: Any) -> None:
    with one_sentence():
        async for line in room.replay_past(url, wanted):
            typer.echo(line)
