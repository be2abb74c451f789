"""Accounts for every delivery: each object stored, or put aside with its reason; on the alarm lane each receipted.

It follows the contract message by message, in a straight line; the pipeline works by batches, in pieces after a fault,
with memories. The number of objects comes from Python's own JSON reader where that reads the payload.
"""

import json
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from functools import lru_cache

import mqtt5
from sqlalchemy import text

from carebed.database import Database
from gateway.limits import MAX_OBJECTS, MAX_PAYLOAD_BYTES
from gateway.wire import (
    GATEWAY_ITSELF,
    PREFIX,
    Bad,
    BadTopic,
    Lane,
    Message,
    Reason,
    Status,
    decode,
    decode_receipt,
    digest,
    encode,
    judge_time,
    parse_topic,
)  # fmt: skip
from ingest.detect.signals import CALLS
from ingest.mqtt.connection import MAX_PACKET_BYTES
from ingest.mqtt.outbox import is_publishable
from ingest.mqtt.wire import rescue
from tests.fuzz.script_broker import Delivery
from tests.fuzz.world import World

#: As readings are kept by default; no time of the fuzz lies so near to it that a slow run could move it across.
KEPT = timedelta(days=400)

#: Topic, payload, reason. Of a large payload the beginning: how much is kept of it hangs on how the stream was cut.
Aside = tuple[bytes, bytes, str]
ReadingKey = tuple[str, str, str, datetime | None]
InboxKey = tuple[str, str, str, bytes]

_ASIDE = text("SELECT id, topic, payload, reason FROM quarantine WHERE id > :last ORDER BY id")
_READINGS = text("""
    SELECT key.number FROM unnest(CAST(:numbers AS int[]), CAST(:devices AS text[]), CAST(:ids AS text[]),
        CAST(:types AS text[]), CAST(:times AS timestamptz[])) AS key (number, device, id, type, time)
    WHERE EXISTS (SELECT FROM reading WHERE reading.device_id = key.device AND reading.message_id = key.id
        AND (reading.time = key.time OR (key.time IS NULL AND reading.time = reading.received_at)))
""")
_INBOX = text("""
    SELECT key.number FROM unnest(CAST(:numbers AS int[]), CAST(:gateways AS text[]), CAST(:devices AS text[]),
        CAST(:ids AS text[]), CAST(:digests AS bytea[])) AS key (number, gateway, device, id, digest)
    JOIN inbox ON inbox.gateway_id = key.gateway AND inbox.device_id = key.device AND inbox.message_id = key.id
        AND inbox.digest = key.digest AND inbox.occurrence = 0
""")


@dataclass
class Account:
    """What must be found of one delivery to one session."""

    delivery: Delivery
    session: str
    aside: list[Aside] = field(default_factory=list)
    readings: list[ReadingKey] = field(default_factory=list)
    inbox: list[tuple[InboxKey, bool]] = field(default_factory=list)
    """Key, and whether it calls for help (then it may be told to hold)."""
    receipts: list[tuple[str, str | None]] = field(default_factory=list)


class Ledger:
    """Checks round after round; `problems` are sentences with the delivery in question."""

    def __init__(self, database: Database, world: World) -> None:
        self._database = database
        self._world = world
        self._last = 0
        self._cut = False
        self.stored = self.put_aside = self.receipted = 0
        self.reasons: Counter[str] = Counter()

    async def check(
        self, given: Iterable[tuple[str, Delivery]], receipts: Sequence[tuple[str, bytes]], *, cut: bool = False
    ) -> list[tuple[str, Delivery | None]]:
        """(problem, delivery) of a round whose deliveries have all been acknowledged. `cut`: a connection was lost in
        it, which may have cost messages without a packet id."""
        self._cut = cut
        now = datetime.now(UTC)
        accounts = [self._account(session, delivery, now) for session, delivery in given]
        problems = [
            (f"{len(_objects(account.delivery))} objects where JSON has another number", account.delivery)
            for account in accounts if not _counted_right(account.delivery)
        ]  # fmt: skip
        held = self._check_receipts(accounts, receipts, problems)
        await self._check_aside(accounts, problems)
        await self._check_readings(accounts, problems)
        await self._check_inbox(accounts, held, problems)
        return problems

    # What must be

    def _account(self, session: str, delivery: Delivery, now: datetime) -> Account:
        account = Account(delivery, session)
        topic_text, payload, defect = _as_read(delivery)
        raw_topic = topic_text.encode("utf-8", "surrogatepass")
        own = Lane.ALARM if session.startswith("ingest-alarm") else Lane.READING
        topic = parse_topic(topic_text)
        if _elsewhere(session, topic_text):
            return account
        if isinstance(topic, BadTopic):
            account.aside.append(_aside(raw_topic, payload, topic.reason))
            if topic.topic is None or own is not Lane.ALARM:
                if own is Lane.ALARM and topic.topic is None and topic.gateway is not None:
                    to = (
                        topic.receipt or f"{PREFIX}/{topic_text.split('/')[2]}/{topic.gateway}/receipt/{GATEWAY_ITSELF}"
                    )
                    ids = [None] if defect else [one.id for one in decode(payload)]
                    account.receipts += [(to, one) for one in ids]
                return account
            topic = topic.topic
        if defect is not None:
            reason = Reason.TOO_LARGE if defect == "oversize" else Reason.MALFORMED_JSON
            account.aside.append(_aside(raw_topic, payload, reason))
            self._receipt(account, own, topic.receipt, None)
            return account
        device = topic.gateway if topic.device == GATEWAY_ITSELF else topic.device
        for decoded in decode(payload):
            self._object(account, own, (raw_topic, topic.gateway, device, topic.lane, topic.receipt), decoded, now)
        return account

    def _object(
        self,
        account: Account,
        own: Lane,
        where: tuple[bytes, str, str, Lane, str],
        decoded: Message | Bad,
        now: datetime,
    ) -> None:
        raw_topic, gateway, device, lane, receipt = where
        judged = judge_time(decoded, lane, now)
        self._receipt(account, own, receipt, judged.id)
        if isinstance(judged, Bad):
            account.aside.append(_aside(raw_topic, judged.raw, judged.reason))
            return
        stranger = own is Lane.ALARM and self._world.knows(gateway) and judged.type in CALLS
        if not self._world.knows(gateway, device) and not stranger:
            reason = Reason.UNKNOWN_DEVICE if self._world.knows(gateway) else Reason.UNKNOWN_GATEWAY
            account.aside.append(_aside(raw_topic, encode(judged), reason))
        elif own is Lane.ALARM:
            message = decoded if isinstance(decoded, Message) else decoded.message
            assert message is not None
            account.inbox.append(((gateway, device, judged.id, digest(message)), judged.type in CALLS))
        elif judged.time is not None and judged.time < now - KEPT:
            account.aside.append(_aside(raw_topic, encode(judged), Reason.TOO_OLD))
        else:
            account.readings.append((device, judged.id, judged.type, judged.time))

    def _receipt(self, account: Account, own: Lane, to: str, message_id: str | None) -> None:
        if own is Lane.ALARM:
            account.receipts.append((to, message_id))

    # What is

    def _check_receipts(
        self, accounts: list[Account], sent: Sequence[tuple[str, bytes]], problems: list[tuple[str, Delivery | None]]
    ) -> Counter[tuple[str, str | None]]:
        """One for each object; returns those that were told to hold."""
        decoded = [(to, decode_receipt(payload)) for to, payload in sent]
        got = Counter((to, receipt.id) for to, receipt in decoded)
        for account in accounts:
            for to, message_id in account.receipts:
                if not is_publishable(to):
                    continue
                if got[to, message_id] > 0:
                    got[to, message_id] -= 1
                    self.receipted += 1
                elif not self._excused(account):
                    problems.append((f"no receipt for {message_id!r} on {to!r}", account.delivery))
        if not self._cut:
            problems += [(f"{count} receipts too many on {key!r}", None) for key, count in got.items() if count > 0]
        return Counter((to, receipt.id) for to, receipt in decoded if receipt.status is Status.HOLD)

    def _lost_underway(self, account: Account) -> bool:
        """Sent without a packet id on a connection that may have been lost."""
        return self._cut and not account.delivery.flags & 6

    def _excused(self, account: Account) -> bool:
        """Likewise, or delivered twice: its row is there from the first time, its receipt went down with the line."""
        return account.delivery.again or self._lost_underway(account)

    async def _check_aside(self, accounts: list[Account], problems: list[tuple[str, Delivery | None]]) -> None:
        async with self._database.transaction() as conn:
            rows = (await conn.execute(_ASIDE, {"last": self._last})).all()
        self._last = rows[-1].id if rows else self._last
        got = Counter(_aside(bytes(row.topic), bytes(row.payload), row.reason) for row in rows)
        self.put_aside += len(rows)
        self.reasons.update(row.reason for row in rows)
        for account in accounts:
            for aside in account.aside:
                if got[aside] > 0:
                    got[aside] -= 1
                elif not self._excused(account):
                    problems.append((f"not put aside as {aside[2]}", account.delivery))
        again = {aside for account in accounts if account.delivery.again for aside in account.aside}
        problems += [
            (f"put aside without need: {key[2]}, topic {key[0]!r}, payload {key[1][:300]!r}", None)
            for key, count in got.items() if count > 0 and key not in again
        ]  # fmt: skip

    async def _check_readings(self, accounts: list[Account], problems: list[tuple[str, Delivery | None]]) -> None:
        keys = [(account, key) for account in accounts for key in account.readings]
        if not keys:
            return
        columns = [list(column) for column in zip(*(key for _, key in keys), strict=True)]
        asked = dict(zip(("devices", "ids", "types", "times"), columns, strict=True))
        found = await self._numbers(_READINGS, {"numbers": list(range(len(keys))), **asked})
        self.stored += len(found)
        problems += [
            (f"not stored: {key}", account.delivery)
            for number, (account, key) in enumerate(keys) if number not in found and not self._lost_underway(account)
        ]  # fmt: skip

    async def _check_inbox(
        self,
        accounts: list[Account],
        held: Counter[tuple[str, str | None]],
        problems: list[tuple[str, Delivery | None]],
    ) -> None:
        keys = [(account, key, calls) for account in accounts for key, calls in account.inbox]
        if not keys:
            return
        columns = [list(column) for column in zip(*(key for _, key, _ in keys), strict=True)]
        asked = dict(zip(("gateways", "devices", "ids", "digests"), columns, strict=True))
        found = await self._numbers(_INBOX, {"numbers": list(range(len(keys))), **asked})
        self.stored += len(found)
        for number, (account, key, calls) in enumerate(keys):
            # Whether one that cannot be answered was told to hold nobody hears.
            mine = [to for to, one in account.receipts if one == key[2]]
            may_hold = calls and any(held[to, key[2]] or not is_publishable(to) for to in mine)
            if number not in found and not may_hold and not self._lost_underway(account):
                problems.append((f"not in the inbox: {key[:3]}", account.delivery))

    async def _numbers(self, statement: object, values: dict[str, object]) -> set[int]:
        async with self._database.transaction() as conn:
            return set((await conn.execute(statement, values)).scalars())


def _aside(topic: bytes, payload: bytes, reason: str) -> Aside:
    return topic, payload[:1_000] if len(payload) > MAX_PAYLOAD_BYTES // 8 else payload, str(reason)


def _as_read(delivery: Delivery) -> tuple[str, bytes, str | None]:
    """Topic, payload and defect as the codec, or the rescue, reads the frame."""
    frame = delivery.frame()
    if len(frame) > MAX_PACKET_BYTES:
        topic, payload, _ = rescue(memoryview(frame)[:MAX_PACKET_BYTES])
        return topic, payload, "oversize"
    # Refusing costs the codec milliseconds; the same head is refused again for every session that gets it.
    head = Delivery(0, delivery.topic, b"", delivery.flags, delivery.extra, packet_id=1).frame()
    topic, refused = _read_head(head)
    if refused:
        _, payload, _ = rescue(memoryview(frame))
        return topic, payload, "malformed"
    return topic, delivery.payload, None


@lru_cache(maxsize=10_000)
def _read_head(frame: bytes) -> tuple[str, bool]:
    """Topic of a frame, and whether the codec refuses it."""
    try:
        packet, _ = mqtt5.read(memoryview(frame))
    except BaseException as error:  # a panic of the codec is no `Exception`
        if isinstance(error, KeyboardInterrupt | SystemExit):
            raise
        return rescue(memoryview(frame)).topic, True
    return packet.topic, False


def _elsewhere(session: str, topic: str) -> bool:
    """Another session's to judge: good shards on a stray session, alarms and our own messages on a reading session."""
    levels = topic.split("/")
    shard = levels[2] if len(levels) > 2 else ""
    if session.endswith("-stray") and len(shard) == 2 and set(shard) <= set("0123456789abcdef"):
        return True
    others = ("alarm", "receipt", "command")
    return not session.startswith("ingest-alarm") and len(levels) > 4 and levels[4] in others


def _objects(delivery: Delivery) -> list[Message | Bad]:
    return decode(delivery.payload)


def _counted_right(delivery: Delivery) -> bool:
    """Where Python reads the payload as JSON too, both see the same number of objects."""
    try:
        parsed = json.loads(delivery.payload.decode("utf-8"), parse_int=float)
    except (ValueError, RecursionError):
        return bool(_objects(delivery)) or delivery.payload.strip(b" \t\r\n") == b"[]"
    expected = len(parsed) if isinstance(parsed, list) and len(parsed) <= MAX_OBJECTS else 1
    counted = len(_objects(delivery))
    return counted == (1 if len(delivery.payload) > MAX_PAYLOAD_BYTES else expected)
