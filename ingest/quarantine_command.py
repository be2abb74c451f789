"""The work behind `carebed quarantine`: lines to print, and how it ended. Needs the engine's role."""

import json
from collections import Counter
from collections.abc import Sequence
from contextlib import AbstractAsyncContextManager
from typing import Any

from sqlalchemy import Row

from alerts.channels import channels
from carebed.command_database import command_database
from carebed.database import Database
from carebed.errors import CarebedError
from carebed.settings import Settings
from ingest.explanation import Explanation, explain, hexdump, said, sender_of
from ingest.quarantine_list import Filter, read_ids, read_page, read_row, read_sender
from ingest.replay import Replay, Replayed

#: Rows that stay are named one by one up to so many; counts go on.
_NAMED = 50


def _database(url: str) -> AbstractAsyncContextManager[Database]:
    return command_database(url, "carebed-quarantine", pool_size=2)


async def list_rows(url: str, wanted: Filter, limit: int, before: int | None, *, as_json: bool) -> list[str]:
    """A page, newest first, and how to get the next one. Never payloads."""
    async with _database(url) as database, database.transaction() as conn:
        rows = await read_page(conn, wanted, limit + 1, before)
    more, rows = len(rows) > limit, rows[:limit]
    following = rows[-1].id if more and rows else None
    items = [_item(row) for row in rows]
    if as_json:
        return [json.dumps({"items": items, "next": following})]
    if not items:
        return ["Nothing there."]
    lines = [_HEADING, *(_line(item) for item in items)]
    return [*lines, f"older ones: --before {following}"] if following is not None else lines


_HEADING = f"{'id':>10}  {'received':20}  {'lane':8}  {'reason':16}  {'bytes':>8}  {'state':10}  gateway/device"


def _item(row: Row[Any]) -> dict[str, Any]:
    gateway, device = sender_of(bytes(row.topic))
    return {
        "id": row.id, "received_at": row.received_at.isoformat(), "lane": row.lane, "reason": row.reason,
        "detail": row.detail, "gateway": gateway, "device": device,
        "topic": bytes(row.topic).decode("utf-8", "replace"), "size_bytes": row.size_bytes, "outcome": row.outcome,
        "replayed_at": row.replayed_at.isoformat() if row.replayed_at is not None else None,
    }  # fmt: skip


def _line(item: dict[str, Any]) -> str:
    state = item["outcome"] or ("refused" if item["replayed_at"] else "waits")
    sender = "/".join(filter(None, (item["gateway"], item["device"]))) or "-"
    return (
        f"{item['id']:>10}  {item['received_at'][:19]}Z  {item['lane']:8}  {item['reason']:16}  "
        f"{item['size_bytes']:>8}  {state:10}  {sender}"
    )


async def explain_row(url: str, settings: Settings, row_id: int, *, payload: bool, as_json: bool) -> list[str]:
    """All about one row; what was measured, or who said what, only with `payload`."""
    async with _database(url) as database:
        async with database.transaction() as conn:
            row = await read_row(conn, row_id)
            if row is None:
                raise CarebedError(f"There is no row {row_id} in quarantine: it was never there, or has been pruned.")
            sender = await read_sender(conn, *sender_of(bytes(row.topic)))
        now_would = await _replay(database, settings).row(row_id, dry_run=True) if row.outcome is None else None
    explanation = explain(row, *sender, now_would)
    dump = hexdump(bytes(row.payload)) if payload else []
    if as_json:
        told: dict[str, Any] = {"id": row_id, **explanation.facts, "objects": explanation.objects}
        return [json.dumps(told | ({"payload": bytes(row.payload).hex()} if payload else {}))]
    return [f"Quarantine row {row_id}", *_told(explanation), *dump]


def _told(explanation: Explanation) -> list[str]:
    facts = [f"  {name:13} {text}" for name, text in explanation.facts.items() if text]
    return [*facts, *(f"  {'object':13} {line}" for line in explanation.objects)]


async def replay_rows(
    url: str, settings: Settings, ids: Sequence[int], wanted: Filter, limit: int, *, dry_run: bool, as_json: bool
) -> tuple[list[str], bool]:
    """Replay these rows, or without ids those of the filter, oldest first; whether all of them were taken in."""
    async with _database(url) as database:
        if not ids:
            async with database.transaction() as conn:
                ids = await read_ids(conn, wanted, limit)
        replay = _replay(database, settings)
        done: list[tuple[int, Replayed | None]] = [
            (row_id, await replay.row(row_id, dry_run=dry_run)) for row_id in sorted(set(ids))
        ]
    stays = [(row_id, one) for row_id, one in done if one is None or one.outcome is None]
    if as_json:
        lines = [json.dumps(_result(row_id, one)) for row_id, one in done]
    else:
        lines = [_sentence(row_id, one, dry_run) for row_id, one in (done if len(done) <= _NAMED else stays[:_NAMED])]
        lines.append(_summary([one for _, one in done], dry_run))
    return lines, not stays


def _replay(database: Database, settings: Settings) -> Replay:
    return Replay(database, settings.readings_kept, channels(settings))


def _sentence(row_id: int, one: Replayed | None, dry_run: bool) -> str:
    if one is None:
        return f"{row_id}: not there, taken in before, or in another replay's hand"
    return f"{row_id}: {said(one, would=dry_run)}"


def _result(row_id: int, one: Replayed | None) -> dict[str, Any]:
    if one is None:
        return {"id": row_id, "outcome": None, "reason": "not_waiting"}
    return {
        "id": row_id, "outcome": one.outcome, "reason": one.reason, "stored": one.stored, "duplicates": one.duplicates,
        "refused": one.refused, "alarms": one.alarms or [],
    }  # fmt: skip


def _summary(done: Sequence[Replayed | None], dry_run: bool) -> str:
    taken = [one for one in done if one is not None and one.outcome is not None]
    reasons = Counter(one.reason for one in done if one is not None and one.outcome is None)
    text = (
        f"{len(done)} rows{' (dry run: nothing was changed)' if dry_run else ''}: {len(taken)} taken in, with "
        f"{sum(one.stored for one in taken)} new and {sum(one.duplicates for one in taken)} known messages"
    )
    return text + "".join(f"; {count} stay, {reason}" for reason, count in reasons.most_common())
