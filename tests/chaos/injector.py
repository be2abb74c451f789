"""Does to the house what the schedule says."""

import asyncio
import signal
import time
from collections.abc import Awaitable, Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass

import psycopg

from tests.chaos import backends
from tests.chaos.backends import Backend
from tests.chaos.house import ChaosHouse
from tests.chaos.schedule import Fault
from tests.chaos.traffic import Traffic

#: A fault that finds nothing to hit (its process is being started) is tried again for so long.
_TRY_FOR_S = 300.0
_TRY_AGAIN_S = 0.3
_STOPS_WITHIN_S = 10.0
#: Nothing was receipted for so long: the next fault may wait a little.
_STANDSTILL_S = 8.0
_HELD_AT_MOST_S = 2.0

_SIGNALS = {
    "kill": signal.SIGKILL, "terminate": signal.SIGTERM, "freeze": signal.SIGSTOP, "freeze_long": signal.SIGSTOP,
}  # fmt: skip


@dataclass(slots=True)
class Hit:
    """A fault that was done. `at` and `until`: epoch seconds."""

    fault: Fault
    at: float
    until: float
    what: str

    def __str__(self) -> str:
        return f"{_clock(self.at)} to {_clock(self.until)}  {self.fault.kind} {self.fault.target}: {self.what}"


class Missed(Exception):
    """There was nothing to do it to."""


class Injector:
    """One run's faults. `hits` grows as they are done."""

    def __init__(self, house: ChaosHouse, traffic: Traffic, alive_at: Callable[[], float]) -> None:
        """`alive_at`: when the house last got on with its work (epoch seconds)."""
        self.held_s = 0.0
        """How long faults were held back in all, because nothing moved that they could stop."""
        self._alive_at = alive_at
        self.hits: list[Hit] = []
        self.missed: list[Fault] = []
        self._stopped = asyncio.Event()
        self._house = house
        self._traffic = traffic

    async def run(self, faults: Sequence[Fault]) -> None:
        """Each at its time, beside those that still last; returns when the last one is over."""
        began = time.monotonic()
        async with asyncio.TaskGroup() as tasks:
            for fault in faults:
                with suppress(TimeoutError):
                    async with asyncio.timeout(max(0.0, began + self.held_s + fault.at_s - time.monotonic())):
                        await self._stopped.wait()
                if self._stopped.is_set():
                    return
                await self._hold_back()
                tasks.create_task(self._one(fault))

    def stop(self) -> None:
        """No more faults; what was published so far is accounted for."""
        self._stopped.set()

    async def _hold_back(self) -> None:
        """On a slow machine faults would only hit what is already down: give it a little more time."""
        began = time.monotonic()
        while time.time() - self._alive_at() > _STANDSTILL_S and time.monotonic() - began < _HELD_AT_MOST_S:
            await asyncio.sleep(0.1)
        self.held_s += time.monotonic() - began

    async def _one(self, fault: Fault) -> None:
        give_up = time.monotonic() + _TRY_FOR_S
        while True:
            hit = Hit(fault, time.time(), 0.0, "")
            try:
                hit.what = await self._do(fault, hit)
            except (Missed, TimeoutError, ProcessLookupError, psycopg.Error, OSError):
                if time.monotonic() > give_up:
                    self.missed.append(fault)
                    return
                await asyncio.sleep(_TRY_AGAIN_S)
                continue
            hit.until = time.time()
            self.hits.append(hit)
            return

    async def _do(self, fault: Fault, hit: Hit) -> str:
        for prefix, does in (
            ("broker_", self._broker), ("database_", self._database), ("backend_", self._backend),
            ("line_", self._line),
        ):  # fmt: skip
            if fault.kind.startswith(prefix):
                return await does(fault, hit)
        if fault.kind in ("kill_in_transaction", "kill_at_commit"):
            return await self._kill_in_the_moment(fault, hit)
        if fault.kind in _SIGNALS:
            name = self._one_of(self._house.of(fault.target), fault)
            return await self._signal(name, _SIGNALS[fault.kind], fault, hit)
        if fault.kind == "table_lock":
            await backends.lock_table(self._admin, fault.target, fault.span_s)
            return f"{fault.target} held for {fault.span_s:.1f} s"
        does_traffic: Callable[[Fault], Awaitable[str]] = getattr(self._traffic, fault.kind)
        return await does_traffic(fault)

    async def _signal(self, name: str, number: signal.Signals, fault: Fault, hit: Hit) -> str:
        child = await self._house.running(name)
        hit.at = time.time()
        child.send(number)
        if number is signal.SIGSTOP:
            await asyncio.sleep(fault.span_s)
            child.send(signal.SIGCONT)
        return f"{number.name} to {name} (PID {child.pid})"

    async def _kill_in_the_moment(self, fault: Fault, hit: Hit) -> str:
        """The process, while a backend of its is between two statements, or commits."""
        name = self._one_of(self._house.of(fault.target), fault)
        child = await self._house.running(name)
        moment = fault.kind.removeprefix("kill_")
        await backends.find(self._admin, fault.target, moment, fault.pick)
        hit.at = time.time()
        child.send(signal.SIGKILL)
        return f"SIGKILL to {name} (PID {child.pid}), {moment}"

    async def _broker(self, fault: Fault, hit: Hit) -> str:
        kept = self._house.kept["broker"]
        if fault.kind in ("broker_kill", "broker_lose_store"):
            child = await self._house.running("broker")
            if fault.kind == "broker_lose_store":
                kept.before_start = self._house.broker.lose_store
            hit.at = time.time()
            child.send(signal.SIGKILL)
            return f"SIGKILL to the broker (PID {child.pid})"
        number = signal.SIGTERM if fault.kind == "broker_terminate" else signal.SIGSTOP
        return await self._signal("broker", number, fault, hit)

    async def _database(self, fault: Fault, hit: Hit) -> str:
        if fault.kind == "database_kill":
            return await self._signal("database", signal.SIGKILL, fault, hit)
        child = await self._house.running("database")
        hit.at = time.time()
        # PostgreSQL 18 that is asked to stop while it recovers from a crash waits for its checkpointer for ever.
        in_order = await child.stop(signal.SIGINT, _STOPS_WITHIN_S)
        return f"SIGINT to the database (PID {child.pid})" + ("" if in_order else ", which had to be killed")

    async def _backend(self, fault: Fault, hit: Hit) -> str:
        moment = "in_transaction" if fault.kind != "backend_terminate" else ""
        pid = await backends.find(self._admin, fault.target, moment, fault.pick)
        if pid is None:
            raise Missed
        hit.at = time.time()
        if fault.kind in ("backend_kill", "backend_freeze"):
            postmaster = await self._house.running("database")
            backend = Backend(pid, postmaster.pid)
            try:
                backend.send(signal.SIGKILL if fault.kind == "backend_kill" else signal.SIGSTOP)
                if fault.kind == "backend_freeze":
                    await asyncio.sleep(fault.span_s)
                    backend.send(signal.SIGCONT)
            finally:
                backend.close()
        else:
            function = "pg_cancel_backend" if fault.kind == "backend_cancel" else "pg_terminate_backend"
            await backends.call(self._admin, function, pid)
        return f"backend {pid} of {fault.target}"

    async def _line(self, fault: Fault, hit: Hit) -> str:
        lines = self._house.lines_of(fault.target)
        line = lines[int(fault.pick * len(lines))]
        # A line of gateways is many connections: one, some or all of them; of a process all.
        share = (0.0, 0.2, 1.0)[int(fault.pick * 300) % 3] if fault.target == "gateways" else 1.0
        pairs = line.choose(share, fault.pick)
        if not pairs and fault.kind != "line_refuses":
            raise Missed
        hit.at = time.time()
        if fault.kind == "line_reset":
            for pair in pairs:
                pair.reset()
        elif fault.kind == "line_dead":
            for pair in pairs:
                pair.cut()
        elif fault.kind == "line_refuses":
            line.refuses = True
            for pair in pairs:
                pair.reset()
            await asyncio.sleep(fault.span_s)
            line.refuses = False
        else:
            line.swallows = share == 1.0
            for pair in pairs:
                pair.stall(True)
            await asyncio.sleep(fault.span_s)
            line.mend()
        return f"{len(pairs)} connections of {line.name}"

    def _one_of(self, names: list[str], fault: Fault) -> str:
        return names[int(fault.pick * len(names))]

    @property
    def _admin(self) -> str:
        return self._house.database.urls().admin


def _clock(at: float) -> str:
    return time.strftime("%H:%M:%S", time.gmtime(at)) + f".{int(at * 1000) % 1000:03d}"
