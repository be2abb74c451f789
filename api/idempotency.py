"""`Idempotency-Key`: a repeated write gets its first answer again, in whichever order the requests arrive.

The key's row is written first in the write's own transaction, so a second request with the same key waits for the first
one's commit and then reads its answer; if the first one was rolled back, the second does the work.
"""

import hashlib
import json
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Annotated
from uuid import UUID

from fastapi import Header
from pydantic import BaseModel
from sqlalchemy import Column, ForeignKey, Index, LargeBinary, SmallInteger, Table, Text, text
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.ext.asyncio import AsyncConnection
from starlette.responses import Response

from api.problem import MEDIA_TYPE, Problem
from carebed.columns import recorded
from carebed.database import metadata

idempotency = Table(
    "idempotency",
    metadata,
    Column("staff_id", ForeignKey("staff.id"), primary_key=True),
    Column("key", Text, primary_key=True),
    Column("request", LargeBinary, nullable=False, comment="digest of method, path and body"),
    Column("status", SmallInteger),
    Column("body", JSONB),
    recorded(),
    Index("ix_idempotency_created_at", "created_at"),
)

# Takes the key; a concurrent holder is waited for. No row: somebody else has it for good.
_TAKE = text("""
    INSERT INTO idempotency (staff_id, key, request) VALUES (:staff, :key, :request)
    ON CONFLICT DO NOTHING RETURNING key
""")

_FIRST = text("SELECT request, status, body::text FROM idempotency WHERE staff_id = :staff AND key = :key")

_KEEP = text("""
    UPDATE idempotency SET status = :status, body = CAST(:body AS jsonb) WHERE staff_id = :staff AND key = :key
""")

Key = Annotated[
    str | None,
    Header(
        alias="Idempotency-Key",
        description="Makes repeating the request safe: the same key and request get the first answer again.",
        max_length=255,
        pattern=r"^[\x21-\x7e]+$",
        examples=["0b1f6f3e-7c1c-4d5e-8a57-0d6f2f9c8e11"],
    ),
]


@dataclass(frozen=True, slots=True)
class Answer:
    """What is sent and kept. `body`: JSON text; a problem document from status 400 on."""

    status: int
    body: str

    def response(self, *, replayed: bool = False) -> Response:
        """The HTTP response; `Idempotency-Replayed` tells a kept answer from a fresh one."""
        headers = {"Idempotency-Replayed": "true"} if replayed else None
        return Response(self.body, self.status, headers, MEDIA_TYPE if self.status >= 400 else "application/json")


def digest_of(method: str, path: str, body: BaseModel | None) -> bytes:
    """What makes two requests the same: spaces and the order of keys do not count."""
    content = {} if body is None else body.model_dump(mode="json", exclude_defaults=True)
    canonical = json.dumps([method, path, content], sort_keys=True, separators=(",", ":"))
    return hashlib.sha256(canonical.encode()).digest()


async def once(
    conn: AsyncConnection, staff: UUID, key: str | None, digest: bytes, work: Callable[[], Awaitable[Answer]]
) -> Response:
    """Do `work` once per key. `Problem` 422 when the key was used for another request."""
    if key is None:
        return (await work()).response()
    mine = {"staff": staff, "key": key}
    if (await conn.execute(_TAKE, {**mine, "request": digest})).one_or_none() is None:
        request, status, body = (await conn.execute(_FIRST, mine)).one()
        if bytes(request) != digest:
            raise Problem(422, "key-reused", "This Idempotency-Key was used for another request: make a new one.")
        return Answer(status, body).response(replayed=True)
    answer = await work()
    await conn.execute(_KEEP, {**mine, "status": answer.status, "body": answer.body})
    return answer.response()
