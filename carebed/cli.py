"""The `carebed` command. Each process is loaded by name, for the ground floor imports no room."""

import asyncio
import importlib
import sys
from datetime import timedelta
from pathlib import Path
from typing import Annotated, Any

import typer

from carebed.errors import CarebedError
from carebed.gateway_command import app as gateway_app
from carebed.logs import configure_logs
from carebed.probe_command import probe
from carebed.quarantine_command import app as quarantine_app
from carebed.replay_command import replay
from carebed.settings import load_settings
from carebed.supervision import TaskDied
from carebed.up.options import BrokerKind

app = typer.Typer(
    no_args_is_help=True, add_completion=False, pretty_exceptions_enable=False,
    help="Carebed: the open backend for home-care beds.",
)  # fmt: skip
clock_app = typer.Typer(no_args_is_help=True, help="The database clock of a demo or test.")
sim_app = typer.Typer(invoke_without_command=True, help="Simulated homes, scenarios and recordings.")
app.add_typer(clock_app, name="clock")
app.add_typer(sim_app, name="sim")
app.add_typer(quarantine_app, name="quarantine")
app.add_typer(gateway_app, name="gateway")
app.command()(replay)
app.command()(probe)


def _run(room: str, process: str, *arguments: Any) -> None:
    """Run `room.main.run(settings, *arguments)` until it stops."""
    settings = load_settings()
    configure_logs(process, settings.log_level)
    module = importlib.import_module(f"{room}.main")
    _loop(module.run(settings, *arguments))


def _loop(coroutine: Any) -> None:
    """Run on uvloop where it is installed."""
    try:
        import uvloop
    except ImportError:
        asyncio.run(coroutine)
    else:
        uvloop.run(coroutine)


@app.command()
def ingest(
    lane: Annotated[str, typer.Option(help="alarm, or reading (readings and health)")],
    worker: Annotated[
        str | None, typer.Option(envvar="CAREBED_WORKER", help="what people call this worker; default the host's name")
    ] = None,
) -> None:
    """Take in what devices publish: one lane, whose shard groups are shared by all workers that there are of it."""
    if lane not in ("alarm", "reading"):
        raise CarebedError(f"There is no lane {lane!r}: choose alarm or reading.")
    lanes = importlib.import_module("gateway.lanes")
    _run("ingest", f"ingest-{lane}", lanes.Lane(lane), worker)


@app.command()
def alerts() -> None:
    """Fire deadlines, escalate, deliver notifications."""
    _run("alerts", "alerts")


@app.command()
def api() -> None:
    """Serve the HTTP interface, the live stream and the web application."""
    _run("api", "api")


@app.command()
def scheduler() -> None:
    """The calendar: partitions ahead, retention. One at a time; a second one waits."""
    settings = load_settings()
    configure_logs("scheduler", settings.log_level)
    from carebed.scheduler import run

    _loop(run(settings))


@app.command()
def migrate() -> None:
    """Bring the database to this release's schema (needs CAREBED_OWNER_DATABASE_URL)."""
    settings = load_settings()
    configure_logs("migrate", settings.log_level)
    from carebed.migrate import upgrade

    upgrade(settings.secret("owner_database_url"))


@app.command()
def hypertable() -> None:
    """Move readings into a TimescaleDB hypertable (needs CAREBED_OWNER_DATABASE_URL); ingest waits until it is done."""
    settings = load_settings()
    configure_logs("hypertable", settings.log_level)
    from carebed.hypertable_command import move_to_hypertable

    typer.echo(f"{move_to_hypertable(settings.secret('owner_database_url'))} readings moved")


@app.command()
def up(
    data_dir: Annotated[Path, typer.Option(envvar="CAREBED_DATA_DIR", help="database, broker, logs")] = Path("data"),
    http_port: Annotated[int, typer.Option(envvar="CAREBED_HTTP_PORT", min=1, max=65535)] = 8080,
    mqtt_port: Annotated[int, typer.Option(envvar="CAREBED_MQTT_PORT", min=1, max=65535)] = 1883,
    ready_file: Annotated[
        Path | None, typer.Option(envvar="CAREBED_READY_FILE", help="written once all is ready")
    ] = None,
    demo: Annotated[bool, typer.Option(envvar="CAREBED_DEMO", help="seed a district with simulated homes")] = False,
    sim: Annotated[bool, typer.Option(envvar="CAREBED_SIM", help="with --demo: simulate the homes' devices")] = True,
    homes: Annotated[int, typer.Option(envvar="CAREBED_HOMES", min=1, max=100_000, help="size of the demo")] = 20,
    broker: Annotated[
        BrokerKind, typer.Option(envvar="CAREBED_BROKER", help="rabbitmq: see `make rabbitmq`")
    ] = BrokerKind.MOSQUITTO,
    ingest_workers: Annotated[
        int, typer.Option(envvar="CAREBED_INGEST_WORKERS", min=1, max=17, help="ingest processes for each lane")
    ] = 1,
    alerts_workers: Annotated[
        int, typer.Option(envvar="CAREBED_ALERTS_WORKERS", min=1, max=16, help="processes that escalate and deliver")
    ] = 1,
) -> None:
    """Run everything on this machine, with embedded PostgreSQL and Mosquitto."""
    from carebed.up.options import UpOptions
    from carebed.up.run import run_up

    settings = load_settings()
    configure_logs("up", settings.log_level)
    options = UpOptions(
        data_dir, http_port, mqtt_port, ready_file, demo, sim, homes, broker, ingest_workers, alerts_workers
    )
    asyncio.run(run_up(options, settings))


@clock_app.command("advance")
def clock_advance(
    seconds: Annotated[float, typer.Argument(min=0)],
    data_dir: Annotated[Path, typer.Option(envvar="CAREBED_DATA_DIR", help="of the running demo")] = Path("data"),
) -> None:
    """Shift the demo's database clock forward by SECONDS."""
    from carebed.clock_command import advance_clock

    settings = load_settings()
    typer.echo(asyncio.run(advance_clock(settings, data_dir, timedelta(seconds=seconds))).isoformat())


@sim_app.callback()
def sim_homes(context: typer.Context) -> None:
    """Without a command: live in all homes of CAREBED_READY_FILE until stopped."""
    if context.invoked_subcommand is None:
        from carebed.sim_command import live

        settings = load_settings()
        configure_logs("sim", settings.log_level)
        asyncio.run(live(settings))


DataDir = Annotated[Path, typer.Option(envvar="CAREBED_DATA_DIR", help="of the running demo")]


@sim_app.command("play")
def sim_play(
    scenario: Annotated[str, typer.Argument(help="sos, fall, panic-presses ...; an unknown name lists all")],
    home: Annotated[str | None, typer.Option(help="gateway id or home id; default the first")] = None,
    data_dir: DataDir = Path("data"),
) -> None:
    """Play one scenario in one home of the running demo."""
    from carebed.sim_command import play

    settings = load_settings()
    configure_logs("sim", settings.log_level)
    asyncio.run(play(settings, data_dir, scenario, home))


@sim_app.command("replay")
def sim_replay(
    folder: Annotated[Path, typer.Argument(help="a recorded home: Kasteren or Ordonez files")],
    speed: Annotated[float, typer.Option(min=0, help="times real time; 0 as fast as the broker takes it")] = 0,
    inactivity_s: Annotated[int, typer.Option(min=600, max=604_800, help="the home's inactivity span")] = 43_200,
    data_dir: DataDir = Path("data"),
) -> None:
    """Play a recorded home through the running demo, its database clock shifted along."""
    from carebed.sim_command import replay

    settings = load_settings()
    configure_logs("sim", settings.log_level)
    report = asyncio.run(replay(settings, data_dir, folder, speed, inactivity_s))
    typer.echo(
        f"{report.lines} lines, {report.readings} readings published, {report.stored} stored, "
        f"{report.quarantined} quarantined, {report.inactivity_alarms} inactivity alarms"
    )
    if report.stored != report.readings:
        raise CarebedError("Not everything that was published is stored: see the logs and the quarantine.")


def main() -> None:
    """Entry point: errors that Carebed raises on purpose become one sentence and exit code 2."""
    try:
        app()
    except CarebedError as error:
        sys.stderr.write(f"carebed: {error}\n")
        sys.exit(2)
    except TaskDied as error:
        sys.stderr.write(f"carebed: {error}\n")
        sys.exit(1)
