"""The page of a signed link, as an old telephone shows it: no scripts, no files, a few hundred bytes of style."""

import hashlib
from base64 import b64encode
from datetime import datetime
from html import escape
from typing import Any
from uuid import UUID

from alerts.moves import Move
from alerts.response import ACTIVE, is_coming
from alerts.words import alarm_number, drill_words, kind_words
from registry.area import zone_of

_STYLE = (
    "body{font:18px/1.5 sans-serif;margin:0 auto;max-width:30em;padding:1em}h1{font-size:1.4em;margin:.2em 0}"
    "button{font-size:1.2em;width:100%;padding:.7em;margin:.4em 0;border:2px solid #333;border-radius:.4em;"
    "background:#fff;color:#111}.go{background:#b00020;border-color:#b00020;color:#fff}"
    "p{margin:.4em 0}.say{font-weight:bold}"
)
_STYLE_HASH = b64encode(hashlib.sha256(_STYLE.encode()).digest()).decode()

#: Nothing is loaded from anywhere, and forms go nowhere else.
POLICY = (
    f"default-src 'none'; style-src 'sha256-{_STYLE_HASH}'; form-action 'self'; frame-ancestors 'none'; base-uri 'none'"
)

#: Chinese, English.
_SAY: dict[str, tuple[str, str]] = {
    "expired": ("此链接已失效。", "This link holds no more."),
    "unknown": ("此链接无效。", "This is no link of ours."),
    "over": ("该报警已结束，您无需行动。", "This alarm is over; you need not do anything."),
    "waiting": ("正在等待响应。", "Nobody has answered yet."),
    "acknowledged": ("值班台已接手处理。", "The desk has taken charge."),
    "going": ("{n} 人已响应。", "{n} answering."),
    "there": ("已有人到达现场。", "Somebody is there."),
    "passed": ("您收到的是较早的一次呼叫，现在响应仍然有效。", "A later call has gone out; your answer still counts."),
    "me_accepted": ("您已接受，请尽快出发。", "You have accepted. Please set out."),
    "me_en_route": ("您正在前往。", "You are on the way."),
    "me_overdue": ("您本应已到达，正在呼叫其他人。", "You should have been there; others are being called."),
    "me_arrived": ("您已到达。", "You are there."),
    "me_declined": ("您已表示不能前往。", "You have said that you cannot go."),
    "me_handed_back": ("您已交回。", "You have handed it back."),
    "me_left": ("您已离开。", "You have left."),
    "refused": ("未能记录：情况已变化，请看下面的最新状态。", "Not recorded: things have changed. See below."),
    "number": ("编号", "No."),
    "raised": ("时间", "Time"),
    "other": ("English", "中文"),
}  # fmt: skip

_BUTTONS: dict[Move, tuple[str, str]] = {
    Move.ACCEPT: ("我去", "I go"),
    Move.ACKNOWLEDGE: ("我来处理", "I take charge"),
    Move.DECLINE: ("我不能去", "I cannot go"),
    Move.EN_ROUTE: ("已出发", "On the way"),
    Move.ARRIVE: ("已到达", "I am there"),
    Move.LEAVE: ("已离开", "I have left"),
    Move.HAND_BACK: ("交回", "Hand back"),
}

_AFTER: dict[str | None, tuple[Move, ...]] = {
    "accepted": (Move.EN_ROUTE, Move.ARRIVE, Move.HAND_BACK),
    "en_route": (Move.ARRIVE, Move.HAND_BACK),
    "overdue": (Move.ARRIVE, Move.EN_ROUTE, Move.HAND_BACK),
    "arrived": (Move.LEAVE,),
    "declined": (Move.ACCEPT,),
}


def moves_of(alarm: dict[str, Any], staff: UUID, role: str) -> tuple[Move, ...]:
    """What this person can do now."""
    if alarm["closed_at"] is not None:
        return ()
    mine = _mine(alarm, staff)
    if role == "operator" and mine != "overdue" and mine not in ACTIVE:
        return (Move.HAND_BACK,) if alarm["owner"]["id"] == str(staff) else (Move.ACKNOWLEDGE, Move.DECLINE)
    return _AFTER.get(mine, (Move.ACCEPT, Move.DECLINE))


def message(what: str, language: str) -> str:
    """A page with one sentence."""
    return _page(escape(_said(what, language)), language)


def page(
    alarm: dict[str, Any], staff: UUID, role: str, step: int, language: str, *, answerable: bool, refused: bool
) -> str:
    """The page of an alarm for one person: what it is, what has happened meanwhile, what he can do."""
    place = alarm["place"]
    when = f"{_said('raised', language)} {_local(alarm['raised_at'], place['time_zone'])}"
    lines = [
        f"<h1>{escape(kind_words(alarm, language))}</h1>",
        f"<p>{escape(str(place['address'] or place['name'] or '').partition(chr(10))[0])}</p>",
        f"<p>{_said('number', language)} {alarm_number(alarm['id'])} &middot; {when}</p>",
    ]
    said = [_said("refused", language)] if refused else []
    if alarm["drill"]:
        said.append(drill_words(language))
    said.append(_situation(alarm, language))
    mine = _mine(alarm, staff)
    if alarm["closed_at"] is None:
        if f"me_{mine}" in _SAY:
            said.append(_said(f"me_{mine}", language))
        elif step < alarm["step"]:
            said.append(_said("passed", language))
    lines += [f'<p class="say">{escape(one)}</p>' for one in said]
    if answerable:
        lines += [_button(move, language, first=not at) for at, move in enumerate(moves_of(alarm, staff, role))]
    return _page("".join(lines), language)


def _button(move: Move, language: str, *, first: bool) -> str:
    words = _BUTTONS[move][_index(language)]
    look = ' class="go"' if first else ""
    return f'<form method="post"><button{look} name="move" value="{move}">{words}</button></form>'


def _situation(alarm: dict[str, Any], language: str) -> str:
    """What has happened, in one sentence; numbers of people, not their names."""
    if alarm["closed_at"] is not None:
        return _said("over", language)
    answering = [one for one in alarm["responses"] if is_coming(one)]
    if any(one["state"] == "arrived" for one in answering):
        return _said("there", language)
    if answering:
        return _said("going", language).format(n=len(answering))
    return _said("acknowledged" if alarm["state"] == "acknowledged" else "waiting", language)


def _mine(alarm: dict[str, Any], staff: UUID) -> str | None:
    """His response's state, or `overdue`."""
    mine = next((one for one in alarm["responses"] if one["staff"] == str(staff)), None)
    return None if mine is None else "overdue" if mine["overdue_at"] else str(mine["state"])


def _local(at: str, zone: str) -> str:
    return f"{datetime.fromisoformat(at).astimezone(zone_of(zone)):%m-%d %H:%M:%S}"


def _page(content: str, language: str) -> str:
    other = "zh" if language == "en" else "en"
    return (
        f'<!doctype html><html lang="{"en" if language == "en" else "zh-CN"}"><head><meta charset="utf-8">'
        '<meta name="viewport" content="width=device-width,initial-scale=1"><meta name="robots" content="noindex">'
        f"<title>Carebed</title><style>{_STYLE}</style></head><body>{content}"
        f'<p><a href="?lang={other}">{_said("other", language)}</a></p></body></html>'
    )


def _said(what: str, language: str) -> str:
    return _SAY[what][_index(language)]


def _index(language: str) -> int:
    return 1 if language == "en" else 0
