"""What Aliyun sends to our callback addresses (HTTP batch push), or answers when it is asked: delivery reports,
replies, calls and keys.

Each is a JSON array; an element that cannot be read is left out and counted, for the others must not wait for it.
Aliyun sends again after 1, 5 and 10 minutes what was not answered with 200, and after 700 ms thinks that it was not.
Sources: SmsReport, SmsUp and QuerySendDetails (Dysmsapi); VoiceReport, VoiceCallReport and QueryCallDetailByCallId with
the call status codes (Dyvmsapi).
"""

from collections.abc import Callable
from datetime import datetime
from typing import Any
from zoneinfo import ZoneInfo

import msgspec

from alerts.notification import Delivery
from alerts.provider import Key, Reader, Readers, Reply, Report, Reported, normal_phone
from carebed.logs import get_logger

log = get_logger()

_ZONE = ZoneInfo("Asia/Shanghai")

#: Final states of a call in which somebody took it up: heard to the end, hung up early, pressed no key, ended.
_TAKEN_UP = {
    "200000": Delivery.READ, "200001": Delivery.DELIVERED, "200008": Delivery.DELIVERED, "200100": Delivery.DELIVERED,
}  # fmt: skip
#: No such number.
_NO_NUMBER = frozenset({"200004", "200116", "482"})
#: States of a call under way.
_ANSWERED, _KEY_PRESSED = "200102", "300000"
_UNDER_WAY = frozenset({"200101", "200201", _ANSWERED, "200103", _KEY_PRESSED})
#: `SendStatus` of a message, when it is asked for.
_SMS_FAILED, _SMS_DELIVERED = 2, 3

_One = Callable[[dict[str, Any]], list[Reported]]


def _array(one: _One) -> Reader:
    def read(body: bytes) -> list[Reported]:
        try:
            items = msgspec.json.decode(body)
        except msgspec.DecodeError:
            raise ValueError("is no JSON") from None
        if not isinstance(items, list):
            raise ValueError("is no array")
        found: list[Reported] = []
        for item in items:
            try:
                found += one(item)
            except (KeyError, TypeError, ValueError, AttributeError) as error:
                log.warning("callback_unreadable", provider="aliyun", error=type(error).__name__)
        return found

    return read


def _sms_report(item: dict[str, Any]) -> list[Reported]:
    delivered = item["success"] in (True, "true")
    return [
        Report(
            "sms", Delivery.DELIVERED if delivered else Delivery.FAILED, _text(item, "biz_id"), _text(item, "out_id"),
            at=_instant(item.get("report_time")), error=None if delivered else _code(item.get("err_code")),
        )
    ]  # fmt: skip


def _sms_up(item: dict[str, Any]) -> list[Reported]:
    """`sequence_id` is a string or a number."""
    return [Reply("sms", normal_phone(str(item["phone_number"])), str(item["content"]), str(item["sequence_id"]))]


def _voice_report(item: dict[str, Any]) -> list[Reported]:
    """A call is over: whether it was taken up, and the keys that were pressed."""
    code = str(item["status_code"])
    call, ref, at = _text(item, "call_id"), _text(item, "out_id"), _instant(item.get("end_time"))
    key = _text(item, "dtmf")
    found: list[Reported] = []
    if key:
        found.append(Key("voice", key, call, ref))
    if key or code in _TAKEN_UP:
        state = Delivery.READ if key else _TAKEN_UP[code]
        found.append(Report("voice", state, call, ref, at=at))
    else:
        found.append(
            Report("voice", Delivery.FAILED, call, ref, at=at, error=_code(code), permanent=code in _NO_NUMBER)
        )
    return found


def _voice_call_report(item: dict[str, Any]) -> list[Reported]:
    """A call under way: only that somebody took it up, and his keys, at once."""
    code = str(item["status_code"])
    call, ref, at = _text(item, "call_id"), _text(item, "out_id"), _instant(item.get("status_time"))
    if code == _KEY_PRESSED and (key := _text(item, "dtmf")):
        return [Key("voice", key, call, ref), Report("voice", Delivery.READ, call, ref, at=at)]
    return [Report("voice", Delivery.DELIVERED, call, ref, at=at)] if code == _ANSWERED else []


def sms_detail(answer: dict[str, Any], biz_id: str) -> Report | None:
    """Of an answer to QuerySendDetails about one message; None while its carrier has said nothing."""
    for item in answer["SmsSendDetailDTOs"]["SmsSendDetailDTO"]:
        status = int(item["SendStatus"])
        at = _instant(item.get("ReceiveDate"))
        if status == _SMS_DELIVERED:
            return Report("sms", Delivery.DELIVERED, biz_id, at=at)
        if status == _SMS_FAILED:
            return Report("sms", Delivery.FAILED, biz_id, at=at, error=_code(item.get("ErrCode")))
    return None


def call_detail(answer: dict[str, Any], call_id: str) -> Report | None:
    """Of an answer to QueryCallDetailByCallId, whose details are JSON inside JSON; None where it has none, or the call
    is not over."""
    details = answer.get("Data")
    if isinstance(details, str):
        details = msgspec.json.decode(details) if details else None
    if not isinstance(details, dict):
        return None
    code, at = _text(details, "state"), _instant(details.get("endDate") or details.get("bEndTime"))
    if code is None or code in _UNDER_WAY:
        return None
    if code in _TAKEN_UP:
        return Report("voice", _TAKEN_UP[code], call_id, at=at)
    return Report("voice", Delivery.FAILED, call_id, at=at, error=_code(code), permanent=code in _NO_NUMBER)


READERS: Readers = {
    "sms-report": _array(_sms_report),
    "sms-up": _array(_sms_up),
    "voice-report": _array(_voice_report),
    "voice-call-report": _array(_voice_call_report),
}


def _text(item: dict[str, Any], name: str) -> str | None:
    value = item.get(name)
    return None if value is None or value == "" else str(value)[:200]


def _code(value: object) -> str:
    """A provider's code, as it may stand in a log."""
    return "".join(one for one in str(value or "unknown") if one.isascii() and (one.isalnum() or one in "_:.-"))[:60]


def _instant(value: object) -> datetime | None:
    """`2017-01-01 00:00:00`, in China."""
    try:
        return datetime.strptime(str(value), "%Y-%m-%d %H:%M:%S").replace(tzinfo=_ZONE)
    except ValueError:
        return None
