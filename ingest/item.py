"""One object of a payload on its way through a lane: who sent it, what it says, or why it cannot be taken."""

import asyncio
from collections.abc import Iterable, Sequence
from datetime import datetime

import msgspec
from sqlalchemy.ext.asyncio import AsyncConnection

from gateway.lanes import Lane
from gateway.limits import MAX_CLOCK_AHEAD
from gateway.message import Bad, Message, digest, encode
from gateway.payload import decode, decode_plain
from gateway.reason import Reason
from gateway.time_rule import judge_time
from gateway.topics import GATEWAY_ITSELF, PREFIX, SENTINEL_GATEWAY, BadTopic, Topic, parse_topic
from ingest.mqtt import Incoming, Session
from ingest.quarantine import Rejected
from ingest.watermark import Stamp, read_stamp
from ingest.who import Sender, Who


class Item(msgspec.Struct, gc=False, eq=False):
    """A message that can be taken. `message.time` None: its time is unusable, the received time counts."""

    incoming: Incoming
    sender: Sender
    message: Message
    digest: bytes = b""
    """On the alarm lane: over the message as it was decoded, the same from one delivery to the next."""


class Sorted(msgspec.Struct, eq=False):
    """A batch, sorted: what to take, what to put aside, and how far the groups have come."""

    items: list[Item] = []
    rejected: list[Rejected] = []
    stamps: list[tuple[str, Stamp]] = []


#: Messages sorted before others get the processor: a millisecond, in which the batch before this one is still being
#: fed to the database.
_AT_A_TIME = 1_000

#: Levels below a shard that are not for the reading lane's process to judge: other lanes and our own messages.
_NOT_OURS = {"alarm", "receipt", "command"}


async def sort_batch(
    conn: AsyncConnection, who: Who, lane: Lane, now: datetime, messages: Sequence[Incoming]
) -> Sorted:
    """Sort what came in on the sessions of `lane` (ALARM, or READING for readings and health), and find its senders.

    Whatever the messages say, only the database can make this raise.
    """
    result = Sorted(items=[], rejected=[], stamps=[])
    strays = {session for session in {message.session for message in messages} if _is_stray(session)}
    known = who.known
    others = await who.senders(conn, _to_look_up({message.topic for message in messages} - known.keys(), lane))
    items, latest = result.items, now + MAX_CLOCK_AHEAD
    plain = lane is not Lane.ALARM
    for start in range(0, len(messages), _AT_A_TIME):
        for incoming in messages[start : start + _AT_A_TIME]:
            sender = known.get(incoming.topic)
            if sender is None or incoming.defect is not None or (strays and incoming.session in strays):
                sender = _sort_odd(incoming, sender or others.get(incoming.topic), lane, result)
                if sender is None:
                    continue
            if plain and (message := decode_plain(incoming.payload, latest)) is not None:
                items.append(Item(incoming, sender, message))
            else:
                _sort_payload(incoming, sender, now, result)
        await asyncio.sleep(0)
    return result


def _to_look_up(written: Iterable[str], lane: Lane) -> dict[str, Topic]:
    """Topics of this lane's devices; on the alarm lane also those with nothing but a wrong shard."""
    topics: dict[str, Topic] = {}
    for text in written:
        topic = parse_topic(text)
        if isinstance(topic, BadTopic) and lane is Lane.ALARM:
            topic = topic.topic or topic
        if (
            isinstance(topic, Topic)
            and topic.gateway != SENTINEL_GATEWAY
            and (topic.lane is Lane.ALARM) == (lane is Lane.ALARM)
        ):
            topics[text] = topic
    return topics


def _sort_payload(incoming: Incoming, sender: Sender, now: datetime, result: Sorted) -> None:
    lane = sender.topic.lane
    alarm = lane is Lane.ALARM
    for decoded in decode(incoming.payload):
        judged = judge_time(decoded, lane, now)
        if isinstance(judged, Message):
            # On the reading lane the unique key judges, so the digest is left out of the hot path.
            mark = digest(_as_decoded(decoded)) if alarm else b""
            result.items.append(Item(incoming, sender, judged, mark))
        else:
            receipt = sender.topic.receipt
            result.rejected.append(
                Rejected(incoming, lane, judged.reason, judged.detail, receipt, (judged.id,), judged.raw)
            )


def _sort_odd(incoming: Incoming, sender: Sender | None, lane: Lane, result: Sorted) -> Sender | None:
    """Deal with whatever is not simply a device's message; the sender if its payload is to be taken all the same."""
    topic = parse_topic(incoming.topic)
    if _somebody_elses(incoming, topic, lane):
        return None
    if isinstance(topic, BadTopic):
        result.rejected.append(_misdirected(incoming, topic, lane))
        if sender is None or lane is not Lane.ALARM:
            return None
        topic = sender.topic  # only the shard is wrong: an alarm is taken all the same
    if topic.gateway == SENTINEL_GATEWAY:
        stamp = read_stamp(incoming.payload)
        if stamp is not None:
            result.stamps.append((topic.group, stamp))
        else:
            result.rejected.append(Rejected(incoming, topic.lane, Reason.MALFORMED_JSON, "a sentinel without a stamp"))
        return None
    if incoming.defect is not None:
        reason = Reason.TOO_LARGE if incoming.defect == "oversize" else Reason.MALFORMED_JSON
        result.rejected.append(Rejected(incoming, topic.lane, reason, incoming.defect, topic.receipt))
        return None
    return sender


def _as_decoded(decoded: Message | Bad) -> Message:
    if isinstance(decoded, Message):
        return decoded
    assert decoded.message is not None  # judge_time lets nothing else through
    return decoded.message


def _somebody_elses(incoming: Incoming, topic: Topic | BadTopic, lane: Lane) -> bool:
    """Not for this session: the reading lane sees all lanes of its shards, and a stray session sees every shard where
    the broker's access list cannot keep the well-formed ones out of it."""
    if _is_stray(incoming.session) and _is_shard(_level(incoming.topic, 2)):
        return True
    if lane is Lane.ALARM:
        return False
    return _level(incoming.topic, 4) in _NOT_OURS or (isinstance(topic, Topic) and topic.lane is Lane.ALARM)


def _is_stray(session: Session) -> bool:
    return session.username.endswith("-stray")


def _level(topic: str, number: int) -> str:
    levels = topic.split("/", number + 1)
    return levels[number] if len(levels) > number else ""


def _is_shard(text: str) -> bool:
    return len(text) == 2 and all(digit in "0123456789abcdef" for digit in text)


def _misdirected(incoming: Incoming, topic: BadTopic, lane: Lane) -> Rejected:
    """For the quarantine. On the alarm lane a wrong shard is put aside and taken, so it is answered as taken; what
    names its gateway but no device is answered to the gateway itself."""
    rejected = Rejected(incoming, topic.lane or lane, topic.reason, incoming.topic[:200])
    if lane is not Lane.ALARM or topic.topic is not None or topic.gateway is None:
        return rejected
    gateway = f"{PREFIX}/{_level(incoming.topic, 2)}/{topic.gateway}"
    rejected.receipt_topic = topic.receipt or f"{gateway}/receipt/{GATEWAY_ITSELF}"
    if incoming.defect is None:
        rejected.ids = tuple(one.id for one in decode(incoming.payload))
    return rejected


def stranger(item: Item) -> Rejected:
    """For the quarantine: the registry does not know the sender, or not together with its gateway."""
    sender = item.sender
    reason = Reason.UNKNOWN_GATEWAY if sender.gateway is None else Reason.UNKNOWN_DEVICE
    detail = sender.topic.gateway if sender.gateway is None else sender.device_id
    return _rejected(item, reason, detail)


def too_old(item: Item) -> Rejected:
    """For the quarantine: from before the time for which readings are kept."""
    assert item.message.time is not None  # only a time can be too old
    return _rejected(item, Reason.TOO_OLD, item.message.time.isoformat())


def _rejected(item: Item, reason: Reason, detail: str) -> Rejected:
    topic, message = item.sender.topic, item.message
    return Rejected(item.incoming, topic.lane, reason, detail, topic.receipt, (message.id,), encode(message))


def split(incoming: Incoming) -> list[Incoming]:
    """The objects of an array as messages of their own, so that one that cannot be stored spoils no other."""
    objects = decode(incoming.payload) if incoming.defect is None else []
    if len(objects) < 2:
        return [incoming]
    payloads = [one.raw if isinstance(one, Bad) else encode(one) for one in objects]
    return [msgspec.structs.replace(incoming, payload=payload) for payload in payloads]
