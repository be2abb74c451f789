"""What breaks the contract: kept aside with its reason, answered, and in nobody's way."""

import pytest
from small_district import Line, Pipeline, message

from gateway.wire import Lane, Status, shard_of


async def test_every_object_of_an_array_has_its_receipt_and_a_bad_one_spoils_no_other(pipeline: Pipeline) -> None:
    """Three good ones, one without an id, one of the wrong type, one that is no JSON."""
    await pipeline.simple_home()
    good = [message("check_in", id=f"g-{number}") for number in range(3)]
    wrong = b'{"id": "w-1", "time": 5, "type": 7}'
    bodies = [*(pipeline.incoming(one).payload for one in good), b'{"type": "sos"}', wrong, b"{nonsense}"]
    receipts = await pipeline.alarm(pipeline.incoming(b"[" + b",".join(bodies) + b"]"))
    answers = [(receipt.id, receipt.status, receipt.reason) for receipt in receipts]
    assert answers == [
        ("g-0", Status.ACCEPTED, None), ("g-1", Status.ACCEPTED, None), ("g-2", Status.ACCEPTED, None),
        (None, Status.REJECTED, "bad_id"), ("w-1", Status.REJECTED, "wrong_type"),
        (None, Status.REJECTED, "malformed_json"),
    ]  # fmt: skip
    assert await pipeline.count("quarantine", "payload = :raw", raw=wrong) == 1
    assert await pipeline.count("inbox") == 3


async def test_an_array_of_a_thousand_is_answered_a_thousand_times_and_a_longer_one_once(pipeline: Pipeline) -> None:
    """The longest backlog that the contract allows, and one more."""
    await pipeline.simple_home()
    backlog = [message("check_in") for _ in range(1000)]
    receipts = await pipeline.alarm(pipeline.incoming(backlog))
    assert [receipt.id for receipt in receipts] == [one["id"] for one in backlog]
    assert {receipt.status for receipt in receipts} == {Status.ACCEPTED}
    (refused,) = await pipeline.alarm(pipeline.incoming([message("check_in") for _ in range(1001)]))
    assert (refused.id, refused.reason) == (None, "too_many")


async def test_an_empty_array_says_nothing_and_stops_nothing(pipeline: Pipeline) -> None:
    """No object, no receipt; what stands behind it is taken."""
    await pipeline.simple_home()
    (receipt,) = await pipeline.alarm(pipeline.incoming([]), pipeline.incoming(message("sos")))
    assert receipt.status is Status.ACCEPTED
    assert await pipeline.count("quarantine") == 0


@pytest.mark.parametrize("payload", [b"", b"nonsense", b"\xff\xfe", b'{"id": "a\\u0000", "time": 1, "type": "sos"}'])
async def test_nonsense_is_put_aside_whole_and_answered(pipeline: Pipeline, payload: bytes) -> None:
    """On the alarm lane with a receipt, on the reading lane silently; both quarantined."""
    await pipeline.simple_home()
    (receipt,) = await pipeline.alarm(pipeline.incoming(payload))
    assert receipt.status is Status.REJECTED
    await pipeline.reading(pipeline.incoming(payload, lane="reading"))
    lanes = [row.lane for row in await pipeline.rows("SELECT lane FROM quarantine WHERE payload = :p", p=payload)]
    assert lanes == ["alarm", "reading"]


async def test_too_much_in_one_message_is_put_aside_and_answered(pipeline: Pipeline) -> None:
    """Over 512 KiB, and a packet so large that only its beginning was read."""
    await pipeline.simple_home()
    large = message("sos", data={"x": "y" * 512 * 1024})
    cut = pipeline.incoming(b"{", defect="oversize")
    answers = [(one.status, one.reason) for one in await pipeline.alarm(pipeline.incoming(large), cut)]
    assert answers == [(Status.REJECTED, "too_large")] * 2
    await pipeline.reading(pipeline.incoming(large, lane="reading"))
    assert await pipeline.count("quarantine", "reason = 'too_large'") == 3


@pytest.mark.parametrize("rest", ["alarm", "alarm/", "alarm/a b", "alarm/gw-1-button/more"])
async def test_a_malformed_topic_is_refused_object_by_object(pipeline: Pipeline, rest: str) -> None:
    """Put aside once; each object is answered, to the device that is named or else to the gateway itself."""
    await pipeline.simple_home()
    topic = f"carebed/v1/{shard_of('gw-1')}/gw-1/{rest}"
    body = [message("sos", id="one"), message("sos", id="two"), {"id": 3}]
    receipts = await pipeline.alarm(pipeline.incoming(body, topic=topic))
    assert [(one.id, one.reason) for one in receipts] == [(name, "malformed_topic") for name in ("one", "two", None)]
    assert await pipeline.count("quarantine", "reason = 'malformed_topic'") == 1
    assert await pipeline.count("alarm") == 0


async def test_the_answer_to_a_topic_without_a_device_goes_to_the_gateway(pipeline: Pipeline) -> None:
    """`_`, under the shard that was written."""
    await pipeline.simple_home()
    shard = shard_of("gw-1")
    async with pipeline.database.transaction() as conn:
        now = (await pipeline.row("SELECT carebed_now()"))[0]
        incoming = pipeline.incoming(message("sos"), topic=f"carebed/v1/{shard}/gw-1/alarm")
        (answer,) = (await pipeline.alarm_lane.process(conn, now, [incoming])).answers
    assert answer.topic == f"carebed/v1/{shard}/gw-1/receipt/_"


@pytest.mark.parametrize("topic", ["", "/", "carebed/v1", "carebed/v1/0/gw 1/x/y", "elsewhere"])
async def test_no_topic_breaks_a_session(pipeline: Pipeline, topic: str) -> None:
    """Not even what a broken packet is rescued with; on any session of either lane."""
    await pipeline.simple_home()
    for line in (Line("ingest-alarm-stray"), Line("ingest-alarm-0")):
        await pipeline.alarm(pipeline.incoming(b"x", topic=topic, line=line, defect="malformed"))
    await pipeline.reading(pipeline.incoming(b"x", topic=topic, defect="malformed"))
    assert await pipeline.count("quarantine") == 3


@pytest.mark.parametrize("rest", ["gw-1/reading", "gw-1/health/a b", "gw-1/reading/x/y", "gw 1/reading/x"])
async def test_malformed_topics_of_the_reading_lane_are_put_aside(pipeline: Pipeline, rest: str) -> None:
    """And a reading under another gateway's shard as well: readings are not urgent enough to guess."""
    await pipeline.simple_home()
    await pipeline.reading(
        pipeline.incoming(message("motion"), topic=f"carebed/v1/{shard_of('gw-1')}/{rest}"),
        pipeline.incoming(message("motion"), topic="carebed/v1/00/gw-1/reading/gw-1-motion"),
    )
    reasons = {row.reason for row in await pipeline.rows("SELECT reason FROM quarantine")}
    assert reasons == {"malformed_topic", "wrong_shard"}
    assert await pipeline.count("reading") == 0


@pytest.mark.parametrize("lane", ["reading", "health"])
@pytest.mark.parametrize("shard", ["zz", "A7", "a7b", ""])
async def test_readings_under_no_shard_at_all_are_put_aside(pipeline: Pipeline, shard: str, lane: str) -> None:
    """The stray session brings them; what it sees of well-formed shards is left to their own session."""
    await pipeline.simple_home()
    topics = [f"carebed/v1/{one}/gw-1/{lane}/gw-1-motion" for one in (shard, shard_of("gw-1"))]
    line = Line("ingest-reading-stray")
    await pipeline.reading(*(pipeline.incoming(message("motion"), topic=topic, line=line) for topic in topics))
    (row,) = await pipeline.rows("SELECT lane, topic, reason FROM quarantine")
    assert (row.lane, bytes(row.topic).decode(), row.reason) == (lane, topics[0], "wrong_shard")
    assert await pipeline.count("reading") == 0


async def test_what_the_reading_sessions_see_of_other_lanes_is_not_theirs(pipeline: Pipeline) -> None:
    """Their filters match everything below their shards: alarms, receipts and commands are left alone."""
    await pipeline.simple_home()
    for lane in ("alarm", "receipt", "command"):
        await pipeline.reading(pipeline.incoming(message("sos"), lane=lane))
    assert await pipeline.count("quarantine") == 0


@pytest.mark.parametrize("payload", [b"", b"nonsense", b'{"stamp": 1}'])
async def test_a_sentinel_that_is_none_is_put_aside_like_everything_else(pipeline: Pipeline, payload: bytes) -> None:
    """Only our own users can send it; it moves no watermark, and it does not vanish."""
    for lane in ("alarm", "health"):
        incoming = pipeline.incoming(payload, topic=f"carebed/v1/a0/carebed-sentinel/{lane}/_")
        await (pipeline.alarm(incoming) if lane == "alarm" else pipeline.reading(incoming))
    assert await pipeline.count("quarantine", "reason = 'malformed_json'") == 2
    assert await pipeline.count("watermark") == 0


async def test_what_only_the_database_refuses_is_put_aside_alone_and_the_stream_goes_on(pipeline: Pipeline) -> None:
    """Five messages and an array around one that a constraint refuses: all others are taken and answered."""
    await pipeline.simple_home()
    await _poison(pipeline, "inbox")
    batch = [pipeline.incoming(message("check_in", id=f"m{number}")) for number in range(5)]
    array = [message("check_in", id=one) for one in ("x1", "poison", "x2")]
    answers = await pipeline.worker().work().store([*batch[:2], pipeline.incoming(array), *batch[2:]])
    for answer in answers:
        answer.send()
    receipts = {receipt.id: (receipt.status, receipt.reason) for _, receipt in pipeline.line.receipts()}
    assert receipts.pop("poison") == (Status.REJECTED, "store_error")
    assert receipts == dict.fromkeys(("m0", "m1", "m2", "m3", "m4", "x1", "x2"), (Status.ACCEPTED, None))
    assert await pipeline.count("inbox") == 7
    (row,) = await pipeline.rows("SELECT reason, convert_from(payload, 'UTF8') AS text FROM quarantine")
    assert (row.reason, '"poison"' in row.text, '"x1"' in row.text) == ("store_error", True, False)


async def test_a_call_for_help_that_the_database_refuses_gets_no_answer_so_that_it_goes_its_other_route(
    pipeline: Pipeline,
) -> None:
    """`rejected` would silence the device; without a receipt it tries the telephone after a minute."""
    await pipeline.simple_home()
    await _poison(pipeline, "inbox")
    assert await pipeline.worker().work().store([pipeline.incoming(message("sos", id="poison"))]) == []
    assert await pipeline.count("quarantine", "reason = 'store_error'") == 1


async def test_a_reading_that_only_the_database_refuses_is_put_aside_alone(pipeline: Pipeline) -> None:
    """As above, on the other lane."""
    await pipeline.simple_home()
    await _poison(pipeline, "reading")
    body = [message("motion", id=one) for one in ("a", "poison", "b")]
    await pipeline.worker(Lane.READING).work().store([pipeline.incoming(body, lane="reading")])
    assert [row.message_id for row in await pipeline.rows("SELECT message_id FROM reading ORDER BY 1")] == ["a", "b"]
    assert await pipeline.count("quarantine", "reason = 'store_error'") == 1


async def _poison(pipeline: Pipeline, table: str) -> None:
    """As if one id could not be stored for a reason that only the database knows."""
    await pipeline.run_as_admin(f"ALTER TABLE {table} ADD CONSTRAINT poison CHECK (message_id <> 'poison')")
