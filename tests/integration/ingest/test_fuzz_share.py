"""A share of `make fuzz`: the same seed every time, and another one. And the fuzz itself: it sees what is lost."""

import secrets
from collections.abc import Callable, Sequence
from datetime import datetime
from typing import Any

import pytest
from sqlalchemy.ext.asyncio import AsyncConnection

from carebed.embedded.postgres import DatabaseUrls
from gateway.wire import Lane, Message, Topic, decode, judge_time, parse_topic
from ingest.mqtt import Incoming, Session
from ingest.reading_lane import ReadingLane
from tests.fuzz.__main__ import quiet
from tests.fuzz.payloads import utc_now
from tests.fuzz.rounds import fuzz

# The codec panics where a text is no UTF-8, which Python also reports as an exception that nobody could catch.
pytestmark = pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")


@pytest.mark.parametrize("seed", ["a share", secrets.token_hex(4)], ids=["fixed", "random"])
async def test_every_mutated_message_is_stored_or_put_aside_and_receipted(urls: DatabaseUrls, seed: str) -> None:
    """Four thousand of them, one in two followed by a good one, over lost connections and garbage on the wire."""
    quiet()
    number, _, failures = await fuzz(urls, seed, 4_000, size=700)
    assert not failures, f"make fuzz SEED={seed!r} ROUND={number} SIZE=700: {[one.problem for one in failures][:5]}"


def _single(message: Incoming) -> bool:
    """One object of a known device, on this lane."""
    topic = parse_topic(message.topic)
    known = isinstance(topic, Topic) and topic.device.startswith(f"{topic.gateway}-") and topic.lane is Lane.READING
    return known and len(decode(message.payload)) == 1 and message.payload.startswith(b"{")


def _good(message: Incoming) -> bool:
    return _single(message) and isinstance(judge_time(decode(message.payload)[0], Lane.READING, utc_now()), Message)


@pytest.mark.parametrize(
    ("chosen", "problem"),
    [(_good, "not stored"), (lambda message: _single(message) and not _good(message), "not put aside")],
    ids=["a reading", "a bad one"],
)
async def test_the_ledger_sees_one_that_the_pipeline_loses(
    urls: DatabaseUrls, monkeypatch: pytest.MonkeyPatch, chosen: Callable[[Incoming], bool], problem: str
) -> None:
    """Acknowledged to the broker, and in no table."""
    quiet()
    process = ReadingLane.process
    lost: list[Incoming] = []

    async def losing(
        lane: ReadingLane, conn: AsyncConnection, now: datetime, messages: Sequence[Incoming], *turn: object
    ) -> Any:
        for one in messages:
            if not lost and one.packet_id and chosen(one):
                lost.append(one)
        return await process(lane, conn, now, [one for one in messages if one not in lost], *turn)

    monkeypatch.setattr(ReadingLane, "process", losing)
    _, _, failures = await fuzz(urls, "lossy", 100, size=100)
    assert [one.problem.split(" as ")[0].split(":")[0] for one in failures] == [problem]
    assert failures[0].delivery is not None
    assert failures[0].delivery.payload == lost[0].payload


async def test_the_ledger_misses_a_receipt(urls: DatabaseUrls, monkeypatch: pytest.MonkeyPatch) -> None:
    """One that was not published."""
    quiet()
    publish = Session.publish
    lost: list[str] = []

    def losing(session: Session, topic: str, payload: bytes, qos: int = 1) -> bool:
        if not lost:
            lost.append(topic)
            return False
        return publish(session, topic, payload, qos)

    monkeypatch.setattr(Session, "publish", losing)
    _, _, failures = await fuzz(urls, "lossy", 100, size=100)
    assert len(failures) == 1
    assert failures[0].problem.startswith("no receipt for")
