"""Robot groups: alarms of an area or a station shown in a group chat (DingTalk, Feishu, WeCom). Display only.

A group is no contact method and no route: nothing that decides whether somebody was reached knows of it. It reads the
event log behind everybody's back (`alerts.robot.poster`), so the transaction of an alarm does no more for a thousand
groups than for none, and a group that hangs or is blocked holds nobody up.

This file is the port: what a provider's robot has to be able to do. One file per provider beside it.
"""

from collections.abc import Collection
from enum import StrEnum
from typing import Any, Protocol
from urllib.parse import urlsplit

import msgspec

from alerts.robot.pace import Pace


class Refusal(StrEnum):
    """Why a robot did not take a post. Those that somebody has to mend come first."""

    WRONG_SIGNATURE = "wrong_signature"
    KEYWORD_MISSING = "keyword_missing"
    ADDRESS_REFUSED = "address_refused"
    UNKNOWN_ROBOT = "unknown_robot"
    HOST_NOT_ALLOWED = "host_not_allowed"
    TOO_FAST = "too_fast"
    REFUSED = "refused"
    UNREACHABLE = "unreachable"


class Refused(Exception):
    """A post was not taken. `code`: the provider's, without its words, for they may quote an address."""

    def __init__(self, why: Refusal, code: object = None) -> None:
        super().__init__(str(why) if code is None else f"{why} ({str(code)[:20]})")
        self.why = why


class Request(msgspec.Struct, frozen=True):
    """What is posted. It shows nothing of itself, for the address is a secret."""

    url: str
    body: dict[str, Any]

    def __repr__(self) -> str:
        """The name only."""
        return "Request()"


class Robot(Protocol):
    """A provider's group robot. It does no I/O.

    `pace`: how often it may post. `blocked_s`: for how long the provider takes nothing once that was too often.
    """

    name: str
    pace: Pace
    blocked_s: float

    def fits(self, text: str) -> bool:
        """Whether a text is short enough."""

    def is_address(self, path: str, query: str) -> bool:
        """Whether these are the path and query of a robot's address."""

    def request(self, url: str, secret: str | None, text: str, now_s: float) -> Request:
        """The post of a text, signed. `now_s`: Unix seconds."""

    def read(self, answer: dict[str, Any]) -> None:
        """Return where the robot took it. Raises `Refused`."""


def robot_url(robot: Robot, given: str, hosts: Collection[str]) -> str:
    """A robot's address, when it is one at a host on the list: `open.feishu.cn`, or `http://127.0.0.1:8000` for one
    that is reached without TLS. ValueError with a sentence that does not quote it, for whoever has it can post.

    Whoever sets up a group chooses where our server posts to, hence a list and no rule.
    """
    url = given.strip()
    try:
        parts = urlsplit(url)
        parts.port  # noqa: B018 - raises for what is none
    except ValueError:
        raise ValueError("is no address") from None
    host = parts.netloc if parts.scheme == "https" else f"{parts.scheme}://{parts.netloc}"
    if host not in hosts:
        raise ValueError("is not at a host that is allowed here: they are the providers' own, with https")
    if parts.fragment or not robot.is_address(parts.path, parts.query):
        raise ValueError(f"is no address of a {robot.name} robot: copy it from the robot's settings")
    return url
