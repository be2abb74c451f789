"""Round after round: a few thousand deliveries through both lanes' workers, then the ledger.

A round depends on its seed and number alone, so it can be run again by itself; two bad messages have a good one between
them, which must be stored.
"""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from random import Random
from typing import cast

from carebed.database import Database
from carebed.embedded.postgres import DatabaseUrls
from gateway.topics import GROUPS, PREFIX, alarm_filters, reading_filters, stray_filters
from gateway.wire import Lane
from ingest.alarm_lane import AlarmLane
from ingest.flood import FloodGuard
from ingest.mqtt import Intake, Session
from ingest.reading_lane import ReadingLane
from ingest.who import Who
from ingest.worker import LaneProcessor, Worker
from tests.fuzz.ledger import KEPT, Ledger
from tests.fuzz.payloads import Payloads, utc_now
from tests.fuzz.script_broker import Delivery, ScriptBroker
from tests.fuzz.world import World

STRAY = {lane: f"ingest-{lane}-stray" for lane in (Lane.ALARM, Lane.READING)}
_PATIENCE_S = 120.0
"""Nothing acknowledged for so long: stuck. Generous, for a machine that has other work."""
_RESENDS = 20
"""One round in so many loses a connection, one gets garbage on the wire, one sees both."""

#: Properties, two of them good: the codec refuses the rest, and the rescue takes over.
_EXTRAS = [
    b"\x01\x01", b"\x02\x00\x00\x00\x3c", b"\x01\x01\x01\x01", b"\x01\x02", b"\x26\x00\x01a\x00\x02\xff\xfe",
    b"\x7f\x00", b"\x03\x00\x01\xff", b"\x08\x00\x03a/#", b"\x0b\x00", b"\x23\x00\x01", b"\x26\x00\xffa",
    b"\x09\xff\xff",
]  # fmt: skip
_GARBAGE = [
    b"\x00\x00",
    b"\xff" * 100,
    b"HTTP/1.1 400 Bad Request\r\n\r\n",
    b"\x32\x03\x00\x05a",
    b"\x30\x02\x00\x09",
    b"\x62\x02\x00",
]


@dataclass
class Round:
    """What one round sends: (session, delivery), garbage and hang-ups by session."""

    given: list[tuple[str, Delivery]] = field(default_factory=list)
    garbage: dict[str, bytes] = field(default_factory=dict)
    hang_up: list[str] = field(default_factory=list)
    mutated: int = 0


def route(topic: bytes) -> list[str]:
    """The sessions to which a broker delivers this topic, by their filters; none where nobody subscribes to it."""
    try:
        levels = topic.decode().split("/")
    except UnicodeDecodeError:
        return []
    if "/".join(levels[:2]) != PREFIX or len(levels) < 3 or any(sign in level for level in levels for sign in "+#\0"):
        return []
    shard = levels[2]
    known = len(shard) == 2 and set(shard) <= set(GROUPS)
    lane = levels[4] if len(levels) > 4 else ""
    alarm = lane == Lane.ALARM
    sessions = [STRAY[Lane.ALARM]] if alarm else []
    if not known and lane in (Lane.READING, Lane.HEALTH):  # the access list keeps good shards out of this one
        sessions.append(STRAY[Lane.READING])
    if known:
        sessions += [f"ingest-reading-{shard[0]}", *([f"ingest-alarm-{shard[0]}"] if alarm else [])]
    return sessions


def make_round(seed: str, number: int, size: int, world: World) -> Round:
    """`size` mutated messages with a good one between each two."""
    chance = Random(f"{seed}/{number}")
    payloads = Payloads(chance, utc_now(), f"{number}-")
    plan = Round(mutated=size)
    everybody = [f"ingest-{lane}-{group}" for lane in ("alarm", "reading") for group in (*GROUPS, "stray")]
    for index in range(size):
        (lane,) = chance.choices([Lane.ALARM, Lane.READING, Lane.HEALTH], [25, 55, 20])
        bad = _mutated(chance, world, payloads, lane, index)
        own = [one for one in everybody if one.startswith("ingest-alarm") == (lane is Lane.ALARM)]
        sessions = route(bad.topic) or [chance.choice(own)]
        plan.given += [(one, _copy(bad)) for one in sessions]
        if index % 2 == 0:
            good = Delivery(index, world.topic(chance, lane).encode(), payloads.good(lane), good=True)
            plan.given += [(one, _copy(good)) for one in route(good.topic)]
    # Acknowledged, and behind everything else: once it is done, so is what came without a packet id before it.
    plan.given += [(session, Delivery(size, b"end", b"")) for session in everybody]
    if number % _RESENDS == 7 or number % _RESENDS == 13:
        plan.garbage[chance.choice(everybody)] = chance.choice(_GARBAGE)
    if number % _RESENDS == 11 or number % _RESENDS == 13:
        plan.hang_up = chance.sample(everybody, 4)
    return plan


def _mutated(chance: Random, world: World, payloads: Payloads, lane: Lane, index: int) -> Delivery:
    """Broken in its payload, its topic, its packet, or in several of them."""
    topic, payload = world.topic(chance, lane).encode(), payloads.good(lane)
    way = chance.random()
    if way < 0.75:
        payload = payloads.mutated(lane)
    if way >= 0.70 and way < 0.95:
        topic = world.odd_topic(chance, lane)
    delivery = Delivery(index, topic, payload)
    if way >= 0.93:
        delivery.extra = chance.choice(_EXTRAS)
    if chance.random() < 0.02:
        delivery.flags = chance.choice([0x00, 0x01, 0x03, 0x0A, 0x0B])
    return delivery


def _copy(delivery: Delivery) -> Delivery:
    return Delivery(delivery.number, delivery.topic, delivery.payload, delivery.flags, delivery.extra, delivery.good)


@dataclass(frozen=True)
class Failure:
    """What went wrong in a round, and with which delivery where that is known."""

    problem: str
    delivery: Delivery | None


class Stage:
    """Both lanes on one database, fed by the scripted broker."""

    def __init__(self, urls: DatabaseUrls) -> None:
        self.database = Database(urls.engine, application="fuzz", pool_size=4)
        self.world = World()
        self.broker = ScriptBroker()
        self.ledger = Ledger(self.database, self.world)
        self.workers: list[asyncio.Task[None]] = []

    async def play(self, plan: Round) -> list[Failure]:
        """Send it, wait until all is acknowledged, and ask the ledger."""
        self.broker.receipts.clear()
        cut = bool(plan.garbage or plan.hang_up)
        for session, delivery in plan.given:
            self.broker.give(session, delivery)
            if session in plan.garbage and delivery.number > 3:
                self.broker.give(session, plan.garbage.pop(session))
        self.broker.send()
        for session in plan.hang_up:
            await asyncio.sleep(0.01)
            self.broker.hang_up(session)
        stuck = await self.broker.settled(_PATIENCE_S)
        failures = [Failure(f"stuck: {', '.join(stuck)}", None)] if stuck else []
        failures += [
            Failure(f"a worker died: {worker.exception()!r}", None) for worker in self.workers if worker.done()
        ]
        failures += [Failure(one, None) for one in self.broker.out_of_order]
        self.broker.out_of_order.clear()
        if failures:
            return failures
        await self._receipts_are_here()
        problems = await self.ledger.check(plan.given, self.broker.receipts, cut=cut)
        return [Failure(*one) for one in problems]

    async def _receipts_are_here(self) -> None:
        """They follow the PUBACK; wait until the line is quiet."""
        seen = -1
        while seen != len(self.broker.receipts):
            seen = len(self.broker.receipts)
            await asyncio.sleep(0.05)


@asynccontextmanager
async def stage(urls: DatabaseUrls) -> AsyncIterator[Stage]:
    """A running stage; leaves the database as it is."""
    built = Stage(urls)
    await built.world.begin(built.database)
    await built.broker.start()
    intakes = []
    for lane in (Lane.ALARM, Lane.READING):
        filters_of = alarm_filters if lane is Lane.ALARM else reading_filters
        filters = {f"ingest-{lane}-{group}": filters_of(group) for group in GROUPS}
        filters[STRAY[lane]] = stray_filters(lane)
        sessions = [
            Session("127.0.0.1", built.broker.port, name, "secret", some, receive_maximum=500)
            for name, some in filters.items()
        ]
        who = Who(built.database)
        processor = (
            AlarmLane(who, ("live",)) if lane is Lane.ALARM else ReadingLane(who, KEPT, FloodGuard(1_000, 20_000))
        )
        intake = Intake(sessions, max_batch=2_000, linger_ms=0 if lane is Lane.ALARM else 5)
        intakes.append(await intake.__aenter__())
        worker = Worker(
            built.database, intake, cast("LaneProcessor", processor), at_once=1 if lane is Lane.ALARM else 2
        )
        built.workers.append(asyncio.create_task(worker.run()))
    try:
        yield built
    finally:
        for task in built.workers:
            task.cancel()
        for intake in intakes:
            await intake.__aexit__()
        built.broker.stop()
        await built.database.close()


async def fuzz(
    urls: DatabaseUrls, seed: str, count: int, *, size: int = 2_000, first: int = 0,
    said: Callable[[int, Stage], None] = lambda *_: None,
) -> tuple[int, Round, list[Failure]]:  # fmt: skip
    """`count` mutated messages, beginning with round `first`; (number, plan, failures) of the last round played."""
    async with stage(urls) as running:
        number, plan, failures = first, Round(), cast("list[Failure]", [])
        done = 0
        while done < count and not failures:
            plan = make_round(seed, number, min(size, count - done), running.world)
            failures = await running.play(plan)
            done += plan.mutated
            number += 1
            said(done, running)
        return number - 1, plan, failures
