"""A gateway sends more than it may: what is beyond goes aside in bulk, and nobody else notices.

Here a gateway may send 10 objects a second, 600 in a minute's bucket; a hosted one ten times as much.
"""

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st
from small_district import Line, Pipeline, message

from carebed.clock import now as clock_now
from gateway.wire import Status, shard_of
from ingest import flood_store
from ingest.flood import FloodGuard
from ingest.flood_store import pack, unpack
from ingest.mqtt import Incoming
from ingest.reading_lane import ReadingLane
from ingest.watermark import Stamp
from registry.pairing import NewDevice

RATE, FULL = 10, 600
BEGAN = datetime(2026, 11, 22, 4, 0, tzinfo=UTC)


class Lane:
    """The reading lane behind a guard, with a clock in the test's hand; each session is its group's own."""

    def __init__(self, pipeline: Pipeline) -> None:
        self.pipeline = pipeline
        self.now = BEGAN
        self._ids = 0
        self.start()

    def start(self) -> None:
        """A new process: nothing is remembered but what the database holds."""

        def clock() -> float:
            return self.now.timestamp()

        guard = FloodGuard(RATE, 10 * RATE, clock)
        self.pipeline.reading_lane = ReadingLane(self.pipeline.who, guard=guard)

    def readings(self, count: int, gateway: str = "gw-1", objects: int = 1, lane: str = "reading") -> list[Incoming]:
        made = []
        for _ in range(count):
            bodies = [message("temperature", id=f"f-{self._ids + number}", value=20.5) for number in range(objects)]
            self._ids += objects
            payload: Any = bodies if objects > 1 else bodies[0]
            made.append(self.pipeline.incoming(payload, gateway, f"{gateway}-motion", lane, line=_line(gateway)))
        return made

    def sentinel(self, gateway: str = "gw-1", at: datetime | None = None) -> Incoming:
        """The group's sentinel, published now (or at `at`)."""
        stamp = msgspec.json.encode(Stamp(at or self.now, at or self.now))
        topic = f"carebed/v1/{shard_of(gateway)[0]}0/carebed-sentinel/health/_"
        return self.pipeline.incoming(stamp, topic=topic, line=_line(gateway))

    async def take(self, *messages: Incoming) -> int:
        """One committed batch; how many readings it stored."""
        before = await self.pipeline.count("reading")
        await self.pipeline.reading(*messages)
        return await self.pipeline.count("reading") - before

    async def pass_time(self, gateway: str = "gw-1", **span: float) -> None:
        """With a sentinel at its end."""
        self.now += timedelta(**span)
        await self.pipeline.reading(self.sentinel(gateway))

    async def aside(self) -> list[tuple[str, bytes]]:
        """All that stands in quarantine as a flood, message by message."""
        rows = await self.pipeline.rows("SELECT payload FROM quarantine WHERE reason = 'flood' ORDER BY id")
        return [one for row in rows for one in unpack(bytes(row.payload))]


def _line(gateway: str) -> Line:
    return Line(f"ingest-reading-{shard_of(gateway)[0]}")


@pytest.fixture
async def lane(pipeline: Pipeline) -> Lane:
    """Two homes and a vendor's cloud; a sentinel has just been committed in all groups."""
    await pipeline.simple_home("gw-1")
    await pipeline.simple_home("gw-2")
    home = await pipeline.simple_home("gw-3")
    await pipeline.pair("cloud", None, NewDevice("cloud-motion", "motion", home_id=home))
    one = Lane(pipeline)
    for gateway in ("gw-1", "gw-2", "cloud"):
        await one.pass_time(gateway, seconds=0)
    return one


async def test_what_is_beyond_a_minutes_worth_goes_aside_as_it_came_and_is_counted(lane: Lane) -> None:
    """In one batch or in several; nothing of it is missing, and one row of quarantine holds many."""
    sent = lane.readings(1_000)
    assert await lane.take(*sent[:500]) == 500
    assert await lane.take(*sent[500:]) == 100
    assert await lane.aside() == [(one.topic, one.payload) for one in sent[600:]]
    assert await lane.pipeline.count("quarantine") == 1
    row = await lane.pipeline.row("SELECT gateway_id, messages, objects, bytes, kept_messages FROM flood")
    assert tuple(row) == ("gw-1", 400, 400, sum(len(one.payload) for one in sent[600:]), 400)


async def test_it_goes_on_at_the_limit_and_is_itself_again_a_minute_later(lane: Lane) -> None:
    await lane.take(*lane.readings(700))
    for _ in range(5):
        await lane.pass_time(seconds=1)
        assert await lane.take(*lane.readings(50)) == RATE
    await lane.pass_time(seconds=61)
    assert await lane.take(*lane.readings(FULL)) == FULL


async def test_other_gateways_and_the_alarm_lane_do_not_notice(lane: Lane) -> None:
    """A neighbour of the same group, in the same batch; and a press from behind the flooding gateway."""
    neighbour = next(f"gw-n{number}" for number in range(1_000) if shard_of(f"gw-n{number}")[0] == shard_of("gw-1")[0])
    await lane.pipeline.simple_home(neighbour)
    await lane.take(*lane.readings(2_000))
    mixed = [one for pair in zip(lane.readings(50), lane.readings(50, neighbour), strict=True) for one in pair]
    assert await lane.take(*mixed) == 50
    assert {topic.split("/")[3] for topic, _ in await lane.aside()} == {"gw-1"}
    presses = [lane.pipeline.incoming(message("check_in"), line=_line("gw-1")) for _ in range(700)]
    await lane.pipeline.reading(*presses)  # the reading sessions see them too, and leave them alone
    assert (await lane.pipeline.press("sos")).status is Status.ACCEPTED
    assert len(await lane.aside()) == 1_400 + 50


async def test_an_hour_that_waited_for_us_is_an_hours_worth(lane: Lane) -> None:
    """We were away for an hour: it comes within a second, before the first sentinel of the new process."""
    lane.now += timedelta(hours=1)
    lane.start()
    for _ in range(6):
        assert await lane.take(*lane.readings(1_000)) == 1_000
    assert await lane.take(lane.sentinel(), *lane.readings(FULL)) == FULL
    await lane.take(*lane.readings(FULL))
    assert await lane.take(*lane.readings(100)) == 0


async def test_a_queue_that_somebody_else_holds_up_is_judged_by_the_time_of_its_publication(lane: Lane) -> None:
    """Ten minutes late, a sentinel a minute: 590 between two are within the limit however fast they are drained."""
    published = lane.now
    lane.now += timedelta(minutes=10)
    for _ in range(10):
        published += timedelta(minutes=1)
        assert await lane.take(*lane.readings(FULL - 10), lane.sentinel(at=published)) == FULL - 10
    assert await lane.aside() == []


async def test_a_hosted_gateway_has_its_own_limit(lane: Lane) -> None:
    assert await lane.take(*lane.readings(6_500, "cloud")) == 10 * FULL
    assert len(await lane.aside()) == 500


async def test_an_array_counts_its_objects_and_is_not_taken_apart(lane: Lane) -> None:
    """Six hundred fit: one array of 500 and one that goes over; the next one is too much."""
    assert await lane.take(*lane.readings(3, objects=500)) == 1_000
    row = await lane.pipeline.row("SELECT messages, objects FROM flood")
    assert tuple(row) == (1, 500)


async def test_nonsense_and_invented_devices_count_too(lane: Lane) -> None:
    """Else each would be a row of quarantine of its own."""
    shard = shard_of("gw-1")
    topics = [f"carebed/v1/{shard}/gw-1/reading/{number}" for number in range(500)]
    topics += [f"carebed/v1/{shard}/gw-1/nothing/{number}" for number in range(500)]
    await lane.take(*(lane.pipeline.incoming(b"nonsense", topic=topic, line=_line("gw-1")) for topic in topics))
    assert await lane.pipeline.count("quarantine", "reason <> 'flood'") == FULL
    assert len(await lane.aside()) == 400


async def test_a_flood_under_shards_that_are_none_is_one_too(lane: Lane) -> None:
    """It comes on a session of its own, without sentinels."""
    stray = Line("ingest-reading-stray")
    topics = [f"carebed/v1/strange/gw-1/reading/{number}" for number in range(1_000)]
    await lane.take(*(lane.pipeline.incoming(b"{}", topic=topic, line=stray) for topic in topics))
    assert await lane.pipeline.count("quarantine", "reason = 'malformed_topic' OR reason = 'wrong_shard'") == FULL
    assert len(await lane.aside()) == 400


async def test_a_restart_forgives_nobody(lane: Lane) -> None:
    await lane.take(*lane.readings(2_000))
    await lane.pass_time(seconds=1)
    lane.start()
    assert await lane.take(*lane.readings(100)) <= RATE
    assert await lane.take(*lane.readings(100, "gw-2")) == 100


async def test_a_batch_that_fails_spends_nothing(lane: Lane) -> None:
    """The same readings again, as after a lost connection."""
    sent = lane.readings(FULL)
    for _ in range(3):
        async with lane.pipeline.database.engine.connect() as conn:
            await lane.pipeline.reading_lane.process(conn, await clock_now(conn), sent)
            await conn.rollback()
    assert await lane.take(*sent) == FULL


async def test_batches_that_are_worked_on_at_a_time_share_one_bucket(lane: Lane) -> None:
    """The second is judged before the first is committed."""
    await lane.take(*lane.readings(1))  # heard of: neither batch waits for the other's rows of state
    async with lane.pipeline.database.engine.connect() as first, lane.pipeline.database.engine.connect() as second:
        outcomes = [
            await lane.pipeline.reading_lane.process(conn, await clock_now(conn), lane.readings(500))
            for conn in (first, second)
        ]
        for conn, outcome in zip((first, second), outcomes, strict=True):
            await conn.commit()
            outcome.committed()
    assert await lane.pipeline.count("reading") == FULL
    assert await lane.take(*lane.readings(10)) == 0


async def test_a_flood_without_end_fills_no_disk(lane: Lane, monkeypatch: pytest.MonkeyPatch) -> None:
    """So much a day is kept whole, the rest is counted; nothing of it is silent."""
    monkeypatch.setattr(flood_store, "KEPT_BYTES_A_DAY", 10_000)
    for _ in range(10):
        await lane.take(*lane.readings(1_000))
    row = await lane.pipeline.row("SELECT messages, kept_messages, kept_bytes FROM flood")
    assert row.messages == 10_000 - FULL
    assert 0 < row.kept_messages == len(await lane.aside()) < row.messages
    assert row.kept_bytes < 10_000 + 50_000


@given(st.lists(st.tuples(st.text(max_size=80), st.binary(max_size=300))))
def test_what_is_packed_comes_out_as_it_went_in(sent: Sequence[tuple[str, bytes]]) -> None:
    packed = pack(Incoming(topic, payload, None, 1, 1, 0.0) for topic, payload in sent)
    assert list(unpack(packed)) == list(sent)
