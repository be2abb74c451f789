"""Aliyun (阿里云) as provider of SMS (Dysmsapi) and voice (Dyvmsapi): requests signed as it documents.

Signature: "Request structure and signature mechanism V3" (ACS3-HMAC-SHA256), whose worked example is a test of ours.
Messages are templates that Aliyun has approved; docs/operations.md has the words that ours expect. The words of an
answer of theirs never get into a log, for they quote numbers; its code does.
"""

import hashlib
import hmac
import json
import secrets
from collections.abc import Callable, Mapping
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from urllib.parse import quote, urlsplit
from zoneinfo import ZoneInfo

import httpx
import msgspec

from alerts.aliyun_reports import call_detail, sms_detail
from alerts.channel import SEND_S, Handover, NotTaken, Outgoing, Undeliverable
from alerts.provider import Asked, Report, reference
from alerts.reply import KEYS
from alerts.telling import UNANSWERABLE
from carebed.settings_file import read_settings_file

_ALGORITHM = "ACS3-HMAC-SHA256"
_VERSION = "2017-05-25"
_CONNECT_S = 3.0

#: Codes that say that the number itself is none. Everything else (limits, balance, templates) may be mended.
_WRONG_NUMBER = frozenset({"isv.MOBILE_NUMBER_ILLEGAL", "isv.INVALID_CALLED_NUMBER", "MOBILE_NUMBER_ILLEGAL"})

_CHINA = ZoneInfo("Asia/Shanghai")
#: It was sent a little before we wrote down that it was taken.
_BEFORE_HANDOVER = timedelta(seconds=30)
#: Products of Dyvmsapi under which a call is found: calls that ask for a key; texts read out (notices, codes).
_IVR, _TTS = ("11000000300005",), ("11000000300006", "11010000138001")


class SmsSettings(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The approved signature and templates: of calls, of other news, of verification codes."""

    sign_name: str
    call_template: str
    news_template: str
    code_template: str
    endpoint: str = "https://dysmsapi.aliyuncs.com"


class VoiceSettings(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The number that is shown, and the approved templates; `key_template` is what is said after a key was pressed."""

    show_number: str
    call_template: str
    key_template: str
    news_template: str
    code_template: str
    endpoint: str = "https://dyvmsapi.aliyuncs.com"


class Aliyun(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What stands in `CAREBED_ALIYUN_FILE`. `sms` or `voice` left out: that channel is not set up."""

    access_key_id: str
    access_key_secret: str
    sms: SmsSettings | None = None
    voice: VoiceSettings | None = None

    def __repr__(self) -> str:
        """Without the secret."""
        return f"Aliyun({'sms ' if self.sms else ''}{'voice' if self.voice else ''})"


def read_file(file: Path) -> Aliyun:
    """The settings in this file; `SettingsError` with a sentence that quotes nothing from it."""
    return read_settings_file(file, Aliyun, "CAREBED_ALIYUN_FILE")


# ---- Signed requests ------------------------------------------------------------------------------------------------


def canonical_query(parameters: Mapping[str, str]) -> str:
    """Sorted by name, encoded as RFC 3986 wants it."""
    pairs = sorted((quote(name, safe="~"), quote(value, safe="~")) for name, value in parameters.items())
    return "&".join(f"{name}={value}" for name, value in pairs)


def authorization(method: str, query: str, headers: Mapping[str, str], key_id: str, secret: str) -> str:
    """The `Authorization` header of a request to `/` without a body. `headers`: all that are signed, in lower case."""
    names = sorted(headers)
    listed = ";".join(names)
    canonical = "".join(f"{name}:{headers[name].strip()}\n" for name in names)
    request = "\n".join((method, "/", query, canonical, listed, headers["x-acs-content-sha256"]))
    to_sign = f"{_ALGORITHM}\n{hashlib.sha256(request.encode()).hexdigest()}"
    signature = hmac.new(secret.encode(), to_sign.encode(), hashlib.sha256).hexdigest()
    return f"{_ALGORITHM} Credential={key_id},SignedHeaders={listed},Signature={signature}"


class _Client:
    """Calls the operations of one of Aliyun's services."""

    def __init__(self, endpoint: str, key_id: str, secret: str) -> None:
        self._endpoint = endpoint.rstrip("/")
        self._host = urlsplit(endpoint).netloc
        self._key_id, self._secret = key_id, secret
        self._http = httpx.AsyncClient(timeout=httpx.Timeout(SEND_S, connect=_CONNECT_S), follow_redirects=False)

    async def call(self, action: str, parameters: Mapping[str, str]) -> dict[str, Any]:
        """The answer when its code is OK. Raises `Undeliverable` for a wrong number, else `NotTaken`."""
        query = canonical_query(parameters)
        headers = {
            "host": self._host,
            "x-acs-action": action,
            "x-acs-version": _VERSION,
            "x-acs-date": datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ"),
            "x-acs-signature-nonce": secrets.token_hex(16),
            "x-acs-content-sha256": hashlib.sha256(b"").hexdigest(),
        }
        headers["authorization"] = authorization("POST", query, headers, self._key_id, self._secret)
        response = await self._http.post(f"{self._endpoint}/?{query}", headers=headers)
        try:
            answer = response.json()
            code = str(answer["Code"])
        except (ValueError, KeyError, TypeError):
            raise NotTaken(f"HTTP {response.status_code}") from None
        if code in _WRONG_NUMBER:
            raise Undeliverable(code)
        if code != "OK" or not response.is_success:
            raise NotTaken(code)
        return dict(answer)

    async def close(self) -> None:
        await self._http.aclose()


def _said(outgoing: Outgoing) -> dict[str, str]:
    """The variables of a template; Aliyun takes none that is empty."""
    return {name: value or "-" for name, value in outgoing.parts.items() if name != "code"}


class AliyunSms:
    """SMS. What Aliyun takes is handed over; `alerts.aliyun_reports` reads what becomes of it, pushed or asked for."""

    name = "sms"
    is_route = True

    def __init__(self, settings: Aliyun, sms: SmsSettings) -> None:
        self._sms = sms
        self._client = _Client(sms.endpoint, settings.access_key_id, settings.access_key_secret)

    async def send(self, outgoing: Outgoing) -> Handover:
        """SendSms; `BizId` is the provider's id."""
        template, said = self._template(outgoing)
        answer = await self._client.call(
            "SendSms",
            {
                "PhoneNumbers": _dialled(outgoing.address), "SignName": self._sms.sign_name, "TemplateCode": template,
                "TemplateParam": json.dumps(said, ensure_ascii=False), "OutId": reference(outgoing.id),
            },
        )  # fmt: skip
        return Handover(str(answer["BizId"]) if answer.get("BizId") else None)

    async def ask(self, asked: Asked) -> Report | None:
        """QuerySendDetails: of one number, one day and one message."""
        for at in _days(asked):
            day = at.astimezone(_CHINA).strftime("%Y%m%d")
            what = {"PhoneNumber": _dialled(asked.address), "BizId": asked.provider_id, "SendDate": day}
            answer = await self._client.call("QuerySendDetails", what | {"PageSize": "10", "CurrentPage": "1"})
            if (report := _read(sms_detail, answer, asked)) is not None:
                return report
        return None

    def _template(self, outgoing: Outgoing) -> tuple[str, dict[str, str]]:
        if outgoing.kind == "verify":
            return self._sms.code_template, {"code": outgoing.code or ""}
        if outgoing.kind in UNANSWERABLE:
            return self._sms.news_template, _said(outgoing)
        token = outgoing.link.rsplit("/", 1)[1] if outgoing.link else "-"
        return self._sms.call_template, _said(outgoing) | {"code": outgoing.code or "-", "token": token}

    async def close(self) -> None:
        """Close its connections."""
        await self._client.close()


class AliyunVoice:
    """Voice: calls that ask for a key (IvrCall), and others that only tell (SingleCallByTts)."""

    name = "voice"
    is_route = True

    def __init__(self, settings: Aliyun, voice: VoiceSettings) -> None:
        self._voice = voice
        self._client = _Client(voice.endpoint, settings.access_key_id, settings.access_key_secret)

    async def send(self, outgoing: Outgoing) -> Handover:
        """Let it ring; `CallId` is the provider's id. Whether anybody took it up comes as a report."""
        parameters = {
            "CalledShowNumber": self._voice.show_number, "CalledNumber": _dialled(outgoing.address),
            "PlayTimes": "3", "OutId": reference(outgoing.id),
        }  # fmt: skip
        said = json.dumps(_said(outgoing), ensure_ascii=False)
        if outgoing.kind == "verify":
            spelled = json.dumps({"code": ",".join(outgoing.code or "")})
            action, more = "SingleCallByTts", {"TtsCode": self._voice.code_template, "TtsParam": spelled}
        elif outgoing.kind in UNANSWERABLE:
            action, more = "SingleCallByTts", {"TtsCode": self._voice.news_template, "TtsParam": said}
        else:
            action, more = "IvrCall", {"StartCode": self._voice.call_template, "StartTtsParams": said}
            for position, key in enumerate(KEYS, 1):
                more |= {f"MenuKeyMap.{position}.Key": key, f"MenuKeyMap.{position}.Code": self._voice.key_template}
        answer = await self._client.call(action, parameters | more)
        return Handover(str(answer["CallId"]) if answer.get("CallId") else None)

    async def ask(self, asked: Asked) -> Report | None:
        """QueryCallDetailByCallId, which answers only when product and day are the call's."""
        for at in _days(asked):
            for product in _IVR if asked.call else _TTS:
                what = {"CallId": asked.provider_id, "ProdId": product, "QueryDate": str(int(at.timestamp() * 1_000))}
                answer = await self._client.call("QueryCallDetailByCallId", what)
                if (report := _read(call_detail, answer, asked)) is not None:
                    return report
        return None

    async def close(self) -> None:
        """Close its connections."""
        await self._client.close()


def _dialled(address: str) -> str:
    """As Aliyun wants it: mainland mobiles without the country, landlines with their 0, other countries without +."""
    if not address.startswith("+86"):
        return address.removeprefix("+")
    number = address.removeprefix("+86")
    return number if len(number) == 11 and number.startswith("1") else "0" + number


def _days(asked: Asked) -> list[datetime]:
    """An instant of each day in China on which it may have been sent: Aliyun keeps a message under its day, and what is
    sent again at midnight is of the next one."""
    sent = asked.handed_over_at - _BEFORE_HANDOVER
    today = asked.now.astimezone(_CHINA)
    midnight = today.replace(hour=0, minute=0, second=0, microsecond=0)
    return [sent] if sent >= midnight else [sent, midnight]


def _read(
    detail: Callable[[dict[str, Any], str], Report | None], answer: dict[str, Any], asked: Asked
) -> Report | None:  # fmt: skip
    try:
        return detail(answer, asked.provider_id)
    except (KeyError, TypeError, ValueError, AttributeError):
        raise NotTaken("answer unreadable") from None
