"""One station with people on call and a home, on a real database: press, move, let time pass, read what happened."""

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from sqlalchemy import Row, text
from sqlalchemy.ext.asyncio import AsyncConnection

from alerts import book, lifecycle
from alerts.alarm import Outcome
from alerts.case import Actor
from alerts.firing import AlarmHandler
from alerts.lag import LagWatch
from alerts.moves import Arrival, Departure, Hooks, Move, MoveRequest, MoveResult, perform
from alerts.policy import Policy, policy_json
from alerts.raising import Place, Raise, Raised, merge_key, raise_alarms
from alerts.suspicion import Suspicion
from carebed.clock import advance, now
from carebed.database import Database
from carebed.engine import Engine
from carebed.ids import new_id
from tests.station import AREA, put_station

WEARER = Actor("device", "gw-1/button", "mqtt")

_PEOPLE = (
    ("desk", "operator", None),
    ("night-desk", "operator", None),
    ("manager", "manager", None),
    ("lin", "caregiver", 1),
    ("chen", "caregiver", 1),
    ("wu", "caregiver", 2),
    ("passer-by", "caregiver", None),
)


@dataclass
class StationWorld:
    """`tick()` is what the engine's loops do; nothing happens in between, so a story decides when."""

    database: Database
    owner: Database
    station: UUID = field(default_factory=new_id)
    home: UUID = field(default_factory=new_id)
    people: dict[str, UUID] = field(default_factory=dict)
    channels: tuple[str, ...] = ("live",)
    visits: list[Arrival | Departure] = field(default_factory=list)

    async def found(self) -> "StationWorld":
        """Write station, home, people and rota."""
        async with self.database.transaction() as conn:
            self.people = await put_station(conn, self.station, self.home, _PEOPLE)
        self.lag = LagWatch(self.database, self.channels)
        self.engine = self.another_engine()
        return self

    def another_engine(self) -> Engine:
        """An engine as `carebed alerts` runs one."""
        return Engine(self.database, {"alarm": AlarmHandler(self.channels, self.lag.handled)}, process="test")

    @property
    def hooks(self) -> Hooks:
        """Keeps arrivals and departures in `visits`."""

        async def keep(_: AsyncConnection, visit: Arrival | Departure) -> None:
            self.visits.append(visit)

        return Hooks(keep, keep, self.channels)

    # What happens in the home.

    def signal(self, kind: str = "sos", **more: Any) -> Raise:
        """A press, or another signal of this home. `suspected`: a fall that may be cancelled for so long, and that
        nobody watches for movement."""
        suspected = more.pop("suspected", None)
        if suspected is not None:
            at = more.setdefault("at", datetime.now().astimezone())
            more["suspicion"] = Suspicion(at, at, at, at, at + suspected, watching=False)
        place = Place(self.station, AREA, self.home)
        return Raise(
            kind, place, more.pop("key", merge_key(self.home, None, kind)), more.pop("at", datetime.now().astimezone()),
            {"code": kind, "text": {"en": kind, "zh": kind}}, actor=WEARER, **more,
        )  # fmt: skip

    async def raise_in(self, conn: AsyncConnection, *signals: Raise) -> Raised:
        """Raise within a transaction, up to its last statement."""
        at = await now(conn)
        raised = await raise_alarms(conn, at, signals)
        await book.finish(conn, at, raised.cases.values(), self.channels)
        return raised

    async def press(self, kind: str = "sos", **more: Any) -> UUID | None:
        """A signal, committed; the alarm's id, or None for `hold`."""
        async with self.database.transaction() as conn:
            return (await self.raise_in(conn, self.signal(kind, **more))).alarm_ids[0]

    async def alarm(self, kind: str = "sos", **more: Any) -> UUID:
        """The same, for a press that is not held back; with the first step taken."""
        alarm_id = await self.press(kind, **more)
        assert alarm_id is not None
        await self.tick()
        return alarm_id

    async def cancel(self, kind: str = "sos") -> bool:
        """The wearer cancels, as the alarm lane does it; True when that closed the alarm."""
        async with self.database.transaction() as conn:
            at = await now(conn)
            key = merge_key(self.home, None, kind)
            raised = await raise_alarms(conn, at, [], [key])
            closed = lifecycle.cancel(raised.open_cases[key], at, WEARER, None)
            await book.finish(conn, at, raised.cases.values(), self.channels)
            return closed

    # What people do.

    async def move(self, who: str, move: Move, alarm_id: UUID, **more: Any) -> MoveResult:
        """One move, committed."""
        if move is Move.RESOLVE:
            more.setdefault("outcome", Outcome.HELP_GIVEN)
        if "responder" in more:
            more["responder_id"] = self.people[more.pop("responder")]
        async with self.database.transaction() as conn:
            return await perform(conn, MoveRequest(move, alarm_id, self.people[who], **more), self.hooks)

    # What time does.

    async def tick(self) -> None:
        """One cycle of each of the engine's loops."""
        for life_critical in (True, False):
            await self.engine.cycle(life_critical=life_critical)

    async def shift(self, seconds: float) -> None:
        """Let the database clock run while every engine is down."""
        async with self.owner.transaction() as conn:
            await advance(conn, timedelta(seconds=seconds))

    async def after(self, seconds: float) -> None:
        """Let the database clock run, then tick."""
        await self.shift(seconds)
        await self.tick()

    # What stands in the database.

    async def rows(self, statement: str, **values: Any) -> Sequence[Row[Any]]:
        """Run a statement and read its rows."""
        async with self.database.transaction() as conn:
            return (await conn.execute(text(statement), values)).all()

    async def do(self, statement: str, **values: Any) -> None:
        """Run a statement."""
        async with self.database.transaction() as conn:
            await conn.execute(text(statement), values)

    async def read(self, alarm_id: UUID) -> Row[Any]:
        """The alarm's row, with `due_in_s`: seconds to its deadline (None: none is armed), and its owner's login."""
        (row,) = await self.rows(
            """SELECT alarm.*, extract(epoch FROM deadline.due_at - carebed_now())::float8 AS due_in_s,
                      staff.login AS owner
               FROM alarm LEFT JOIN deadline ON deadline.alarm_id = alarm.id
               LEFT JOIN staff ON staff.id = alarm.owner_staff_id WHERE alarm.id = :id""",
            id=alarm_id,
        )
        return row

    async def log(self, alarm_id: UUID) -> list[str]:
        """The types of the alarm's events."""
        rows = await self.rows("SELECT type FROM alarm_event WHERE alarm_id = :id ORDER BY seq", id=alarm_id)
        return [row.type for row in rows]

    async def told(self, alarm_id: UUID, kind: str = "called") -> list[str]:
        """Who was told something of that kind, by login, once for every row of the outbox's first channel."""
        rows = await self.rows(
            """SELECT login FROM notification JOIN staff ON staff.id = staff_id
               WHERE alarm_id = :id AND kind = :kind AND channel = :channel ORDER BY step, login""",
            id=alarm_id, kind=kind, channel=self.channels[0],
        )  # fmt: skip
        return [row.login for row in rows]

    async def answer(self, alarm_id: UUID, login: str) -> str | None:
        """Where this person stands with the alarm."""
        rows = await self.rows(
            "SELECT state FROM response WHERE alarm_id = :id AND staff_id = :staff",
            id=alarm_id, staff=self.people[login],
        )  # fmt: skip
        return rows[0].state if rows else None

    async def policy(self, ladder: Policy | str) -> None:
        """Give the station this ladder (as JSON text: whatever somebody wrote)."""
        await self.do(
            "INSERT INTO policy (id, station_id, ladder) VALUES (:id, :station, CAST(:ladder AS jsonb))",
            id=new_id(), station=self.station, ladder=ladder if isinstance(ladder, str) else policy_json(ladder),
        )  # fmt: skip

    async def nobody_on_call(self, *tiers: int) -> None:
        """Take these tiers off the rota (none given: all of them)."""
        await self.do(
            "DELETE FROM rota WHERE cardinality(CAST(:tiers AS int[])) = 0 OR tier = ANY(:tiers)", tiers=list(tiers)
        )

    async def open_alarms(self, kind: str = "sos") -> list[UUID]:
        """Ids of the open alarms of a kind."""
        rows = await self.rows("SELECT id FROM alarm WHERE kind = :kind AND closed_at IS NULL", kind=kind)
        return [row.id for row in rows]

    async def waits_for_a_lock(self, how_many: int = 1) -> None:
        """Return when that many connections wait for a lock of somebody else; fails after 5 s."""
        async with asyncio.timeout(5):
            while True:
                rows = await self.rows(
                    "SELECT count(*) AS n FROM pg_stat_activity "
                    "WHERE datname = current_database() AND wait_event_type = 'Lock'"
                )
                if rows[0].n >= how_many:
                    return
                await asyncio.sleep(0.01)


@asynccontextmanager
async def founded(
    engine_url: str, owner_url: str, channels: tuple[str, ...] = ("live",)
) -> AsyncIterator[StationWorld]:
    """A world on a fresh database."""
    database = Database(engine_url, application="test-world", pool_size=15)
    owner = Database(owner_url, application="test-world-owner", pool_size=1)
    try:
        yield await StationWorld(database, owner, channels=channels).found()
    finally:
        await database.close()
        await owner.close()
