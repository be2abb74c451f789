"""The alarm lane: one batch, one transaction. What calls for help opens or joins an alarm; what the wearer takes back
is closed; everything is remembered in the inbox, and every object of every message gets its receipt after the commit.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from functools import partial
from uuid import UUID

import msgspec
from prometheus_client import Counter
from sqlalchemy.ext.asyncio import AsyncConnection

from alerts import book, lifecycle
from alerts.case import Actor, Case
from alerts.raising import Place, Raise, merge_key, raise_alarms
from alerts.why import why_signal
from gateway.lanes import AlarmType, Lane
from gateway.payload import decode
from gateway.receipt import Receipt, Status
from gateway.topics import GATEWAY_ITSELF, BadTopic, parse_topic
from ingest import watermark
from ingest.detect.catalogue import wakes as all_wakes
from ingest.detect.fall import suspect
from ingest.detect.presses import Press, read_press
from ingest.detect.signals import CALLS, OF_THE_HOUSE, late_s, read_location, read_signal
from ingest.inbox import Entry, remember, settle
from ingest.item import Item, sort_batch, stranger
from ingest.mqtt import Incoming, Session
from ingest.outcome import Answer, Outcome
from ingest.quarantine import Rejected, put_aside
from ingest.store import Lately, Signs
from ingest.turn import Turn
from ingest.waking import wake_at_once
from ingest.who import DeviceFacts, GatewayFacts, Who

TAKEN_IN = Counter(
    "carebed_alarm_messages",
    "Messages of the alarm lane that were taken in, by the status of their receipt",
    ["status"],
)


class ReceiptAnswer(msgspec.Struct, eq=False):
    """A receipt and where it goes."""

    session: Session
    topic: str
    receipt: Receipt

    def send(self) -> None:
        """Publish it on the session that brought the message."""
        self.session.publish(self.topic, self.receipt.encode())


@dataclass(slots=True)
class Round:
    """Calls and then what takes something back (entry, merge key) that can be dealt with at once."""

    calls: list[tuple[Entry, Raise]] = field(default_factory=list)
    cancels: list[tuple[Entry, str]] = field(default_factory=list)
    overs: list[tuple[Entry, str]] = field(default_factory=list)


class AlarmLane:
    """Processes batches of the alarm lane. `channels`: through which people are told of repeats and cancels."""

    lane = Lane.ALARM

    def __init__(self, who: Who, channels: Sequence[str], *, wakes: frozenset[str] | None = None) -> None:
        self._who = who
        self._channels = channels
        self._lately = Lately()
        self._wakes = all_wakes() if wakes is None else wakes

    async def process(
        self, conn: AsyncConnection, now: datetime, messages: Sequence[Incoming], turn: Turn | None = None
    ) -> Outcome:
        """Take in these messages within the caller's transaction; the answers are sent after its commit."""
        if turn is not None:
            await turn.to_store()
            await turn.to_write()
        batch = await sort_batch(conn, self._who, Lane.ALARM, now, messages)
        known, strangers = tell_apart(batch.items)
        rejected = [*batch.rejected, *strangers]
        await put_aside(conn, now, rejected)
        entries = await remember(conn, now, known)
        fresh = [entry for entry in entries if entry.status is Status.ACCEPTED]
        cases = await self._react(conn, now, fresh)
        await settle(conn, entries)
        signs = self._signs(now, batch.items)
        await signs.keep(conn, "alarm", now)
        await wake_at_once(conn, now, self._woken(fresh))
        await watermark.move(conn, "alarm", batch.stamps)
        await book.finish(conn, now, cases.values(), self._channels)
        answers: list[Answer] = [*map(_answer, entries), *(answer for one in rejected for answer in _refusal(one))]
        return Outcome(answers=answers, rejected=rejected, remember=[signs.committed, partial(_count, entries)])

    def start_over(self) -> None:
        """A transaction failed: look the senders up again."""
        self._who.forget()

    def refusals(self, rejected: Rejected) -> list[Answer]:
        """What to answer where the database refused an object. A call for help gets no answer: without one the device
        starts its other route after 60 s and keeps asking, as it must."""
        topic = parse_topic(rejected.incoming.topic)
        topic = topic.topic or topic if isinstance(topic, BadTopic) else topic
        if isinstance(topic, BadTopic):
            return []
        objects = decode(rejected.incoming.payload)
        rejected.receipt_topic = topic.receipt
        rejected.ids = tuple(one.id for one in objects if one.type not in CALLS)
        return _refusal(rejected)

    async def _react(self, conn: AsyncConnection, now: datetime, fresh: list[Entry]) -> dict[UUID, Case]:
        """Raise what calls for help and close what was taken back, each key in its order of arrival.

        All calls of a round come before its cancels, so a key that is called again after its cancel begins a new round.
        """
        cases: dict[UUID, Case] = {}
        rounds = _rounds(fresh, now)
        for number, one in enumerate(rounds):
            await self._round(conn, now, one, cases)
            if number + 1 < len(rounds):
                await book.save(conn, now, cases.values(), self._channels)
        return cases

    async def _round(self, conn: AsyncConnection, now: datetime, one: Round, cases: dict[UUID, Case]) -> None:
        taken_back = [key for _, key in (*one.cancels, *one.overs)]
        raised = await raise_alarms(conn, now, [call for _, call in one.calls], taken_back, cases)
        for (entry, _), alarm_id in zip(one.calls, raised.alarm_ids, strict=True):
            entry.alarm_id = alarm_id
            if alarm_id is None:
                entry.status = Status.HOLD
        for entry, key in one.cancels:
            case = raised.open_cases.get(key)
            if case is not None and case.open:
                entry.alarm_id = case.id
                lifecycle.cancel(case, now, actor_of(entry.item), entry.item.message.time)
        for entry, key in one.overs:
            case = raised.open_cases.get(key)
            if case is not None and case.open:
                entry.alarm_id = case.id
                lifecycle.over(case, now, actor_of(entry.item), entry.item.sender.device_id, entry.item.message.time)

    def _woken(self, fresh: list[Entry]) -> set[UUID]:
        """The homes whose detectors must see one of these messages."""
        items = [entry.item for entry in fresh if entry.item.message.type in self._wakes]
        homes = {facts_of(item).place.home_id for item in items}
        return {one for one in homes if one is not None}

    def _signs(self, now: datetime, items: Sequence[Item]) -> Signs:
        """Repeats are signs of life as well; of activity they tell nothing new."""
        signs = Signs(self._lately.at(now), self._who.watched("alarm"))
        for item in items:
            signs.heard(item.sender, item.message.type)
            if item.sender.device is not None and read_signal(item.message).active:
                signs.active(item.sender.device, item.message.time or now, now)
        return signs


def tell_apart(items: Sequence[Item]) -> tuple[list[Item], list[Rejected]]:
    """Known senders, and calls for help from unknown devices of known gateways; the rest is put aside."""
    known: list[Item] = []
    strangers: list[Rejected] = []
    for item in items:
        if item.sender.device is not None or (item.sender.gateway is not None and item.message.type in CALLS):
            known.append(item)
        else:
            strangers.append(stranger(item))
    return known, strangers


def _rounds(fresh: Sequence[Entry], now: datetime) -> list[Round]:
    rounds = [Round()]
    taken_back: set[str] = set()
    for entry in fresh:
        signal = read_signal(entry.item.message)
        if signal.call is not None:
            call = _raise(entry.item, now)
            if taken_back.intersection(_keys(call)):
                rounds.append(Round())
                taken_back.clear()
            rounds[-1].calls.append((entry, call))
        elif signal.cancel is not None or signal.over is not None:
            key = key_of(entry.item, signal.cancel or signal.over or "")
            (rounds[-1].overs if signal.cancel is None else rounds[-1].cancels).append((entry, key))
            taken_back.add(key)
    return rounds


def _keys(call: Raise) -> list[str]:
    return [call.merge_key] if call.becomes is None else [call.merge_key, call.becomes.merge_key]


def _raise(item: Item, now: datetime) -> Raise:
    """What this call raises: of its type, or of what its press stands for."""
    message, place = item.message, facts_of(item).place
    press = read_press(message, place.presses)
    if press is None:
        return _call(item, now, str(message.type), None)
    call = _call(item, now, press.kind, press)
    repeated = place.presses.doorbell_repeated
    if call.kind != AlarmType.DOORBELL or repeated == call.kind:
        return call
    return replace(call, becomes=_call(item, now, repeated, Press(repeated, "repeated", press.times)))


def _call(item: Item, now: datetime, kind: str, press: Press | None) -> Raise:
    facts, message = facts_of(item), item.message
    late = late_s(message.time, now)
    happened_at = min(message.time or now, now)
    location = read_location(message.data)
    return Raise(
        kind=kind,
        place=place_of(facts),
        merge_key=key_of(item, kind),
        happened_at=happened_at,
        why=why_signal(
            kind, late_s=late, clock_unusable=message.time is None, known_device=item.sender.device is not None,
            said=str(message.type), press=None if press is None else press.manner, location=location,
        ),
        actor=actor_of(item),
        late=late is not None,
        suspicion=suspect(message.data, happened_at, now, facts.place.fall) if kind == AlarmType.FALL else None,
        gateway_id=item.sender.topic.gateway,
        device_id=item.sender.device_id,
        presses=0 if press is None else press.times,
        urgency=facts.place.presses.urgency,
        location=location,
    )  # fmt: skip


def facts_of(item: Item) -> DeviceFacts | GatewayFacts:
    """What the registry knows of a sender that is known: the device, or at least its gateway."""
    facts = item.sender.device or item.sender.gateway
    assert facts is not None
    return facts


def place_of(facts: DeviceFacts | GatewayFacts) -> Place:
    """Where its alarms belong."""
    place = facts.place
    return Place(place.station_id, place.area_code, place.home_id, facts.resident_id)


def key_of(item: Item, kind: str) -> str:
    """One open alarm per person and kind, and per home where it is the house that is in danger; where there is no home,
    per device and kind."""
    facts = item.sender.device or item.sender.gateway
    if facts is None or facts.place.home_id is None:
        return f"gateway:{item.sender.topic.gateway}:{item.sender.device_id}:{kind}"
    return merge_key(facts.place.home_id, None if kind in OF_THE_HOUSE else facts.resident_id, kind)


def actor_of(item: Item) -> Actor:
    device = GATEWAY_ITSELF if item.sender.topic.device == GATEWAY_ITSELF else item.sender.device_id
    return Actor("device", f"{item.sender.topic.gateway}/{device}", "mqtt")


def _count(entries: Sequence[Entry]) -> None:
    for entry in entries:
        TAKEN_IN.labels(str(entry.status)).inc()


def _answer(entry: Entry) -> ReceiptAnswer:
    receipt = Receipt(id=entry.item.message.id, status=entry.status, alarm=entry.alarm_id)
    return ReceiptAnswer(entry.item.incoming.session, entry.item.sender.topic.receipt, receipt)


def _refusal(rejected: Rejected) -> list[Answer]:
    if rejected.receipt_topic is None:
        return []
    receipts = [Receipt(id=one, status=Status.REJECTED, reason=str(rejected.reason)) for one in rejected.ids]
    return [ReceiptAnswer(rejected.incoming.session, rejected.receipt_topic, receipt) for receipt in receipts]
