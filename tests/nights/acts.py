"""What can happen in a night. Each act decides what it is about among what is there, and returns the work to be done:
work that dies in the middle is done again as it was asked for, as a client does."""

from collections.abc import Awaitable, Callable
from datetime import timedelta
from typing import Any
from uuid import UUID

from sqlalchemy import Row, text

from alerts import answers, book, delivery, lifecycle
from alerts.alarm import Outcome
from alerts.attendance import Attendance, sign_off
from alerts.case import Actor
from alerts.moves import Move, MoveRequest, perform
from alerts.notification import Delivery
from alerts.policy import policy_json
from alerts.provider import reference
from alerts.raising import Place, Raise, merge_key, raise_alarms
from alerts.rota_rewrite import lock, patterns_with, rewrite
from alerts.suspicion import Suspicion
from alerts.telling import NOT_CALLS
from carebed.clock import now
from carebed.ids import new_id
from tests.nights.founding import policy_row
from tests.nights.program import CHANNELS, KINDS, SPANS_S, Act, draw
from tests.nights.providers import MOODS, Sent
from tests.nights.stage import THROUGH, Stage

WEARER = Actor("device", "gw-1/button", "mqtt")
Work = Callable[[], Awaitable[object]]

_MOVES = (
    Move.ACKNOWLEDGE, Move.ACKNOWLEDGE, Move.ACCEPT, Move.ACCEPT, Move.ACCEPT, Move.DECLINE, Move.DECLINE,
    Move.EN_ROUTE, Move.EN_ROUTE, Move.ARRIVE, Move.ARRIVE, Move.LEAVE, Move.LEAVE, Move.HAND_BACK, Move.HAND_BACK,
    Move.RESOLVE, Move.REOPEN, Move.ESCALATE, Move.COMMENT,
)  # fmt: skip
_STAFF = ("desk", "night-desk", "manager", "lin", "chen", "wu", "passer-by", "mrs-ma", "mr-he")

_ALARMS = "SELECT id, kind, step, closed_at FROM alarm WHERE station_id = :station ORDER BY closed_at IS NULL DESC, id"
_INVOLVED = """
    SELECT staff_id FROM response WHERE alarm_id = :alarm
    UNION ALL SELECT acknowledged_by FROM alarm WHERE id = :alarm AND acknowledged_by IS NOT NULL
"""
_AWAY = text("""
    INSERT INTO staff_absence (id, staff_id, kind, begins_at, ends_at, entered_by)
    VALUES (:id, :staff, 'sick', carebed_now(), carebed_now() + :span, :staff)
""")
_BACK = text("UPDATE staff_absence SET withdrawn_at = carebed_now(), withdrawn_by = staff_id WHERE staff_id = :staff")
_STAND_IN = text("""
    INSERT INTO rota_override (id, pattern_id, staff_id, starts_at, ends_at, entered_by)
    VALUES (:id, :pattern, :staff, carebed_now(), carebed_now() + :span, :staff)
""")


class Acts:
    """Of one night."""

    def __init__(self, stage: Stage) -> None:
        self._stage = stage
        self._ground = stage.ground

    async def decide(self, act: Act) -> Work | None:
        """What is to be done; None where there is nothing that it could be about."""
        decided: Work | None = await getattr(self, f"_{act.what}")(act)
        return decided

    # The home

    async def _press(self, act: Act) -> Work:
        kind = act.pick(0, KINDS)

        async def work() -> None:
            async with self._stage.mortal.transaction() as conn:
                at = await now(conn)
                key = merge_key(self._ground.home, None, kind)
                there = (await conn.execute(text("SELECT FROM alarm WHERE merge_key = :key AND closed_at IS NULL"),
                                            {"key": key})).one_or_none()  # fmt: skip
                in_20_s = at + timedelta(seconds=20)
                suspected = kind == "fall" and there is None
                suspicion = Suspicion(at, at, at, at, in_20_s, watching=False) if suspected else None
                place = Place(self._ground.station, self._ground.area, self._ground.home)
                why = {"code": kind, "text": {"en": kind, "zh": kind}}
                raised = await raise_alarms(
                    conn, at, [Raise(kind, place, key, at, why, actor=WEARER, suspicion=suspicion)]
                )
                await book.finish(conn, at, raised.cases.values(), THROUGH)

        return work

    async def _take_back(self, act: Act) -> Work | None:
        alarm = await self._alarm(act)
        if alarm is None or alarm.closed_at is not None:
            return None

        async def work() -> None:
            async with self._stage.mortal.transaction() as conn:
                at = await now(conn)
                key = merge_key(self._ground.home, None, alarm.kind)
                raised = await raise_alarms(conn, at, [], [key])
                if key in raised.open_cases:
                    lifecycle.cancel(raised.open_cases[key], at, WEARER, None)
                await book.finish(conn, at, raised.cases.values(), THROUGH)

        return work

    # People

    async def _move(self, act: Act, other: int = 0) -> Work | None:
        alarm = await self._alarm(act)
        if alarm is None:
            return None
        involved = [row[0] for row in await self._stage.rows(_INVOLVED, alarm=alarm.id)]
        everybody = [self._ground.people[name] for name in _STAFF]
        who = act.pick(1 + other, involved if involved and act.picks[2] < 0.8 else everybody)
        move = act.pick(3 + other, _MOVES)
        if alarm.closed_at is not None and act.picks[2] < 0.3:
            move = Move.REOPEN
        step = act.pick(5, (None, None, alarm.step, max(0, alarm.step - 1)))
        helper = self._ground.people["desk"] if act.picks[6] < 0.15 and who != self._ground.people["desk"] else None
        return self._move_of(alarm.id, move, who, helper, step)

    def _move_of(self, alarm: UUID, move: Move, who: UUID, helper: UUID | None, step: int | None) -> Work:
        request = MoveRequest(
            move, alarm, helper or who, responder_id=who if helper else None, step=step,
            outcome=Outcome.HANDED_TO_120 if move is Move.RESOLVE and helper else Outcome.HELP_GIVEN,
            note="a note", reference="120-7",
        )  # fmt: skip

        async def work() -> None:
            async with self._stage.mortal.transaction() as conn:
                await perform(conn, request, self._stage.hooks)

        return work

    async def _together(self, act: Act) -> Work | None:
        """Two people at once, while the engine looks."""
        one, other = await self._move(act), await self._move(act, 1)
        if one is None or other is None:
            return None
        return lambda: self._stage.together(one, other, self._stage.look)

    async def _sign_off(self, act: Act) -> Work:
        who = self._ground.people[act.pick(0, ("desk", "night-desk", "lin"))]

        async def work() -> None:
            async with self._stage.mortal.transaction() as conn:
                await sign_off(conn, who, THROUGH)

        return work

    async def _board_silent(self, _: Act) -> Work:
        return Attendance(self._stage.mortal, THROUGH).look

    # Answers to messages

    async def _by_link(self, act: Act) -> Work | None:
        sent = self._sent(act, lambda one: one.outgoing.staff_id is not None)
        if sent is None:
            return None

        async def work() -> None:
            async with self._stage.mortal.transaction() as conn:
                call = await answers.call_of(conn, sent.outgoing.id)
                if call is not None and call.answerable:
                    move = act.pick(1, (answers.going(call.role), Move.DECLINE))
                    await answers.answer(conn, call, move, "link", self._stage.hooks)

        return work

    async def _by_reply(self, act: Act) -> Work | None:
        sent = self._sent(act, lambda one: one.channel == "sms")
        if sent is None:
            return None
        digits = ("1", "2", "3", "4")
        words = act.pick(1, (*digits, *(f"{one} {sent.outgoing.code}" for one in digits), "what?"))
        reply = f"{act.picks[2]}"

        async def work() -> None:
            async with self._stage.mortal.transaction() as conn:
                await answers.sms_reply(conn, sent.outgoing.address, words, reply, self._stage.hooks)

        return work

    async def _by_key(self, act: Act) -> Work | None:
        sent = self._sent(act, lambda one: one.channel == "voice")
        if sent is None:
            return None
        key, ref = act.pick(1, "112345"), reference(sent.outgoing.id)

        async def work() -> None:
            async with self._stage.mortal.transaction() as conn:
                await answers.voice_key(conn, sent.provider_id, ref, key, self._stage.hooks)

        return work

    # Providers

    async def _report(self, act: Act) -> Work | None:
        """Late, double, out of order, of any message that was ever sent."""
        sent = self._sent(act, lambda one: one.taken)
        if sent is None:
            return None
        state = act.pick(1, (Delivery.DELIVERED, Delivery.DELIVERED, Delivery.READ, Delivery.FAILED))
        permanent = act.picks[2] < 0.2
        if state is Delivery.FAILED:
            self._stage.post.bounced[sent.outgoing.id] = len(self._stage.post.sent)

        async def work() -> None:
            for _ in range(2 if act.picks[3] < 0.3 else 1):
                async with self._stage.mortal.transaction() as conn:
                    await delivery.report(
                        conn, sent.channel, sent.provider_id, state, ref=reference(sent.outgoing.id),
                        permanent=permanent, channels=CHANNELS,
                    )  # fmt: skip

        return work

    async def _provider(self, act: Act) -> None:
        self._stage.post.moods[act.pick(0, CHANNELS)] = act.pick(1, tuple(MOODS))

    # Clocks

    async def _time_passes(self, act: Act) -> Work:
        return lambda: self._stage.time_passes(act.pick(0, SPANS_S))

    async def _engine_is_dead(self, act: Act) -> None:
        """Whatever falls due meanwhile is dealt with afterwards."""
        await self._stage.jump(act.pick(0, (*SPANS_S, 10_800, 43_200)))

    async def _clock_goes_back(self, act: Act) -> None:
        await self._stage.back(0.05 + 2 * act.picks[0])

    # Who is there

    async def _absent(self, act: Act) -> None:
        who = self._ground.people[act.pick(0, _STAFF)]
        async with self._stage.eyes.transaction() as conn:
            at = await lock(conn)
            if act.picks[1] < 0.3:
                await conn.execute(_BACK, {"staff": who})
            else:
                span = timedelta(seconds=act.pick(2, (60, 600, 36_000)))
                await conn.execute(_AWAY, {"id": new_id(), "staff": who, "span": span})
            await rewrite(conn, at, await patterns_with(conn, who))

    async def _override(self, act: Act) -> None:
        who, span = self._ground.people[act.pick(0, _STAFF[3:7])], timedelta(seconds=act.pick(1, (600, 36_000)))
        async with self._stage.eyes.transaction() as conn:
            at = await lock(conn)
            row = {"id": new_id(), "pattern": self._ground.pattern, "staff": who, "span": span}
            await conn.execute(_STAND_IN, row)
            await rewrite(conn, at, [self._ground.pattern])

    async def _shift(self, act: Act) -> None:
        who = self._ground.people[act.pick(0, _STAFF[3:7])]
        statement = (
            "UPDATE rota SET ends_at = greatest(carebed_now(), starts_at + interval '1 s')"
            " WHERE tier = 2 AND staff_id = :who AND ends_at > carebed_now()"
            if act.picks[1] < 0.4 else
            "INSERT INTO rota (id, station_id, staff_id, tier, starts_at, ends_at)"
            " VALUES (:id, :station, :who, 2, carebed_now(), carebed_now() + interval '9 hours')"
        )  # fmt: skip
        await self._stage.rows(statement, who=who, id=new_id(), station=self._ground.station)

    async def _leaves(self, act: Act) -> None:
        who = self._ground.people[act.pick(0, _STAFF[1:])]
        await self._stage.rows("UPDATE staff SET active = false WHERE id = :who", who=who)
        self._stage.post.left.setdefault(who, len(self._stage.post.sent))

    async def _method_removed(self, act: Act) -> None:
        who = self._ground.people[act.pick(0, _STAFF)]
        channel = act.pick(1, CHANNELS)
        await self._stage.rows(
            "UPDATE contact_method SET removed_at = carebed_now() WHERE staff_id = :who AND channel = :channel",
            who=who, channel=channel,
        )  # fmt: skip

    async def _ladder_changed(self, act: Act) -> None:
        """Alarms that are open keep theirs."""
        rule = act.pick(0, draw(f"{self._stage.night.seed} {act.picks[1]}", 0).rules)
        row = policy_row(rule, self._ground)
        await self._stage.rows(
            "UPDATE policy SET ladder = CAST(:ladder AS jsonb) WHERE station_id = :station",
            ladder=policy_json(rule.ladder), station=row["station"] or self._ground.station,
        )  # fmt: skip

    # What it is about

    async def _alarm(self, act: Act) -> Row[Any] | None:
        """An alarm of the night; an open one, more often than not."""
        alarms = await self._stage.rows(_ALARMS, station=self._ground.station)
        still = [one for one in alarms if one.closed_at is None]
        if not alarms:
            return None
        return act.pick(0, still if still and act.picks[7] < 0.85 else alarms)

    def _sent(self, act: Act, wanted: Callable[[Sent], bool]) -> Sent | None:
        calls = [
            one for one in self._stage.post.sent
            if one.channel in CHANNELS and wanted(one) and (act.what == "report" or one.outgoing.kind not in NOT_CALLS)
        ]  # fmt: skip
        return act.pick(0, calls[-12:]) if calls else None
