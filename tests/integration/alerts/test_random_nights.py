"""A share of `python -m tests.nights` (make stories): the same nights every time, and another one. And that they see
what is broken."""

import secrets
from collections.abc import Callable
from datetime import UTC, datetime
from uuid import UUID

import pytest

from alerts import ladder, telling
from alerts.channel import Outgoing
from carebed.embedded.postgres import DatabaseUrls
from carebed.ids import new_id
from tests.nights.account import untold
from tests.nights.playing import Nights, story
from tests.nights.program import draw
from tests.nights.providers import Sent

_ACTS = 12


async def test_whatever_happens_in_a_night_escalation_keeps_its_word(urls: DatabaseUrls) -> None:
    nights = Nights(urls)
    for seed in ("one", "two", "three", secrets.token_hex(4)):
        night = draw(seed, _ACTS)
        played = await nights.play(night)
        assert not played.broken, f"night {seed!r}:\n{story(night, played)}"


async def _nobody(*_: object) -> list[object]:
    return []


def _nothing(*_: object) -> None:
    """Instead of taking back what was not kept."""


@pytest.mark.parametrize(
    ("where", "what", "instead", "seen"),
    [
        (telling, "_untold", _nobody, "is not told that it is over"),
        (ladder, "expire", _nothing, "something is due again and again"),
    ],
    ids=["nobody is told of the end", "no promise ever expires"],
)
async def test_a_night_sees_what_is_broken(
    urls: DatabaseUrls, monkeypatch: pytest.MonkeyPatch, where: object, what: str, instead: Callable[..., object],
    seen: str,
) -> None:  # fmt: skip
    monkeypatch.setattr(where, what, instead)
    played = await Nights(urls).play(draw("mut-0", 18))
    assert any(seen in one for one in played.broken), played.broken


def _sent(kind: str, channel: str, alarm: UUID, who: UUID) -> Sent:
    outgoing = Outgoing(
        id=new_id(), kind=kind, step=1, attempt=1, created_at=datetime(2027, 1, 1, tzinfo=UTC), alarm_id=alarm,
        alarm=None, staff_id=who, address=f"{channel}-lin", language="zh", title="", body="", parts={}, code=None,
        more=0, link=None, life_critical=True, answers=(),
    )  # fmt: skip
    return Sent(channel, outgoing, "taken", "", 0.0, 0)


def test_who_was_told_by_a_method_that_has_been_removed_since_has_been_told() -> None:
    alarm, lin = new_id(), new_id()
    called = [_sent("called", "voice", alarm, lin)]
    told = [*called, _sent("resolved", "sms", alarm, lin)]
    assert untold(told, {alarm: None}, {"sms-lin"}) == []
    assert len(untold(called, {alarm: None}, {"sms-lin"})) == 1
    assert untold(called, {alarm: None}, {"voice-lin"}) == []
