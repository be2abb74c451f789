"""Swaps: who has a shift offers it to a colleague, with or without one of his in return; he agrees, or nothing changes.

Both are on record, with who and when. Before one is accepted everything is looked at again, for shifts may have changed
since. A swap that has begun stays as it is.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import Row, text
from sqlalchemy.ext.asyncio import AsyncConnection

from alerts.rota_change import SwapState
from alerts.rota_rewrite import lock, rewrite
from carebed.errors import CarebedError
from carebed.ids import new_id


class SwapRefused(CarebedError):
    """It cannot be done; the sentence says why and what else can be."""


class SwapUnknown(CarebedError):
    """There is no such shift, colleague or swap for the one who asks."""


_SHIFT = text("""
    SELECT id, pattern_id, station_id, staff_id, starts_at, ends_at FROM rota WHERE id = :id AND staff_id = :staff
""")

# Somebody of this station, or who has shifts there as well.
_COLLEAGUE = text("""
    SELECT EXISTS (SELECT FROM staff WHERE id = :staff AND active AND role IN ('caregiver', 'operator', 'manager')
        AND (station_id = :station OR EXISTS (
            SELECT FROM rota WHERE rota.station_id = :station AND rota.staff_id = :staff AND ends_at > :now)))
""")

_AWAY = text("""
    SELECT EXISTS (SELECT FROM staff_absence
        WHERE staff_id = :staff AND withdrawn_at IS NULL AND begins_at < :ends_at AND ends_at > :starts_at)
""")

# His own shifts in that time, but for the one that he gives away.
_BUSY = text("""
    SELECT EXISTS (SELECT FROM rota WHERE staff_id = :staff AND starts_at < :ends_at AND ends_at > :starts_at
        AND id IS DISTINCT FROM :gives)
""")

_OPEN_ALREADY = text("""
    SELECT EXISTS (SELECT FROM rota_swap WHERE pattern_id = :pattern AND starts_at = :starts_at
        AND proposed_by = :me AND proposed_to = :to AND state = 'proposed')
""")

_PROPOSE = text("""
    INSERT INTO rota_swap (id, pattern_id, proposed_by, proposed_to, starts_at, ends_at, return_pattern_id,
        return_starts_at, return_ends_at, note)
    VALUES (:id, :pattern, :me, :to, :starts_at, :ends_at, :return_pattern, :return_starts_at, :return_ends_at, :note)
""")

_SWAP = text("""
    SELECT id, pattern_id, proposed_by, proposed_to, starts_at, ends_at, return_pattern_id, return_starts_at,
        return_ends_at, state, answered_by
    FROM rota_swap WHERE id = :id
""")

# The shift as it was when it was offered; none, when it has changed since.
_UNCHANGED = text("""
    SELECT id, pattern_id, station_id, staff_id, starts_at, ends_at FROM rota
    WHERE pattern_id = :pattern AND staff_id = :staff AND starts_at = :starts_at AND ends_at = :ends_at
""")

_ANSWER = text("""
    UPDATE rota_swap SET state = :state, answered_at = :now, answered_by = :me WHERE id = :id
""")
_WITHDRAW = text("""
    UPDATE rota_swap SET state = 'withdrawn', withdrawn_at = :now, withdrawn_by = :me WHERE id = :id
""")
_END_OVERRIDES = text("""
    UPDATE rota_override SET withdrawn_at = :now, withdrawn_by = :me WHERE swap_id = :id AND withdrawn_at IS NULL
""")
_STAND_IN = text("""
    INSERT INTO rota_override (id, pattern_id, staff_id, instead_of, starts_at, ends_at, swap_id, entered_by,
        entered_at)
    VALUES (:id, :pattern, :staff, :instead_of, :starts_at, :ends_at, :swap, :me, :now)
""")


@dataclass(frozen=True, slots=True)
class Offer:
    """A shift, and for whom: `to` gets it instead of `staff`. `gives`: the shift that he gives away for it."""

    shift: Row[Any]
    to: UUID
    gives: UUID | None


async def propose(
    conn: AsyncConnection, me: UUID, shift_id: UUID, to: UUID, in_return: UUID | None, note: str | None
) -> UUID:
    """Offer one's own shift to a colleague; the swap's id. `in_return`: a shift of his."""
    now = await lock(conn)
    if me == to:
        raise SwapRefused("A swap takes two: name a colleague.")
    shift = await _shift(conn, shift_id, me, "There is no such shift of yours: it may have changed meanwhile.")
    if not (await conn.execute(_COLLEAGUE, {"staff": to, "station": shift.station_id, "now": now})).scalar_one():
        raise SwapUnknown("There is no such colleague at this station.")
    other = None
    if in_return is not None:
        other = await _shift(conn, in_return, to, "Your colleague has no such shift: it may have changed meanwhile.")
    await _check(conn, now, _offers(shift, to, other))
    row = {
        "id": new_id(), "pattern": shift.pattern_id, "me": me, "to": to, "starts_at": shift.starts_at,
        "ends_at": shift.ends_at, "note": note, "return_pattern": other.pattern_id if other else None,
        "return_starts_at": other.starts_at if other else None, "return_ends_at": other.ends_at if other else None,
    }  # fmt: skip
    if (await conn.execute(_OPEN_ALREADY, row)).scalar_one():
        raise SwapRefused("You have proposed this already: wait for the answer, or withdraw it.")
    await conn.execute(_PROPOSE, row)
    found: UUID = row["id"]
    return found


async def accept(conn: AsyncConnection, me: UUID, swap_id: UUID) -> None:
    """Agree to a swap: from its beginning on the other one is on call. Repeating it changes nothing."""
    now = await lock(conn)
    swap = await _for_me(conn, me, swap_id)
    if swap.state == SwapState.ACCEPTED:
        return
    _open(swap, now)
    by, to = swap.proposed_by, swap.proposed_to
    span = {"pattern": swap.pattern_id, "starts_at": swap.starts_at, "ends_at": swap.ends_at}
    shift = await _unchanged(conn, by, span)
    other = None
    if swap.return_pattern_id is not None:
        back = {
            "pattern": swap.return_pattern_id, "starts_at": swap.return_starts_at, "ends_at": swap.return_ends_at
        }  # fmt: skip
        other = await _unchanged(conn, to, back)
    offers = _offers(shift, to, other)
    await _check(conn, now, offers)
    for offer in offers:
        one = offer.shift
        row = {"id": new_id(), "pattern": one.pattern_id, "staff": offer.to, "instead_of": one.staff_id, "me": me,
               "starts_at": one.starts_at, "ends_at": one.ends_at, "swap": swap.id, "now": now}  # fmt: skip
        await conn.execute(_STAND_IN, row)
    await conn.execute(_ANSWER, {"id": swap.id, "state": str(SwapState.ACCEPTED), "now": now, "me": me})
    await rewrite(conn, now, _patterns(swap))


async def decline(conn: AsyncConnection, me: UUID, swap_id: UUID) -> None:
    """Say no. Repeating it changes nothing."""
    now = await lock(conn)
    swap = await _for_me(conn, me, swap_id)
    if swap.state == SwapState.DECLINED:
        return
    if swap.state != SwapState.PROPOSED:
        raise SwapRefused(f"The swap is already {swap.state}.")
    await conn.execute(_ANSWER, {"id": swap.id, "state": str(SwapState.DECLINED), "now": now, "me": me})


async def withdraw(conn: AsyncConnection, me: UUID, swap_id: UUID, *, manages: bool) -> None:
    """Take a proposal back; a manager also undoes one that was accepted and has not begun."""
    now = await lock(conn)
    swap = await _swap(conn, swap_id)
    if me != swap.proposed_by and not manages:
        raise SwapRefused("Only who proposed the swap, or a manager, may withdraw it.")
    if swap.state == SwapState.WITHDRAWN:
        return
    if swap.state == SwapState.DECLINED:
        raise SwapRefused("The swap is already declined.")
    if swap.state == SwapState.ACCEPTED:
        if not manages:
            raise SwapRefused("The swap is accepted: propose one back, or ask a manager to undo it.")
        if _begins(swap) <= now:
            raise SwapRefused("The swap has begun and cannot be changed: enter somebody else for what is left.")
    await conn.execute(_WITHDRAW, {"id": swap.id, "now": now, "me": me})
    if swap.state == SwapState.ACCEPTED:
        await conn.execute(_END_OVERRIDES, {"id": swap.id, "now": now, "me": me})
        await rewrite(conn, now, _patterns(swap))


async def _shift(conn: AsyncConnection, shift_id: UUID, staff: UUID, missing: str) -> Row[Any]:
    shift = (await conn.execute(_SHIFT, {"id": shift_id, "staff": staff})).one_or_none()
    if shift is None:
        raise SwapUnknown(missing)
    if shift.pattern_id is None:
        raise SwapRefused("This shift was entered by hand and belongs to no pattern: ask a manager to change it.")
    return shift


async def _unchanged(conn: AsyncConnection, staff: UUID, span: dict[str, Any]) -> Row[Any]:
    shift = (await conn.execute(_UNCHANGED, {**span, "staff": staff})).one_or_none()
    if shift is None:
        raise SwapRefused("A shift of this swap has changed since it was proposed: propose it again.")
    return shift


def _offers(shift: Row[Any], to: UUID, other: Row[Any] | None) -> list[Offer]:
    if other is None:
        return [Offer(shift, to, None)]
    return [Offer(shift, to, other.id), Offer(other, shift.staff_id, shift.id)]


async def _check(conn: AsyncConnection, now: datetime, offers: Sequence[Offer]) -> None:
    """Nothing that has begun; nobody who is away or on call himself."""
    for offer in offers:
        one = offer.shift
        if one.starts_at <= now:
            raise SwapRefused(
                "A shift that has begun cannot be swapped: a manager can enter somebody else for the rest."
            )
        asked = {"staff": offer.to, "starts_at": one.starts_at, "ends_at": one.ends_at, "gives": offer.gives}
        if (await conn.execute(_AWAY, asked)).scalar_one():
            raise SwapRefused("Who would take over the shift is away in that time.")
        if (await conn.execute(_BUSY, asked)).scalar_one():
            raise SwapRefused("Who would take over the shift is on call himself in that time.")


async def _swap(conn: AsyncConnection, swap_id: UUID) -> Row[Any]:
    swap = (await conn.execute(_SWAP, {"id": swap_id})).one_or_none()
    if swap is None:
        raise SwapUnknown("There is no such swap in your areas.")
    return swap


async def _for_me(conn: AsyncConnection, me: UUID, swap_id: UUID) -> Row[Any]:
    swap = await _swap(conn, swap_id)
    if swap.proposed_to != me:
        raise SwapRefused("Only who the swap was proposed to may answer it.")
    return swap


def _open(swap: Row[Any], now: datetime) -> None:
    if swap.state != SwapState.PROPOSED:
        raise SwapRefused(f"The swap is already {swap.state}.")
    if _begins(swap) <= now:
        raise SwapRefused("A shift of this swap has begun: a manager can enter somebody else for the rest.")


def _begins(swap: Row[Any]) -> datetime:
    times: list[datetime] = [one for one in (swap.starts_at, swap.return_starts_at) if one is not None]
    return min(times)


def _patterns(swap: Row[Any]) -> list[UUID]:
    return sorted({one for one in (swap.pattern_id, swap.return_pattern_id) if one is not None})
