"""Aliyun's signature by its own worked example, and what its callbacks mean."""

import hashlib
import json
from datetime import datetime
from zoneinfo import ZoneInfo

import pytest

from alerts.aliyun import _days, authorization, canonical_query
from alerts.aliyun_reports import READERS, call_detail
from alerts.answers import Links
from alerts.notification import Delivery
from alerts.provider import Asked, Key, Reply, Report, normal_phone, reference
from carebed.ids import new_id

CHINA = ZoneInfo("Asia/Shanghai")


def test_the_signature_is_that_of_the_documented_example() -> None:
    """Source: Alibaba Cloud, "Request structure and signature mechanism V3", fixed-parameter example."""
    query = canonical_query(
        {"ImageId": "win2019_1809_x64_dtc_zh-cn_40G_alibase_20230811.vhd", "RegionId": "cn-shanghai"}
    )
    headers = {
        "host": "ecs.cn-shanghai.aliyuncs.com", "x-acs-action": "RunInstances", "x-acs-version": "2014-05-26",
        "x-acs-date": "2023-10-26T10:22:32Z", "x-acs-signature-nonce": "3156853299f313e23d1673dc12e1703d",
        "x-acs-content-sha256": hashlib.sha256(b"").hexdigest(),
    }  # fmt: skip
    assert authorization("POST", query, headers, "YourAccessKeyId", "YourAccessKeySecret") == (
        "ACS3-HMAC-SHA256 Credential=YourAccessKeyId,SignedHeaders=host;x-acs-action;x-acs-content-sha256;x-acs-date;"
        "x-acs-signature-nonce;x-acs-version,Signature=06563a9e1b43f5dfe96b81484da74bceab24a1d853912eee15083a6f0f3283c0"
    )


def test_values_are_encoded_as_rfc_3986_wants_it() -> None:
    assert canonical_query({"b": "a b*~/+", "A": "签"}) == "A=%E7%AD%BE&b=a%20b%2A~%2F%2B"


@pytest.mark.parametrize(
    ("given", "kept"),
    [
        ("13800138000", "+8613800138000"),
        ("+86 138-0013-8000", "+8613800138000"),
        ("008613800138000", "+8613800138000"),
        ("0591-87654321", "+8659187654321"),
        ("+44 20 7946 0958", "+442079460958"),
    ],
)
def test_numbers_are_kept_in_one_form(given: str, kept: str) -> None:
    assert normal_phone(given) == kept


@pytest.mark.parametrize("given", ["", "110", "12345678901", "+0123456789", "abc", "138001380001"])
def test_what_is_no_number_is_refused(given: str) -> None:
    with pytest.raises(ValueError, match="telephone number"):
        normal_phone(given)


def test_a_link_is_read_back_and_a_changed_one_is_not() -> None:
    links = Links("https://care.example/", "s" * 32)
    message = new_id()
    token = links.to(message).removeprefix("https://care.example/a/")
    assert links.read(token) == message
    assert Links("https://care.example", "t" * 32).read(token) is None
    for at in range(len(token)):
        changed = token[:at] + ("A" if token[at] != "A" else "B") + token[at + 1 :]
        assert links.read(changed) is None or changed[-1] != token[-1], at
    for nonsense in ("", "x", "=" * 43, "é" * 43, token * 2):
        assert links.read(nonsense) is None


def test_reports_of_an_sms() -> None:
    body = json.dumps(
        [
            {"success": True, "biz_id": "b^0", "out_id": "r1", "report_time": "2026-11-22 12:00:00"},
            {"no": "report"},
            {"success": False, "biz_id": "b^1", "out_id": "r2", "err_code": "MK:0001", "phone_number": "1"},
        ]
    ).encode()  # fmt: skip
    first, second = READERS["sms-report"](body)
    assert isinstance(first, Report)
    assert (first.state, first.provider_id, first.ref) == (Delivery.DELIVERED, "b^0", "r1")
    assert first.at is not None
    assert first.at.isoformat() == "2026-11-22T12:00:00+08:00"
    assert isinstance(second, Report)
    assert (second.state, second.error, second.permanent) == (Delivery.FAILED, "MK:0001", False)


def test_replies_and_keys() -> None:
    up = b'[{"phone_number": "13800138000", "content": "1472", "sequence_id": 12}]'
    assert READERS["sms-up"](up) == [Reply("sms", "+8613800138000", "1472", "12")]
    pressed = b'[{"status_code": "300000", "call_id": "c^1", "out_id": "r", "dtmf": "1"}]'
    key, read = READERS["voice-call-report"](pressed)
    assert key == Key("voice", "1", "c^1", "r")
    assert isinstance(read, Report)
    assert read.state is Delivery.READ
    missed = b'[{"status_code": "200003", "call_id": "c^1"}, {"status_code": "200004", "call_id": "c^2"}]'
    assert [(one.state, one.permanent) for one in READERS["voice-report"](missed) if isinstance(one, Report)] == [
        (Delivery.FAILED, False), (Delivery.FAILED, True),
    ]  # fmt: skip


@pytest.mark.parametrize("body", [b"", b"{}", b"null", b"\xff"])
def test_what_is_no_array_is_refused(body: bytes) -> None:
    for read in READERS.values():
        with pytest.raises(ValueError, match="is no"):
            read(body)


def test_a_reference_is_short_enough_for_a_call() -> None:
    assert len(reference(new_id())) == 15


def _asked(handed_over_at: str, now: str) -> Asked:
    return Asked(
        "id", "ref", "+8613800138000", True, datetime.fromisoformat(handed_over_at), datetime.fromisoformat(now)
    )


def test_a_message_is_looked_for_under_every_day_on_which_it_may_have_been_sent() -> None:
    """Days in China begin at 16:00 UTC; what goes out at midnight may be written down on the day after."""
    days = [
        [at.astimezone(CHINA).date().isoformat() for at in _days(_asked(*times))]
        for times in (
            ("2026-11-22T10:00:00Z", "2026-11-22T10:01:00Z"),
            ("2026-11-22T16:00:10Z", "2026-11-22T16:01:00Z"),
            ("2026-11-22T15:00:00Z", "2026-11-22T20:00:00Z"),
        )
    ]
    assert days == [["2026-11-22"], ["2026-11-22", "2026-11-23"], ["2026-11-22", "2026-11-23"]]


def _call(**details: str) -> dict[str, str]:
    return {"Code": "OK", "Data": json.dumps({"callee": "13800138000", "endDate": "2026-11-22 18:00:00", **details})}


@pytest.mark.parametrize(
    ("state", "becomes", "permanent"),
    [("200000", "read", False), ("200001", "delivered", False), ("200003", "failed", False), ("502", "failed", False),
     ("200004", "failed", True)],
)  # fmt: skip
def test_what_is_told_of_a_call_that_is_over(state: str, becomes: str, permanent: bool) -> None:
    told = call_detail(_call(state=state), "call^1")
    assert told is not None
    assert (told.state, told.permanent, told.provider_id) == (becomes, permanent, "call^1")


@pytest.mark.parametrize(
    "answer", [{"Code": "OK"}, {"Code": "OK", "Data": ""}, {"Code": "OK", "Data": "{}"}, _call(state="200103")]
)
def test_nothing_is_known_of_a_call_under_way_or_under_another_product(answer: dict[str, str]) -> None:
    assert call_detail(answer, "call^1") is None
