"""Why an alarm was raised, in plain words in both languages, with the figures behind them."""

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from typing import Any, Protocol
from uuid import UUID
from zoneinfo import ZoneInfo

_KIND_WORDS = {
    "sos": ("The emergency button was pressed.", "紧急呼叫按钮被按下。"),
    "assist": ("Help was asked for.", "请求协助。"),
    "doorbell": ("The care doorbell was rung.", "爱心门铃被按响。"),
    "fall": ("A fall was reported.", "检测到跌倒。"),
    "smoke": ("Smoke was detected.", "检测到烟雾。"),
    "gas": ("Gas was detected.", "检测到燃气。"),
    "leak": ("A water leak was detected.", "检测到漏水。"),
}


def why(code: str, en: str, zh: str, **figures: object) -> dict[str, Any]:
    """The one shape of every explanation."""
    return {"code": code, "text": {"en": en, "zh": zh}, **figures}


_PRESS_WORDS = {
    "double": (" It was pressed twice in a row.", "（连按两次）"),
    "long": (" It was held down.", "（长按）"),
    "repeated": (" It was pressed again and again.", "（反复按压）"),
}


def why_signal(
    kind: str, *, late_s: int | None, clock_unusable: bool, known_device: bool, said: str | None = None,
    press: str | None = None, location: Mapping[str, float | None] | None = None,
) -> dict[str, Any]:  # fmt: skip
    """A device's own call for help; `late_s`: seconds between the event and its arrival, where that matters. `said`:
    the type that the device sent, where it is not the kind. `press`: how its button was pressed (single, double, long,
    or repeated). `location`: where it happened (degrees, metres)."""
    en, zh = _KIND_WORDS.get(said or kind, (f"Signal: {kind}.", f"信号：{kind}。"))
    if press in _PRESS_WORDS:
        en, zh = en + _PRESS_WORDS[press][0], zh.removesuffix("。") + _PRESS_WORDS[press][1] + "。"
    if late_s is not None:
        en += f" It happened {late_s // 60} min before it arrived."
        zh += f"事件发生在到达前 {late_s // 60} 分钟。"
    if clock_unusable:
        en += " The device's clock is unusable; the time of arrival counts."
        zh += "设备时钟不可用，以到达时间为准。"
    if not known_device:
        en += " The device is not registered at this gateway."
        zh += "该设备未在此网关登记。"
    figures: dict[str, object] = {"late_s": late_s, "clock_unusable": clock_unusable, "known_device": known_device}
    if said not in (None, kind):
        figures["said"] = said
    if press in _PRESS_WORDS:
        figures["press"] = press
    if location is not None:
        figures["location"] = location
    return why(kind, en, zh, **figures)


def why_turned_away(kind: str, *, minutes: int, reason: str) -> dict[str, Any]:
    """A device's call for help that was put aside when it came, and was taken in `minutes` after it happened."""
    en, zh = _KIND_WORDS.get(kind, (f"Signal: {kind}.", f"信号：{kind}。"))
    return why(
        kind,
        f"{en} That was {minutes} min ago; the message could not be taken in then, and nobody was called.",
        f"{zh}事件发生于 {minutes} 分钟前，当时消息未能受理，无人被呼叫。",
        late_s=minutes * 60,
        turned_away=reason,
    )


def why_by_hand(kind: str, note: str | None) -> dict[str, Any]:
    """Raised by an operator."""
    del note  # stands in the event log; not copied about
    return why(f"{kind}_by_hand", "Raised by the operator.", "由值班员人工发起。")


def why_drill(kind: str, *, minutes: int) -> dict[str, Any]:
    """Nobody has called: a manager has people called as if somebody had."""
    return why(
        "drill",
        f"This is a drill ({minutes} min): nobody has called. Answer as you would, and do not go.",
        f"这是演练（{minutes} 分钟）：无人呼叫。请照常响应，无需前往。",
        of_kind=kind,
        minutes=minutes,
    )


def why_test_calls(count: int, *, days: int, homes: Iterable[UUID]) -> dict[str, Any]:
    """Homes of a station from which no test call has come for too long; `homes`: ids of the first of them."""
    return why(
        "test_calls",
        f"{count} homes have made no test call for more than {days} days: ask them to press once.",
        f"{count} 户超过 {days} 天未做测试呼叫：请联系其按一次按钮。",
        count=count,
        days=days,
        homes=[str(one) for one in homes],
    )


def why_test_calls_made() -> dict[str, Any]:
    """None is overdue any more."""
    return why("test_calls_made", "No test call is overdue any more.", "已无逾期的测试呼叫。")


def why_inactivity(since: str, hours: float, limit_hours: float) -> dict[str, Any]:
    """No activity in the home for longer than its span; `since`: RFC 3339."""
    return why(
        "inactivity",
        f"No activity for {hours:.1f} h; the limit of this home is {limit_hours:g} h.",
        f"已 {hours:.1f} 小时无活动；该户上限为 {limit_hours:g} 小时。",
        since=since,
        hours=round(hours, 2),
        limit_hours=limit_hours,
    )


def why_lag(part: str, seconds: float) -> dict[str, Any]:
    """The platform itself is behind; `part`: ingest or deadlines."""
    words = {"ingest": ("Messages", "消息处理"), "deadlines": ("Escalation deadlines", "升级期限处理")}
    en, zh = words[part]
    return why(
        f"lag_{part}",
        f"{en} are handled {seconds:.0f} s late: silence is not judged meanwhile. Use the telephone.",
        f"{zh}延迟 {seconds:.0f} 秒：期间不判断静默。请使用电话联系。",
        part=part,
        seconds=round(seconds),
    )


def why_alarm_load(
    kind: str, *, count: int, days: int, most: int, since: str, look_at: str, parameters: Sequence[str],
    alarms: Sequence[str],
) -> dict[str, Any]:  # fmt: skip
    """One kind of alarm was false too often in a home. `look_at`: the detector; `parameters`: those of it that decide
    how easily it is raised; `alarms`: ids of the false ones."""
    if parameters:
        en = f"Look at {', '.join(parameters)} of the detector {look_at}."
        zh = f"请检查检测器 {look_at} 的参数 {'、'.join(parameters)}。"
    else:
        en, zh = "Look at the device and at how it is used.", "请检查设备及其使用方式。"
    return why(
        "alarm_load",
        f"{count} alarms of the kind {kind} turned out false within {days} days; {most} are expected at most. {en}",
        f"{days} 天内有 {count} 次 {kind} 报警为误报；预期不超过 {most} 次。{zh}",
        of_kind=kind,
        count=count,
        days=days,
        most=most,
        since=since,
        look_at=look_at,
        parameters=list(parameters),
        alarms=list(alarms),
    )


def why_load_over() -> dict[str, Any]:
    """They have become fewer."""
    return why("alarm_load_over", "False alarms are within the limit again.", "误报次数已回到限值以内。")


#: What is wrong with open alarms (`alerts.audit.Trouble`), in plain words.
_TROUBLES = {
    "unarmed": ("nothing is due of them", "没有待执行的升级期限"),
    "overdue": ("their next step is overdue", "升级步骤已逾期"),
    "message_stuck": ("messages are not going out", "通知未能发出"),
    "message_undelivered": ("calls were handed over and not delivered", "通知已交出但未送达"),
    "nobody_called": ("there was nobody to call", "无人可呼叫"),
    "no_owner": ("nobody answers for them", "无人负责"),
}


def why_audit(found: Mapping[str, tuple[int, Sequence[str]]]) -> dict[str, Any]:
    """Open alarms that nobody may ever answer: trouble -> how many, and the ids of some."""
    en = "; ".join(f"{count} where {_TROUBLES[trouble][0]}" for trouble, (count, _) in found.items())
    zh = "；".join(f"{count} 件{_TROUBLES[trouble][1]}" for trouble, (count, _) in found.items())
    return why(
        "audit",
        f"Open alarms may stay unanswered: {en}. Look at them, and use the telephone.",
        f"有未结报警可能无人响应：{zh}。请查看并电话联系。",
        found={trouble: {"alarms": count, "ids": list(ids)} for trouble, (count, ids) in found.items()},
    )


def also_found(troubles: Iterable[str]) -> dict[str, str]:
    """What has come to it since, without figures that change from look to look."""
    named = [_TROUBLES[trouble] for trouble in sorted(troubles)]
    return {"zh": f"还有：{'；'.join(zh for _, zh in named)}。", "en": f"Also: {'; '.join(en for en, _ in named)}."}


def why_audit_over() -> dict[str, Any]:
    """Nothing of the kind is left."""
    return why("audit_over", "All open alarms are being dealt with again.", "所有未结报警已恢复正常处理。")


#: Why a step reaches nobody (`alerts.readiness.Reason`), in plain words.
_IN_VAIN = {
    "nobody": ("nobody is on call", "无人值班"),
    "no_method": ("who is on call has no contact method", "值班人员没有联系方式"),
    "unverified": ("no contact method of who is on call is verified", "值班人员的联系方式均未验证"),
    "failed": ("the last messages to who is on call failed", "最近发给值班人员的通知失败"),
    "not_delivered": ("nothing was delivered to who is on call for too long", "长期没有通知成功送达值班人员"),
}
_GAPS_NAMED = 10
_HOMES_NAMED = 3


class _Gap(Protocol):
    """As `alerts.readiness.Gap`."""

    @property
    def policy(self) -> str: ...
    @property
    def step(self) -> int: ...
    @property
    def targets(self) -> Sequence[str]: ...
    @property
    def since(self) -> datetime: ...
    @property
    def until(self) -> datetime: ...
    @property
    def reason(self) -> str: ...


class _HomeGap(_Gap, Protocol):
    """As `alerts.readiness_homes.HomeGap`."""

    @property
    def home_id(self) -> UUID: ...
    @property
    def name(self) -> str: ...


def why_readiness(
    gaps: Sequence[_Gap], homes: int, first_homes: Sequence[_HomeGap], now: datetime, horizon: datetime, zone: ZoneInfo
) -> dict[str, Any]:
    """Steps that reach nobody in the hours ahead, and `homes` for which one does, with the first of them. A gap that
    has begun, or that goes on beyond them, has no time at that end, so that the words stay the same from look to look.
    """

    def said(gap: _Gap, home: str = "") -> tuple[str, str]:
        since = None if gap.since <= now else f"{gap.since.astimezone(zone):%m-%d %H:%M}"
        until = None if gap.until >= horizon else f"{gap.until.astimezone(zone):%m-%d %H:%M}"
        when = f"{f'from {since}' if since else 'now'}{f' to {until}' if until else ' on'}"
        en, zh = _IN_VAIN[gap.reason]
        en = f"{home and home + ' '}{when}, step {gap.step} ({gap.policy}: {', '.join(gap.targets)}): {en}"
        zh = f"第 {gap.step} 步（{gap.policy}：{'、'.join(gap.targets)}）：{zh}"
        return en, f"{home}{since or '现在'}至{until or '以后'}，{zh}"

    named = [said(gap) for gap in gaps[:_GAPS_NAMED]]
    more = len(gaps) - len(named)
    en = "; ".join(words for words, _ in named) + (f"; and {more} more" if more else "")
    zh = "；".join(words for _, words in named) + (f"；另有 {more} 处" if more else "")
    if homes:
        some = [said(gap, gap.name) for gap in first_homes[:_HOMES_NAMED]]
        others = homes - len(some)
        en += f"{en and '; '}for {homes} homes: " + "; ".join(words for words, _ in some)
        zh += f"{zh and '；'}涉及 {homes} 户：" + "；".join(words for _, words in some)
        en, zh = (en + f"; and {others} more", zh + f"；另有 {others} 户") if others else (en, zh)
    return why(
        "readiness",
        f"Calls for help would reach nobody: {en}.",
        f"呼叫将无人可达：{zh}。",
        gaps=[_gap(gap) for gap in gaps],
        homes=homes,
        first_homes=[{"home": str(gap.home_id), "name": gap.name, **_gap(gap)} for gap in first_homes],
    )


def _gap(gap: _Gap) -> dict[str, Any]:
    return {
        "policy": gap.policy, "step": gap.step, "targets": list(gap.targets), "from": gap.since.isoformat(),
        "until": gap.until.isoformat(), "reason": str(gap.reason),
    }  # fmt: skip


def why_ready() -> dict[str, Any]:
    """There is somebody for every hour ahead."""
    return why("ready", "Somebody can be reached in all the hours ahead.", "今后各时段均有人可联系。")
