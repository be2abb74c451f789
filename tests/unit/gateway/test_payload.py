"""Payloads: what keeps the contract comes through as it was meant, everything else as `Bad`, and nothing raises."""

import json
import math
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.payload import decode_plain
from gateway.wire import Bad, Message, Reason, decode, encode

NOON = datetime(2026, 11, 22, 4, 0, tzinfo=UTC)
GOOD = {"id": "b17-000042", "time": "2026-11-22T04:00:00Z", "type": "sos", "value": True, "unit": None, "data": {}}


def payload(*objects: dict[str, Any]) -> bytes:
    return json.dumps(list(objects)).encode()


def one(**changes: Any) -> Message | Bad:
    """What becomes of the good message with some keys changed."""
    return raw_one(json.dumps(GOOD | changes).encode())


def raw_one(raw: bytes) -> Message | Bad:
    (item,) = decode(raw)
    return item


def reason_of(item: Message | Bad) -> Reason | None:
    return item.reason if isinstance(item, Bad) else None


def test_the_example_of_the_contract() -> None:
    assert raw_one(json.dumps(GOOD).encode()) == Message(id="b17-000042", time=NOON, type="sos", value=True)


def test_an_array_comes_in_its_order_and_an_empty_one_is_nothing() -> None:
    items = decode(payload(GOOD | {"id": "1"}, GOOD | {"id": "2"}))
    assert [item.id for item in items] == ["1", "2"]
    assert decode(b"[]") == decode(b" [ ]\n") == []


@pytest.mark.parametrize(
    "time",
    [
        "2026-11-22T04:00:00Z",
        "2026-11-22T12:00:00+08:00",
        "2026-11-21T20:00:00.000000000-08:00",
        int(NOON.timestamp()) * 1000,
    ],
)
def test_one_instant_in_any_spelling_is_one_utc_time(time: Any) -> None:
    item = one(time=time)
    assert isinstance(item, Message)
    assert item.time == NOON
    assert item.time.tzinfo is UTC


@pytest.mark.parametrize(
    "time",
    [
        "2026-11-22T04:00:00",
        "2026-11-22",
        "yesterday",
        "",
        "1763784000000",
        1763784000000.5,
        True,
        [],
        {},
        "0001-01-01T00:00:00+14:00",
        "9999-12-31T23:59:59-01:00",
        "0000-01-01T00:00:00Z",
        10**18,
        -(10**18),
        10**400,
        math.nan,
        "\0",
        "\ud800",
    ],
)
def test_an_unusable_time_keeps_the_message_so_that_an_sos_can_be_raised_all_the_same(time: Any) -> None:
    item = one(time=time)
    assert isinstance(item, Bad)
    assert item.reason is Reason.BAD_TIME
    assert item.message == Message(id="b17-000042", time=None, type="sos", value=True)
    assert (item.id, item.type) == ("b17-000042", "sos")


def test_no_time_at_all_is_left_to_the_lane_to_judge() -> None:
    for item in (one(time=None), raw_one(b'{"id": "will-1", "type": "offline"}')):
        assert isinstance(item, Message)
        assert item.time is None


@pytest.mark.parametrize("wrong", [None, "", 7, True, "x" * 65, [], "a\0b", "\ud83d"])
def test_an_id_that_cannot_be_kept_is_refused_and_not_echoed(wrong: Any) -> None:
    item = one(id=wrong)
    assert isinstance(item, Bad)
    assert item.reason in {Reason.BAD_ID, Reason.NUL_CHARACTER, Reason.LONE_SURROGATE}
    assert (item.id, item.type, item.message) == (None, "sos", None)


def test_a_missing_id_is_refused() -> None:
    assert reason_of(raw_one(b'{"type": "sos", "time": 0}')) is Reason.BAD_ID


def test_an_id_is_counted_in_characters() -> None:
    assert reason_of(one(id="按" * 64)) is None
    assert reason_of(one(id="按" * 65)) is Reason.BAD_ID


@pytest.mark.parametrize(
    "change",
    [
        {"type": None},
        {"type": 3},
        {"type": ""},
        {"type": "x" * 65},
        {"value": []},
        {"value": {"a": 1}},
        {"unit": 5},
        {"unit": "x" * 65},
        {"data": []},
        {"data": "text"},
        {"data": 1},
    ],
)
def test_wrong_types_are_refused_with_the_id_that_could_be_read(change: dict[str, Any]) -> None:
    item = one(**change)
    assert isinstance(item, Bad)
    assert (item.reason, item.id) == (Reason.WRONG_TYPE, "b17-000042")


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"value": "a\0b"}, Reason.NUL_CHARACTER),
        ({"unit": "\0"}, Reason.NUL_CHARACTER),
        ({"type": "\0"}, Reason.NUL_CHARACTER),
        ({"data": {"a": [{"b": "x\0"}]}}, Reason.NUL_CHARACTER),
        ({"data": {"a\0": 1}}, Reason.NUL_CHARACTER),
        ({"value": "\ud800"}, Reason.LONE_SURROGATE),
        ({"data": {"a": ["\udfff"]}}, Reason.LONE_SURROGATE),
        ({"value": math.nan}, Reason.NOT_FINITE),
        ({"value": math.inf}, Reason.NOT_FINITE),
        ({"value": 10**400}, Reason.NOT_FINITE),
        ({"data": {"a": -math.inf}}, Reason.NOT_FINITE),
        ({"data": {"a": [10**309]}}, Reason.NOT_FINITE),
    ],
)
def test_what_postgresql_cannot_keep_is_refused(change: dict[str, Any], reason: Reason) -> None:
    item = one(**change)
    assert isinstance(item, Bad)
    assert item.reason is reason
    assert item.message is None


@pytest.mark.parametrize("number", [b"1e999", b"-1e999", b"9" * 5000])
def test_numbers_that_python_would_not_write_are_refused_too(number: bytes) -> None:
    assert isinstance(raw_one(b'{"id": "1", "type": "t", "value": ' + number + b"}"), Bad)
    assert isinstance(raw_one(b'{"id": "1", "type": "t", "data": {"a": [' + number + b"]}}"), Bad)


def test_text_that_only_looks_like_an_escaped_nul_is_kept() -> None:
    item = one(data={"path": r"C:\u0000"})
    assert isinstance(item, Message)
    assert item.data == {"path": r"C:\u0000"}


def test_nesting_is_bounded_at_every_depth() -> None:
    def nested(levels: int) -> bytes:
        return b'{"id": "1", "type": "t", "data": ' + b'{"a":' * levels + b"1" + b"}" * levels + b"}"

    assert reason_of(raw_one(nested(32))) is None
    for levels in (33, 500, 2_000, 80_000):
        assert reason_of(raw_one(nested(levels))) is Reason.TOO_DEEP


@pytest.mark.parametrize(
    "raw",
    [
        b"",
        b" ",
        b"{",
        b"nonsense",
        b"\xff\xfe",
        b'\xef\xbb\xbf{"id":"1"}',
        b'{"id": "1"',
        b'"',
        b"{'id': 1}",
        b"[",
        b"]",
    ],
)
def test_what_is_no_json_is_one_bad_payload(raw: bytes) -> None:
    item = raw_one(raw)
    assert isinstance(item, Bad)
    assert item.reason is Reason.MALFORMED_JSON


@pytest.mark.parametrize("raw", [b"null", b"1", b'"text"', b"true", b"[[]]", b"[null]"])
def test_json_that_is_no_object_is_refused(raw: bytes) -> None:
    assert reason_of(raw_one(raw)) is Reason.WRONG_TYPE


def test_too_large_a_payload_is_refused_whole() -> None:
    fits = json.dumps(GOOD | {"value": "x"}).encode()
    exactly = fits.replace(b'"x"', b'"' + b"x" * (512 * 1024 - len(fits) + 1) + b'"')
    assert len(exactly) == 512 * 1024
    assert reason_of(raw_one(exactly)) is None
    assert reason_of(raw_one(exactly + b" ")) is Reason.TOO_LARGE


def test_too_many_objects_are_refused_whole_good_or_not() -> None:
    assert len(decode(payload(*[GOOD] * 1000))) == 1000
    assert reason_of(raw_one(payload(*[GOOD] * 1001))) is Reason.TOO_MANY
    assert reason_of(raw_one(payload(*[{}] * 1001))) is Reason.TOO_MANY


@pytest.mark.parametrize(
    "rubbish",
    [
        b"NaN",
        b'{"id": "x", "type": "t", "value": NaN}',
        b"{oops}",
        b"",
        b'{"a": [1}',
        b'{"id": "x", "type": "t", "value": "\xff"}',
        b'{"id": 1}',
        b"[1, [2]]",
        b'"a, ] b"',
        b'{"a": 1}}',
    ],
)
def test_a_bad_object_spoils_no_other(rubbish: bytes) -> None:
    first, last = (json.dumps(GOOD | {"id": name}).encode() for name in ("first", "last"))
    items = decode(b"[" + first + b", " + rubbish + b"," + last + b"]")
    assert [type(item) for item in items] == [Message, Bad, Message]
    assert isinstance(items[1], Bad)
    assert items[1].raw.strip() == rubbish
    assert (items[0].id, items[2].id) == ("first", "last")


def test_an_array_that_breaks_off_keeps_what_was_whole() -> None:
    whole = json.dumps(GOOD).encode()
    items = decode(b"[" + whole + b"," + whole[:-20])
    assert [type(item) for item in items] == [Message, Bad]


def test_a_buffer_of_any_kind_is_read() -> None:
    raw = json.dumps(GOOD).encode()
    assert decode(memoryview(raw)) == decode(bytearray(raw)) == decode(raw)


# --- fuzz -----------------------------------------------------------------------------------------------------------

texts = st.text(st.characters(exclude_characters="\0", exclude_categories=["Cs"]), max_size=20)
numbers = st.floats(allow_nan=False, allow_infinity=False) | st.integers(-(2**70), 2**70)
scalars = st.none() | st.booleans() | numbers | texts
trees = st.recursive(scalars, lambda inner: st.lists(inner, max_size=4) | st.dictionaries(texts, inner, max_size=4))
messages = st.builds(
    Message,
    id=texts.filter(bool),
    time=st.none() | st.datetimes(timezones=st.just(UTC)),
    type=texts.filter(bool),
    value=st.none() | st.booleans() | st.floats(allow_nan=False, allow_infinity=False) | texts,
    unit=st.none() | texts,
    data=st.dictionaries(texts, trees, max_size=4),
)
wild = st.recursive(
    st.none() | st.booleans() | st.floats() | st.integers() | st.text(), lambda inner: st.lists(inner, max_size=5)
)
wild_objects = st.dictionaries(st.sampled_from([*GOOD, "extra"]), wild | st.dictionaries(st.text(), wild, max_size=3))


def storable(value: Any) -> bool:
    """Whether PostgreSQL's text, double precision and jsonb take the value."""
    if isinstance(value, str):
        return "\0" not in value and value == value.encode("utf-8", "ignore").decode()
    if isinstance(value, dict):
        return all(storable(each) for pair in value.items() for each in pair)
    if isinstance(value, list):
        return all(storable(each) for each in value)
    return not isinstance(value, int | float) or math.isfinite(float(value))


def assert_sound(items: list[Message | Bad]) -> None:
    for item in items:
        assert isinstance(item, Message | Bad)
        message = item if isinstance(item, Message) else item.message
        if message is not None:
            assert storable([message.id, message.type, message.value, message.unit, message.data])
            assert message.time is None or message.time.utcoffset() == timedelta(0)
            assert 1 <= len(message.id) <= 64
        if isinstance(item, Bad):
            assert item.reason
            assert storable([item.detail, item.id or "", item.type or ""])


@given(st.lists(messages, max_size=5))
def test_what_a_device_encodes_is_what_the_backend_reads(sent: list[Message]) -> None:
    assert decode(encode(sent)) == sent
    for message in sent:
        assert decode(encode(message)) == [message]


@given(st.binary(max_size=300))
def test_no_bytes_make_the_reader_raise(raw: bytes) -> None:
    assert_sound(decode(raw))


@given(st.lists(wild_objects, max_size=4), st.booleans())
def test_no_json_makes_the_reader_raise(objects: list[dict[str, Any]], ascii_only: bool) -> None:
    text = json.dumps(objects, ensure_ascii=ascii_only)
    items = decode(text.encode("utf-8", "surrogatepass"))
    assert len(items) == len(objects)
    assert_sound(items)


@given(st.lists(messages, min_size=1, max_size=3), st.data())
def test_no_flipped_byte_makes_the_reader_raise(sent: list[Message], data: st.DataObject) -> None:
    raw = bytearray(encode(sent))
    for _ in range(data.draw(st.integers(1, 4))):
        raw[data.draw(st.integers(0, len(raw) - 1))] = data.draw(st.integers(0, 255))
    assert_sound(decode(raw))


@given(
    st.lists(st.sampled_from([*'[]{},":\\', "NaN", "1e999", '"id"', '"type"', r"\u0000", r"\ud800", "a"]), max_size=60)
)
def test_no_punctuation_makes_the_reader_raise(tokens: list[str]) -> None:
    assert_sound(decode("".join(tokens).encode()))


@given(wild_objects | st.builds(dict, st.just(GOOD)), st.booleans(), st.sampled_from([NOON, NOON - timedelta(hours=1)]))
def test_the_short_way_takes_nothing_that_the_long_way_reads_otherwise(
    wild: dict[str, Any], over_good: bool, latest: datetime
) -> None:
    raw = json.dumps(GOOD | wild if over_good else wild).encode("utf-8", "surrogatepass")
    short = decode_plain(raw, latest)
    if short is not None:
        assert decode(raw) == [short]
        assert short.time is not None
        assert short.time <= latest


def test_the_short_way_is_taken() -> None:
    raw = json.dumps(GOOD).encode()
    assert decode_plain(raw, NOON) == raw_one(raw)
    assert decode_plain(raw, NOON - timedelta(seconds=1)) is None
    assert decode_plain(payload(GOOD), NOON) is None
