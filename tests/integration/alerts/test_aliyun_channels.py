"""Messages through Aliyun: signed so that it takes them, refused where the signature is wrong, and no secret told."""

import json
from collections.abc import AsyncIterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from aliyun_server import KEY_ID, SECRET, AliyunServer, aliyun

from alerts.aliyun import Aliyun, AliyunSms, AliyunVoice, SmsSettings, VoiceSettings, read_file
from alerts.channel import Handover, NotTaken, Outgoing, Undeliverable
from alerts.provider import reference
from carebed.errors import SettingsError
from carebed.ids import new_id


@pytest.fixture
async def server() -> AsyncIterator[AliyunServer]:
    """Aliyun."""
    async with aliyun() as server:
        yield server


def sms(server: AliyunServer, secret: str = SECRET) -> AliyunSms:
    """The SMS channel."""
    settings = SmsSettings("照护站", "SMS_call", "SMS_news", "SMS_code", server.url)
    return AliyunSms(Aliyun(KEY_ID, secret), settings)


def voice(server: AliyunServer) -> AliyunVoice:
    """The voice channel."""
    settings = VoiceSettings("059187654321", "TTS_call", "TTS_key", "TTS_news", "TTS_code", server.url)
    return AliyunVoice(Aliyun(KEY_ID, SECRET), settings)


def message(kind: str = "called", **more: Any) -> Outgoing:
    """A message as the outbox makes it."""
    parts = {"kind": "跌倒", "place": "演示路7弄 & 8号", "number": "7A11", "news": "请前往", "code": "472"}
    values: dict[str, Any] = {
        "id": new_id(), "kind": kind, "step": 1, "attempt": 1, "created_at": datetime.now(UTC), "code": "472",
        "address": "+8613800138000", "parts": parts, "link": "https://care.example/a/TOKEN", "life_critical": True,
    }  # fmt: skip
    return Outgoing(**values | more)


async def test_a_call_by_sms_is_signed_and_carries_what_the_template_wants(server: AliyunServer) -> None:
    channel = sms(server)
    outgoing = message()
    assert await channel.send(outgoing) == Handover("biz^1")
    await channel.close()
    (asked,) = server.requests
    assert {name: asked[name] for name in ("Action", "PhoneNumbers", "SignName", "TemplateCode", "OutId")} == {
        "Action": "SendSms", "PhoneNumbers": "13800138000", "SignName": "照护站", "TemplateCode": "SMS_call",
        "OutId": reference(outgoing.id),
    }  # fmt: skip
    assert json.loads(asked["TemplateParam"]) == {
        "kind": "跌倒", "place": "演示路7弄 & 8号", "number": "7A11", "news": "请前往", "code": "472", "token": "TOKEN",
    }  # fmt: skip


async def test_a_wrong_secret_is_refused_and_tried_again_later(server: AliyunServer) -> None:
    channel = sms(server, "another")
    with pytest.raises(NotTaken, match="SignatureDoesNotMatch"):
        await channel.send(message())
    await channel.close()
    assert (server.requests, server.refused) == ([], ["SignatureDoesNotMatch"])


async def test_no_words_of_the_provider_get_into_an_error(server: AliyunServer) -> None:
    channel = sms(server)
    server.answers["SendSms"] = "isv.BUSINESS_LIMIT_CONTROL"
    with pytest.raises(NotTaken) as limited:
        await channel.send(message())
    assert str(limited.value) == "isv.BUSINESS_LIMIT_CONTROL"
    server.answers["SendSms"] = "isv.MOBILE_NUMBER_ILLEGAL"
    with pytest.raises(Undeliverable):
        await channel.send(message())
    await channel.close()


async def test_a_telephone_call_asks_for_a_key_and_news_do_not(server: AliyunServer) -> None:
    channel = voice(server)
    assert await channel.send(message(address="+8659187654321")) == Handover("call^1")
    await channel.send(message("resolved"))
    await channel.send(message("verify", code="123456"))
    await channel.close()
    call, news, code = server.requests
    assert (call["Action"], call["CalledNumber"], call["StartCode"]) == ("IvrCall", "059187654321", "TTS_call")
    assert [call[f"MenuKeyMap.{at}.{what}"] for at in (1, 2, 3, 4) for what in ("Key", "Code")] == [
        "1", "TTS_key", "2", "TTS_key", "3", "TTS_key", "4", "TTS_key",
    ]  # fmt: skip
    assert len(call["OutId"]) == 15
    assert (news["Action"], news["TtsCode"]) == ("SingleCallByTts", "TTS_news")
    assert json.loads(code["TtsParam"]) == {"code": "1,2,3,4,5,6"}


def test_a_wrong_file_is_named_and_never_quoted(tmp_path: Path) -> None:
    file = tmp_path / "aliyun.json"
    file.write_text('{"access_key_id": "LTAI", "access_key_secret": "very-secret", "smss": {}}')
    with pytest.raises(SettingsError) as wrong:
        read_file(file)
    assert "very-secret" not in str(wrong.value)
    file.write_text('{"access_key_id": "LTAI", "access_key_secret": "very-secret"}')
    assert "very-secret" not in repr(read_file(file))
