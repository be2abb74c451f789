"""The words of messages to people: one table (kind x audience x language), plain text.

A message names the alarm by its short number, so that two people on the telephone talk about the same one (L3). Nothing
about anybody's health beyond the kind of the alarm, and nothing from the access notes: push and SMS are read over
shoulders.
"""

from collections.abc import Mapping
from typing import Any, NamedTuple

from alerts.reply import ASKS_HIM_WHO_GOES
from alerts.response import is_coming

_KINDS: dict[str, tuple[str, str]] = {
    "sos": ("紧急呼叫", "Emergency call"),
    "fall": ("跌倒", "Fall"),
    "smoke": ("烟雾报警", "Smoke"),
    "gas": ("燃气报警", "Gas"),
    "assist": ("请求协助", "Asks for help"),
    "doorbell": ("门铃", "Doorbell"),
    "leak": ("漏水", "Water leak"),
    "inactivity": ("长时间无活动", "No activity"),
    "vital_signs": ("体征提醒", "Check on the resident"),
    "zone": ("离开安全区域", "Left the safe area"),
    "bed": ("离床未归", "Not back in bed"),
    "check_in": ("未报平安", "No all-is-well"),
    "door": ("门未关", "Door open"),
    "water": ("用水异常", "Water running"),
    "lag": ("平台处理延迟", "The platform is behind"),
    "audit": ("有报警可能无人响应", "Alarms may stay unanswered"),
    "readiness": ("值班联系人不足", "Nobody can be reached for a time"),
    "outage": ("多户同时断线", "Many homes cut off"),
    "offline": ("设备离线", "Device offline"),
    "battery": ("电量低", "Battery low"),
    "tamper": ("设备被拆动", "Device tampered with"),
    "clock": ("设备时钟错误", "Device clock wrong"),
    "sensor": ("传感器故障", "Sensor fault"),
    "mains": ("停电", "Power cut"),
    "not_worn": ("手环未佩戴", "Wristband not worn"),
    "vital_trend": ("体征趋势", "Trend to look at"),
    "alarm_load": ("报警过多", "Too many alarms"),
    "test_calls": ("月度测试呼叫逾期", "Test calls overdue"),
}  # fmt: skip
_ANY_KIND = ("报警", "Alarm")

#: What a message says, by its kind: title and body in Chinese, then in English. `{kind}`, `{place}`, `{number}`.
_SAY: dict[str, tuple[str, str, str, str]] = {
    "called": (
        "{kind}：请前往", "{place}：{kind}，请您响应。编号 {number}。",
        "{kind}: please go", "{place}: {kind}. Please answer. No. {number}.",
    ),
    "last_resort": (
        "{kind}：无人响应", "{place}：{kind}。已呼叫所有人，无人响应。请立即电话联系并派人前往。编号 {number}。",
        "{kind}: nobody answers",
        "{place}: {kind}. Everybody was called and nobody has answered. Telephone and send somebody now. No. {number}.",
    ),
    "repeated": (
        "{kind}：再次呼叫", "{place}：{kind}，再次呼叫。编号 {number}。",
        "{kind}: again", "{place}: {kind}, called again. No. {number}.",
    ),
    "expired": (
        "{kind}：尚未行动", "{place}：{kind}，您的响应已超时，请立即行动或交回。编号 {number}。",
        "{kind}: still waiting", "{place}: {kind}. Your answer has run out: move now, or hand back. No. {number}.",
    ),
    "sent": (
        "{kind}：已安排您前往", "{place}：{kind}，值班员已记录由您前往。编号 {number}。",
        "{kind}: you are expected", "{place}: {kind}. The desk has put you down as going. No. {number}.",
    ),
    "handed_back": (
        "{kind}：已被交回", "{place}：{kind}，响应人已交回，请重新安排。编号 {number}。",
        "{kind}: handed back", "{place}: {kind} was handed back. Please find somebody else. No. {number}.",
    ),
    "taken_over": (
        "{kind}：已由他人接手", "{place}：{kind}，另一位值班员已接手，您无需再处理。编号 {number}。",
        "{kind}: taken over", "{place}: {kind}. Another desk has taken charge; you need not. No. {number}.",
    ),
    "cancel_remark": (
        "{kind}：本人取消", "{place}：{kind}，本人表示取消，请核实。编号 {number}。",
        "{kind}: says cancel", "{place}: {kind}. The resident cancels; please make sure. No. {number}.",
    ),
    "cleared_remark": (
        "{kind}：信号已消失", "{place}：{kind}，信号已消失，请核实。编号 {number}。",
        "{kind}: signal over", "{place}: {kind}. The signal is over; please make sure. No. {number}.",
    ),
    "handled": (
        "{kind}：已有人响应", "{place}：{kind}，已有人前往，您无需行动。编号 {number}。",
        "{kind}: handled", "{place}: {kind}. Somebody is going; you need not. No. {number}.",
    ),
    "resolved": (
        "{kind}：已处理完毕", "{place}：{kind}，已处理完毕。编号 {number}。",
        "{kind}: closed", "{place}: {kind} is closed. No. {number}.",
    ),
    "cancelled": (
        "{kind}：已取消", "{place}：{kind}，已取消，您无需行动。编号 {number}。",
        "{kind}: cancelled", "{place}: {kind} was cancelled; you need not go. No. {number}.",
    ),
    "cleared": (
        "{kind}：已恢复", "{place}：{kind}，已恢复，您无需行动。编号 {number}。",
        "{kind}: over", "{place}: {kind} is over; you need not go. No. {number}.",
    ),
    # To relatives: what is happening, and never more of a person than a first name.
    "family_raised": (
        "{kind}：服务站已收到", "{place}：{kind}，服务站已收到，正在安排人员，有进展会告知您。编号 {number}。",
        "{kind}: the station knows",
        "{place}: {kind}. The station knows and is calling people. You will hear more. No. {number}.",
    ),
    "family_coming": (
        "{kind}：已有人前往", "{place}：{kind}，{who}正在前往。编号 {number}。",
        "{kind}: help is on the way", "{place}: {kind}. {who} is on the way. No. {number}.",
    ),
    "family_over": (
        "{kind}：已处理完毕", "{place}：{kind}已处理完毕，详情请联系服务站。编号 {number}。",
        "{kind}: it is over", "{place}: {kind} is over. Ask the station if you want to know more. No. {number}.",
    ),
    "verify": (
        "验证码", "您的验证码是 {code}，10 分钟内有效。请勿告诉他人。",
        "Your code", "Your code is {code}. It holds for 10 minutes. Tell nobody.",
    ),
    "drill_over": (
        "演练：已结束", "演练已结束：{homes} 户中 {answered} 户有人响应。详情请查看演练记录。",
        "Drill: it is over",
        "The drill is over: {answered} of {homes} homes were answered for. Its record has the rest.",
    ),
    "answer": ("您的回复", "", "Your answer", ""),
    "test": (
        "测试", "这是一条测试消息，无需行动。",
        "Test", "This is a test; you need not do anything.",
    ),
}  # fmt: skip

#: Of a drill, instead: nobody is to set out, and nobody to take it for a call for help.
_SAY_OF_DRILL: dict[str, tuple[str, str, str, str]] = {
    "called": (
        "{kind}：请响应", "这是演练，请照常响应，无需前往。{place}：{kind}。编号 {number}。",
        "{kind}: please answer",
        "This is a drill: answer as you would, and do not go. {place}: {kind}. No. {number}.",
    ),
    "expired": (
        "{kind}：请响应", "这是演练，您的响应已超时。{place}：{kind}。编号 {number}。",
        "{kind}: still waiting", "This is a drill: your answer has run out. {place}: {kind}. No. {number}.",
    ),
    "resolved": (
        "{kind}：已结束", "演练已结束，您无需行动。{place}：{kind}。编号 {number}。",
        "{kind}: over", "The drill is over; you need not do anything. {place}: {kind}. No. {number}.",
    ),
}  # fmt: skip
_DRILL = ("演练：", "Drill: ")
_DO_NOT_GO = ("这是演练，请照常响应，无需前往。", "This is a drill: answer as you would, and do not go.")

#: What somebody hears who has answered (`alerts.answers.Result`).
_RESULTS: dict[str, tuple[str, str]] = {
    "going": ("已记录：您将前往。谢谢。", "Noted: you are going. Thank you."),
    "not_going": ("已记录：您不能前往。", "Noted: you cannot go."),
    "taken": ("已记录：由您负责处理。", "Noted: you are in charge."),
    "on_the_way": ("已记录：您已出发。谢谢。", "Noted: you are on the way. Thank you."),
    "there": ("已记录：您已到达。谢谢。", "Noted: you are there. Thank you."),
    "late": ("该报警已结束，您无需行动。", "This alarm is over; you need not do anything."),
    "unclear": (
        "未能识别。请回复数字加编码：1前往，2不能去，3已出发，4已到达。",
        "We could not read that. Send a digit and the code: 1 I go, 2 I cannot, 3 on the way, 4 there.",
    ),
}
#: Instead, where he can go on by a code. Short: a variable of a provider's template takes little.
_RESULTS_BY_CODE: dict[str, tuple[str, str]] = {
    "going": (
        "已记录您将前往。出发回3{code}，到达回4{code}，不能去回2{code}",
        "Noted: you are going. Send 3{code} when you set out, 4{code} when there, 2{code} if you cannot after all.",
    ),
    "on_the_way": (
        "已记录您已出发。到达回4{code}，不能去回2{code}",
        "Noted: you are on the way. Send 4{code} when you are there, 2{code} if you cannot after all.",
    ),
}

_RESULTS_OF_DRILL: dict[str, tuple[str, str]] = {
    "going": ("已记录您的响应。这是演练，请勿前往。谢谢。", "Noted. This was a drill: do not go. Thank you."),
    "on_the_way": ("已记录您的响应。这是演练，请勿前往。谢谢。", "Noted. This was a drill: do not go. Thank you."),
    "there": ("已记录您的响应。这是演练，无需前往。谢谢。", "Noted. This was a drill: nobody had to go. Thank you."),
    "taken": ("已记录：由您负责处理（演练）。", "Noted: you are in charge of the drill."),
    "late": ("该演练已结束，您无需行动。", "This drill is over; you need not do anything."),
}

_MORE = ("另有 {more} 条。", " {more} more.")
_ANSWER_AT = ("请在此响应：", "Please answer here:")
_ANSWER_BY_CODE = ("回复 1{code} 前往，2{code} 不能去。", " Reply 1{code}: I go. 2{code}: I cannot.")
_GO_ON_BY_CODE = (
    "回复 1{code} 前往，3{code} 已出发，4{code} 已到达，2{code} 不能去。",
    " Reply 1{code}: I go. 3{code}: on the way. 4{code}: I am there. 2{code}: I cannot.",
)

#: The longest part of a place that a message shows.
_PLACE_CHARACTERS = 20


class Words(NamedTuple):
    """What a message says. `parts`: the same by name, for providers whose messages are templates."""

    title: str
    body: str
    parts: dict[str, str]


def alarm_number(alarm_id: object) -> str:
    """The alarm's short number, as people say it: the last four digits of its id, in capitals."""
    return str(alarm_id).replace("-", "")[-4:].upper()


def kind_words(alarm: dict[str, Any], language: str) -> str:
    """The alarm's kind in words. Of a drill they say so: whatever a channel's template shows of an alarm shows its
    kind."""
    return mark_words(alarm, language) + _KINDS.get(alarm["kind"], _ANY_KIND)[index_of(language)]


def mark_words(alarm: dict[str, Any], language: str) -> str:
    """What stands before anything said of a drill; of others nothing."""
    return _DRILL[index_of(language)] if alarm.get("drill") else ""


def drill_words(language: str) -> str:
    """What who is to answer a drill must know."""
    return _DO_NOT_GO[index_of(language)]


def answer_at(language: str) -> str:
    """What stands before the link of a call."""
    return _ANSWER_AT[index_of(language)]


def words(
    kind: str, alarm: dict[str, Any] | None, language: str, *, code: str | None = None, more: int = 0,
    by_code: bool = False, result: str | None = None, figures: Mapping[str, Any] | None = None,
) -> Words:  # fmt: skip
    """What a message of this kind says. `alarm`: the alarm object; `more`: how many others go with it; `by_code`: it
    can be answered by sending `code`; `result`: what became of an answer; `figures`: of what is no alarm. A
    kind without words of its own says what a call says."""
    at = index_of(language)
    drill = bool(alarm and alarm.get("drill"))
    say = _SAY.get(kind, _SAY["called"])
    if drill:
        say = _SAY_OF_DRILL.get(kind, say if kind in _SAY else _SAY_OF_DRILL["called"])
    title, body = (say[0], say[1]) if at == 0 else (say[2], say[3])
    parts = {
        "kind": kind_words(alarm, language) if alarm else "",
        "place": _place(alarm) if alarm else "",
        "number": alarm_number(alarm["id"]) if alarm else "",
        "code": code or "",
        "who": _who(alarm, at) if alarm else "",
    }
    told = {**parts, **(figures or {"homes": 0, "answered": 0})}
    results = _RESULTS | (_RESULTS_OF_DRILL if drill else _RESULTS_BY_CODE if code else {})
    text = body.format(**told) if result is None else results[result][at].format(code=code)
    parts["news"] = text if result is not None else title.rpartition("：" if at == 0 else ": ")[2]
    if more:
        text += _MORE[at].format(more=more)
    if by_code and code:
        text += (_GO_ON_BY_CODE if kind in ASKS_HIM_WHO_GOES else _ANSWER_BY_CODE)[at].format(code=code)
    return Words(title.format(**parts), text, parts)


def _place(alarm: dict[str, Any]) -> str:
    """The first line of the address, or the home's name."""
    place = alarm.get("place") or {}
    lines = str(place.get("address") or place.get("name") or "").splitlines()
    return lines[0][:_PLACE_CHARACTERS] if lines else ""


_SOMEBODY = ("工作人员", "Somebody")


def _who(alarm: dict[str, Any], at: int) -> str:
    """The first name of the one who goes and is not overdue; somebody, where it is not known any more."""
    going = [one for one in alarm.get("responses") or () if is_coming(one) and one.get("name")]
    first = min(going, key=lambda one: one.get("accepted_at") or "~", default=None)
    return first_name(str(first["name"])) if first else _SOMEBODY[at]


def first_name(name: str) -> str:
    """What remains of a name without the family's: `文静` of `许文静`, `Anna` of `Anna Berg`."""
    name = name.strip()
    if " " in name:
        return name.split()[0]
    # Chinese family names have one character; of four, two are a compound one (欧阳).
    return name[len(name) // 2 if len(name) >= 4 else 1 :] if len(name) > 1 and not name.isascii() else name


def index_of(language: str) -> int:
    """Where its words stand in a pair of Chinese and English ones."""
    return 1 if language == "en" else 0
