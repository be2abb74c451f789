"""Answers that come back by a signed link, an SMS reply or a key on the telephone.

Each is bound to one message, and so to its alarm, its step and its person; having been called is the right to answer.
Who goes says by the same way that he is on the way, there, or cannot after all (`alerts.reply`); what he gets back
tells him how. They go through `alerts.moves.perform` like every move, so the log has them, with their channel, and an
answer to a step already passed counts and is told so.
"""

import base64
import binascii
import hashlib
import hmac
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any
from uuid import UUID, uuid5

from prometheus_client import Counter
from sqlalchemy import Row, text
from sqlalchemy.ext.asyncio import AsyncConnection

from alerts import book
from alerts.case import Case
from alerts.contact_method import ways_to
from alerts.moves import AlarmUnknown, Hooks, Move, MoveRequest, MoveResult, perform
from alerts.notification import wake_outbox
from alerts.provider import REFERRED
from alerts.reply import KEYS, Said, goes_on, read_reply
from alerts.response import ACTIVE, ResponseState
from alerts.telling import ANSWERED_BY_CODE, UNANSWERABLE, codes_in_use, new_code
from carebed.clock import now as clock_now
from carebed.ids import new_id

ANSWERS = Counter("carebed_answers", "Answers that came in", ["channel", "outcome"])

#: A message can be answered for so long; an alarm that is open after that has called anew long since.
ANSWERABLE = timedelta(hours=24)

#: Namespace of the ids of replies, so that one that comes twice is one.
_REPLIES = UUID("5f0f3d7c-7f0e-5c8e-9d55-0c1f6f1f8f52")
_LINK_CONTEXT = b"carebed answer link 1\0"
_MAC_BYTES = 16


class Result(StrEnum):
    """What became of an answer, in the words of `alerts.words`."""

    GOING = "going"
    NOT_GOING = "not_going"
    TAKEN = "taken"
    """Recorded: the desk takes charge."""
    ON_THE_WAY = "on_the_way"
    THERE = "there"
    LATE = "late"
    """It is over, or the state allows it no more."""
    UNCLEAR = "unclear"


@dataclass(frozen=True, slots=True)
class Call:
    """The message that is answered. `answerable`: not expired, asks for an answer, its person active, its method in
    use."""

    notification_id: UUID
    alarm_id: UUID
    area_code: str
    staff_id: UUID
    role: str
    language: str
    step: int
    answerable: bool
    contact_method_id: UUID | None
    drill: bool


# The message, its alarm and its person.
_MESSAGE = """
    SELECT message.id, message.alarm_id, alarm.area_code, message.staff_id, staff.role, staff.language, message.step,
        message.answer_code, message.contact_method_id, message.created_at, message.payload, alarm.closed_at,
        alarm.drill,
        CASE WHEN response.overdue_at IS NULL THEN response.state ELSE 'overdue' END AS response,
        staff.active AND message.created_at > carebed_now() - CAST(:answerable AS interval)
            AND (message.kind <> ALL (:not_calls) OR message.payload ->> 'result' = ANY (:go_on))
            AND NOT EXISTS (SELECT FROM contact_method
                            WHERE id = message.contact_method_id AND removed_at IS NOT NULL) AS answerable
    FROM notification message
    JOIN alarm ON alarm.id = message.alarm_id
    JOIN staff ON staff.id = message.staff_id
    LEFT JOIN response ON response.alarm_id = message.alarm_id AND response.staff_id = message.staff_id
"""
_BY_ID = text(f"{_MESSAGE} WHERE message.id = :id")

# The call that a telephone rang for.
_BY_PROVIDER = text(f"""{_MESSAGE}
    WHERE message.channel = :channel AND message.id IN (
        SELECT id FROM notification WHERE channel = :channel AND (provider_id = :provider_id OR {REFERRED}))
    ORDER BY message.created_at LIMIT 1
""")

# What the person behind this address has been called to, newest first. By his methods, in an array, so that these are
# found first and their messages by an index: otherwise row-level security has the day's messages and every alarm read.
_AT_ADDRESS = text(f"""{_MESSAGE}
    WHERE message.created_at > carebed_now() - CAST(:answerable AS interval)
        AND (message.kind <> ALL (:not_calls) OR message.payload ->> 'result' = ANY (:go_on))
        AND message.attempts > 0 AND message.contact_method_id = ANY (ARRAY(
            SELECT his.id FROM contact_method AS his JOIN contact_method AS this USING (staff_id)
            WHERE this.channel = :channel AND this.address = :address AND this.verified_at IS NOT NULL
                AND this.removed_at IS NULL))
    ORDER BY message.created_at DESC, message.id
""")

# A reply or a key is taken once, however often it is reported.
_KEEP_KEY = text("""
    UPDATE notification SET payload = payload || jsonb_build_object('key', CAST(:key AS text))
    WHERE id = :id AND payload ->> 'key' IS DISTINCT FROM :key RETURNING id
""")
_KEEP_REPLY = text("""
    INSERT INTO notification (id, alarm_id, channel, staff_id, contact_method_id, kind, step, life_critical, payload,
        state, created_at, next_attempt_at)
    SELECT :id, CAST(:alarm AS uuid), :channel, method.staff_id, method.id, 'answer', :step, false, '{}', 'pending',
        carebed_now(), 'infinity'
    FROM contact_method method JOIN staff ON staff.id = method.staff_id AND staff.active
    WHERE channel = :channel AND address = :address AND verified_at IS NOT NULL AND removed_at IS NULL
    ORDER BY method.staff_id = CAST(:staff AS uuid) DESC, method.created_at LIMIT 1
    ON CONFLICT (id) DO NOTHING RETURNING id
""")
_TELL_RESULT = text("""
    UPDATE notification SET payload = jsonb_build_object('result', CAST(:result AS text)), answer_code = :code,
        next_attempt_at = clock_timestamp()
    WHERE id = :id
""")
# Tells who has answered by a key or a button how to go on, by a way on which he can.
_TELL_HOW = text("""
    INSERT INTO notification (id, alarm_id, channel, staff_id, contact_method_id, kind, step, life_critical, payload,
        state, created_at, next_attempt_at, answer_code)
    VALUES (:id, :alarm, :channel, :staff, :method, 'answer', :step, false,
        jsonb_build_object('result', CAST(:result AS text)), 'pending', carebed_now(), clock_timestamp(), :code)
""")

# From here on the transaction may see this alarm's community, and is this person's.
_ENTER = text("SELECT set_config('carebed.scope', :scope, true), set_config('carebed.staff', :staff, true)")
_ENTER_OURS = text("SELECT set_config('carebed.scope', '/', true), set_config('carebed.staff', '', true)")

_ASKED = {
    "answerable": ANSWERABLE, "not_calls": sorted(UNANSWERABLE),
    "go_on": [str(one) for one in Result if goes_on("answer", str(one))],
}  # fmt: skip


async def enter_ours(conn: AsyncConnection) -> None:
    """Let this transaction see what no person could: for messages that carry their own authority. Under the engine's
    role it changes nothing."""
    await conn.execute(_ENTER_OURS)


# ---- Signed links ---------------------------------------------------------------------------------------------------


class Links:
    """Makes and reads the addresses of answer pages. `base`: the public address of the API; `secret`: of 32 bytes or
    more. The token is the message's id and a keyed digest of it: nothing about anybody can be read from it."""

    def __init__(self, base: str, secret: str) -> None:
        self._base = base.rstrip("/")
        self._key = hashlib.sha256(_LINK_CONTEXT + secret.encode()).digest()

    def to(self, notification_id: UUID) -> str:
        """The address at which this message can be answered."""
        return f"{self._base}/a/{self.token(notification_id)}"

    def token(self, notification_id: UUID) -> str:
        """43 characters that only we can make."""
        raw = notification_id.bytes + self._mac(notification_id)
        return base64.urlsafe_b64encode(raw).decode().rstrip("=")

    def read(self, token: str) -> UUID | None:
        """The message of a token that we made; None for any other."""
        try:
            raw = base64.urlsafe_b64decode(token + "=" * (-len(token) % 4))
        except (ValueError, binascii.Error):
            return None
        if len(raw) != 16 + _MAC_BYTES:
            return None
        notification_id = UUID(bytes=raw[:16])
        return notification_id if hmac.compare_digest(raw[16:], self._mac(notification_id)) else None

    def _mac(self, notification_id: UUID) -> bytes:
        return hmac.new(self._key, notification_id.bytes, hashlib.sha256).digest()[:_MAC_BYTES]


async def call_of(conn: AsyncConnection, notification_id: UUID) -> Call | None:
    """The message behind a link, with the transaction put under its person and its alarm's community."""
    await enter_ours(conn)
    row = (await conn.execute(_BY_ID, _ASKED | {"id": notification_id})).one_or_none()
    return None if row is None else await _enter(conn, row)


async def _enter(conn: AsyncConnection, row: Row[Any]) -> Call:
    await conn.execute(_ENTER, {"scope": "/" + row.area_code, "staff": str(row.staff_id)})
    return Call(
        row.id, row.alarm_id, row.area_code, row.staff_id, row.role, row.language, row.step, row.answerable,
        row.contact_method_id, row.drill,
    )  # fmt: skip


#: What an operator means by "yes" is that the desk takes charge; everybody else goes to the door.
def going(role: str) -> Move:
    """The move that "I go" stands for, by the person's role."""
    return Move.ACKNOWLEDGE if role == "operator" else Move.ACCEPT


async def answer(
    conn: AsyncConnection, call: Call, move: Move, channel: str, hooks: Hooks, at: datetime | None = None
) -> MoveResult:
    """Make the move that this answer stands for, in the caller's transaction, which this ends (`alerts.book.finish`).
    To decline what one has taken is to hand it back. Raises `AlarmUnknown`.
    """
    if move is Move.DECLINE:
        move = move_for(Said.STAYS, call.role, await _in_hand(conn, call), call.staff_id)
    return await _make(conn, call, move, channel, hooks, at)


async def _make(
    conn: AsyncConnection, call: Call, move: Move, channel: str, hooks: Hooks, at: datetime | None = None
) -> MoveResult:
    request = MoveRequest(move, call.alarm_id, call.staff_id, at=at, step=call.step, channel=channel)
    result = await perform(conn, request, hooks)
    outcome = "refused" if result.refused is not None else "stale" if result.stale else "taken"
    ANSWERS.labels(channel, outcome).inc()
    return result


async def _in_hand(conn: AsyncConnection, call: Call) -> Case:
    """Alarm before message, wherever both are changed: another answer holds the one and withdraws the other."""
    case = (await book.load(conn, [call.alarm_id])).get(call.alarm_id)
    if case is None:
        raise AlarmUnknown("There is no such alarm.")
    return case


def move_for(said: Said, role: str, case: Case, staff_id: UUID) -> Move:
    """The move that somebody means by what he says, as things stand with him: repeating oneself changes nothing, and
    whoever has said before that he goes, or has taken charge, gives it back by "I cannot"."""
    mine = case.answers.get(staff_id)
    state = None if mine is None else mine.state
    if said is Said.STAYS:
        his = staff_id in case.going or case.acknowledged_by == staff_id
        return Move.HAND_BACK if case.open and his else Move.DECLINE
    if said is Said.THERE or (said is Said.ON_THE_WAY and state is ResponseState.ARRIVED):
        return Move.ARRIVE
    return Move.EN_ROUTE if said is Said.ON_THE_WAY else going(role)


_RESULTS = {
    Move.ACCEPT: Result.GOING, Move.ACKNOWLEDGE: Result.TAKEN, Move.DECLINE: Result.NOT_GOING,
    Move.HAND_BACK: Result.NOT_GOING,
    Move.EN_ROUTE: Result.ON_THE_WAY, Move.ARRIVE: Result.THERE,
}  # fmt: skip


async def say(conn: AsyncConnection, call: Call, said: Said, channel: str, hooks: Hooks) -> Result:
    """Make the move that is meant, judged with the alarm in hand. Raises `AlarmUnknown`."""
    move = move_for(said, call.role, await _in_hand(conn, call), call.staff_id)
    made = await _make(conn, call, move, channel, hooks)
    return Result.LATE if made.refused is not None else _RESULTS[move]


async def tell_how_to_go_on(conn: AsyncConnection, call: Call, result: Result, channel: str) -> None:
    """Write to somebody how he says what comes next: through the method that he was called by, if it is of this
    channel, else his first one. Nothing where nothing comes next, or where he has no such method."""
    if call.drill or not goes_on("answer", str(result)):
        return
    now = await clock_now(conn)
    ways = (await ways_to(conn, [call.staff_id], [channel], now)).get(call.staff_id, [])
    if not ways:
        return
    way = next((one for one in ways if one.id == call.contact_method_id), ways[0])
    code = None
    if channel in ANSWERED_BY_CODE:
        code = new_code((await codes_in_use(conn, now, {call.staff_id: ways}))[call.staff_id])
    row = {
        "id": new_id(), "alarm": call.alarm_id, "channel": channel, "staff": call.staff_id, "method": way.id,
        "step": call.step, "result": str(result), "code": code,
    }  # fmt: skip
    await conn.execute(_TELL_HOW, row)
    await wake_outbox(conn)


# ---- SMS replies and keys -------------------------------------------------------------------------------------------


async def sms_reply(
    conn: AsyncConnection, address: str, words: str, reply_id: str, hooks: Hooks, *, channel: str = "sms"
) -> Result | None:
    """Take a reply to the messages at this address; None when it came before, or from nobody we know.

    Without a code it stands for the one alarm that it can be about (`_meant_call`); with several it is unclear, and he
    is told to send the code. `reply_id`: the provider's, or anything that is the same when it comes twice.
    """
    await enter_ours(conn)
    rows = await conn.execute(_AT_ADDRESS, _ASKED | {"channel": channel, "address": address})
    calls = [row for row in rows if row.answerable]
    meant = read_reply(words)
    row = None if meant is None else _meant_call(calls, *meant)
    reply = uuid5(_REPLIES, f"{channel}\0{address}\0{reply_id}")
    kept = {
        "id": reply, "channel": channel, "address": address,
        "alarm": row.alarm_id if row is not None else None, "staff": row.staff_id if row is not None else None,
        "step": row.step if row is not None else 0,
    }  # fmt: skip
    if (await conn.execute(_KEEP_REPLY, kept)).one_or_none() is None:
        return None
    if row is None or meant is None:
        ANSWERS.labels(channel, "unclear").inc()
        await _tell_result(conn, reply, Result.UNCLEAR)
        return Result.UNCLEAR
    call = await _enter(conn, row)
    result = await say(conn, call, meant[0], channel, hooks)
    await _tell_result(conn, reply, result, row.answer_code)
    return result


#: What is said is about an alarm with which one stands like this, the likeliest first: a call that waits, what one has
#: taken. None: the desk, which has no response rows. Who is overdue has been asked, like who is called.
_ABOUT: dict[Said, tuple[frozenset[str | None], ...]] = {
    Said.GOES: (frozenset({None, "called", "overdue"}),),
    Said.STAYS: (frozenset({None, "called", "overdue"}), ACTIVE),
    Said.ON_THE_WAY: (frozenset({"accepted", "overdue"}), frozenset({None, "called"}), frozenset({"en_route"})),
    Said.THERE: (frozenset({"en_route", "overdue"}), frozenset({"accepted"}), frozenset({None, "called"})),
}


def _meant_call(calls: Sequence[Row[Any]], said: Said, code: str | None) -> Row[Any] | None:
    """By its code, which people who share a telephone may have twice; else the newest message of the one open alarm
    that it can be about. Who answers what is over, or says again what he has said, is told so, if it can be but one."""
    if code is not None:
        calls = [row for row in calls if row.answer_code == code]
    still = [row for row in calls if row.closed_at is None]
    likely = [[row for row in still if row.response in states] for states in _ABOUT[said]] if code is None else []
    found = next((some for some in (*likely, still, calls) if some), [])
    return found[0] if len({row.alarm_id for row in found}) == 1 else None


async def _tell_result(conn: AsyncConnection, reply: UUID, result: Result, code: str | None = None) -> None:
    """`code`: by which he goes on, where there is more to say."""
    kept = code if goes_on("answer", str(result)) else None
    await conn.execute(_TELL_RESULT, {"id": reply, "result": str(result), "code": kept})
    await wake_outbox(conn)


async def voice_key(
    conn: AsyncConnection, provider_id: str | None, ref: str | None, key: str, hooks: Hooks, *,
    channel: str = "voice",
) -> Result | None:  # fmt: skip
    """Take a key that was pressed in a call (`alerts.reply.KEYS`). None for another key, a call we do not know, and
    what was reported before. A call is over soon: who goes is written to how he goes on."""
    digit = key.strip()[:1]
    if digit not in KEYS:
        return None
    await enter_ours(conn)
    asked = _ASKED | {"channel": channel, "provider_id": provider_id, "ref": ref}
    row = (await conn.execute(_BY_PROVIDER, asked)).one_or_none()
    if row is None or not row.answerable:
        return None
    await book.load(conn, [row.alarm_id])  # alarm before message: another answer holds the one and withdraws the other
    if (await conn.execute(_KEEP_KEY, {"id": row.id, "key": digit})).one_or_none() is None:
        return None
    call = await _enter(conn, row)
    result = await say(conn, call, KEYS[digit], channel, hooks)
    if "sms" in hooks.channels:
        await tell_how_to_go_on(conn, call, result, "sms")
    return result
