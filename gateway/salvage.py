"""The slow path of decoding: take a payload apart, keep the good objects, say what is wrong with the rest."""

import json
import math
import re
from typing import Any

import msgspec

from gateway.limits import MAX_DATA_DEPTH, MAX_ID_CHARACTERS, MAX_OBJECTS, MAX_TYPE_CHARACTERS
from gateway.message import Bad, Message
from gateway.reason import Reason
from gateway.settle import DECODE_ERRORS, settle

_decoder = msgspec.json.Decoder(Message)

_BLANK = b" \t\r\n"
#: A whole string, a lone quote (a string that never ends), or punctuation.
_TOKEN = re.compile(rb'"(?:[^"\\]++|\\.)*+"|["\[\]{},]', re.DOTALL)
_OPENER = {b"}": b"{", b"]": b"["}

#: Python reads integers of up to 4,300 digits; no double has more than 309.
_DIGITS_OF_A_DOUBLE = 400


def salvage(raw: bytes) -> list[Message | Bad]:
    """Every object of a payload that the strict decode refused. Never raises."""
    text = raw.strip(_BLANK)
    if not text.startswith(b"["):
        return [_object(raw)]
    pieces = _pieces(text)
    if pieces is None:
        return [Bad(reason=Reason.TOO_MANY, detail=f"more than {MAX_OBJECTS} objects", raw=raw)]
    return [_object(piece) for piece in pieces]


def _pieces(text: bytes) -> list[bytes] | None:
    """The bytes between the commas of the outermost array, or None when there are too many.

    It follows strings and brackets only, so that an object that is no JSON (`NaN`, say) is one bad piece between
    good ones. What follows the array, or is left where it never ends, is a last piece.
    """
    commas, end = _outer_marks(text)
    if len(commas) >= MAX_OBJECTS:
        return None
    starts = [1, *(comma + 1 for comma in commas)]
    pieces = [text[start:stop] for start, stop in zip(starts, [*commas, end], strict=True)]
    if len(pieces) == 1 and end < len(text) and not pieces[0].strip(_BLANK):
        pieces = []
    if text[end + 1 :].strip(_BLANK):
        pieces.append(text[end + 1 :])
    return pieces


def _outer_marks(text: bytes) -> tuple[list[int], int]:
    """Where the outermost array has its commas (as far as they are few enough), and where it ends."""
    commas: list[int] = []
    opened: list[bytes] = []
    still_open = {b"{": 0, b"[": 0}
    for token in _TOKEN.finditer(text, 1):
        mark = token.group()
        if mark == b'"' or len(commas) >= MAX_OBJECTS:
            break
        if mark in still_open:
            opened.append(mark)
            still_open[mark] += 1
        elif mark in _OPENER and still_open[_OPENER[mark]]:
            while (closed := opened.pop()) != _OPENER[mark]:
                still_open[closed] -= 1
            still_open[closed] -= 1
        elif not opened and mark == b",":
            commas.append(token.start())
        elif not opened and mark == b"]":
            return commas, token.start()
    return commas, len(text)


def _object(raw: bytes) -> Message | Bad:
    """One object: its message where it keeps the contract, else what is wrong with it."""
    try:
        message = _decoder.decode(raw)
    except DECODE_ERRORS:
        return _diagnose(raw)
    if settle(message) is None and _text_trouble(_strings_of(message)) is None:
        return message
    return _diagnose(raw)


def _diagnose(raw: bytes) -> Bad:
    """Say what is wrong, reading as leniently as can be, so that the receipt and the quarantine name the message."""
    try:
        parsed = json.loads(raw.decode("utf-8", "surrogateescape"), parse_int=_parse_int)
    except RecursionError:
        return Bad(reason=Reason.TOO_DEEP, detail="nested beyond reading", raw=raw)
    except ValueError as error:
        return Bad(reason=Reason.MALFORMED_JSON, detail=str(error)[:200], raw=raw)
    if not isinstance(parsed, dict):
        return Bad(reason=Reason.WRONG_TYPE, detail="an object is expected", raw=raw)
    reason, detail, message = _fault(parsed)
    readable_id = _readable(parsed.get("id"), MAX_ID_CHARACTERS)
    readable_type = _readable(parsed.get("type"), MAX_TYPE_CHARACTERS)
    return Bad(reason=reason, detail=detail, raw=raw, id=readable_id, type=readable_type, message=message)


def _fault(parsed: dict[str, Any]) -> tuple[Reason, str, Message | None]:
    """The first fault of a lenient reading, and the message itself where only its time is unusable."""
    known = {key: parsed[key] for key in Message.__struct_fields__ if key in parsed}
    for key, value in known.items():
        trouble = _trouble(value, 0)
        if trouble is not None and key != "time":
            return trouble, f"in `{key}`", None
    try:
        message = msgspec.convert(known | {"time": None}, Message)
    except DECODE_ERRORS as error:
        bad_id = _readable(parsed.get("id"), MAX_ID_CHARACTERS) is None
        return (Reason.BAD_ID if bad_id else Reason.WRONG_TYPE), str(error)[:200], None
    trouble = settle(message)
    if trouble is not None:
        return trouble, trouble.meaning, None
    if _usable_time(known):
        # Nothing is wrong with what the contract names: the text around it is no JSON (`NaN` under another key).
        return Reason.MALFORMED_JSON, "not JSON outside the keys of the contract", None
    return Reason.BAD_TIME, repr(known.get("time"))[:200], message


def _usable_time(known: dict[str, Any]) -> bool:
    try:
        return settle(msgspec.convert(known, Message)) is None
    except DECODE_ERRORS:
        return False


def _trouble(value: Any, depth: int) -> Reason | None:
    """Why a leniently read value cannot be kept; nesting is bounded here, so that its reader's stack is."""
    if depth > MAX_DATA_DEPTH:
        return Reason.TOO_DEEP
    if isinstance(value, str):
        return _text_trouble([value])
    if isinstance(value, float) and not math.isfinite(value):
        return Reason.NOT_FINITE
    inner = [*value.keys(), *value.values()] if isinstance(value, dict) else value if isinstance(value, list) else []
    return next(filter(None, (_trouble(each, depth + 1) for each in inner)), None)


def _text_trouble(strings: list[str]) -> Reason | None:
    for text in strings:
        if "\0" in text:
            return Reason.NUL_CHARACTER
        if not text.isascii():
            try:
                text.encode()
            except UnicodeEncodeError:
                return Reason.LONE_SURROGATE
    return None


def _strings_of(value: Any) -> list[str]:
    """All strings and keys of a well-typed object."""
    if isinstance(value, Message):
        return _strings_of([value.id, value.type, value.value, value.unit, value.data])
    if isinstance(value, str):
        return [value]
    if isinstance(value, dict):
        return [*value, *(text for each in value.values() for text in _strings_of(each))]
    return [text for each in value for text in _strings_of(each)] if isinstance(value, list) else []


def _readable(value: Any, longest: int) -> str | None:
    if not isinstance(value, str) or not 1 <= len(value) <= longest or _text_trouble([value]) is not None:
        return None
    return value


def _parse_int(digits: str) -> int | float:
    return int(digits) if len(digits) <= _DIGITS_OF_A_DOUBLE else math.inf
