"""One run: start the house, let it live while it is broken, let it come to rest, account for everything."""

import asyncio
import contextlib
import random
import signal
import time
from collections.abc import AsyncIterator, Callable, Coroutine, Sequence
from dataclasses import dataclass
from pathlib import Path

import psycopg

from tests.chaos import pages, providers, rows
from tests.chaos.accountant import Account, Broken, settle
from tests.chaos.desk import Desk
from tests.chaos.gateway import Gateway
from tests.chaos.house import ChaosHouse
from tests.chaos.injector import Injector
from tests.chaos.ledger import Ledger
from tests.chaos.recovery import with_watermarks
from tests.chaos.schedule import Fault
from tests.chaos.traffic import Home, Traffic
from tests.chaos.watch import Watch

_OPENING_S = 3.0
_READY_AGAIN_S = 300.0
_DELIVERED_S = 600.0
_COMMITTED_S = 300.0
_HANDED_OVER_S = 180.0

_BEHIND = """
    SELECT lane, shard_group FROM watermark WHERE extract(epoch FROM stamp) <= %s ORDER BY lane, shard_group
"""


@dataclass(frozen=True, slots=True)
class Plan:
    """What to run. `plain_share`: how many of the gateways forget a reading at its PUBACK."""

    seed: int
    faults: Sequence[Fault]
    broker: str = "mosquitto"
    workers: int = 1
    homes: int = 40
    rate: float = 250.0
    calls: float = 12.0
    resend_s: tuple[float, float] = (5.0, 20.0)
    plain_share: float = 0.25


@dataclass(slots=True)
class Outcome:
    """What a run leaves for the report."""

    plan: Plan
    ledger: Ledger
    injector: Injector
    watch: Watch
    desk: Desk
    account: Account
    reasons: dict[str, int]
    logs: Path
    seconds: float
    messages: dict[str, int]
    """What the providers were given, and what became of it."""
    rest_s: float
    """How long the house needed from the last fault until everything was delivered and committed."""


async def run(plan: Plan, directory: Path) -> Outcome:
    """Everything; raises only when the house cannot even be started."""
    ledger = Ledger()
    chance = random.Random(plan.seed)
    house = ChaosHouse(directory, plan.broker, plan.homes, plan.workers, ledger, random.Random(plan.seed))
    began = time.monotonic()
    try:
        await house.start()
        homes = _homes(plan, house, ledger, chance)
        traffic = Traffic(homes, plan.rate, plan.calls, chance)
        watch = Watch(house.database, ledger)
        injector = Injector(house, traffic, lambda: ledger.receipted_at)
        for number in (signal.SIGINT, signal.SIGTERM):
            asyncio.get_running_loop().add_signal_handler(number, injector.stop)
        operator = next(user for user in house.demo.users if user["role"] == "admin")
        desk = Desk(f"http://127.0.0.1:{house.http_port}", operator, chance)
        async with _running(*(home.gateway.run() for home in homes), watch.invariants(), watch.receipts()):
            async with _running(traffic.flow(), desk.work()):
                await asyncio.sleep(_OPENING_S)
                await injector.run(plan.faults)
            over = time.monotonic()
            stuck = await _come_to_rest(house, homes)
            rest_s = time.monotonic() - over
        reader = house.database.urls().reader
        ledger.ends = with_watermarks(ledger.ends, watch.samples)
        account = settle(ledger, await asyncio.to_thread(rows.read, reader))
        silences = await asyncio.to_thread(rows.false_silences, reader, ledger)
        account.broken += [Broken("false alarm", one) for one in silences]
        account.broken += [Broken("page", one) for one in await asyncio.to_thread(pages.unaccounted, reader)]
        messages = await asyncio.to_thread(providers.unaccounted, reader, house.providers)
        account.broken += [Broken("message", one) for one in messages]
        account.broken += [Broken("invariant", one) for one in watch.broken]
        account.broken += [Broken("move", one) for one in await asyncio.to_thread(desk.broken, reader)]
        account.broken += [Broken("not at rest", one) for one in stuck]
        reasons = await asyncio.to_thread(rows.reasons, reader)
        seconds = time.monotonic() - began
        return Outcome(
            plan,
            ledger,
            injector,
            watch,
            desk,
            account,
            reasons,
            house.logs,
            seconds,
            dict(house.providers.figures),
            rest_s,
        )
    finally:
        await house.stop()


def _homes(plan: Plan, house: ChaosHouse, ledger: Ledger, chance: random.Random) -> list[Home]:
    homes = []
    for number, gateway in enumerate(house.demo.gateways):
        line = Gateway(
            (str(gateway["id"]), str(gateway["password"])), house.lines["gateways"].port, ledger,
            lambda: len(ledger.ends), plain=number < plan.plain_share * plan.homes, resend_s=plan.resend_s,
            chance=chance,
        )  # fmt: skip
        homes.append(Home(line, {str(device["kind"]): str(device["id"]) for device in gateway["devices"]}))
    return homes


async def _come_to_rest(house: ChaosHouse, homes: Sequence[Home]) -> list[str]:
    """Let everything be delivered and committed; what did not come to rest."""
    house.calm()
    stuck = []
    try:
        await house.ready(_READY_AGAIN_S)
    except TimeoutError as error:
        stuck.append(str(error))
    if not await _within(_DELIVERED_S, lambda: all(home.gateway.done for home in homes)):
        stuck += [
            f"{home.gateway.id}: {len(home.gateway.outbox)} alarm messages without a receipt, readings "
            f"{'delivered' if home.gateway.shelf.empty else 'not delivered'}"
            for home in homes if not home.gateway.done
        ]  # fmt: skip
    # Behind this moment's sentinels stands everything that was published before it.
    delivered_at = time.time()
    url = house.database.urls().reader
    if not await _within(_COMMITTED_S, lambda: not _behind(url, delivered_at)):
        stuck += [f"watermark of {lane} {group} stands still" for lane, group in _behind(url, delivered_at)]
    # Back-off is a minute at the most. Reports first: what is said to have failed goes out again.
    if not await _within(_HANDED_OVER_S, lambda: house.providers.reported and not providers.waiting(url)):
        stuck.append(f"{providers.waiting(url)} messages are due and not handed over, or not reported yet")
    return stuck


def _behind(url: str, at: float) -> list[tuple[str, int]]:
    try:
        with psycopg.connect(url, connect_timeout=5) as conn:
            return conn.execute(_BEHIND, [at]).fetchall()
    except psycopg.Error as error:
        return [(str(error), -1)]


async def _within(seconds: float, condition: Callable[[], bool]) -> bool:
    end = time.monotonic() + seconds
    while not await asyncio.to_thread(condition):
        if time.monotonic() > end:
            return False
        await asyncio.sleep(0.3)
    return True


@contextlib.asynccontextmanager
async def _running(*coroutines: Coroutine[None, None, None]) -> AsyncIterator[None]:
    tasks = [asyncio.create_task(one) for one in coroutines]
    try:
        yield
        for task in tasks:
            if task.done():
                task.result()
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
