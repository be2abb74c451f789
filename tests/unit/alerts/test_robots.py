"""Robots of group chats: signed as documented, no faster than they may, addresses of theirs only, words that fit."""

from collections import deque
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from typing import Any
from uuid import UUID

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from alerts.robot import Refusal, Refused, robot_url
from alerts.robot.dingtalk import signature as dingtalk_signature
from alerts.robot.feishu import signature as feishu_signature
from alerts.robot.group import EVENTS, WHAT, Shows
from alerts.robot.pace import Pace, Turn
from alerts.robot.post import Line, single, summary
from alerts.robot.robots import ROBOTS
from alerts.words import alarm_number

HOSTS = frozenset({"oapi.dingtalk.com", "open.feishu.cn", "qyapi.weixin.qq.com", "http://127.0.0.1:8000"})
TOKEN = "0123456789abcdef" * 4
#: What a provider allows: posts in a minute, and in a second.
ALLOWED = {"dingtalk": (20, 20), "feishu": (100, 5), "wecom": (20, 20)}
SECONDS = datetime(2026, 11, 22, 6, 3, 5, tzinfo=UTC)


def test_signatures_are_those_of_other_peoples_programs() -> None:
    """Computed with openssl: `printf '1700000000000\\nSEC1' | openssl dgst -sha256 -hmac SEC1 -binary | base64`, and
    the same of nothing with `1700000000\\nSEC1` as the key."""
    assert dingtalk_signature("SEC1", 1_700_000_000_000) == "ukR4+WoOOBTGaOauYqugxVrMSFyr92q4hPxJxuOkiio="
    assert feishu_signature("SEC1", 1_700_000_000) == "s3Va4ru9IQUY6HTJcYx7OEVyXl0V0S/y32v4ZbfOHCI="


@pytest.mark.parametrize(
    ("channel", "url"),
    [
        ("dingtalk", f"https://oapi.dingtalk.com/robot/send?access_token={TOKEN}"),
        ("feishu", f"https://open.feishu.cn/open-apis/bot/v2/hook/{TOKEN}"),
        ("wecom", f"https://qyapi.weixin.qq.com/cgi-bin/webhook/send?key={TOKEN}"),
        ("feishu", f"http://127.0.0.1:8000/open-apis/bot/v2/hook/{TOKEN}"),
    ],
)
def test_addresses_of_robots(channel: str, url: str) -> None:
    assert robot_url(ROBOTS[channel], f" {url}\n", HOSTS) == url


@pytest.mark.parametrize(
    "url",
    [
        f"http://oapi.dingtalk.com/robot/send?access_token={TOKEN}",
        f"https://oapi.dingtalk.com.evil.example/robot/send?access_token={TOKEN}",
        f"https://oapi.dingtalk.com@10.0.0.1/robot/send?access_token={TOKEN}",
        f"https://oapi.dingtalk.com:8443/robot/send?access_token={TOKEN}",
        f"https://oapi.dingtalk.com/robot/send?access_token={TOKEN}&x=1",
        f"https://oapi.dingtalk.com/robot/../topapi?access_token={TOKEN}",
        f"https://oapi.dingtalk.com/robot/send?access_token={TOKEN}#x",
        f"https://127.0.0.1:8000/robot/send?access_token={TOKEN}",
        f"https://open.feishu.cn/open-apis/bot/v2/hook/{TOKEN}",
        "https://[::1/robot", "file:///etc/passwd", "",
    ],
)  # fmt: skip
def test_what_is_no_address_of_a_robot_is_refused_and_never_quoted(url: str) -> None:
    with pytest.raises(ValueError, match=r"^is ") as refused:
        robot_url(ROBOTS["dingtalk"], url, HOSTS)
    assert TOKEN not in str(refused.value)


@pytest.mark.parametrize(
    ("channel", "answer", "why"),
    [
        ("dingtalk", {"errcode": 310000, "errmsg": "sign not match, more: [https://...]"}, Refusal.WRONG_SIGNATURE),
        ("dingtalk", {"errcode": 310000, "errmsg": "description:机器人发送签名不匹配"}, Refusal.WRONG_SIGNATURE),
        ("dingtalk", {"errcode": 310000, "errmsg": "keywords not in content"}, Refusal.KEYWORD_MISSING),
        ("dingtalk", {"errcode": 310000, "errmsg": "description:ip 不在白名单中"}, Refusal.ADDRESS_REFUSED),
        ("dingtalk", {"errcode": 130101, "errmsg": "send too fast, exceed 20 times per minute"}, Refusal.TOO_FAST),
        ("dingtalk", {"errcode": 300001, "errmsg": "token is not exist"}, Refusal.UNKNOWN_ROBOT),
        ("dingtalk", {"errcode": -1, "errmsg": "系统繁忙"}, Refusal.REFUSED),
        ("feishu", {"code": 19021, "msg": "sign match fail"}, Refusal.WRONG_SIGNATURE),
        ("feishu", {"code": 19024, "msg": "Key Words Not Found"}, Refusal.KEYWORD_MISSING),
        ("feishu", {"code": 11232, "msg": "frequency limited"}, Refusal.TOO_FAST),
        ("wecom", {"errcode": 93000, "errmsg": "invalid webhook url"}, Refusal.UNKNOWN_ROBOT),
        ("wecom", {"errcode": 45009, "errmsg": "api freq out of limit"}, Refusal.TOO_FAST),
    ],
)  # fmt: skip
def test_what_their_codes_mean(channel: str, answer: dict[str, Any], why: Refusal) -> None:
    with pytest.raises(Refused) as refused:
        ROBOTS[channel].read(answer)
    assert refused.value.why is why


def test_success_is_success() -> None:
    ROBOTS["dingtalk"].read({"errcode": 0, "errmsg": "ok"})
    ROBOTS["feishu"].read({"code": 0, "msg": "success"})
    ROBOTS["feishu"].read({"StatusCode": 0, "StatusMessage": "success"})


@pytest.mark.parametrize("name", ROBOTS)
@settings(max_examples=20)
@given(look_s=st.floats(0.1, 1.3), late_s=st.floats(0, 3), waiting=st.sampled_from([1, 5, 1_000]))
def test_under_an_endless_storm_no_limit_is_exceeded_and_summaries_keep_coming(
    name: str, look_s: float, late_s: float, waiting: int
) -> None:
    """Whenever it looks, and although some posts reach the provider up to 3 s later than others."""
    minute, second = ALLOWED[name]
    pace = ROBOTS[name].pace
    posts: list[float] = []
    reached: deque[float] = deque()
    now = 0.0
    while now < 150:
        if pace.turn([now - at for at in posts[-minute:]], waiting) is not Turn.NOTHING:
            posts.append(now)
            reached.append(now + (late_s if len(posts) % 2 else 0))
        now += look_s
    for times, limit, span in ((sorted(reached), minute, 60), (posts, second, 1)):
        assert all(later - earlier >= span for earlier, later in zip(times, times[limit:], strict=False))
    assert max(later - earlier for earlier, later in pairwise(posts)) < 2 * pace.summary_s


def test_quiet_groups_post_one_by_one() -> None:
    pace = Pace(singles=9, most=18)
    assert pace.turn([]) is Turn.ONE
    assert pace.turn([0.0] * 8) is Turn.ONE
    assert pace.turn([0.0] * 9) is Turn.NOTHING
    assert pace.turn([6.0] * 9) is Turn.SUMMARY
    assert pace.turn([6.0] * 18) is Turn.NOTHING
    assert pace.turn([61.0] * 18) is Turn.ONE
    assert pace.turn([], 9) is Turn.ONE
    assert pace.turn([], 10) is Turn.SUMMARY, "a storm is one post from the start"
    assert pace.turn([2.0], 9) is Turn.NOTHING
    assert pace.turn([6.0], 9) is Turn.SUMMARY


def line(number: int, event: str = "raised", *, kind: str = "sos", who: str | None = None) -> Line:
    """What happened at `number` seconds to the alarm of that number."""
    alarm = {"id": UUID(int=number), "kind": kind, "place": {"address": f"演示路{number}弄\n302室", "name": "H"}}
    return Line(number, event, SECONDS + timedelta(seconds=number), "Asia/Shanghai", alarm, who)


def test_one_event_says_what_happened_where_and_that_nobody_answers_here() -> None:
    assert single(line(7), "zh") == (
        "紧急呼叫：新报警\n演示路7弄，编号 0007。\n14:03:12 · Carebed，仅供查看，请在值班台响应"
    )
    assert single(line(7, "en_route", who="Anna Berg"), "en").splitlines()[:2] == [
        "Emergency call: Anna is on the way", "演示路7弄. No. 0007.",
    ]  # fmt: skip
    assert single(line(7, "accepted", who="许文静"), "zh").startswith("紧急呼叫：文静已响应")


@pytest.mark.parametrize("event", WHAT)
@pytest.mark.parametrize("language", ["zh", "en"])
def test_every_event_that_is_shown_has_words(event: str, language: str) -> None:
    assert "{" not in single(line(1, event), language) + summary([line(1, event), line(2, event)], language, bool)[0]


def test_a_summary_counts_and_lists_what_gathered() -> None:
    lines = [line(1), line(2, kind="fall"), line(1, "accepted", who="许文静"), line(2, "last_resort", kind="fall"),
             line(1, "resolved")]  # fmt: skip
    text, shown = summary(lines, "zh", lambda _: True)
    assert shown == 5
    assert text.splitlines() == [
        "报警汇总：新报警 2，无人响应或未到 1，已响应 1，已结束 1",
        "新报警：", "紧急呼叫 演示路1弄 0001", "跌倒 演示路2弄 0002",
        "无人响应或未到：", "跌倒 演示路2弄 0002：无人响应",
        "已响应：", "文静已响应：0001",
        "已结束：", "已处理完毕：0001",
        "14:03:06 · Carebed，仅供查看，请在值班台响应",
    ]  # fmt: skip


@pytest.mark.parametrize("name", ROBOTS)
@pytest.mark.parametrize("language", ["zh", "en"])
def test_of_a_thousand_alarms_each_is_in_some_summary_that_fits(name: str, language: str) -> None:
    robot = ROBOTS[name]
    waiting = [line(number, kind="sos" if number % 3 else "vital_signs") for number in range(1, 1001)]
    told: set[str] = set()
    posts = 0
    while waiting:
        text, shown = summary(waiting, language, robot.fits)
        assert robot.fits(text)
        for one in waiting[:shown]:
            number = alarm_number(one.alarm["id"])
            assert number in text
            told.add(number)
        waiting = waiting[shown:]
        posts += 1
    assert len(told) == 1000
    assert posts <= 5, "half a minute"


def test_a_drill_is_never_taken_for_a_call() -> None:
    drill = [msgspec.structs.replace(one, alarm=one.alarm | {"drill": True})
             for one in (line(1), line(1, "accepted"), line(1, "resolved"))]  # fmt: skip
    assert all(single(one, "zh").startswith("演练：紧急呼叫") for one in drill)
    for text in (summary([line(2), line(3), *drill], "zh", lambda _: True)[0],
                 summary([line(2), line(3), *drill], "zh", lambda text: "弄" not in text)[0]):  # fmt: skip
        assert [one.startswith("演练：") for one in text.splitlines() if one.endswith("0001")] == [True] * 3


def test_what_groups_may_want_is_told_apart() -> None:
    assert set(EVENTS) == set(Shows)
    assert len(WHAT) == sum(len(events) for events in EVENTS.values())
