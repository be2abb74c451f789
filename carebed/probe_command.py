"""`carebed probe`: a synthetic SOS from outside, for cron. Its room is loaded by name, as every room is."""

import asyncio
import importlib
from typing import Annotated

import typer

from carebed.logs import configure_logs
from carebed.settings import load_settings


def probe(
    gateway: Annotated[str, typer.Option(help="of the probe's home; its password: CAREBED_PROBE_GATEWAY_PASSWORD")],
    device: Annotated[str, typer.Option(help="the button behind it that is pressed")],
    login: Annotated[str, typer.Option(help="who is called to that home; his password: CAREBED_PROBE_PASSWORD")],
    http: Annotated[str, typer.Option(help="the API's address")] = "http://127.0.0.1:8080",
    patience: Annotated[float, typer.Option(min=1, max=600, help="seconds for all of it")] = 30,
) -> None:
    """Press an emergency button from outside and check that somebody is called; 0 when he was, 1 when not.

    Goes through broker, ingest, engine and live stream, and closes its alarm as a test. The broker is that of
    CAREBED_MQTT_HOST and CAREBED_MQTT_PORT. See docs/operations.md for the home that it needs.
    """
    settings = load_settings()
    configure_logs("probe", "error")
    room = importlib.import_module("device_sim.probe")
    link = importlib.import_module("device_sim.gateway_link")
    account = link.Account(settings.mqtt_host, settings.mqtt_port, gateway, settings.secret("probe_gateway_password"))
    target = room.Target(account, device, http.rstrip("/"), login, settings.secret("probe_password"))
    figures = room.Figures()
    try:
        asyncio.run(room.probe(target, figures, patience))
    except room.Failed as error:
        typer.echo(f"failed {figures} at {error}")
        raise typer.Exit(1) from None
    typer.echo(f"ok {figures}")
