"""An index of the messages that failed, by when they were written: whoever cannot be reached is looked for."""

from alembic import op

revision = "0037"
down_revision = "0036"
branch_labels = None
depends_on = None

_INDEX = """
CREATE INDEX ix_notification_failing ON notification (created_at)
    WHERE contact_method_id IS NOT NULL AND error IS NOT NULL;
"""


def upgrade() -> None:
    """Of the few that failed only."""
    op.get_bind().exec_driver_sql(_INDEX)


def downgrade() -> None:
    """Forward only."""
    raise NotImplementedError
