"""One stream's queue: bounded, in order, and silent once it is over."""

import time
from datetime import UTC, datetime, timedelta
from uuid import uuid4

import pytest

from api import subscriber as module
from api.principal import Principal
from api.subscriber import BEAT, WAITING_EVENTS, Subscriber, event


def stream(lives_s: float = 3_600) -> Subscriber:
    """A stream whose token lives that long."""
    expires_at = datetime.now(UTC) + timedelta(seconds=lives_s)
    return Subscriber(Principal(uuid4(), "x", "X", "operator", "350102000000", expires_at, b""), since=0)


async def test_what_waits_is_written_in_one_piece_and_in_order() -> None:
    one, call = stream(), uuid4()
    one.push(b"a")
    one.push(b"b", call)
    one.push(b"c")
    assert await one.next() == (b"abc", [call])


async def test_a_client_that_does_not_read_loses_its_stream_and_nobodys_memory() -> None:
    one = stream()
    assert all(one.push(b"x") for _ in range(WAITING_EVENTS))
    assert not one.push(b"one too many")
    assert one.over
    assert one.reason is None, "it is not told `end`: its board must reconnect at once"
    assert await one.next() == (b"", [])


async def test_nothing_is_written_after_the_rights_have_ended() -> None:
    one = stream()
    one.push(b"secret")
    one.end("rights")
    assert not one.push(b"secret")
    assert await one.next() == (b"", [])
    assert one.reason == "rights"
    one.end("expired")
    assert one.reason == "rights", "the first reason counts"


async def test_an_expired_token_ends_the_stream_without_any_event() -> None:
    one = stream(lives_s=0.05)
    began = time.monotonic()
    assert await one.next() == (b"", [])
    assert one.reason == "expired"
    assert time.monotonic() - began < 2


async def test_silence_is_filled_with_a_beat(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "BEAT_S", 0.02)
    assert await stream().next() == (BEAT, [])


def test_an_event_is_one_event_whatever_is_in_it() -> None:
    assert event("alarm", '{"note":"a\\nb"}', 7) == b'id: 7\nevent: alarm\ndata: {"note":"a\\nb"}\n\n'
    assert event("call", "{}") == b"event: call\ndata: {}\n\n"
