"""The flood limit of the reading lane: what a gateway sends beyond so many objects a second, averaged over a minute.

A gateway's bucket holds a minute's worth and is refilled by the time at which its messages were *published*, so that a
backlog is judged by the hour in which it arose and not by the second in which it is drained. MQTT does not say when a
message was published, but the sentinels of its shard group do: one a second passes through the same queue. What stands
between two of them was published between their two times. While the second one has not been seen it may be any time up
to now; a gateway gets the benefit of that doubt, and pays it back when the sentinel comes.

So nobody can take in more than the limit by anybody's clock, and nobody is ever refused what he was entitled to:
neither after an hour in which we were away, nor while a flood of somebody else's holds up the queue.

Counting costs the hot path next to nothing: as long as a whole group stays below what one gateway may send, its
gateways are not told apart. docs/adr/0009-flood-limit.md has the reasons.
"""

import time
from collections import Counter
from collections.abc import Callable, Collection, Iterable, Sequence
from copy import copy
from functools import lru_cache
from itertools import groupby
from operator import attrgetter
from weakref import WeakSet

import msgspec
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

from gateway.topics import GROUPS, SENTINEL_GATEWAY
from ingest.mqtt import Incoming
from ingest.watermark import Stamp

#: The span of the average, in seconds: a bucket holds so much.
SPAN_S = 60.0
#: A group is looked at by gateway once it has used up this share of what one gateway may.
_WATCHED_FROM = 0.25
#: Full buckets are thrown away when there are so many of them in a group.
_BUCKETS_KEPT = 20_000

# When the newest committed sentinel of each group was published, in real time.
_PUBLISHED = text("""
    SELECT shard_group, extract(epoch FROM committed_at)::float8 FROM watermark
    WHERE lane = 'reading' AND shard_group = ANY(:groups)
""")

# Who flooded within the last span: a restart forgives nobody.
_FLOODED = text("""
    SELECT DISTINCT gateway_id FROM flood WHERE minute > carebed_now() - make_interval(secs => :span + 60)
""")

# Gateways that serve many homes, and so may send more.
_HOSTED = text("SELECT id FROM gateway WHERE id = ANY(:ids) AND home_id IS NULL")

_PREFIX_LENGTH = len("carebed/v1/")
#: Levels below a gateway that a reading session sees and leaves to others.
_NOT_READINGS = ("alarm", "receipt", "command")

_session_of = attrgetter("session")


class Bucket(msgspec.Struct):
    """`level` objects were left at the publish time `at_s`; at most `rate` times the span."""

    rate: float
    level: float
    at_s: float
    judged: bool = False
    """Whether the registry was asked how much it may hold."""

    def left(self, published_s: float, now_s: float) -> float:
        """How much may come now, when everything up to `published_s` is known to have come."""
        return self._refilled(published_s) + self.rate * max(0.0, now_s - published_s)

    def spend(self, count: float, published_s: float) -> None:
        """Take it out; below zero is what was taken in on credit."""
        self.level = self._refilled(published_s) - count
        self.at_s = published_s

    def full(self, published_s: float) -> bool:
        """Nothing is missing."""
        return self._refilled(published_s) >= self.rate * SPAN_S

    def _refilled(self, published_s: float) -> float:
        return min(self.rate * SPAN_S, self.level + self.rate * max(0.0, published_s - self.at_s))


class Group(msgspec.Struct):
    """A shard group: `published_s`, the time up to which all that was published has been committed, in Unix seconds;
    None before the first sentinel. `whole`: the bucket of all its gateways together."""

    published_s: float | None
    whole: Bucket
    gateways: dict[str, Bucket] = {}
    begin: Bucket | None = None
    """What every gateway of the group had left at least when it began to be watched; None: it is not watched."""


class Verdict(msgspec.Struct, weakref=True, eq=False):
    """`messages` may be taken in. `floods`: gateway -> what is beyond its limit, in the order of arrival."""

    messages: Sequence[Incoming]
    floods: dict[str, list[Incoming]] = {}
    taken: dict[str, int] = {}
    """Group -> objects let through."""
    by_gateway: dict[str, dict[str, int]] = {}
    """The same for each gateway of the groups in which they are told apart."""


class FloodGuard:
    """Judges the batches of one reading process. Memory follows the commits: `settle` after each.

    `per_s`: objects a second of a home's gateway; `hosted_per_s`: of one that serves many homes. `clock`: Unix seconds.
    """

    def __init__(self, per_s: float, hosted_per_s: float, clock: Callable[[], float] = time.time) -> None:
        self._per_s = per_s
        self._hosted_per_s = max(per_s, hosted_per_s)
        self._clock = clock
        self._groups: dict[str, Group] = {}
        self._under_way: WeakSet[Verdict] = WeakSet()
        """Verdicts whose batch is not committed yet; one that failed is forgotten with its batch."""

    async def judge(self, conn: AsyncConnection, messages: Sequence[Incoming]) -> Verdict:
        """Part a batch into what may be taken in and what is too much; nothing is spent yet.

        Raises only what the database raises.
        """
        parts: dict[str, list[Incoming]] = {}
        for session, run in groupby(messages, _session_of):
            parts.setdefault(session.username[-1], []).extend(run)
        await self._meet(conn, [name for name in parts if name not in self._groups])
        now_s = self._clock()
        for name in parts.keys() - set(GROUPS):
            # Shards that are none have no sentinel; nothing of theirs is stored, so being late is no excuse there.
            self._groups[name].published_s = now_s
        verdict = Verdict(messages, taken={name: _objects(part) for name, part in parts.items()})
        room: dict[str, dict[str, float]] = {}
        for name, part in parts.items():
            if self._watch(name, verdict.taken[name], now_s):
                verdict.by_gateway[name] = sent = _by_gateway(part)
                room[name] = await self._room(conn, name, sent, now_s)
        if any(room.values()):
            _cut(verdict, room)
        self._under_way.add(verdict)
        return verdict

    def settle(self, verdict: Verdict, stamps: Iterable[tuple[str, Stamp]]) -> None:
        """The batch is committed: what it let through is spent, and its sentinels say how late it is."""
        self._under_way.discard(verdict)
        for name, count in verdict.taken.items():
            group = self._groups[name]
            if group.published_s is None:
                continue
            group.whole.spend(count, group.published_s)
            for gateway, share in verdict.by_gateway.get(name, {}).items():
                bucket = group.gateways.get(gateway)
                if bucket is not None:  # a full one may have been thrown away in the meantime
                    bucket.spend(share, group.published_s)
        for name, stamp in stamps:
            if name in self._groups:
                _move(self._groups[name], stamp.at.timestamp())

    async def _meet(self, conn: AsyncConnection, names: Collection[str]) -> None:
        """Groups that this process has not served yet: how late it is there, and who flooded just now."""
        if not names:
            return
        numbers = {int(name, 16): name for name in names if name in GROUPS}
        rows = await conn.execute(_PUBLISHED, {"groups": list(numbers)})
        published = {numbers[number]: at_s for number, at_s in rows.all()}
        flooded = (await conn.execute(_FLOODED, {"span": SPAN_S})).scalars().all()
        for name in names:
            at_s = published.get(name)
            group = Group(at_s, Bucket(self._per_s, self._per_s * SPAN_S, at_s or 0.0))
            if at_s is not None and flooded:
                group.whole.level = self._threshold
                group.begin = copy(group.whole)
                group.gateways = {gateway: Bucket(self._per_s, 0.0, at_s) for gateway in flooded}
            self._groups[name] = group

    @property
    def _threshold(self) -> float:
        return self._per_s * SPAN_S * (1 - _WATCHED_FROM)

    def _watch(self, name: str, count: int, now_s: float) -> bool:
        """Whether the gateways of this group are told apart in this batch."""
        group = self._groups[name]
        if group.published_s is None:
            return False
        under_way = sum(verdict.taken.get(name, 0) for verdict in self._under_way)
        if group.begin is None and group.whole.left(group.published_s, now_s) - under_way - count < self._threshold:
            group.begin = copy(group.whole)
            group.begin.level -= under_way
        return group.begin is not None

    async def _room(
        self, conn: AsyncConnection, name: str, sent: dict[str, int], now_s: float
    ) -> dict[str, float]:  # fmt: skip
        """Gateway -> objects that may be let through, for those that sent more than that."""
        group = self._groups[name]
        others = [verdict.by_gateway[name] for verdict in self._under_way if name in verdict.by_gateway]

        def left(gateway: str) -> float:
            return buckets[gateway].left(published_s, now_s) - sum(other.get(gateway, 0) for other in others)

        assert group.published_s is not None
        assert group.begin is not None
        published_s, begin, buckets = group.published_s, group.begin, group.gateways
        for gateway in sent.keys() - buckets.keys():
            buckets[gateway] = copy(begin)
        suspects = [gateway for gateway, count in sent.items() if count > left(gateway)]
        await self._ask(conn, {gateway: buckets[gateway] for gateway in suspects if not buckets[gateway].judged})
        return {gateway: max(0.0, room) for gateway in suspects if sent[gateway] > (room := left(gateway))}

    async def _ask(self, conn: AsyncConnection, buckets: dict[str, Bucket]) -> None:
        """Ask the registry, once for each bucket, who of these may send more because it serves many homes."""
        if not buckets:
            return
        hosted = set((await conn.execute(_HOSTED, {"ids": list(buckets)})).scalars())
        for gateway, bucket in buckets.items():
            bucket.judged = True
            if gateway in hosted:
                bucket.level += (self._hosted_per_s - bucket.rate) * SPAN_S
                bucket.rate = self._hosted_per_s


def weight(message: Incoming) -> int:
    """Objects in a message: one, or as many ids as an array seems to hold. Never none, and never exact for nonsense."""
    return 1 if message.payload[:1] == b"{" else max(1, message.payload.count(b'"id"'))


def _objects(messages: Sequence[Incoming]) -> int:
    return len(messages) + sum([weight(one) - 1 for one in messages if one.payload[:1] != b"{"])


def _by_gateway(messages: Sequence[Incoming]) -> dict[str, int]:
    """Gateway -> objects, of what the reading lane judges."""
    sent = Counter([_gateway_of(message.topic) for message in messages])
    for message in [message for message in messages if message.payload[:1] != b"{"]:
        sent[_gateway_of(message.topic)] += weight(message) - 1
    del sent[""]
    return sent


@lru_cache(maxsize=16_384)
def _gateway_of(topic: str) -> str:
    """The gateway of a reading or health message, however malformed its topic is behind that; "" for what others
    judge."""
    _, _, rest = topic[_PREFIX_LENGTH:].partition("/")
    gateway, _, rest = rest.partition("/")
    return "" if gateway == SENTINEL_GATEWAY or rest.partition("/")[0] in _NOT_READINGS else gateway


def _cut(verdict: Verdict, room: dict[str, dict[str, float]]) -> None:
    """Let each suspect's messages through, in their order, while there is room; an array is not taken apart."""
    kept: list[Incoming] = []
    through = {name: dict.fromkeys(suspects, 0) for name, suspects in room.items()}
    nobody: dict[str, float] = {}
    for message in verdict.messages:
        name, gateway = message.session.username[-1], _gateway_of(message.topic)
        left = room.get(name, nobody).get(gateway)
        if left is None:
            kept.append(message)
        elif through[name][gateway] < left:
            through[name][gateway] += weight(message)
            kept.append(message)
        else:
            verdict.floods.setdefault(gateway, []).append(message)
    for name, counts in through.items():
        for gateway, count in counts.items():
            verdict.taken[name] -= verdict.by_gateway[name][gateway] - count
            verdict.by_gateway[name][gateway] = count
    verdict.messages = kept


def _move(group: Group, published_s: float) -> None:
    """A sentinel was committed."""
    if group.published_s is None:
        group.whole.at_s = published_s
    group.published_s = max(published_s, group.published_s or published_s)
    if group.begin is None:
        return
    if len(group.gateways) > _BUCKETS_KEPT or group.whole.full(published_s):
        group.gateways = {name: one for name, one in group.gateways.items() if not one.full(published_s)}
    if group.whole.full(published_s) and not group.gateways:
        group.begin = None
