"""Whatever a device manages to publish, the stream behind it goes on."""

import asyncio
import struct

import mqtt5
import pytest
from session_broker import PASSWORD, Broker, numbered, numbers, ready, take, until


def _text(value: bytes) -> bytes:
    return struct.pack(">H", len(value)) + value


def _publish(topic: bytes, properties: bytes, payload: bytes = b"7", flags: int = 0x32) -> bytes:
    body = _text(topic) + (b"\x00\x07" if flags & 6 else b"") + bytes([len(properties)]) + properties + payload
    length, remaining = b"", len(body)
    while True:
        remaining, low = divmod(remaining, 128)
        length += bytes([low | (0x80 if remaining else 0)])
        if not remaining:
            return bytes([flags]) + length + body


STRANGE = {
    "user property that is no UTF-8": _publish(b"t/0", b"\x26" + _text(b"key") + _text(b"\xff\xfe")),
    "content type that is no UTF-8": _publish(b"t/0", b"\x03" + _text(b"\xff")),
    "topic that is no UTF-8": _publish(b"t/\xff", b""),
    "topic with a zero": _publish(b"t/\x00", b""),
    "the same property twice": _publish(b"t/0", b"\x01\x01\x01\x01"),
    "unknown property": _publish(b"t/0", b"\x7f\x00"),
    "payload format of 2": _publish(b"t/0", b"\x01\x02"),
    "response topic with a wildcard": _publish(b"t/0", b"\x08" + _text(b"a/+/#")),
    "QoS 0": _publish(b"t/0", b"", flags=0x30),
    "retained": _publish(b"t/0", b"", flags=0x33),
    "empty payload": _publish(b"t/0", b"", payload=b""),
    "larger than we keep": _publish(b"t/0", b"", payload=b"7" * 3_000_000),
}


async def _send(broker: Broker, packet: bytes) -> None:
    """As a device without manners; the broker may well end the connection for it."""
    reader, writer = await asyncio.open_connection("127.0.0.1", broker.port)
    connect = mqtt5.ConnectPacket("rude", username="rude", password=PASSWORD.encode(), clean_start=True, keep_alive=60)
    writer.write(connect.write())
    await reader.read(100)
    writer.write(packet)
    await reader.read(100) if packet[0] & 6 else await asyncio.sleep(0)
    writer.close()


@pytest.mark.parametrize("name", STRANGE)
async def test_the_stream_behind_a_strange_message_goes_on(broker: Broker, name: str) -> None:
    """It comes as it is, as a defect for the quarantine, or the broker refuses it; never does it stop what follows."""
    session = broker.session()
    async with ready(session) as intake:
        await _send(broker, STRANGE[name])
        await broker.publish(numbered(20, "t/behind"))
        messages = []
        while sum(message.topic == "t/behind" for message in messages) < 20:
            messages += await take(intake, 1)
        assert numbers(message for message in messages if message.topic == "t/behind") == list(range(20))
        strange = [message for message in messages if message.topic != "t/behind"]
        assert len(strange) <= 1
        assert [message.defect for message in strange] in ([], [None], ["malformed"]) or name == "larger than we keep"
        assert session.counters.connects == 1


async def test_of_an_oversize_message_the_beginning_comes_and_the_rest_is_never_held(broker: Broker) -> None:
    session = broker.session()
    async with ready(session, max_pending_bytes=10**6) as intake:
        await _send(broker, STRANGE["larger than we keep"])
        (message,) = await take(intake, 1)
        assert message.defect == "oversize"
        assert message.topic == "t/0"
        assert 0 < len(message.payload) <= 1024 * 1024
        await broker.publish(numbered(1))
        assert numbers(await take(intake, 1)) == [0]
    async with ready(broker.session()) as intake:
        await broker.publish(numbered(1, "t/later"))
        assert [message.topic for message in await take(intake, 1)] == ["t/later"], "the oversize one was acknowledged"


async def test_receipts_go_out_in_order_however_small_the_brokers_window(broker: Broker) -> None:
    """15,000 receipts at once through a Receive Maximum of 1,000, on the connection that also brings messages."""
    lane, device = broker.session(), broker.session("gateway", "receipts")
    async with ready(device) as receiving, ready(lane):
        for number in range(15_000):
            assert lane.publish("receipts", b"%d" % number)
        assert numbers(await take(receiving, 15_000)) == list(range(15_000))
        await until(lambda: lane.unacknowledged_publishes == 0)
        assert (lane.counters.published, lane.counters.publishes_dropped) == (15_000, 0)


async def test_a_full_outbox_drops_and_counts(broker: Broker) -> None:
    session = broker.session()
    async with ready(session):
        sent = [session.publish("elsewhere", b"") for _ in range(25_000)]
        assert sent.count(False) == 25_000 - 21_000, "1,000 under way and 20,000 waiting"
        assert session.counters.publishes_dropped == sent.count(False)


async def test_a_retained_copy_is_no_event(broker: Broker) -> None:
    """A device that retains its alarm must not raise it again with every new session."""
    await _send(broker, _publish(b"t/0", b"", flags=0x33))
    async with ready(broker.session("ingest-reading-new")) as intake:
        await broker.publish(numbered(1, "t/fresh"))
        assert [message.topic for message in await take(intake, 1)] == ["t/fresh"]
