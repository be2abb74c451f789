"""What became of a message: pending, handed over, delivered, read, or failed, expired. A state never goes back.

Reports come late, double and out of order: what is known stays known. `failed` and `expired` are what we knew at the
time, so a report that it was delivered after all counts, and one that it failed after it was delivered does not.
"""

from collections.abc import Collection, Iterable, Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import Row, text
from sqlalchemy.ext.asyncio import AsyncConnection

from alerts.channel import Handover
from alerts.contact_method import FRESH
from alerts.notification import Delivery
from alerts.provider import REFERRED
from alerts.telling import FAMILY, NEWS, NOT_CALLS, OVER

#: A life-critical call that was handed over and of whose delivery nothing is known is sent again after so long, then
#: after twice that, and so on.
UNDELIVERED_S = 60
_UNDELIVERED_LONGEST_S = 900
_RETRY_FIRST_S = 1
_RETRY_LONGEST_S = 60
#: A carrier that has just refused a message is given so long before it gets it again.
_BOUNCED_PAUSE_S = 10

# Those of these messages that nobody else is changing: who settles many must not wait for one while he holds others.
_FREE = text("SELECT id FROM notification WHERE id = ANY (CAST(:ids AS uuid[])) FOR NO KEY UPDATE SKIP LOCKED")

# A life-critical call that waits for its answer. What is done with must not lie where a lease looks for what is due.
_GOES_AGAIN = """(NOT taken.delivered AND state IN ('pending', 'handed_over') AND notification.due_at < 'infinity'
    AND life_critical AND alarm_id IS NOT NULL AND kind <> ALL (:not_calls))"""

# Taken by their channels. What has been withdrawn in the meantime stays so, with what is known of it.
_HANDED_OVER = text(f"""
    UPDATE notification SET
        state = CASE WHEN taken.delivered AND state <> 'read' THEN 'delivered'
                     WHEN state = 'pending' THEN 'handed_over' ELSE state END,
        handed_over_at = coalesce(handed_over_at, carebed_now()),
        delivered_at = CASE WHEN taken.delivered THEN coalesce(delivered_at, carebed_now()) ELSE delivered_at END,
        provider_id = coalesce(taken.provider_id, notification.provider_id),
        error = CASE WHEN state = 'pending' THEN NULL ELSE error END, payload = payload - 'code',
        due_at = CASE WHEN {_GOES_AGAIN} THEN carebed_now() + make_interval(secs => taken.again_s)
                 ELSE 'infinity' END,
        next_attempt_at = CASE WHEN {_GOES_AGAIN} THEN clock_timestamp() ELSE 'infinity' END
    FROM unnest(CAST(:ids AS uuid[]), CAST(:delivered AS boolean[]), CAST(:provider_ids AS text[]),
                CAST(:again AS float8[]), CAST(:due AS timestamptz[]), CAST(:attempts AS int[]))
        AS taken (id, delivered, provider_id, again_s, due_at, attempt)
    WHERE notification.id = taken.id
    RETURNING notification.channel, taken.attempt,
        extract(epoch FROM carebed_now() - greatest(created_at, taken.due_at))::float8 AS waited_s
""")

# It reached the person's device: the method is proven, as if it had been verified anew. Locked in one order.
_PROVEN = text("""
    UPDATE contact_method SET delivered_at = greatest(contact_method.delivered_at, carebed_now()), failures = 0
    FROM (SELECT id FROM contact_method WHERE id = ANY (CAST(:methods AS uuid[])) ORDER BY id FOR NO KEY UPDATE) AS one
    WHERE contact_method.id = one.id
""")

_FAILING = text("""
    UPDATE contact_method SET failures = failures + 1,
        failed_at = CASE WHEN :permanent THEN carebed_now() ELSE failed_at END
    WHERE id = :method
""")

# Not taken: again after a pause, unless nobody needs it any more.
_AGAIN = text("""
    UPDATE notification SET error = :error, next_attempt_at = clock_timestamp() + make_interval(secs => :pause),
        payload = CASE WHEN message.created_at > carebed_now() - interval '10 minutes' THEN message.payload
                  ELSE message.payload - 'code' END,
        state = CASE
            WHEN message.state <> 'pending' THEN message.state
            WHEN message.created_at > carebed_now()
                - CASE WHEN message.alarm_id IS NULL THEN interval '10 minutes' ELSE interval '1 day' END
            THEN message.state
            WHEN message.life_critical AND coalesce(alarm.closed_at, carebed_now()) > carebed_now() - interval '1 day'
            THEN message.state ELSE 'expired' END
    FROM notification AS message LEFT JOIN alarm ON alarm.id = message.alarm_id
    WHERE message.id = notification.id AND notification.id = ANY (:ids)
        AND notification.state IN ('pending', 'handed_over')
""")

_FAILED = text("""
    UPDATE notification SET state = 'failed', error = :error, due_at = 'infinity', payload = payload - 'code'
    WHERE id = ANY (:ids) AND state IN ('pending', 'handed_over')
""")

# What a provider says of a message, by its own id or by ours. Forward only: delivered is more than handed over, failed
# or expired, and read is more than delivered.
_REACHED = text(f"""
    UPDATE notification SET
        state = CASE WHEN state = 'read' THEN state ELSE :state END,
        provider_id = coalesce(provider_id, :provider_id), due_at = 'infinity',
        handed_over_at = coalesce(handed_over_at, said.at), delivered_at = coalesce(delivered_at, said.at),
        read_at = CASE WHEN :state = 'read' THEN coalesce(read_at, said.at) ELSE read_at END,
        error = CASE WHEN state IN ('failed', 'expired') THEN error END
    FROM (SELECT least(coalesce(CAST(:at AS timestamptz), carebed_now()), carebed_now()) AS at) AS said
    WHERE channel = :channel AND (provider_id = :provider_id OR {REFERRED})
    RETURNING id, kind, contact_method_id
""")

# It failed after all. What may not be given up goes out again, and so does the next method; a report about an attempt
# before the last one says nothing about the last one.
_BOUNCED = text(f"""
    UPDATE notification SET error = :error,
        state = CASE WHEN state IN ('pending', 'handed_over') AND (:permanent OR due_at = 'infinity') THEN 'failed'
                ELSE state END,
        due_at = CASE WHEN :permanent OR due_at = 'infinity' THEN 'infinity' ELSE carebed_now() END,
        next_attempt_at = clock_timestamp() + make_interval(secs => :pause)
    WHERE channel = :channel AND (provider_id = :provider_id OR (provider_id IS NULL AND {REFERRED}))
        AND state IN ('pending', 'handed_over')
    RETURNING id, kind, contact_method_id, alarm_id, staff_id
""")

_KNOWN = text(f"""
    SELECT EXISTS (SELECT FROM notification WHERE channel = :channel AND (provider_id = :provider_id OR {REFERRED}))
""")

# The next method of the same person for the same call, now instead of later. One that somebody works on comes anyway.
_NEXT_METHOD = text("""
    UPDATE notification SET due_at = carebed_now() WHERE id = (
        SELECT id FROM notification
        WHERE alarm_id = :alarm AND staff_id = :staff AND contact_method_id IS NOT NULL AND state = 'pending'
            AND kind <> ALL (:not_calls) AND attempts = 0 AND due_at > carebed_now() AND due_at < 'infinity'
        ORDER BY due_at LIMIT 1 FOR UPDATE SKIP LOCKED)
""")

# The same for what a relative is told.
_NEXT_OF_FAMILY = text("""
    UPDATE notification SET due_at = carebed_now() WHERE id IN (
        SELECT DISTINCT ON (further.alarm_id, further.staff_id) further.id
        FROM notification AS failed JOIN notification AS further ON further.alarm_id = failed.alarm_id
            AND further.staff_id = failed.staff_id AND further.kind = failed.kind
            AND further.created_at = failed.created_at
        WHERE failed.id = ANY (CAST(:ids AS uuid[])) AND further.state = 'pending' AND further.attempts = 0
            AND further.due_at > carebed_now() AND further.due_at < 'infinity'
        ORDER BY further.alarm_id, further.staff_id, further.due_at)
    AND state = 'pending' AND attempts = 0
""")

# A relative whom it has reached is not told the same by his further methods. One that somebody works on comes anyway.
_FAMILY_TOLD = text("""
    UPDATE notification SET state = 'expired', error = 'told', due_at = 'infinity', next_attempt_at = 'infinity'
    WHERE id IN (
        SELECT further.id FROM notification AS told JOIN notification AS further ON further.alarm_id = told.alarm_id
            AND further.staff_id = told.staff_id AND further.kind = told.kind AND further.created_at = told.created_at
        WHERE told.id = ANY (CAST(:ids AS uuid[])) AND further.contact_method_id IS NOT NULL
            AND further.state = 'pending' AND further.attempts = 0
        FOR UPDATE OF further SKIP LOCKED)
""")

# One at a time for each person: of two methods that fail at once, the second sees which one the first has brought.
_ALONE_WITH = text("""
    SELECT pg_advisory_xact_lock(7270154, hashtext(who)) FROM (
        SELECT DISTINCT staff_id::text AS who FROM notification
        WHERE id = ANY (CAST(:ids AS uuid[])) AND kind = ANY (:news) AND alarm_id IS NOT NULL ORDER BY who) AS person
""")

# News goes through one method; where that does not take it, through the person's next one that has not had it yet.
# Nobody who has left is told.
_NEWS_BY_NEXT_METHOD = text("""
    INSERT INTO notification (id, alarm_id, channel, staff_id, contact_method_id, kind, step, life_critical, drill,
        may_wait, payload, state, created_at, next_attempt_at)
    SELECT gen_random_uuid(), news.alarm_id, way.channel, news.staff_id, way.id, news.kind, news.step,
        news.life_critical, news.drill, news.may_wait, news.payload, 'pending', news.created_at, clock_timestamp()
    FROM notification AS news JOIN staff ON staff.id = news.staff_id AND staff.active CROSS JOIN LATERAL (
        SELECT every.id, every.channel
        FROM contact_methods_of(ARRAY[news.staff_id], CAST(:channels AS text[]), :fresh, carebed_now())
            WITH ORDINALITY AS every (staff_id, id, channel, wait_s, verified, position)
        WHERE NOT EXISTS (
            SELECT FROM notification AS same
            WHERE same.contact_method_id = every.id AND same.created_at = news.created_at
                AND same.alarm_id = news.alarm_id AND same.kind = news.kind)
        ORDER BY position LIMIT 1) AS way
    WHERE news.id = ANY (CAST(:ids AS uuid[])) AND news.kind = ANY (:news) AND news.alarm_id IS NOT NULL
""")

#: A channel that did not take some news gets it once more before the person's next method has it as well.
_NEWS_ATTEMPTS = 2

_NOT_CALLS = sorted(NOT_CALLS)


#: The rows that one message carried, and that its channel took it.
Taken = tuple[Sequence[Row[Any]], Handover]


async def free_of_others(conn: AsyncConnection, messages: Sequence[Taken]) -> list[Taken]:
    """Those whose rows nobody else is changing; they are locked for this transaction."""
    rows = await conn.execute(_FREE, {"ids": [row.id for carried, _ in messages for row in carried]})
    free = set(rows.scalars())
    return [(carried, handover) for carried, handover in messages if all(row.id in free for row in carried)]


async def handed_over(conn: AsyncConnection, messages: Sequence[Taken]) -> list[tuple[str, float]]:
    """Settle what channels took. Of those that were handed over for the first time: channel, and how long they had
    waited since they were due, in seconds."""
    rows = [(row, carried[0], handover) for carried, handover in messages for row in carried]
    if not rows:
        return []
    settled = await conn.execute(
        _HANDED_OVER,
        {
            "ids": [row.id for row, _, _ in rows],
            "delivered": [handover.delivered for _, _, handover in rows],
            "provider_ids": [handover.provider_id for _, _, handover in rows],
            "again": [
                float(min(_UNDELIVERED_LONGEST_S, UNDELIVERED_S * 2 ** min(first.attempts - 1, 10)))
                for _, first, _ in rows
            ],
            "due": [first.due_at for _, first, _ in rows],
            "attempts": [first.attempts for _, first, _ in rows],
            "not_calls": _NOT_CALLS,
        },
    )
    waits = [(row.channel, row.waited_s) for row in settled if row.attempt == 1]
    proven = {first.contact_method_id for _, first, handover in rows if handover.delivered} - {None}
    if proven:
        await conn.execute(_PROVEN, {"methods": sorted(proven)})
    await _family_told(conn, [row for row, _, handover in rows if handover.delivered])
    return waits


async def not_taken(
    conn: AsyncConnection, rows: Sequence[Row[Any]], error: str, *, permanent: bool, channels: Collection[str] = ()
) -> None:
    """Settle what a channel did not take, or was not given: the method of somebody who is gone has not failed.
    `permanent`: it never will. `channels`: those that are set up."""
    first = rows[0]
    ids = [row.id for row in rows]
    if permanent:
        await conn.execute(_FAILED, {"ids": ids, "error": error})
    else:
        pause = min(_RETRY_LONGEST_S, _RETRY_FIRST_S * 2 ** min(first.attempts - 1, 10))
        await conn.execute(_AGAIN, {"ids": ids, "error": error, "pause": pause})
    if first.contact_method_id is not None:
        if first.gone is None:
            await conn.execute(_FAILING, {"method": first.contact_method_id, "permanent": permanent})
        await _pull_next(conn, rows)
        if permanent or first.attempts >= _NEWS_ATTEMPTS:
            await _tell_by_next_method(conn, ids, channels)


async def _tell_by_next_method(conn: AsyncConnection, ids: Sequence[UUID], channels: Collection[str]) -> None:
    about = {"ids": list(ids), "news": sorted(NEWS | OVER)}
    await conn.execute(_ALONE_WITH, about)
    await conn.execute(_NEWS_BY_NEXT_METHOD, about | {"channels": sorted(channels), "fresh": FRESH})


async def _family_told(conn: AsyncConnection, rows: Iterable[Row[Any]]) -> None:
    """Of these rows, which have arrived, those for relatives."""
    ids = [row.id for row in rows if row.kind in FAMILY]
    if ids:
        await conn.execute(_FAMILY_TOLD, {"ids": ids})


async def _pull_next(conn: AsyncConnection, rows: Sequence[Row[Any]]) -> None:
    """What these rows, which failed, said comes by the person's next method now."""
    first = rows[0]
    if first.kind in FAMILY:
        await conn.execute(_NEXT_OF_FAMILY, {"ids": [row.id for row in rows]})
    else:
        await pull_next_method(conn, first.alarm_id, first.staff_id)


async def pull_next_method(conn: AsyncConnection, alarm_id: UUID | None, staff_id: UUID | None) -> None:
    """The person's next method for this alarm is due now."""
    if alarm_id is not None:
        await conn.execute(_NEXT_METHOD, {"alarm": alarm_id, "staff": staff_id, "not_calls": _NOT_CALLS})


async def report(
    conn: AsyncConnection, channel: str, provider_id: str | None, state: Delivery, at: datetime | None = None, *,
    ref: str | None = None, error: str | None = None, permanent: bool = False, channels: Collection[str] = (),
) -> bool:  # fmt: skip
    """What a provider reports of a message, late, double or out of order; False when we know no such message.

    `state`: delivered, read or failed. `at`: by the provider's clock. `ref`: ours (`alerts.provider.reference`),
    where the provider hands it back. `error`: the provider's code. `permanent`: nothing can ever be delivered there.
    `channels`: those that are set up.
    """
    about = {"channel": channel, "provider_id": provider_id, "ref": ref}
    if state in (Delivery.DELIVERED, Delivery.READ):
        reached = (await conn.execute(_REACHED, about | {"state": str(state), "at": at})).all()
        proven = {row.contact_method_id for row in reached} - {None}
        if proven:
            await conn.execute(_PROVEN, {"methods": sorted(proven)})
        await _family_told(conn, reached)
        return bool(reached)
    what = {"error": (error or "not delivered")[:200], "permanent": permanent, "pause": _BOUNCED_PAUSE_S}
    bounced = (await conn.execute(_BOUNCED, about | what)).all()
    for row in {(row.contact_method_id, row.alarm_id, row.staff_id): row for row in bounced}.values():
        await conn.execute(_FAILING, {"method": row.contact_method_id, "permanent": permanent})
        await _pull_next(conn, [row])
    if bounced:
        await _tell_by_next_method(conn, [row.id for row in bounced], channels)
    return bool(bounced) or bool((await conn.execute(_KNOWN, about)).scalar_one())
