"""Answers that come back through what a person was told by: a reply, a link, a key; what a provider reports; and a
board from which nothing comes any more."""

from uuid import uuid4

from recording import Told
from storyteller import Story, kept_visits

from alerts import answers, delivery
from alerts.attendance import Attendance
from alerts.moves import Hooks, Move, MoveResult
from alerts.notification import Delivery
from alerts.provider import reference
from carebed.ids import new_id

_SILENT_FOR_61_S = """
    INSERT INTO staff_session (id, staff_id, access_hash, refresh_hash, access_expires_at, refresh_expires_at, seen_at)
    VALUES (:id, :staff, :hash, :hash, clock_timestamp() + interval '1 h', clock_timestamp() + interval '1 h',
        clock_timestamp() - interval '61 s')
"""


def _hooks(story: Story) -> Hooks:
    keep = kept_visits(story)
    return Hooks(keep, keep, story.through)


async def replies(story: Story, who: str, words: str, *, reply_id: str | None = None) -> answers.Result | None:
    """He sends an SMS to the number that wrote to him. `reply_id`: of one that comes twice."""
    async with story.database.transaction() as conn:
        result = await answers.sms_reply(conn, who, words, reply_id or uuid4().hex, _hooks(story))
    await story.settle()
    return result


async def presses_key(story: Story, told: Told, key: str) -> answers.Result | None:
    """He presses a key in the call that rang for this message."""
    async with story.database.transaction() as conn:
        provider_id = f"{told.by}^{told.message}"
        result = await answers.voice_key(conn, provider_id, reference(told.message), key, _hooks(story))
    await story.settle()
    return result


async def follows_link(story: Story, told: Told, move: Move) -> MoveResult:
    """He opens the link of this message and presses a button."""
    async with story.database.transaction() as conn:
        call = await answers.call_of(conn, told.message)
        assert call is not None
        assert call.answerable
        result = await answers.answer(conn, call, move, "link", _hooks(story))
    await story.settle()
    return result


async def reports(story: Story, told: Told, state: Delivery) -> None:
    """What the provider says of this message afterwards."""
    async with story.database.transaction() as conn:
        known = await delivery.report(conn, told.by, f"{told.by}^{told.message}", state, channels=story.through)
    assert known
    await story.settle()


async def board_falls_silent(story: Story, who: str) -> None:
    """Nothing has been seen of this person's board for a minute, in earnest: the clock of a story is no time at a
    desk."""
    await story.do(_SILENT_FOR_61_S, id=new_id(), staff=story.people[who], hash=new_id().bytes)
    await story.do("UPDATE alarm SET acknowledged_at = acknowledged_at - interval '61 s'")
    await Attendance(story.database, story.through).look()
    await story.settle()
