"""One object of a payload on its way through a lane: who sent it, what it says, or why it cannot be taken."""

from collections.abc import Sequence
from datetime import datetime

import msgspec
from sqlalchemy.ext.asyncio import AsyncConnection

from gateway.lanes import Lane
from gateway.message import Bad, Message, digest, encode
from gateway.payload import decode
from gateway.reason import Reason
from gateway.time_rule import judge_time
from gateway.topics import GATEWAY_ITSELF, PREFIX, SENTINEL_GATEWAY, BadTopic, Topic, parse_topic
from ingest.mqtt import Incoming
from ingest.quarantine import Rejected
from ingest.watermark import Stamp, read_stamp
from ingest.who import DeviceFacts, GatewayFacts, Who


class Item(msgspec.Struct, gc=False, eq=False):
    """A message that can be taken. `message.time` None: its time is unusable, the received time counts."""

    incoming: Incoming
    topic: Topic
    device_id: str
    """The device in the registry: `_` on the wire is the gateway itself."""
    message: Message
    digest: bytes
    """Over the message as it was decoded, so that it stays the same from one delivery to the next."""
    gateway: GatewayFacts | None = None
    device: DeviceFacts | None = None
    """Who sent it, as the registry knows them; filled in by `identify`."""
    link: DeviceFacts | None = None
    """The gateway as a device of its own."""


class Sorted(msgspec.Struct, eq=False):
    """A batch, sorted: what to take, what to put aside, and how far the groups have come."""

    items: list[Item] = []
    rejected: list[Rejected] = []
    stamps: list[tuple[str, Stamp]] = []

    async def identify(self, conn: AsyncConnection, who: Who) -> None:
        """Ask the registry who the senders are."""
        facts = await who.learn(
            conn, {item.topic.gateway for item in self.items}, {item.device_id for item in self.items}
        )
        for item in self.items:
            item.gateway = facts.gateway(item.topic.gateway)
            if item.gateway is not None:
                item.device = facts.device(item.topic.gateway, item.device_id)
                item.link = facts.device(item.topic.gateway, item.topic.gateway)


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
            reason = Reason.TOO_LARGE if incoming.defect == "oversize" else Reason.MALFORMED_JSON
            result.rejected.append(Rejected(incoming, topic.lane, reason, incoming.defect, topic.receipt))
            continue
        _sort_payload(incoming, topic, now, result)
    return result


def _sort_payload(incoming: Incoming, topic: Topic, now: datetime, result: Sorted) -> None:
    device_id = topic.gateway if topic.device == GATEWAY_ITSELF else topic.device
    for decoded in decode(incoming.payload):
        judged = judge_time(decoded, topic.lane, now)
        if isinstance(judged, Bad):
            result.rejected.append(
                Rejected(incoming, topic.lane, judged.reason, judged.detail, topic.receipt, (judged.id,), judged.raw)
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
    if lane is Lane.ALARM:
        return incoming.session.username.endswith("-stray") and _is_shard(_level(incoming.topic, 2))
    return _level(incoming.topic, 4) in _NOT_OURS or (isinstance(topic, Topic) and topic.lane is Lane.ALARM)


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


def split(incoming: Incoming) -> list[Incoming]:
    """The objects of an array as messages of their own, so that one that cannot be stored spoils no other."""
    objects = decode(incoming.payload) if incoming.defect is None else []
    if len(objects) < 2:
        return [incoming]
    payloads = [one.raw if isinstance(one, Bad) else encode(one) for one in objects]
    return [msgspec.structs.replace(incoming, payload=payload) for payload in payloads]
