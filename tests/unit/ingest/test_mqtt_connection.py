"""Bytes into messages, however they are cut; and brokers that talk nonsense, refuse or throw out."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager

import mqtt5
import pytest
from hypothesis import given
from hypothesis import strategies as st
from mqtt5 import ConnAckPacket, ConnAckReasonCode, DisconnectPacket, DisconnectReasonCode, PublishPacket, QoS
from structlog.testing import capture_logs

from ingest.mqtt import Incoming, Intake, Session
from ingest.mqtt.connection import MAX_PACKET_BYTES, Connection

# Where a text is no UTF-8 the codec panics, which Python also reports as an exception that nobody could catch.
pytestmark = pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")

_CONNACK = ConnAckPacket(receive_max=20).write()


def _publish(number: int, payload: bytes = b"p") -> bytes:
    return PublishPacket(f"t/{number}", payload, qos=QoS.AT_LEAST_ONCE, packet_id=number).write()


def _feed(*chunks: bytes) -> tuple[list[Incoming], Connection]:
    """What a connection makes of these socket reads."""

    async def run() -> tuple[list[Incoming], Connection]:
        session = Session("nowhere", 1, "ingest-reading-0", "secret", ["t/#"])
        connection = Connection(session, 1, b"")
        for chunk in chunks:
            connection.data_received(chunk)
        return list(session.queue), connection

    return asyncio.run(run())


@given(st.lists(st.binary(max_size=300), min_size=1, max_size=20), st.lists(st.integers(1, 400), max_size=40))
def test_messages_do_not_depend_on_how_the_stream_is_cut(payloads: list[bytes], sizes: list[int]) -> None:
    stream = b"".join(_publish(number, payload) for number, payload in enumerate(payloads, start=1))
    chunks, rest = [], stream
    for size in sizes:
        chunks.append(rest[:size])
        rest = rest[size:]
    messages, connection = _feed(*chunks, rest)
    assert [message.payload for message in messages] == payloads
    assert [message.packet_id for message in messages] == list(range(1, len(payloads) + 1))
    assert not connection.closed.done()


@given(st.lists(st.binary(max_size=100), max_size=10))
def test_no_bytes_of_a_peer_raise_anything(chunks: list[bytes]) -> None:
    _feed(*chunks)


@given(st.binary(min_size=1, max_size=60), st.integers(0, 59))
def test_a_publish_with_any_byte_broken_raises_nothing(payload: bytes, position: int) -> None:
    data = bytearray(_publish(7, payload))
    data[position % len(data)] ^= 0x55
    _feed(bytes(data), _publish(8))


@pytest.mark.parametrize("size", [MAX_PACKET_BYTES + 1, 3 * MAX_PACKET_BYTES])
@pytest.mark.parametrize("chunk_bytes", [10_000, 262_144])
def test_an_oversize_message_is_cut_and_the_next_one_is_whole(size: int, chunk_bytes: int) -> None:
    stream = _publish(1, b"x" * size) + _publish(2)
    messages, connection = _feed(*(stream[at : at + chunk_bytes] for at in range(0, len(stream), chunk_bytes)))
    assert [(message.packet_id, message.defect) for message in messages] == [(1, "oversize"), (2, None)]
    assert len(messages[0].payload) <= MAX_PACKET_BYTES
    assert not connection.closed.done()


@pytest.mark.parametrize("chunk_bytes", [3, 10_000])
@pytest.mark.parametrize(
    ("broken", "topic"),
    [
        (b"\x32\x0d\x00\x03t/\xff\x00\x07\x00value", "t/\ufffd"),
        (b"\x32\x11\x00\x03t/7\x00\x07\x04\x01\x01\x01\x01value", "t/7"),
    ],
    ids=["topic is no UTF-8", "a property twice"],
)
def test_a_publish_that_the_codec_refuses_is_rescued_and_the_next_one_is_whole(
    broken: bytes, topic: str, chunk_bytes: int
) -> None:
    stream = broken + _publish(8)
    messages, connection = _feed(*(stream[at : at + chunk_bytes] for at in range(0, len(stream), chunk_bytes)))
    assert [(message.packet_id, message.defect) for message in messages] == [(7, "malformed"), (8, None)]
    assert (messages[0].topic, messages[0].payload) == (topic, b"value")
    assert not connection.closed.done()


Talk = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]


@asynccontextmanager
async def _broker(talk: Talk) -> AsyncIterator[Session]:
    """A broker that follows its own script; yields a session to it."""

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read(1_000)
        await talk(reader, writer)
        writer.close()

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    session = Session("127.0.0.1", port, "ingest-reading-0", "secret", ["t/#"], keepalive_s=1)
    async with Intake([session]):
        yield session
    server.close()
    await server.wait_closed()


async def _until(condition: Callable[[], bool]) -> None:
    async with asyncio.timeout(10):
        while not condition():
            await asyncio.sleep(0.005)


@pytest.mark.parametrize("nonsense", [b"\x00\x00", b"HTTP/1.1 400 Bad Request\r\n\r\n", b"\xff" * 100, b"\x62\x02\x00"])
async def test_a_broker_that_talks_nonsense_is_left_and_tried_again(nonsense: bytes) -> None:
    async def talk(_reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(_CONNACK + nonsense)

    async with _broker(talk) as session:
        await _until(lambda: session.counters.connects >= 3)
        assert session.unready is not None


async def test_a_taken_over_session_is_told_and_keeps_its_distance() -> None:
    async def talk(_reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(_CONNACK + DisconnectPacket(reason_code=DisconnectReasonCode.SESSION_TAKEN_OVER).write())

    async with _broker(talk) as session:
        await _until(lambda: session.counters.takeovers == 1)
        assert session.unready == "the broker ended the connection: session taken over"
        await asyncio.sleep(0.5)
        assert session.counters.connects == 1


async def test_a_refused_connection_is_a_reason() -> None:
    async def talk(_reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(ConnAckPacket(reason_code=ConnAckReasonCode.BAD_USER_NAME_OR_PASSWORD).write())

    async with _broker(talk) as session:
        await _until(lambda: session.unready != "not connected yet")
        assert session.unready == "the broker refused the connection: bad user name or password"
        assert session.counters.connects == 0


async def test_a_refused_subscription_is_a_reason_and_is_asked_for_again() -> None:
    asked = 0

    async def talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        nonlocal asked
        writer.write(_CONNACK)
        while data := await reader.read(1_000):
            if data[0] >> 4 == 8:  # SUBSCRIBE
                asked += 1
                code = mqtt5.SubAckReasonCode.NOT_AUTHORIZED
                if asked == 2:
                    code = mqtt5.SubAckReasonCode.GRANTED_QOS_AT_LEAST_ONCE
                writer.write(mqtt5.SubAckPacket(65_535, [code]).write())
            elif data[0] >> 4 == 12:
                writer.write(mqtt5.PingRespPacket().write())

    async with _broker(talk) as session:
        await _until(lambda: session.unready is not None and "refused 1 subscription" in session.unready)
        await _until(lambda: session.unready is None)
        assert session.counters.connects == 1


async def test_a_broker_that_never_answers_is_left() -> None:
    """Half open from the first packet on: PINGREQ without an answer."""

    async def talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(_CONNACK)
        while await reader.read(1_000):
            pass

    async with _broker(talk) as session:
        await _until(lambda: session.counters.connects >= 2)
        assert session.counters.connects >= 2


async def test_receive_maximum_bounds_what_is_under_way_to_the_broker() -> None:
    """The broker allows 20 and acknowledges nothing: 20 are written, the rest waits."""
    written = bytearray()

    async def talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(_CONNACK + mqtt5.SubAckPacket(65_535, [mqtt5.SubAckReasonCode.GRANTED_QOS_AT_LEAST_ONCE]).write())
        while data := await reader.read(10_000):
            written.extend(data)

    async with _broker(talk) as session:
        await _until(lambda: session.unready is None)
        for number in range(50):
            assert session.publish(f"receipt/{number}", b"{}")
        await _until(lambda: b"receipt/19" in written)
        assert session.counters.published == 20
        assert b"receipt/20" not in written
        assert session.unacknowledged_publishes == 50


@pytest.mark.parametrize("topic", ["", "a/+/b", "a/#", "a/\x00", "a/\x07", "a/\ufffe", "a/\ud800", "x" * 70_000])
async def test_a_topic_for_which_the_broker_would_hang_up_is_not_sent(topic: str) -> None:
    async def talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(_CONNACK)
        await reader.read()

    async with _broker(talk) as session:
        await _until(lambda: session.counters.connects == 1)
        assert not session.publish(topic, b"{}")
        assert session.publish("a/\u5bb6-1", b"{}")
        assert (session.counters.published, session.counters.publishes_dropped) == (1, 1)


def test_a_receive_maximum_that_the_codec_would_leave_out_is_refused() -> None:
    with pytest.raises(ValueError, match="65,534"):
        Session("localhost", 1883, "ingest-reading-0", "secret", ["t/#"], receive_maximum=65_535)


@pytest.mark.parametrize(("granted_s", "said"), [(86_400, True), (30 * 86_400, False), (None, False)])
def test_a_broker_that_keeps_the_session_shorter_than_asked_is_reported(granted_s: int | None, said: bool) -> None:
    with capture_logs() as logs:
        _feed(ConnAckPacket(session_expiry_interval=granted_s).write())
    cuts = [entry for entry in logs if entry["event"] == "mqtt_session_expiry_cut"]
    assert [(entry["asked_s"], entry["granted_s"]) for entry in cuts] == ([(30 * 86_400, granted_s)] if said else [])
