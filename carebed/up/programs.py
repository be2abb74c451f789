"""Our own processes: how each is called, and which secrets it gets: by environment, never on the command line."""

import os
import signal
import sys
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from carebed.embedded.child import Child
from carebed.embedded.postgres import DatabaseUrls
from carebed.embedded.quarters import own_command


@dataclass(frozen=True)
class Program:
    """One process of ours. Several workers of one kind differ in `name` and share `process`."""

    name: str
    arguments: tuple[str, ...]
    roles: tuple[str, ...]  # the database roles it may use
    #: Port of /healthz, /readyz and /metrics on 127.0.0.1.
    health_port: int

    @property
    def process(self) -> str:
        """What the ready file lists it under."""
        return process_of(self.name)

    @property
    def health_url(self) -> str:
        """Where its health is asked for; add /readyz."""
        return f"http://127.0.0.1:{self.health_port}"


@dataclass(frozen=True)
class Surroundings:
    """What the processes share."""

    database: DatabaseUrls
    mqtt_port: int
    mqtt_users_file: Path
    http_port: int
    ready_file: Path
    logs: Path
    web_push_key_file: Path | None = None
    #: What is not set otherwise of the links in messages: settings by variable, for who makes links and who answers.
    links: Mapping[str, str] = field(default_factory=dict)

    def environment(self, program: Program) -> dict[str, str]:
        """The environment of `program`: ours, without settings that `carebed up` decides, plus its own."""
        urls = {
            "engine": ("CAREBED_DATABASE_URL", self.database.engine),
            "api": ("CAREBED_API_DATABASE_URL", self.database.api),
            "owner": ("CAREBED_OWNER_DATABASE_URL", self.database.owner),
        }
        decided = dict(urls[role] for role in program.roles) | {
            "CAREBED_MQTT_HOST": "127.0.0.1",
            "CAREBED_MQTT_PORT": str(self.mqtt_port),
            "CAREBED_MQTT_USERS_FILE": str(self.mqtt_users_file),
            "CAREBED_HTTP_PORT": str(self.http_port),
            # The API answers for its health at its own root.
            "CAREBED_HEALTH_PORT": "0" if program.name == "api" else str(program.health_port),
        }
        if program.process in ("alerts", "api"):
            decided |= self.links
        if program.name == "sim":
            decided["CAREBED_READY_FILE"] = str(self.ready_file)
        if self.web_push_key_file is not None and "CAREBED_WEB_PUSH_KEY_FILE" not in os.environ:
            decided["CAREBED_WEB_PUSH_KEY_FILE"] = str(self.web_push_key_file)
        never_inherited = {name for name, _ in urls.values()} | {"CAREBED_READY_FILE", "CAREBED_MQTT_TLS"}
        inherited = {name: value for name, value in os.environ.items() if name not in never_inherited}
        return inherited | decided | {"PYTHONUNBUFFERED": "1"}

    def start(self, program: Program) -> Child:
        """Start it. It dies at once with `carebed up`: a kill -9 loses nothing, and nobody is left behind."""
        argv = (sys.executable, "-m", "carebed", *program.arguments)
        log = self.logs / f"{program.name}.log"
        return Child(program.name, own_command(argv, signal.SIGKILL), log, self.environment(program))


def names(ingest_workers: int, alerts_workers: int) -> list[str]:
    """Names of our processes in the order of their start, the simulator last: `ingest-alarm`, `ingest-alarm-2`, ..."""
    workers = {"ingest-alarm": ingest_workers, "ingest-reading": ingest_workers, "alerts": alerts_workers}
    numbered = [process + (f"-{number}" if number > 1 else "")
                for process, count in workers.items() for number in range(1, count + 1)]  # fmt: skip
    return [*numbered, "api", "scheduler", "sim"]


def process_of(name: str) -> str:
    """The kind of process that a name stands for: `ingest-alarm` for `ingest-alarm-2`."""
    return name.rstrip("0123456789").rstrip("-")


def programs(ports: Mapping[str, int]) -> list[Program]:
    """Our processes in the order of their start, without the simulator; `ports`: the health port of each of `names`."""
    return [
        *(_ingest(name, port) for name, port in ports.items() if name.startswith("ingest-")),
        *(
            Program(name, ("alerts",), ("engine",), port)
            for name, port in ports.items()
            if process_of(name) == "alerts"
        ),
        Program("api", ("api",), ("api",), ports["api"]),
        Program("scheduler", ("scheduler",), ("engine", "owner"), ports["scheduler"]),
    ]


def _ingest(name: str, port: int) -> Program:
    _, lane, *number = name.split("-")
    return Program(name, ("ingest", "--lane", lane, "--worker", *(number or ["1"])), ("engine",), port)


def simulator(port: int) -> Program:
    """The simulated homes; they know the gateways' passwords from the ready file and nothing else."""
    return Program("sim", ("sim",), (), port)
