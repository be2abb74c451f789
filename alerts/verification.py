"""Verification of a contact method: a code is sent over it, and whoever has it enters it.

A code has six digits, holds for ten minutes and five attempts. Real time throughout: a shifted demo clock verifies
nothing. The code itself stands only in the message that waits to be sent, and goes from there when that is taken.
"""

import hashlib
import hmac
import secrets
from enum import StrEnum
from typing import Any
from uuid import UUID

import msgspec
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

from alerts.notification import wake_outbox
from carebed.ids import new_id

CODE_MINUTES = 10
ATTEMPTS = 5
#: Between two codes for one method, and how many a method and a person get in a day: each costs money, and might ring
#: at somebody's who has nothing to do with us.
PAUSE_S = 60
CODES_A_DAY = 5
CODES_A_PERSON = 15

_TOO_MANY = text("""
    SELECT coalesce(sum(codes_sent), 0) >= :most FROM contact_method
    WHERE staff_id = :staff AND code_sent_at > clock_timestamp() - interval '1 day'
""")

# A new code takes the place of the one before; not too soon after it, nor too often in a day.
_NEW_CODE = text("""
    UPDATE contact_method SET code_hash = :hash, code_attempts = 0, code_sent_at = clock_timestamp(),
        code_expires_at = clock_timestamp() + make_interval(mins => :minutes),
        codes_sent = CASE WHEN code_sent_at > clock_timestamp() - interval '1 day' THEN codes_sent + 1 ELSE 1 END
    WHERE id = :id AND removed_at IS NULL
        AND (code_sent_at IS NULL OR code_sent_at < clock_timestamp() - make_interval(secs => :pause))
        AND (codes_sent < :most OR code_sent_at < clock_timestamp() - interval '1 day')
    RETURNING staff_id, channel
""")

_SEND = text("""
    INSERT INTO notification (id, channel, staff_id, contact_method_id, kind, step, life_critical, payload, state,
        created_at, next_attempt_at)
    VALUES (:id, :channel, :staff, :method, 'verify', 0, false, CAST(:payload AS jsonb), 'pending', carebed_now(),
        clock_timestamp())
""")

# Every attempt counts, also of two at once.
_ATTEMPT = text("""
    UPDATE contact_method SET code_attempts = code_attempts + 1
    WHERE id = :id AND removed_at IS NULL AND code_hash IS NOT NULL AND code_expires_at > clock_timestamp()
        AND code_attempts < :most
    RETURNING code_hash, code_attempts
""")
_VERIFIED = text("""
    UPDATE contact_method SET verified_at = carebed_now(), code_hash = NULL, failed_at = NULL, failures = 0
    WHERE id = :id
""")


class Verdict(StrEnum):
    """What became of an entered code."""

    VERIFIED = "verified"
    WRONG = "wrong"
    NO_CODE = "no_code"
    """None was sent, or it has run out, or there were too many attempts."""


async def send_code(conn: AsyncConnection, method: UUID, staff: UUID) -> bool:
    """Send a new code over this method; False when there were too many of them lately."""
    if (await conn.execute(_TOO_MANY, {"staff": staff, "most": CODES_A_PERSON})).scalar_one():
        return False
    code = f"{secrets.randbelow(1_000_000):06}"
    wanted: dict[str, Any] = {
        "id": method, "hash": _hash(method, code), "minutes": CODE_MINUTES, "pause": PAUSE_S, "most": CODES_A_DAY,
    }  # fmt: skip
    row = (await conn.execute(_NEW_CODE, wanted)).one_or_none()
    if row is None:
        return False
    payload = msgspec.json.encode({"code": code}).decode()
    message = {"id": new_id(), "channel": row.channel, "staff": row.staff_id, "method": method, "payload": payload}
    await conn.execute(_SEND, message)
    await wake_outbox(conn)
    return True


async def enter_code(conn: AsyncConnection, method: UUID, code: str) -> Verdict:
    """Judge an entered code. The caller commits either way, for the attempt counts."""
    row = (await conn.execute(_ATTEMPT, {"id": method, "most": ATTEMPTS})).one_or_none()
    if row is None:
        return Verdict.NO_CODE
    if not hmac.compare_digest(bytes(row.code_hash), _hash(method, code)):
        return Verdict.WRONG
    await conn.execute(_VERIFIED, {"id": method})
    return Verdict.VERIFIED


def _hash(method: UUID, code: str) -> bytes:
    return hashlib.sha256(method.bytes + code.encode()).digest()
