"""What became of a quarantined message when it was put through the pipeline again."""

from alembic import op

revision = "0009"
down_revision = "0008"
branch_labels = None
depends_on = None

_STATEMENTS = (
    "ALTER TABLE quarantine ADD COLUMN replayed_at timestamptz",
    """ALTER TABLE quarantine ADD COLUMN outcome text
        CONSTRAINT ck_quarantine_outcome CHECK (outcome IN ('taken', 'duplicate', 'partly'))""",
    "COMMENT ON COLUMN quarantine.replayed_at IS 'last try to take it in again'",
    "COMMENT ON COLUMN quarantine.outcome IS 'what became of it then; none: it still waits'",
)


def upgrade() -> None:
    """Two columns that stay empty until somebody replays."""
    for statement in _STATEMENTS:
        op.execute(statement)


def downgrade() -> None:
    """Forward only."""
    raise NotImplementedError
