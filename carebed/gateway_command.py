"""`carebed gateway`: what is done to one gateway by hand. Its room is loaded by name, as every room is."""

import asyncio
import importlib
from pathlib import Path
from typing import Annotated

import typer

from carebed.command_database import url_for
from carebed.logs import configure_logs
from carebed.settings import load_settings

app = typer.Typer(no_args_is_help=True, help="Gateways: take a credential away.")


@app.callback()
def gateway() -> None:
    """Keeps `revoke` a command of its own while there is no other."""


@app.command()
def revoke(
    gateway_id: Annotated[str, typer.Argument(metavar="GATEWAY")],
    data_dir: Annotated[Path, typer.Option(envvar="CAREBED_DATA_DIR", help="of a running `carebed up`")] = Path("data"),
) -> None:
    """Take a gateway's credential away: stolen, or out of service. The broker disconnects it, and it cannot come back.

    From then on nothing behind it can call for help, and no alarm says that it is silent. Paired again it gets another
    password. Needs the engine's role: CAREBED_DATABASE_URL, or --data-dir.
    """
    settings = load_settings()
    configure_logs("gateway", "error")
    room = importlib.import_module("registry.gateway_command")
    typer.echo(asyncio.run(room.revoke(url_for("engine", settings, data_dir), gateway_id)))
