"""The way of `carebed up`: lock, database, schema, demo, broker, processes, ready; then keep; then stop in order."""

import asyncio
import os
import signal
from collections.abc import Awaitable, Callable
from contextlib import suppress
from pathlib import Path

from carebed import web_push_key
from carebed.embedded import ports
from carebed.embedded.broker import EmbeddedBroker, follow_gateways, read_gateways
from carebed.embedded.child import Child, rotate
from carebed.embedded.datadir import DataDirectory
from carebed.embedded.postgres import URLS_FILE, EmbeddedPostgres
from carebed.errors import StartError
from carebed.migrate import upgrade
from carebed.rabbitmq.embedded import EmbeddedRabbit
from carebed.settings import Settings
from carebed.up.console import say, step
from carebed.up.demo import Demo, seed
from carebed.up.greeting import greet
from carebed.up.keeper import Keeper
from carebed.up.links import link_settings
from carebed.up.options import BrokerKind, UpOptions
from carebed.up.programs import Program, Surroundings, names, process_of, programs, simulator
from carebed.up.readiness import all_ready
from carebed.up.ready_file import Address, write_ready_file

# Which processes stop when, and how long each may take: 10 s in all, so that no service manager loses patience.
_STOP_ORDER: tuple[tuple[tuple[str, ...], float], ...] = (
    (("sim", "api"), 2.0),
    (("ingest-alarm", "ingest-reading"), 2.0),
    (("alerts", "scheduler"), 2.0),
    (("broker",), 1.5),
    (("database",), 1.5),
)


async def run_up(options: UpOptions, settings: Settings) -> None:
    """Run everything until SIGTERM, SIGINT or SIGHUP. Raises `StartError` when it cannot start, with what to do."""
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
        loop.add_signal_handler(number, stop.set)
    house = House(options, settings)
    life = asyncio.create_task(house.live())
    stopper = asyncio.create_task(stop.wait())
    try:
        await asyncio.wait({life, stopper}, return_when=asyncio.FIRST_COMPLETED)
    finally:
        stopper.cancel()
        life.cancel()
        await asyncio.wait({life})
        await house.stop()
    if not life.cancelled() and (error := life.exception()) is not None:
        raise error
    say("Stopped.")


class House:
    """All children and what they share, from the first lock to the last stop."""

    def __init__(self, options: UpOptions, settings: Settings) -> None:
        """Nothing is started yet."""
        self._options = options
        self._settings = settings
        self._data: DataDirectory | None = None
        self._keepers: dict[str, Keeper] = {}
        self._address: Address | None = None
        self._ready_files: list[Path] = []

    async def live(self) -> None:
        """Start everything and keep it running until cancelled."""
        options = self._options
        _check(options, self._settings.http_host)
        self._data = data = DataDirectory(options.data_dir)
        say(f"Carebed starts in {data.path}")
        web_push_key_file = data.secrets / "web-push.pem"
        web_push_key.make_missing(web_push_key_file)
        own_ready_file = data.secrets / "ready.json"
        self._ready_files = [own_ready_file] + ([options.ready_file.resolve()] if options.ready_file else [])
        self._drop_ready_files()
        ours = names(options.ingest_workers, options.alerts_workers)
        for name in (*ours, "database", "broker"):
            rotate(data.logs / f"{name}.log")

        database = EmbeddedPostgres(data.path, ports.free_port(), log=data.logs / "database.log")
        with step("database", f"127.0.0.1:{database.port}"):
            await self._start("database", database.start, signal.SIGINT)
        urls = database.urls()
        with step("schema", "brought up to date"):
            await asyncio.to_thread(upgrade, urls.owner)
        demo = await seed(urls.owner, options.homes, data) if options.demo else Demo()

        kind = EmbeddedRabbit if options.broker is BrokerKind.RABBITMQ else EmbeddedBroker
        broker = kind(data.path, options.mqtt_port, log_file=data.logs / "broker.log")
        broker.set_gateways(await read_gateways(urls.engine))
        with step("broker", f"127.0.0.1:{broker.port}"):
            await self._start("broker", broker.start, signal.SIGTERM)

        surroundings = Surroundings(
            urls,
            options.mqtt_port,
            broker.users_file,
            options.http_port,
            own_ready_file,
            data.logs,
            web_push_key_file,
            link_settings(self._settings, data, options.http_port),
        )
        health_ports = {name: ports.free_port() for name in ours} | {"api": options.http_port}
        started = programs(health_ports)
        with step("processes", "ready"):
            for program in started:
                await self._start(program.name, _starter(surroundings, program), signal.SIGTERM)
            await self._while_keeping(all_ready({program: self._keepers[program.name] for program in started}))
        # The permanent sessions of ingest exist now; from here on not even a kill -9 of the broker loses them.
        broker.save()
        health = [(program.process, program.health_url) for program in started]
        self._address = Address(options.http_port, options.mqtt_port, urls.reader, demo.users, demo.gateways, health)
        if options.demo and options.sim:
            write_ready_file([own_ready_file], self._address, self._pids())
            await self._start("sim", _starter(surroundings, simulator(health_ports["sim"])), signal.SIGTERM)
        self._rewrite_ready_file()
        greet(options, demo, data.logs)
        await self._while_keeping(follow_gateways(urls.engine, broker.set_gateways))

    async def stop(self) -> None:
        """Stop everything in order within 10 s, kill what is left, give the data directory free."""
        for processes, grace_s in _STOP_ORDER:
            keepers = [keeper for name, keeper in self._keepers.items() if process_of(name) in processes]
            await asyncio.gather(*(keeper.stop(grace_s) for keeper in keepers))
        if self._data is not None:
            self._drop_ready_files()
            (self._data.secrets / URLS_FILE).unlink(missing_ok=True)
            self._data.close()

    async def _start(self, name: str, start: Callable[[], Awaitable[Child]], stop_with: signal.Signals) -> None:
        self._keepers[name] = keeper = Keeper(name, start, stop_with)
        await keeper.start()

    async def _while_keeping(self, work: Awaitable[None]) -> None:
        """Do `work` while every child that runs by now is kept running."""
        keeping = [asyncio.create_task(keeper.keep(self._rewrite_ready_file)) for keeper in self._keepers.values()]
        working = asyncio.ensure_future(work)
        try:
            done, _ = await asyncio.wait({working, *keeping}, return_when=asyncio.FIRST_COMPLETED)
            for task in done:
                task.result()
        finally:
            for task in (working, *keeping):
                task.cancel()
            await asyncio.wait({working, *keeping})

    def _pids(self) -> list[tuple[str, int]]:
        return [(process_of(name), keeper.pid) for name, keeper in self._keepers.items() if keeper.pid is not None]

    def _rewrite_ready_file(self) -> None:
        if self._address is None:
            return
        try:
            write_ready_file(self._ready_files, self._address, self._pids())
        except OSError as error:
            say(f"The ready file could not be written again: {error}")

    def _drop_ready_files(self) -> None:
        for path in self._ready_files:
            with suppress(OSError):
                path.unlink(missing_ok=True)


def _starter(surroundings: Surroundings, program: Program) -> Callable[[], Awaitable[Child]]:
    async def start() -> Child:
        return surroundings.start(program)

    return start


def _check(options: UpOptions, http_host: str) -> None:
    """What can be known to be wrong before anything is started."""
    ports.require_free(options.http_port, "the web page", "--http-port", http_host)
    ports.require_free(options.mqtt_port, "the MQTT broker", "--mqtt-port")
    if options.http_port == options.mqtt_port:
        raise StartError("--http-port and --mqtt-port are the same: choose two different ones.")
    if options.homes < 1:
        raise StartError("--homes must be at least 1.")
    if options.ready_file is not None and not os.access(options.ready_file.resolve().parent, os.W_OK):
        raise StartError(
            f"Cannot write {options.ready_file}: choose a --ready-file in an existing, writable directory."
        )
