"""Framing, PUBACKs, and the rescue of what the codec refuses."""

import mqtt5
import pytest
from hypothesis import given
from hypothesis import strategies as st
from mqtt5 import PublishPacket, QoS

from ingest.mqtt.wire import MalformedStreamError, frame_length, is_publish, pubacks, rescue

_PUBLISH = PublishPacket("t/0", b"payload", qos=QoS.AT_LEAST_ONCE, packet_id=513, user_properties=[("k", "v")]).write()


@given(st.binary(max_size=20_000))
def test_the_frame_length_is_the_codecs(payload: bytes) -> None:
    data = PublishPacket("t", payload).write()
    assert frame_length(memoryview(data + b"more")) == len(data)


def test_a_length_that_is_not_all_here_is_unknown() -> None:
    assert frame_length(memoryview(b"\x30")) is None
    assert frame_length(memoryview(b"\x30\x80\x80")) is None


def test_a_length_without_end_is_malformed() -> None:
    with pytest.raises(MalformedStreamError):
        frame_length(memoryview(b"\x30\x80\x80\x80\x80"))


@given(st.lists(st.integers(1, 65_535), max_size=50))
def test_pubacks_are_those_of_the_codec(packet_ids: list[int]) -> None:
    assert pubacks(packet_ids) == b"".join(mqtt5.PubAckPacket(packet_id).write() for packet_id in packet_ids)


def test_qos_0_gets_no_puback() -> None:
    assert pubacks([0, 7, 0]) == mqtt5.PubAckPacket(7).write()


def test_rescue_reads_what_the_codec_reads() -> None:
    assert rescue(memoryview(_PUBLISH)) == ("t/0", b"payload", 513)
    assert rescue(memoryview(PublishPacket("t", b"x").write())) == ("t", b"x", 0)


def test_a_topic_that_is_no_utf_8_is_kept_readable() -> None:
    topic, payload, packet_id = rescue(memoryview(_PUBLISH.replace(b"t/0", b"t/\xff")))
    assert (topic, payload, packet_id) == ("t/\ufffd", b"payload", 513)


def test_only_a_publish_can_be_rescued() -> None:
    frame = memoryview(mqtt5.PubAckPacket(1).write())
    assert not is_publish(frame)
    with pytest.raises(MalformedStreamError):
        rescue(frame)


@given(st.binary(max_size=200))
def test_rescue_gives_parts_of_the_frame_or_gives_up(body: bytes) -> None:
    """Whatever stands in it: no other error, and no payload that was not there."""
    frame = b"\x32" + bytes([len(body) & 0x7F]) + body
    try:
        _topic, payload, packet_id = rescue(memoryview(frame))
    except MalformedStreamError:
        return
    assert payload == b"" or frame.endswith(payload)
    assert 0 <= packet_id <= 65_535
