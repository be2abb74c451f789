"""Topics of the contract: `carebed/v1/{shard}/{gateway}/{lane}/{device}` up, `receipt` and `command` down.

Parsing stands on the hot path (every message of a backlog), so it is cached with a bound: a city's worth of busy
devices stays inside, a flood of invented topics only turns the cache over.
"""

import re
from functools import lru_cache
from hashlib import sha256
from sys import intern

import msgspec

from gateway.lanes import Lane
from gateway.limits import MAX_ID_CHARACTERS
from gateway.reason import Reason

PREFIX = "carebed/v1"

#: `{device}` when the gateway speaks of itself.
GATEWAY_ITSELF = "_"

#: The pseudo gateway whose messages show how far a shard group has been processed.
SENTINEL_GATEWAY = "carebed-sentinel"

#: The sixteen shard groups: the first digit of the shard.
GROUPS: tuple[str, ...] = tuple("0123456789abcdef")

_RESERVED_PREFIXES = ("ingest-", "carebed-")
_GATEWAY = re.compile(rf"[A-Za-z0-9_-]{{1,{MAX_ID_CHARACTERS}}}")
_DEVICE = re.compile(rf"[A-Za-z0-9_:.-]{{1,{MAX_ID_CHARACTERS}}}")
_LANES: dict[str, Lane] = {lane.value: lane for lane in Lane}

_SHARDS_CACHED = 16_384
_TOPICS_CACHED = 16_384


@lru_cache(maxsize=_SHARDS_CACHED)
def shard_of(gateway_id: str) -> str:
    """The gateway's shard: two hex digits, the first byte of SHA-256 of its id. Fixed for the gateway's life."""
    return intern(sha256(gateway_id.encode("utf-8", "surrogatepass")).hexdigest()[:2])


def group_of(shard: str) -> str:
    """The shard group (one hex digit) that a shard belongs to."""
    return shard[0]


def is_gateway_id(gateway_id: str) -> bool:
    """Whether a device vendor's gateway may bear this id: well formed, and not reserved for our own users."""
    return _GATEWAY.fullmatch(gateway_id) is not None and not gateway_id.startswith(_RESERVED_PREFIXES)


def is_device_id(device_id: str) -> bool:
    """Whether the id can stand in a topic; `_` is the gateway itself."""
    return _DEVICE.fullmatch(device_id) is not None


class Topic(msgspec.Struct, frozen=True, gc=False):
    """Where a message came from. `device` is `_` for the gateway itself."""

    shard: str
    gateway: str
    lane: Lane
    device: str

    def __str__(self) -> str:
        return f"{PREFIX}/{self.shard}/{self.gateway}/{self.lane}/{self.device}"

    @property
    def receipt(self) -> str:
        """Where receipts for this device go: under the shard that the device itself wrote."""
        return f"{PREFIX}/{self.shard}/{self.gateway}/receipt/{self.device}"

    @property
    def group(self) -> str:
        """The shard group."""
        return self.shard[0]


class BadTopic(msgspec.Struct, frozen=True, gc=False):
    """A topic that breaks the contract.

    `topic` is there when only the shard is wrong: its alarms are raised all the same. `gateway` and `lane` are
    what could be read; `receipt` is where a rejection can be sent, if anywhere.
    """

    reason: Reason
    text: str
    topic: Topic | None = None
    gateway: str | None = None
    lane: Lane | None = None
    receipt: str | None = None


@lru_cache(maxsize=_TOPICS_CACHED)
def parse_topic(text: str) -> Topic | BadTopic:
    """Read an upward topic. Never raises; a topic that breaks the contract comes back as `BadTopic`."""
    levels = text.split("/")
    if len(levels) < 5 or levels[0] != "carebed" or levels[1] != "v1":
        return BadTopic(Reason.MALFORMED_TOPIC, text)
    shard, gateway, lane = levels[2], levels[3], _LANES.get(levels[4])
    if _GATEWAY.fullmatch(gateway) is None:
        return BadTopic(Reason.MALFORMED_TOPIC, text, lane=lane)
    if len(levels) != 6:
        return BadTopic(Reason.MALFORMED_TOPIC, text, gateway=gateway, lane=lane)
    device = levels[5]
    if lane is None or _DEVICE.fullmatch(device) is None:
        receipt = f"{PREFIX}/{shard}/{gateway}/receipt/{device}" if device else None
        return BadTopic(Reason.MALFORMED_TOPIC, text, gateway=gateway, lane=lane, receipt=receipt)
    right = shard_of(gateway)
    topic = Topic(right if shard == right else shard, gateway, lane, device)
    if shard == right or (gateway == SENTINEL_GATEWAY and shard in _SENTINEL_SHARDS):
        return topic
    return BadTopic(Reason.WRONG_SHARD, text, topic=topic, gateway=gateway, lane=lane, receipt=topic.receipt)


def up_topic(gateway: str, lane: Lane, device: str = GATEWAY_ITSELF) -> str:
    """The topic under which a gateway publishes for one of its devices."""
    return f"{PREFIX}/{shard_of(gateway)}/{gateway}/{lane}/{device}"


def receipt_topic(gateway: str, device: str) -> str:
    """The topic on which a device's receipts arrive."""
    return f"{PREFIX}/{shard_of(gateway)}/{gateway}/receipt/{device}"


def command_topic(gateway: str, device: str) -> str:
    """The topic on which a device's commands arrive."""
    return f"{PREFIX}/{shard_of(gateway)}/{gateway}/command/{device}"


def sentinel_topic(group: str, lane: Lane) -> str:
    """The topic of a shard group's sentinel in a lane (`alarm`, or `health` for the readings' process)."""
    return f"{PREFIX}/{group}0/{SENTINEL_GATEWAY}/{lane}/{GATEWAY_ITSELF}"


def roll_call_topic(group: str) -> str:
    """A topic to which a shard group's session of the reading lane is subscribed, by the last of its filters, and to
    which nobody else can be: whoever publishes there learns from the broker whether that session exists."""
    return f"{PREFIX}/{group}{GROUPS[-1]}/{SENTINEL_GATEWAY}/receipt/{GATEWAY_ITSELF}"


def alarm_filters(group: str) -> list[str]:
    """The sixteen subscriptions of the alarm lane's session of a shard group."""
    return [f"{PREFIX}/{group}{digit}/+/{Lane.ALARM}/#" for digit in GROUPS]


def reading_filters(group: str) -> list[str]:
    """The sixteen subscriptions of the reading lane's session of a shard group; they see all its lanes."""
    return [f"{PREFIX}/{group}{digit}/#" for digit in GROUPS]


def stray_filters(lane: Lane) -> list[str]:
    """Catch what comes under a shard that is not even two hex digits. `lane`: ALARM, or READING for all the rest; the
    broker's access list keeps well-formed shards out of it."""
    lanes = [Lane.ALARM] if lane is Lane.ALARM else [Lane.READING, Lane.HEALTH]
    return [f"{PREFIX}/+/+/{one}/#" for one in lanes]


_SENTINEL_SHARDS = frozenset(f"{group}0" for group in GROUPS)
