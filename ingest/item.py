"""One object of a payload on its way through a lane: who sent it, what it says, or why it cannot be taken."""

from collections.abc import Sequence
from datetime import datetime

import msgspec

from gateway.lanes import Lane
from gateway.message import Bad, Message, digest
from gateway.payload import decode
from gateway.reason import Reason
from gateway.time_rule import judge_time
from gateway.topics import GATEWAY_ITSELF, SENTINEL_GATEWAY, BadTopic, Topic, parse_topic
from ingest.mqtt import Incoming
from ingest.quarantine import Rejected
from ingest.watermark import read_stamp


class Item(msgspec.Struct, gc=False, eq=False):
    """A message that can be taken. `message.time` None: its time is unusable, the received time counts."""

    incoming: Incoming
    topic: Topic
    device_id: str
    """The device in the registry: `_` on the wire is the gateway itself."""
    message: Message
    digest: bytes
    """Over the message as it was decoded, so that it stays the same from one delivery to the next."""


class Sorted(msgspec.Struct, eq=False):
    """A batch, sorted: what to take, what to put aside, and how far the groups have come."""

    items: list[Item] = []
    rejected: list[Rejected] = []
    stamps: list[tuple[str, datetime]] = []


#: Levels below a shard that are not for the reading lane's process to judge: other lanes and our own messages.
_NOT_OURS = {"alarm", "receipt", "command"}


def sort_batch(messages: Sequence[Incoming], lane: Lane, now: datetime) -> Sorted:
    """Sort what came in on the sessions of `lane` (ALARM, or READING for readings and health); never raises."""
    result = Sorted(items=[], rejected=[], stamps=[])
    for incoming in messages:
        topic = parse_topic(incoming.topic)
        if _somebody_elses(incoming, topic, lane):
            continue
        if isinstance(topic, BadTopic):
            result.rejected.append(_misdirected(incoming, topic, lane))
            if topic.topic is None or lane is not Lane.ALARM:
                continue
            topic = topic.topic  # only the shard is wrong: an alarm is taken all the same
        if topic.gateway == SENTINEL_GATEWAY:
            stamp = read_stamp(incoming.payload)
            if stamp is not None:
                result.stamps.append((topic.group, stamp))
            continue
        if incoming.defect is not None:
            result.rejected.append(Rejected(incoming, lane, Reason.TOO_LARGE, incoming.defect, topic.receipt))
            continue
        _sort_payload(incoming, topic, now, result)
    return result


def _sort_payload(incoming: Incoming, topic: Topic, now: datetime, result: Sorted) -> None:
    device_id = topic.gateway if topic.device == GATEWAY_ITSELF else topic.device
    for decoded in decode(incoming.payload):
        judged = judge_time(decoded, topic.lane, now)
        if isinstance(judged, Bad):
            result.rejected.append(
                Rejected(incoming, topic.lane, judged.reason, judged.detail, topic.receipt, judged.id, judged.raw)
            )
            continue
        # On the reading lane the unique key judges, so the digest is left out of the hot path.
        mark = digest(_as_decoded(decoded)) if topic.lane is Lane.ALARM else b""
        result.items.append(Item(incoming, topic, device_id, judged, mark))


def _as_decoded(decoded: Message | Bad) -> Message:
    if isinstance(decoded, Message):
        return decoded
    assert decoded.message is not None  # judge_time lets nothing else through
    return decoded.message


def _somebody_elses(incoming: Incoming, topic: Topic | BadTopic, lane: Lane) -> bool:
    """Not for this session: the reading lane sees all lanes of its shards, the stray session all alarms."""
    level = _level(incoming.topic)
    if lane is Lane.ALARM:
        stray = incoming.session.username.endswith("-stray")
        return stray and _is_shard(incoming.topic.split("/", 3)[2])
    return level in _NOT_OURS or (isinstance(topic, Topic) and topic.lane is Lane.ALARM)


def _level(topic: str) -> str:
    levels = topic.split("/", 5)
    return levels[4] if len(levels) > 4 else ""


def _is_shard(text: str) -> bool:
    return len(text) == 2 and all(digit in "0123456789abcdef" for digit in text)


def _misdirected(incoming: Incoming, topic: BadTopic, lane: Lane) -> Rejected:
    """For the quarantine; a wrong shard on the alarm lane is put aside and taken, so it is answered as taken."""
    taken = lane is Lane.ALARM and topic.topic is not None
    receipt = None if taken else topic.receipt
    return Rejected(incoming, topic.lane or lane, topic.reason, incoming.topic[:200], receipt)
