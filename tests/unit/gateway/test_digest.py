"""The digest: equal for two spellings of one message, different for two messages with one id."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.wire import Message, decode, digest


def digest_of(raw: bytes) -> bytes:
    (message,) = decode(raw)
    assert isinstance(message, Message)
    return digest(message)


PLAIN = digest_of(
    b'{"id":"1","time":"2026-11-22T04:00:00Z","type":"t","value":1,"unit":"m","data":{"a":1,"b":[2,{"c":3}]}}'
)


@pytest.mark.parametrize(
    "same",
    [
        b'{"data":{"b":[2,{"c":3}],"a":1},"unit":"m","value":1,"type":"t","time":"2026-11-22T04:00:00Z","id":"1"}',
        b'{"id":"1","time":"2026-11-22T04:00:00Z","type":"t","value":1.0,"unit":"m","data":{"a":1.0,"b":[2e0,{"c":3.0}]}}',
        b'{"id":"1","time":"2026-11-22T12:00:00.000+08:00","type":"t","value":1,"unit":"m","data":{"a":1,"b":[2,{"c":3}]}}',
        b'{"id":"1","time":1795320000000,"type":"t","value":1,"unit":"m","data":{"a":1,"b":[2,{"c":3}]}}',
        b'{"id":"2","time":1795320000000,"type":"t","value":1,"unit":"m","data":{"a":1,"b":[2,{"c":3}]},"extra":1}',
    ],
)
def test_another_spelling_of_the_same_message(same: bytes) -> None:
    assert digest_of(same) == PLAIN


@pytest.mark.parametrize(
    "other",
    [
        b'{"id":"1","time":"2026-11-22T04:00:01Z","type":"t","value":1,"unit":"m","data":{"a":1,"b":[2,{"c":3}]}}',
        b'{"id":"1","time":"2026-11-22T04:00:00Z","type":"u","value":1,"unit":"m","data":{"a":1,"b":[2,{"c":3}]}}',
        b'{"id":"1","time":"2026-11-22T04:00:00Z","type":"t","value":true,"unit":"m","data":{"a":1,"b":[2,{"c":3}]}}',
        b'{"id":"1","time":"2026-11-22T04:00:00Z","type":"t","value":"1","unit":"m","data":{"a":1,"b":[2,{"c":3}]}}',
        b'{"id":"1","time":"2026-11-22T04:00:00Z","type":"t","value":1,"unit":null,"data":{"a":1,"b":[2,{"c":3}]}}',
        b'{"id":"1","time":"2026-11-22T04:00:00Z","type":"t","value":1,"unit":"m","data":{"a":1,"b":[2,{"c":true}]}}',
        b'{"id":"1","type":"t","value":1,"unit":"m","data":{"a":1,"b":[2,{"c":3}]}}',
    ],
)
def test_another_message(other: bytes) -> None:
    assert digest_of(other) != PLAIN


def test_it_never_changes_between_releases() -> None:
    """Digests are kept for 90 days: a release that computes them otherwise would page people twice."""
    assert PLAIN.hex() == "5867a8c2ee49d8f7ca1fd40e68885c2f"


@given(st.integers(-(2**64), 2**64), st.integers(-(2**64), 2**64))
def test_no_two_counters_meet_in_one_double(one: int, other: int) -> None:
    digests = {digest(Message(id="1", time=None, type="t", data={"n": number})) for number in (one, other)}
    assert len(digests) == len({one, other})
