"""What a replay does with the alarm lane: an old call for help is a call that nobody answered, and still an old one."""

from collections.abc import Sequence
from datetime import datetime, timedelta

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

from alerts import book, lifecycle
from alerts.alarm import Priority
from alerts.raising import Raise, raise_alarms
from alerts.why import why_turned_away
from gateway.lanes import Lane
from gateway.receipt import Status
from ingest.alarm_lane import actor_of, facts_of, key_of, place_of, tell_apart
from ingest.detect.presses import read_press
from ingest.detect.signals import read_signal
from ingest.inbox import Entry, remember, settle
from ingest.item import sort_batch
from ingest.mqtt import Incoming
from ingest.outcome import Outcome
from ingest.quarantine import put_aside
from ingest.who import Who

#: So long a call that nobody answered is raised as what it is: somebody may still lie on the floor. Older ones are work
#: orders for the desk, which asks how the person is; they wake nobody.
STILL_A_CALL = timedelta(hours=24)

# A cancel takes back what had happened by then, never an alarm of later.
_BEFORE = text("SELECT id FROM alarm WHERE id = ANY(:ids) AND happened_at <= :time")


async def take_alarms(
    conn: AsyncConnection, who: Who, now: datetime, received: datetime, reason: str, messages: Sequence[Incoming],
    channels: Sequence[str],
) -> tuple[Outcome, list[str]]:  # fmt: skip
    """Remember these messages and raise what calls for help. Judged as of `received`, raised now, and nobody is sent a
    receipt. Returns counts, what is refused, and the alarms opened or joined."""
    batch = await sort_batch(conn, who, Lane.ALARM, received, messages)
    known, strangers = tell_apart(batch.items)
    rejected = [*batch.rejected, *strangers]
    await put_aside(conn, received, rejected)
    entries = await remember(conn, received, known)
    fresh = [entry for entry in entries if entry.status is Status.ACCEPTED]
    for entry in fresh:
        await _react(conn, now, received, reason, entry, channels)
    await settle(conn, entries)
    alarms = list(dict.fromkeys(str(entry.alarm_id) for entry in fresh if entry.alarm_id is not None))
    return Outcome(stored=len(fresh), duplicates=len(entries) - len(fresh), rejected=rejected), alarms


async def _react(
    conn: AsyncConnection, now: datetime, received: datetime, reason: str, entry: Entry, channels: Sequence[str]
) -> None:
    """One message after the other, in the order in which they happened to come: there are few, and nobody waits."""
    signal = read_signal(entry.item.message)
    if signal.call is not None:
        press = read_press(entry.item.message, facts_of(entry.item).place.presses)
        call = _call(entry, signal.call if press is None else press.kind, now, received, reason)
        raised = await raise_alarms(conn, now, [call])
        (entry.alarm_id,) = raised.alarm_ids
    elif signal.cancel is not None and entry.item.message.time is not None:
        raised = await raise_alarms(conn, now, [], [key_of(entry.item, signal.cancel)])
        asked = {"ids": list(raised.cases), "time": entry.item.message.time}
        for alarm_id in (await conn.execute(_BEFORE, asked)).scalars():
            entry.alarm_id = alarm_id
            lifecycle.cancel(raised.cases[alarm_id], now, actor_of(entry.item), entry.item.message.time)
    else:
        return
    await book.finish(conn, now, raised.cases.values(), channels)


def _call(entry: Entry, kind: str, now: datetime, received: datetime, reason: str) -> Raise:
    """Late, with its true time. It joins an open alarm without being counted as pressed again; a work order stands
    beside the calls of today."""
    item = entry.item
    happened_at = min(item.message.time or received, received)
    old = now - happened_at > STILL_A_CALL
    key = key_of(item, kind)
    return Raise(
        kind=kind,
        place=place_of(facts_of(item)),
        merge_key=f"{key}:turned-away" if old else key,
        happened_at=happened_at,
        why=why_turned_away(kind, minutes=int((now - happened_at).total_seconds() // 60), reason=reason),
        actor=actor_of(item),
        late=True,
        gateway_id=item.sender.topic.gateway,
        device_id=item.sender.device_id,
        counts_again=False,
        priority=Priority.WORK_ORDER if old else None,
    )
