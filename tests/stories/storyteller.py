"""A night at one station, told in order: somebody presses, people are called, time passes, and nothing else happens.

Every message that is handed over has to be expected before time goes on or the story ends; one that nobody expected
fails it. Time is the database's clock: it goes from one thing that is due to the next, so nothing is ever late.
"""

import time
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any
from uuid import UUID

from recording import Recording, Told
from setting import CAST, LADDER, PAIR, PUT_METHOD, PUT_POLICY, PUT_RELATED
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

from alerts import book, lifecycle
from alerts.alarm import Outcome
from alerts.attendance import sign_off
from alerts.case import Actor
from alerts.drill import order
from alerts.drilling import DrillHandler
from alerts.firing import AlarmHandler
from alerts.moves import Arrival, Departure, Hooks, Move, MoveRequest, MoveResult, perform
from alerts.outbox import Outbox
from alerts.policy import Policy, policy_json
from alerts.raising import Place, Raise, merge_key, raise_alarms
from alerts.suspicion import Suspicion
from carebed.clock import advance, now
from carebed.database import Database
from carebed.embedded.postgres import DatabaseUrls
from carebed.engine import Engine
from carebed.ids import new_id
from tests.station import AREA, NEXT_DUE, put_shift, put_station

WEARER = Actor("device", "gw-1/button", "mqtt")

# Messages pause in real time, which no story has: what passes for the story has passed for them.
_MESSAGES_AGE = text("""
    UPDATE notification SET next_attempt_at = next_attempt_at - :by WHERE state IN ('pending', 'handed_over')
""")

_ALARM = text("""
    SELECT alarm.state, alarm.step, alarm.exhausted, alarm.repeats, alarm.outcome, alarm.reference,
        staff.login AS owner,
        extract(epoch FROM deadline.due_at - carebed_now())::float8 AS due_in
    FROM alarm LEFT JOIN deadline ON deadline.alarm_id = alarm.id LEFT JOIN staff ON staff.id = alarm.owner_staff_id
    WHERE alarm.id = :id
""")
_LOG = text("SELECT type FROM alarm_event WHERE alarm_id = :id ORDER BY seq")
_PUT_BACK = text("SELECT count(*) FROM deadline WHERE attempts > 0")


@dataclass
class Story:
    """`alarm`: the last one that was raised; what is expected or done without naming another is about it."""

    database: Database
    owner: Database
    channel: Recording = field(default_factory=Recording)
    station: UUID = field(default_factory=new_id)
    home: UUID = field(default_factory=new_id)
    people: dict[str, UUID] = field(default_factory=dict)
    visits: list[Arrival | Departure] = field(default_factory=list)
    alarm: UUID | None = None
    through: tuple[str, ...] = ("live", "webhook")
    providers: dict[str, Recording] = field(default_factory=dict)
    _began_s: float = field(default_factory=time.monotonic)

    async def begins(self) -> "Story":
        """Write station, home, people, rota and ladder."""
        async with self.database.transaction() as conn:
            self.people = await put_station(conn, self.station, self.home, CAST)
        self.channel.names = {staff: name for name, staff in self.people.items()}
        self._goes_through([self.channel])
        await self.policy(LADDER)
        return self

    def _goes_through(self, channels: Sequence[Recording]) -> None:
        self.through = ("live", *(one.name for one in channels))
        handlers = {"alarm": AlarmHandler(self.through), "drill": DrillHandler(self.through)}
        self._engine = Engine(self.database, handlers, process="story")
        self._outbox = Outbox(self.database, channels)

    async def ends(self) -> None:
        """Nothing has happened that was not expected."""
        self.nothing_unexpected()

    # What the story is set in.

    async def policy(self, ladder: Policy) -> None:
        """Alarms of this station follow this ladder from now on."""
        await self.do("DELETE FROM policy WHERE station_id = :station", station=self.station)
        async with self.database.transaction() as conn:
            row = {"id": new_id(), "station": self.station, "ladder": policy_json(ladder)}
            await conn.execute(PUT_POLICY, row)

    async def off_duty(self, *names: str) -> None:
        """These are not on the rota any more, and operators and managers have gone."""
        for name in names:
            await self.do("DELETE FROM rota WHERE staff_id = :who", who=self.people[name])
            await self.do("UPDATE staff SET active = false WHERE id = :who AND role <> 'caregiver'",
                          who=self.people[name])  # fmt: skip

    async def on_duty(self, name: str, tier: int) -> None:
        """From now on this caregiver is on the rota, by himself or with others."""
        async with self.database.transaction() as conn:
            await put_shift(conn, self.station, self.people[name], tier)

    async def pair(self, name: str, relation: str) -> None:
        """Somebody belongs to the home's care circle: `assigned` (one of the cast), `neighbour`, `volunteer` or
        `family`."""
        row = {"home": self.home, "relation": relation, "area": AREA, "name": name, "role": relation}
        async with self.database.transaction() as conn:
            if name not in self.people:
                self.people[name] = new_id()
                self.channel.names[self.people[name]] = name
                await conn.execute(PUT_RELATED, {**row, "staff": self.people[name]})
            await conn.execute(PAIR, {**row, "id": new_id(), "staff": self.people[name]})

    async def telephones(self, *channels: str, of: Sequence[str]) -> None:
        """Only these are told, by telephone: through `channels`, the first one first, 20 s apart."""
        async with self.database.transaction() as conn:
            for name in of:
                for rank, channel in enumerate(channels):
                    row = {"id": new_id(), "staff": self.people[name], "channel": channel, "address": name}
                    await conn.execute(PUT_METHOD, {**row, "rank": rank})
        shared = self.channel
        self.providers = {one: Recording(shared.names, shared.unexpected, name=one, is_route=True) for one in channels}
        self._goes_through(list(self.providers.values()))

    async def do(self, statement: str, **values: Any) -> None:
        """Change something that no part of the story is about."""
        async with self.database.transaction() as conn:
            await conn.execute(text(statement), values)

    # What happens.

    async def press(self, kind: str = "sos", *, suspected_s: float | None = None) -> UUID:
        """A signal of the home. `suspected_s`: a fall that its wearer may cancel for so long."""
        async with self.database.transaction() as conn:
            at = await now(conn)
            suspicion = None
            if suspected_s is not None:
                suspicion = Suspicion(at, at, at, at, at + timedelta(seconds=suspected_s), watching=False)
            signal = Raise(
                kind, Place(self.station, AREA, self.home), merge_key(self.home, None, kind), at,
                {"code": kind, "text": {"en": kind, "zh": kind}}, actor=WEARER, suspicion=suspicion,
            )  # fmt: skip
            raised = await raise_alarms(conn, at, [signal])
            await book.finish(conn, at, raised.cases.values(), self.through)
        (self.alarm,) = raised.alarm_ids
        assert self.alarm is not None, "the press was held back"
        await self.settle()
        return self.alarm

    async def drill(self, *, lasts_s: int = 600, starts_in_s: float = 0) -> UUID:
        """The manager has a drill of this home."""
        drill_id = new_id()
        async with self.database.transaction() as conn:
            at = await now(conn)
            wanted = {
                "area": AREA, "station": None, "kind": "sos", "homes": None, "most": 5, "lasts_s": lasts_s,
                "note": None, "starts_at": at + timedelta(seconds=starts_in_s),
            }  # fmt: skip
            await order(conn, drill_id, self.people["manager"], at, wanted)
        await self.settle()
        self.alarm = await self._alarm_of(drill_id)
        return drill_id

    async def _alarm_of(self, drill_id: UUID) -> UUID | None:
        async with self.database.transaction() as conn:
            found = await conn.execute(text("SELECT alarm_id FROM drill_home WHERE drill_id = :id"), {"id": drill_id})
            alarm: UUID | None = found.scalar_one_or_none()
            return alarm

    async def expect_drill(self, drill_id: UUID, **wanted: Any) -> None:
        """The drill is like this: state, reason."""
        async with self.database.transaction() as conn:
            row = (await conn.execute(text("SELECT * FROM drill WHERE id = :id"), {"id": drill_id})).mappings().one()
        assert {name: row[name] for name in wanted} == wanted

    async def alarms(self) -> int:
        """How many there have been."""
        async with self.database.transaction() as conn:
            count: int = (await conn.execute(text("SELECT count(*) FROM alarm"))).scalar_one()
            return count

    async def cancel(self, kind: str = "sos") -> bool:
        """The wearer says that all is well; True when that closed the alarm."""
        async with self.database.transaction() as conn:
            at = await now(conn)
            key = merge_key(self.home, None, kind)
            raised = await raise_alarms(conn, at, [], [key])
            closed = lifecycle.cancel(raised.open_cases[key], at, WEARER, None)
            await book.finish(conn, at, raised.cases.values(), self.through)
        await self.settle()
        return closed

    async def does(self, who: str, move: Move, **more: Any) -> MoveResult:
        """Somebody does something with the alarm."""
        if move is Move.RESOLVE:
            more.setdefault("outcome", Outcome.HELP_GIVEN)
        assert self.alarm is not None

        keep = kept_visits(self)
        async with self.database.transaction() as conn:
            request = MoveRequest(move, self.alarm, self.people[who], **more)
            result = await perform(conn, request, Hooks(keep, keep, self.through))
        await self.settle()
        return result

    async def signs_off(self, who: str) -> None:
        """Somebody goes home."""
        async with self.database.transaction() as conn:
            await sign_off(conn, self.people[who], self.through)
        await self.settle()

    async def fast_forward(self, seconds: float) -> None:
        """Let time pass. What came before must have been expected."""
        self.nothing_unexpected()
        await self._pass(seconds, lambda: False)

    # What is expected.

    async def expect_call(self, *people: str, within: float = 0, by: str | None = None) -> list[Told]:
        """These are called, now or as soon as the time comes, at most `within` seconds from now. `by`: through this
        channel. What they were told."""
        return await self.expect_told("called", *people, within=within, by=by)

    async def expect_told(self, kind: str, *people: str, within: float = 0, by: str | None = None) -> list[Told]:
        """The same for any kind of message."""
        told: dict[str, Told | None] = dict.fromkeys(people)

        def everybody() -> bool:
            told.update({one: self.channel.take(one, kind, by) for one, before in told.items() if before is None})
            return None not in told.values()

        await self._pass(within, everybody)
        missing = [one for one, message in told.items() if message is None]
        assert not missing, f"{missing} not told {kind!r} within {within} s; unexpected: {self._others()}"
        return [message for message in told.values() if message is not None]

    async def expect_silence(self, seconds: float) -> None:
        """Nobody is told anything for so long."""
        await self.fast_forward(seconds)
        self.nothing_unexpected()

    async def expect(self, **wanted: Any) -> None:
        """The alarm stands like this: state, step, owner (a name, or None for the station), exhausted, repeats,
        outcome, reference, due_in (seconds, to the second; None: nothing is due)."""
        async with self.database.transaction() as conn:
            row = (await conn.execute(_ALARM, {"id": self.alarm})).mappings().one()
        found = {name: row[name] for name in wanted}
        if found.get("due_in") is not None and wanted["due_in"] is not None:
            # Besides the story's time the real time passes, on a busy machine seconds of it.
            real_s = time.monotonic() - self._began_s
            if -0.5 - real_s < found["due_in"] - wanted["due_in"] < 0.5:
                found["due_in"] = wanted["due_in"]
        assert found == wanted

    async def expect_log(self, *events: str) -> None:
        """The alarm's log is exactly this, by the types of its events."""
        async with self.database.transaction() as conn:
            assert (await conn.execute(_LOG, {"id": self.alarm})).scalars().all() == list(events)

    def nothing_unexpected(self) -> None:
        """Every message so far has been expected."""
        assert not self.channel.unexpected, f"nobody expected: {self._others()}"

    def _others(self) -> list[str]:
        return [str(told) for told in self.channel.unexpected]

    # How time passes.

    async def settle(self) -> None:
        """Whatever is due now is dealt with, and its messages are handed over."""
        for _ in range(20):
            claimed = [await self._engine.cycle(life_critical=critical) for critical in (True, False)]
            if not any(claimed) and not await self._outbox.cycle():
                async with self.database.transaction() as conn:
                    assert (await conn.execute(_PUT_BACK)).scalar_one() == 0, "a deadline's handler failed"
                return
        raise AssertionError("something is due again and again")

    async def _pass(self, seconds: float, enough: Callable[[], bool]) -> None:
        """From one thing that is due to the next, until it is enough or the time is over."""
        left = timedelta(seconds=seconds)
        while not enough() and left:
            async with self.database.transaction() as conn:
                due_s: float | None = (await conn.execute(NEXT_DUE)).scalar_one()
            step = left if due_s is None else min(left, timedelta(seconds=max(0.001, due_s)))
            async with self.owner.transaction() as conn:
                await advance(conn, step)
                await conn.execute(_MESSAGES_AGE, {"by": step})
            left -= step
            await self.settle()


def kept_visits(story: Story) -> Callable[[AsyncConnection, Arrival | Departure], Awaitable[None]]:
    """Keeps the arrivals and departures of a story in `visits`."""

    async def keep(_: AsyncConnection, visit: Arrival | Departure) -> None:
        story.visits.append(visit)

    return keep


@asynccontextmanager
async def story_on(urls: DatabaseUrls) -> AsyncIterator[Story]:
    """A story on a fresh database."""
    database = Database(urls.engine, application="story", pool_size=4)
    owner = Database(urls.owner, application="story-clock", pool_size=1)
    try:
        yield await Story(database, owner).begins()
    finally:
        await database.close()
        await owner.close()
