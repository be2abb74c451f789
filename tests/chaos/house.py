"""The house under chaos: the real database with fsync, a real broker, all processes, each with lines of its own.

Not `carebed up`, whose keeper waits ever longer for what keeps dying: a thousand faults would then meet processes that
are not there. Here everything is started again at once, and between a process and what it needs lies a line that can
be cut. What runs is the same: its programs, their environment, its database and broker.
"""

import asyncio
import signal
import time
from collections.abc import Awaitable, Callable
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from random import Random
from typing import Any

import httpx
import psycopg

from carebed.embedded import ports
from carebed.embedded.child import Child
from carebed.embedded.postgres import DatabaseUrls, EmbeddedPostgres
from carebed.errors import StartError
from carebed.migrate import upgrade
from carebed.up.programs import Program, Surroundings, programs
from registry.seed import DemoCredentials, seed_demo
from tests.chaos.broker import BROKERS
from tests.chaos.ledger import BrokerEnd, Ledger
from tests.chaos.line import Line
from tests.chaos.providers import Providers, put_methods
from tests.forks import Forks

_PAUSE_S = (0.02, 0.3)
_PATIENCE_S = 300.0

#: Short, so that a false alarm about silence would come within the run.
_SHORT_PATIENCE = """
    UPDATE device SET heartbeat_s = 10, missed_beats = 3 WHERE heartbeat_s IS NOT NULL;
    INSERT INTO detector_parameters (id, detector, home_id, "values")
    SELECT gen_random_uuid(), 'inactivity', id, '{"fixed_s": 600}' FROM home;
"""


class Kept:
    """One child, started again whenever it ends."""

    def __init__(self, name: str, start: Callable[[], Awaitable[Child]], chance: Random) -> None:
        self.name = name
        self.child: Child | None = None
        self.before_start: Callable[[], None] | None = None
        """Done once, between the end of this child and the start of the next."""
        self.ends = 0
        self._start = start
        self._chance = chance

    @property
    def running(self) -> Child | None:
        """The child, if it runs."""
        return self.child if self.child is not None and self.child.returncode is None else None

    async def start(self) -> None:
        """The first time."""
        self.child = await self._start()

    async def keep(self, ended: Callable[["Kept", float], None]) -> None:
        """Until cancelled."""
        while True:
            if self.child is not None:
                await self.child.wait()
                self.ends += 1
                ended(self, time.time())
            await asyncio.sleep(self._chance.uniform(*_PAUSE_S))
            if self.before_start is not None:
                self.before_start()
                self.before_start = None
            self.child = None
            with suppress(StartError):
                self.child = await self._start()


class ChaosHouse:
    """Everything that is killed and cut off. `workers`: ingest processes of each lane."""

    def __init__(self, directory: Path, broker: str, homes: int, workers: int, ledger: Ledger, chance: Random
    ) -> None:  # fmt: skip
        self.directory = directory
        self.logs = directory / "log"
        self.logs.mkdir(parents=True)
        self.http_port = ports.free_port()
        self.database = EmbeddedPostgres(directory, ports.free_port(), log=self.logs / "database.log")
        self.broker = BROKERS[broker](directory, ports.free_port(), self.logs / "broker.log")
        self.demo = DemoCredentials([], [])
        self.kept: dict[str, Kept] = {}
        self.lines: dict[str, Line] = {}
        self.health: dict[str, str] = {}
        self._homes, self._workers, self._ledger = homes, workers, ledger
        self.providers = Providers(chance, f"http://127.0.0.1:{self.http_port}")
        self._settings: dict[str, str] = {}
        self._forks = Forks()
        self._keeping: list[asyncio.Task[None]] = []
        self._chance = Random()

    async def start(self) -> None:
        """Start everything and wait until all is ready."""
        await self._forks.open()
        await self._keep("database", self.database.start)
        urls = self.database.urls()
        await asyncio.to_thread(upgrade, urls.owner)
        secrets = self.directory / "secrets"
        secrets.mkdir(exist_ok=True)
        self.demo = await asyncio.to_thread(seed_demo, urls.owner, self._homes, secrets)
        with psycopg.connect(urls.owner) as conn:
            conn.execute(_SHORT_PATIENCE)
            hashes = conn.execute("SELECT id, secret_hash FROM gateway").fetchall()
        self.broker.set_gateways(hashes)
        put_methods(urls.owner)
        self._settings = await self.providers.open(self.directory)
        await self._keep("broker", self._start_broker)
        await self._line("gateways", self.broker.port)
        for program in self._programs():
            await self._start_program(program, urls)
        await self.ready(_PATIENCE_S)
        self.broker.save()

    async def stop(self) -> None:
        """End everything, in order where it still listens."""
        self.calm()
        for task in self._keeping:
            task.cancel()
        await asyncio.gather(*self._keeping, return_exceptions=True)
        for name, kept in self.kept.items():
            if (child := kept.running) is not None and name not in ("broker", "database"):
                await child.stop(signal.SIGTERM, 5.0)
        await self.providers.close()
        await self._forks.close()
        await self.broker.stop()
        await self.database.stop()
        for line in self.lines.values():
            line.close()

    def calm(self) -> None:
        """Whatever is frozen or stalled goes on."""
        self.providers.calm()
        for kept in self.kept.values():
            if (child := kept.running) is not None:
                child.send(signal.SIGCONT)
        for line in self.lines.values():
            line.mend()

    def of(self, target: str) -> list[str]:
        """The names of all processes of that kind: there may be several workers."""
        return [name for name in self.kept if name == target or (name.startswith(f"{target}-") and name[-1].isdigit())]

    def lines_of(self, target: str) -> list[Line]:
        """The lines of that name: `gateways`, or `process:broker` and `process:database` of each worker."""
        process, _, end = target.partition(":")
        return [self.lines[target]] if not end else [self.lines[f"{name}:{end}"] for name in self.of(process)]

    async def running(self, name: str, within_s: float = 30.0) -> Child:
        """The child of that name, as soon as it runs."""
        async with asyncio.timeout(within_s):
            while (child := self.kept[name].running) is None:
                await asyncio.sleep(0.02)
        return child

    async def ready(self, within_s: float) -> None:
        """Return when every process says that it is ready; `TimeoutError` with the reasons otherwise."""
        end = time.monotonic() + within_s
        async with httpx.AsyncClient(trust_env=False, timeout=5) as client:
            while (reasons := await self.unready(client)) and time.monotonic() < end:
                await asyncio.sleep(0.2)
        if reasons:
            raise TimeoutError(f"not ready within {within_s:.0f} s: {reasons}")

    async def unready(self, client: httpx.AsyncClient) -> dict[str, str]:
        """Process -> why it is not ready."""
        reasons = {}
        for name, url in self.health.items():
            try:
                answer = await client.get(url + "/readyz")
                if answer.status_code != httpx.codes.OK:
                    reasons[name] = answer.text[:300]
            except httpx.HTTPError as error:
                reasons[name] = type(error).__name__
        return reasons

    # Inside

    async def _start_broker(self) -> Child:
        return await self.broker.start()

    async def _keep(self, name: str, start: Callable[[], Awaitable[Child]]) -> None:
        kept = self.kept[name] = Kept(name, start, self._chance)
        await kept.start()
        self._keeping.append(asyncio.create_task(kept.keep(self._ended), name=f"keep {name}"))

    def _ended(self, kept: Kept, at: float) -> None:
        if kept.name != "broker":
            return
        if kept.before_start is not None:  # its store goes, too
            kept.before_start()
            kept.before_start = None
        self._ledger.ends.append(BrokerEnd(at, self.broker.saved_at(at)))

    async def _line(self, name: str, target: int) -> Line:
        line = self.lines[name] = Line(name, ports.free_port(), target)
        await line.open()
        return line

    def _programs(self) -> list[Program]:
        names = ("ingest-alarm", "ingest-reading", "alerts", "api", "scheduler")
        ours = programs({name: self.http_port if name == "api" else ports.free_port() for name in names})
        more = [
            replace(one, name=f"{one.name}-{number}", health_port=ports.free_port())
            for one in ours if one.name.startswith("ingest-") for number in range(2, self._workers + 1)
        ]  # fmt: skip
        return [*ours, *more]

    async def _start_program(self, program: Program, urls: DatabaseUrls) -> None:
        database = await self._line(f"{program.name}:database", self.database.port)
        mqtt = await self._line(f"{program.name}:broker", self.broker.port)
        through: dict[str, Any] = {
            role: url.replace(f":{self.database.port}/", f":{database.port}/")
            for role, url in zip(("admin", "owner", "engine", "api", "reader"),
                                 (urls.admin, urls.owner, urls.engine, urls.api, urls.reader), strict=True)
        }  # fmt: skip
        surroundings = Surroundings(
            DatabaseUrls(**through), mqtt.port, self.broker.users_file, self.http_port, self.directory / "none",
            self.logs,
        )  # fmt: skip

        async def start() -> Child:
            log = self.logs / f"{program.name}.log"
            return await self._forks.start(
                program.name, program.arguments, surroundings.environment(program) | self._settings, log
            )

        self.health[program.name] = program.health_url
        await self._keep(program.name, start)
