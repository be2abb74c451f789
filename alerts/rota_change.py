"""What people change about a rota: somebody else for a span, and shifts that two of them swap."""

from enum import StrEnum

from sqlalchemy import CheckConstraint, Column, Index, Table, Text, text

from carebed.columns import instant, label, recorded, refers, uuid_key
from carebed.database import metadata


class SwapState(StrEnum):
    """What has become of a proposal."""

    PROPOSED = "proposed"
    ACCEPTED = "accepted"
    DECLINED = "declined"
    WITHDRAWN = "withdrawn"


_STATES = ", ".join(f"'{state}'" for state in SwapState)

rota_override = Table(
    "rota_override",
    metadata,
    uuid_key(),
    refers("pattern_id", "rota_pattern.id"),
    refers("staff_id", "staff.id"),
    refers("instead_of", "staff.id", required=False),
    instant("starts_at", required=True),
    instant("ends_at", required=True),
    refers("swap_id", "rota_swap.id", required=False),
    label("note", required=False),
    refers("entered_by", "staff.id"),
    recorded("entered_at"),
    instant("withdrawn_at", comment="it counts no more from then on"),
    refers("withdrawn_by", "staff.id", required=False),
    CheckConstraint("ends_at > starts_at AND isfinite(starts_at) AND isfinite(ends_at)", name="has_a_length"),
    CheckConstraint("(withdrawn_at IS NULL) = (withdrawn_by IS NULL)", name="withdrawn_by_somebody"),
    Index("ix_rota_override_pattern", "pattern_id", "ends_at"),
    comment="somebody else on a post for a span; never deleted, only withdrawn",
)

rota_swap = Table(
    "rota_swap",
    metadata,
    uuid_key(),
    refers("pattern_id", "rota_pattern.id"),
    refers("proposed_by", "staff.id", index=True),
    refers("proposed_to", "staff.id", index=True),
    instant("starts_at", required=True),
    instant("ends_at", required=True),
    refers("return_pattern_id", "rota_pattern.id", required=False),
    instant("return_starts_at"),
    instant("return_ends_at"),
    Column("state", Text, CheckConstraint(f"state IN ({_STATES})", name="state"), nullable=False,
           server_default=text("'proposed'")),
    label("note", required=False),
    recorded("proposed_at"),
    instant("answered_at", comment="accepted or declined"),
    refers("answered_by", "staff.id", required=False),
    instant("withdrawn_at", comment="by who proposed it, or by a manager"),
    refers("withdrawn_by", "staff.id", required=False),
    CheckConstraint("proposed_by <> proposed_to", name="takes_two"),
    CheckConstraint("num_nulls(return_pattern_id, return_starts_at, return_ends_at) IN (0, 3)", name="return_is_whole"),
    CheckConstraint(
        "(state = 'withdrawn') = (withdrawn_at IS NOT NULL) AND (withdrawn_at IS NULL) = (withdrawn_by IS NULL)"
        " AND (answered_at IS NULL) = (answered_by IS NULL) AND (state <> 'proposed' OR answered_at IS NULL)"
        " AND (state NOT IN ('accepted', 'declined') OR answered_at IS NOT NULL)",
        name="answered_by_somebody",
    ),
    Index("ix_rota_swap_pattern", "pattern_id", "starts_at"),
    comment="a shift offered by who has it to somebody else, with or without one of his in return",
)  # fmt: skip
