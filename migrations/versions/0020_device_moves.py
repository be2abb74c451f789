"""Since when a device has been in its home, so that what it said in another one is not taken for this one's."""

from alembic import op

revision = "0020"
down_revision = "0019"
branch_labels = None
depends_on = None

_COLUMN = """
ALTER TABLE device ADD COLUMN in_home_since timestamptz;
COMMENT ON COLUMN device.in_home_since IS 'when it came from another home; null: it has never been in another';
"""


def upgrade() -> None:
    """Where devices were before is not known of any: all count as having always been where they are."""
    op.execute(_COLUMN)


def downgrade() -> None:
    """Forward only."""
    raise NotImplementedError
