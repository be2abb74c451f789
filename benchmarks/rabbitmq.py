"""Ours on RabbitMQ beside ours on Mosquitto: what a broker that syncs before it acknowledges costs."""

import asyncio
import subprocess
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from statistics import median

from benchmarks import backlog, ours
from benchmarks.loader import Loader
from benchmarks.report import Figures, line, percentile, percentiles_table, rates_table
from benchmarks.stage import LOADER, Stage
from carebed.embedded import ports
from carebed.embedded.broker_users import password_hash
from carebed.rabbitmq.embedded import PROGRAM, EmbeddedRabbit
from carebed.rabbitmq.management import NO_PASSWORD
from carebed.rabbitmq.rights import gateway_rights

_ONE_BY_ONE = 1_000


@dataclass
class Runs:
    """What one broker did, round by round."""

    stage: Stage
    loaded: list[float]
    """Messages acknowledged a second while sixteen absent sessions get them."""
    drained: list[float]
    """Readings committed a second by `carebed ingest`."""
    puback_ms: list[float]
    """From one publish to its PUBACK, nothing else under way, sorted."""


def missing() -> str | None:
    """Why this part cannot run, or None."""
    found = subprocess.run([PROGRAM, "where"], capture_output=True, text=True, check=False)
    return None if found.returncode == 0 else found.stderr.strip()


async def compare(mosquitto: Stage, count: int, rounds: int) -> Figures:
    """Both brokers take turns with a backlog of the same size, and with one message after another."""
    async with _rabbit(mosquitto) as rabbit:
        both = {"Mosquitto": Runs(mosquitto, [], [], []), "RabbitMQ, quorum queues": Runs(rabbit, [], [], [])}
        for number in range(rounds):
            for name, runs in both.items():
                run = f"{name[0].lower()}{number}"
                await backlog.make_sessions(runs.stage)
                runs.puback_ms += await asyncio.to_thread(_pubacks, runs.stage, f"{run}one")
                runs.loaded.append(await asyncio.to_thread(_load, runs.stage, run, count))
                rate = (await ours.drain(runs.stage, run, count)).per_s
                runs.drained.append(rate)
    return _report(both, count)


def _report(both: dict[str, Runs], count: int) -> Figures:
    mosquitto, rabbit = both.values()
    rates_table(
        f"{count:,} readings acknowledged by the broker while ingest is away (messages/s)",
        [(name, runs.loaded) for name, runs in both.items()],
    )
    rates_table("The same backlog drained by carebed ingest (messages/s)",
                [(name, runs.drained) for name, runs in both.items()])  # fmt: skip
    percentiles_table("One publish to its PUBACK (ms)",
                      [(name, sorted(runs.puback_ms)) for name, runs in both.items()])  # fmt: skip
    figures = {
        "rabbitmq_durable_ratio": median(rabbit.drained) / median(mosquitto.drained),
        "rabbitmq_publish_ratio": median(rabbit.loaded) / median(mosquitto.loaded),
        "rabbitmq_puback_p50_ratio": median(rabbit.puback_ms) / median(mosquitto.puback_ms),
        "rabbitmq_puback_p99_ms": percentile(sorted(rabbit.puback_ms), 99),
        "mosquitto_puback_p99_ms": percentile(sorted(mosquitto.puback_ms), 99),
    }
    line(
        f"  RabbitMQ to Mosquitto: drained {figures['rabbitmq_durable_ratio']:.2f}, published "
        f"{figures['rabbitmq_publish_ratio']:.2f}, PUBACK p50 {figures['rabbitmq_puback_p50_ratio']:.1f}"
    )
    return figures


@asynccontextmanager
async def _rabbit(stage: Stage) -> AsyncIterator[Stage]:
    """The same stage with another broker, and the loader let in there, too."""
    broker = EmbeddedRabbit(stage.directory, ports.free_port())
    broker.set_gateways([(LOADER, password_hash(stage.users[LOADER]))])
    await broker.start()
    try:
        rights = gateway_rights(LOADER)._replace(topic_write=r"^carebed\.v1\.")
        async with broker.management() as management:
            await management.put_users([(LOADER, NO_PASSWORD, rights)])
        yield replace(stage, mqtt_port=broker.port)
    finally:
        await broker.close()


def _load(stage: Stage, run: str, count: int) -> float:
    """Messages per second of one connection. Blocking.

    One device after another: RabbitMQ remembers a connection's rights for twelve topics, which is enough for a gateway,
    and not for a loader that goes round 5,000 devices.
    """
    messages = sorted(backlog.messages(stage.devices, run, count), key=lambda message: message[0])
    with Loader("127.0.0.1", stage.mqtt_port, LOADER, stage.users[LOADER]) as loader:
        began = time.monotonic()
        loader.publish(messages)
        return count / (time.monotonic() - began)


def _pubacks(stage: Stage, run: str) -> list[float]:
    """Publish one reading after another; ms from each to its PUBACK. Blocking."""
    took = []
    with Loader("127.0.0.1", stage.mqtt_port, LOADER, stage.users[LOADER]) as loader:
        for topic, payload in backlog.messages(stage.devices, run, _ONE_BY_ONE):
            began = time.perf_counter()
            loader.publish([(topic, payload)])
            took.append((time.perf_counter() - began) * 1000)
    return took
