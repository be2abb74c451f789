"""The words of a post: one event, or a summary of all that gathered.

As in every message (`alerts.words`): the kind of the alarm, the first line of the place, the short number, a first
name, and nothing about anybody's health or door. Each post ends by saying that nothing can be answered here.
"""

from collections.abc import Callable, Sequence
from datetime import datetime
from typing import Any

import msgspec

from alerts.robot.group import WHAT, Shows
from alerts.words import alarm_number, first_name, index_of, kind_words, mark_words, words
from registry.area import zone_of

#: What has happened, after the alarm's kind: in Chinese and in English.
_HAPPENED: dict[str, tuple[str, str]] = {
    "raised": ("新报警", "new"),
    "confirmed": ("已确认", "confirmed"),
    "reopened": ("重新打开", "opened again"),
    "acknowledged": ("{who}已受理", "{who} is in charge"),
    "accepted": ("{who}已响应", "{who} has accepted"),
    "en_route": ("{who}在途中", "{who} is on the way"),
    "arrived": ("{who}已到达", "{who} has arrived"),
    "last_resort": ("无人响应", "nobody answers"),
    "not_reached": ("{who}联系不上", "{who} cannot be reached"),
    "acknowledgement_expired": ("受理后无人前往", "taken charge of, and nobody goes"),
    "acceptance_expired": ("{who}响应后未出发", "{who} accepted and has not set out"),
    "arrival_overdue": ("{who}未按时到达", "{who} has not arrived in time"),
    "handed_back": ("{who}已交回", "{who} handed back"),
    "returned": ("已退回服务站", "back with the station"),
    "resolved": ("已处理完毕", "closed"),
    "cancelled": ("已取消", "cancelled"),
    "cleared": ("已恢复", "over"),
}
_SOMEBODY = ("工作人员", "somebody")
_SINGLE = ("{place}，编号 {number}。", "{place}. No. {number}.")
_FOOT = ("{times} · Carebed，仅供查看，请在值班台响应", "{times} · Carebed: for your eyes only; answer at the desk")

_SECTIONS: dict[Shows, tuple[str, str]] = {
    Shows.RAISED: ("新报警", "New"),
    Shows.UNANSWERED: ("无人响应或未到", "Unanswered"),
    Shows.ANSWERED: ("已响应", "Answered"),
    Shows.OVER: ("已结束", "Over"),
}
_SUMMARY = ("报警汇总：", "Alarms: ")
_TEST = ("测试：此群将显示“{name}”的报警，无需行动。", "Test: this group shows the alarms of {name}. Nothing to do.")

#: So many alarms of a section are shown with their place, or fewer where a post is short; the others with their number.
_IN_FULL = (20, 5, 0)


class Line(msgspec.Struct, frozen=True):
    """One event of one alarm. `alarm`: what the words want of it; `who`: the name of whoever did it."""

    seq: int
    type: str
    at: datetime
    zone: str
    alarm: dict[str, Any]
    who: str | None = None


def single(line: Line, language: str) -> str:
    """The post of one event."""
    at = index_of(language)
    first = _between(kind_words(line.alarm, language), _happened(line, at), at)
    return "\n".join((first, _SINGLE[at].format(**_parts(line, language)), _foot([line], at)))


def summary(lines: Sequence[Line], language: str, fits: Callable[[str], bool]) -> tuple[str, int]:
    """The post of as many of these as it takes, oldest first, and how many they are."""
    for in_full in _IN_FULL:
        if fits(text := _summary(lines, language, in_full)):
            return text, len(lines)
    low, high = 1, len(lines) - 1
    while low < high:  # the most that fits
        middle = (low + high + 1) // 2
        low, high = (middle, high) if fits(_summary(lines[:middle], language, 0)) else (low, middle - 1)
    return _summary(lines[:low], language, 0), low


def test(name: str, language: str, now: datetime, zone: str) -> str:
    """The post that a manager asked for to see that it works."""
    at = index_of(language)
    times = now.astimezone(zone_of(zone)).strftime("%H:%M:%S")
    return _TEST[at].format(name=name) + "\n" + _FOOT[at].format(times=times)


def _summary(lines: Sequence[Line], language: str, in_full: int) -> str:
    if len(lines) == 1:
        return single(lines[0], language)
    at = index_of(language)
    by_section = {what: [one for one in lines if WHAT[one.type] is what] for what in _SECTIONS}
    colon, comma = ("：", "，") if at == 0 else (": ", ", ")
    counts = comma.join(f"{title[at]} {len(by_section[what])}" for what, title in _SECTIONS.items() if by_section[what])
    text = [_SUMMARY[at] + counts]
    for what, title in _SECTIONS.items():
        of_section = by_section[what]
        if not of_section:
            continue
        text.append(title[at] + colon)
        if what in (Shows.RAISED, Shows.UNANSWERED):
            full, rest = of_section[:in_full], of_section[in_full:]
            text += [_in_full(line, language) for line in full]
        else:
            rest = of_section
        text += _by_number(rest, language)
    return "\n".join((*text, _foot(lines, at)))


def _in_full(line: Line, language: str) -> str:
    parts = _parts(line, language)
    said = f"{parts['kind']} {parts['place']} {parts['number']}"
    if WHAT[line.type] is Shows.RAISED:
        return said
    return _between(said, _happened(line, index_of(language)), index_of(language))


def _by_number(lines: Sequence[Line], language: str) -> list[str]:
    """The numbers of alarms, for each thing that has happened to them one line."""
    at = index_of(language)
    together: dict[str, list[str]] = {}
    for line in lines:
        raised = WHAT[line.type] is Shows.RAISED
        heading = kind_words(line.alarm, language) if raised else mark_words(line.alarm, language) + _happened(line, at)
        together.setdefault(heading, []).append(alarm_number(line.alarm["id"]))
    return [_between(heading, " ".join(numbers), at) for heading, numbers in together.items()]


def _happened(line: Line, at: int) -> str:
    return _HAPPENED[line.type][at].format(who=first_name(line.who) if line.who else _SOMEBODY[at])


def _parts(line: Line, language: str) -> dict[str, str]:
    return words("called", line.alarm, language).parts


def _between(first: str, second: str, at: int) -> str:
    return f"{first}：{second}" if at == 0 else f"{first}: {second}"


def _foot(lines: Sequence[Line], at: int) -> str:
    """When it happened, as the clock on the wall there shows it."""
    times = [line.at.astimezone(zone_of(line.zone)).strftime("%H:%M:%S") for line in (lines[0], lines[-1])]
    return _FOOT[at].format(times=" – ".join(dict.fromkeys(times)))
