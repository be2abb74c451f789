"""Since when somebody who is on the way should have been there."""

from alembic import op

revision = "0043"
down_revision = "0042"
branch_labels = None
depends_on = None

# Whoever is overdue already is so from his next deadline on.
_OVERDUE = """
ALTER TABLE response ADD COLUMN overdue_at timestamptz;
COMMENT ON COLUMN response.overdue_at IS 'since when he should have been there, until he says again that he comes';
"""


def upgrade() -> None:
    """He holds the alarm no longer (docs/adr/0031-overdue-holds-nothing.md)."""
    op.execute(_OVERDUE)


def downgrade() -> None:
    """Forward only."""
    raise NotImplementedError
