"""How a person can be reached: one row per channel and address, verified by a code that was sent there.

Addresses are personal data: they are never logged, and whoever only calls people never reads them
(`contact_methods_of` in migration 0019 gives none).
"""

from collections.abc import Callable, Collection, Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from uuid import UUID

from sqlalchemy import (
    CheckConstraint,
    Column,
    Index,
    Integer,
    LargeBinary,
    SmallInteger,
    Table,
    Text,
    UniqueConstraint,
    text,
)
from sqlalchemy.ext.asyncio import AsyncConnection

from alerts.channel import WEB_PUSH, routes
from alerts.channel.apprise_settings import normal_url
from alerts.channel.email import normal_email
from alerts.channel.wecom_settings import normal_user
from alerts.presence import present
from alerts.provider import normal_phone
from carebed.columns import instant, label, recorded, refers, uuid_key
from carebed.database import metadata

#: A method that was verified longer ago, and to which nothing has been delivered since, counts as unverified. Telephone
#: numbers in China may be given to somebody else 90 days after they were given up (MIIT rule for number resources).
FRESH = timedelta(days=90)

#: How long the method before it may stay without an answer, unless its owner wants it otherwise.
WAIT_S = 20

contact_method = Table(
    "contact_method",
    metadata,
    uuid_key(),
    refers("staff_id", "staff.id"),
    Column("channel", Text, CheckConstraint("channel ~ '^[a-z][a-z0-9_]{1,30}$'", name="channel"), nullable=False),
    label("address"),
    Column("rank", SmallInteger, nullable=False, server_default=text("0")),
    Column(
        "wait_s", Integer, CheckConstraint("wait_s BETWEEN 0 AND 3600", name="wait"), nullable=False,
        server_default=text(str(WAIT_S)), comment="how long the method before it may stay without an answer",
    ),
    instant("verified_at"),
    instant("delivered_at", comment="the last delivery that was confirmed"),
    instant("failed_at", comment="when the provider last said that nothing can be delivered there"),
    Column(
        "failures", Integer, nullable=False, server_default=text("0"),
        comment="attempts that failed since the last delivery",
    ),
    Column(
        "code_hash", LargeBinary, comment="of the code that was sent to verify it; real time, like its expiry"
    ),
    instant("code_expires_at"),
    Column("code_attempts", Integer, nullable=False, server_default=text("0")),
    instant("code_sent_at"),
    Column("codes_sent", Integer, nullable=False, server_default=text("0")),
    refers("added_by", "staff.id", required=False),
    instant("removed_at"),
    recorded(),
    UniqueConstraint("staff_id", "channel", "address"),
    Index("ix_contact_method_address", "channel", "address"),
    comment="how a person can be reached; addresses are personal data and never logged",
)  # fmt: skip


#: Channel -> an address in the one form in which it is kept; ValueError says what is wrong with it. A channel that is
#: not in here has methods that are added in a way of its own.
ADDRESSES: dict[str, Callable[[str], str]] = {
    "sms": normal_phone, "voice": normal_phone, "email": normal_email, "apprise": normal_url, "wecom": normal_user,
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class Way:
    """One method of a person, without its address. `verified`: it counts as verified at the moment of asking."""

    staff_id: UUID
    id: UUID
    channel: str
    wait_s: int
    verified: bool


_OF = text("""
    SELECT staff_id, id, channel, wait_s, verified
    FROM contact_methods_of(CAST(:people AS uuid[]), CAST(:channels AS text[]), :fresh, :now)
""")


async def ways_to(
    conn: AsyncConnection, people: Iterable[UUID], channels: Collection[str], now: datetime
) -> dict[UUID, list[Way]]:
    """Person -> methods through `channels`, in the order in which they are tried; nobody without one is in it.

    Methods never verified are left out. Those whose verification has aged, or that failed since, come last.
    """
    wanted = list(dict.fromkeys(people))
    found: dict[UUID, list[Way]] = {}
    if not wanted or not channels:
        return found
    asked = {"people": wanted, "channels": list(channels), "fresh": FRESH, "now": now}
    for row in await conn.execute(_OF, asked):
        found.setdefault(row.staff_id, []).append(Way(*row))
    return found


async def unreachable(
    conn: AsyncConnection, people: Iterable[UUID], channels: Collection[str], now: datetime
) -> frozenset[UUID]:
    """Who of them hears nothing of a call: no verified method, and no page open.

    Nobody, where this installation reaches people by their pages alone, or has a webhook, whose receiver calls people
    by its own means.
    """
    through = routes(channels)
    if set(through) <= {WEB_PUSH} or "webhook" in channels:
        return frozenset()
    wanted = frozenset(people)
    silent = wanted - (await ways_to(conn, wanted, through, now)).keys()
    return silent - await present(conn, silent) if silent else silent
