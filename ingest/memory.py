"""What the detectors of a home remember between two looks, one row per home: states, due times, and what was shown.

A state is JSON of the detector's own struct. One that can no longer be read (its detector has changed) is dropped, and
the detector starts afresh: that is worth less than an alarm that is not raised.
"""

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from functools import cache
from typing import Any
from uuid import UUID

import msgspec
from prometheus_client import Counter
from sqlalchemy import Column, ForeignKey, Table, text
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.ext.asyncio import AsyncConnection

from carebed.columns import label, recorded
from carebed.database import metadata, psycopg_of, text_array
from carebed.logs import get_logger
from carebed.turns import in_turns
from ingest.detect.core import Detector
from ingest.detect.fold import Memory, Remembered

log = get_logger()

UNREADABLE = Counter(
    "carebed_detector_states_unreadable",
    "States that could not be read, so that a detector started afresh",
    ["detector"],
)

detection = Table(
    "detection",
    metadata,
    Column("home_id", ForeignKey("home.id"), primary_key=True),
    Column(
        "memory",
        JSONB,
        nullable=False,
        server_default=text("'{}'"),
        comment="detector -> its state, and when it wants to be asked again",
    ),
    Column(
        "shown",
        JSONB,
        nullable=False,
        server_default=text("'{}'"),
        comment="lane -> device -> the newest event that detectors have been shown",
    ),
    comment="what the detectors of a home remember between two looks",
)

learned = Table(
    "learned",
    metadata,
    Column("home_id", ForeignKey("home.id"), primary_key=True),
    Column("detector", label("detector").type, primary_key=True),
    Column("found", JSONB, nullable=False),
    recorded("learned_at"),
    comment="what the nights' learning found about a home, by detector",
)


class Cursor(msgspec.Struct, frozen=True, array_like=True):
    """How far a device's events have been shown: to `at`, and of those whose own time is not earlier, these ids."""

    at: datetime
    ids: tuple[str, ...] = ()


class Shown(msgspec.Struct, frozen=True, omit_defaults=True):
    """Device -> cursor. The lanes come in no order between each other, so each has its own."""

    readings: dict[str, Cursor] = {}
    alarms: dict[str, Cursor] = {}


class _Kept(msgspec.Struct):
    state: msgspec.Raw
    due_at: datetime | None = None
    failures: int = 0


class Recollection(msgspec.Struct):
    """One home's row."""

    memory: Memory
    shown: Shown


_MEMORY = msgspec.json.Decoder(dict[str, _Kept])
_SHOWN = msgspec.json.Decoder(Shown)

_LOAD = "SELECT home_id, memory::text, shown::text FROM detection WHERE home_id = ANY(%s::uuid[])"

# One row per home, whether or not it was there. All of them are one document: an array of documents has to be escaped
# sign by sign.
_STORE = text("""
    INSERT INTO detection (home_id, memory, shown)
    SELECT CAST(one ->> 0 AS uuid), one -> 1, one -> 2 FROM jsonb_array_elements(CAST(:rows AS jsonb)) AS one
    ON CONFLICT (home_id) DO UPDATE SET memory = EXCLUDED.memory, shown = EXCLUDED.shown
""")


async def recall(
    conn: AsyncConnection, homes: Iterable[UUID], detectors: Sequence[Detector[Any, Any]]
) -> dict[UUID, Recollection]:
    """What is remembered of these homes; those of which nothing is are left out."""
    raw = await psycopg_of(conn)
    known, by_name = _all_of(tuple(detectors)), {one.name: one for one in detectors}
    rows = await (await raw.execute(_LOAD, [text_array(map(str, homes))])).fetchall()
    return {
        home: Recollection(_read_memory(memory, known, by_name), _read_shown(shown))
        async for home, memory, shown in in_turns(rows)
    }  # fmt: skip


@cache
def _all_of(detectors: tuple[Detector[Any, Any], ...]) -> msgspec.json.Decoder[Any]:
    """Reads what is kept of all of these at once: half the time of one after another."""
    fields: list[tuple[str, Any, Any]] = []
    for one in detectors:
        kept = msgspec.defstruct(
            "Kept", [("state", one.state), ("due_at", datetime | None, None), ("failures", int, 0)]
        )
        fields.append((one.name, kept | None, None))
    return msgspec.json.Decoder(msgspec.defstruct("Memory", fields))


def _read_memory(stored: str, known: msgspec.json.Decoder[Any], detectors: Mapping[str, Detector[Any, Any]]) -> Memory:
    try:
        kept = known.decode(stored)
    except (msgspec.MsgspecError, ValueError):
        return _read_what_can_be(stored, detectors)
    return {
        name: Remembered(one.state, one.due_at, one.failures)
        for name in kept.__struct_fields__ if (one := getattr(kept, name)) is not None
    }  # fmt: skip


def _read_what_can_be(stored: str, detectors: Mapping[str, Detector[Any, Any]]) -> Memory:
    memory: Memory = {}
    try:
        kept = _MEMORY.decode(stored)
    except msgspec.MsgspecError as error:
        _lost("all", error)
        return memory
    for name, one in kept.items():
        if name in detectors:
            try:
                state = msgspec.json.decode(one.state, type=detectors[name].state)
            except (msgspec.MsgspecError, ValueError) as error:
                _lost(name, error)
            else:
                memory[name] = Remembered(state, one.due_at, one.failures)
    return memory


def _read_shown(stored: str) -> Shown:
    try:
        return _SHOWN.decode(stored)
    except msgspec.MsgspecError as error:
        _lost("all", error)
        return Shown()


def _lost(detector: str, error: Exception) -> None:
    UNREADABLE.labels(detector).inc()
    log.error("detector_state_unreadable", detector=detector, error=str(error))


async def remember(conn: AsyncConnection, homes: Mapping[UUID, Recollection]) -> None:
    """Store what is remembered now."""
    if homes:
        rows = [(home, one.memory, one.shown) for home, one in sorted(homes.items())]
        await conn.execute(_STORE, {"rows": msgspec.json.encode(rows).decode()})
