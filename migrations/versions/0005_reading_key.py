"""Readings get one index for two purposes: who was counted already, and what a device said from then till then.

Each further index costs every reading of a backlog a third of its way into the database.
"""

from alembic import op

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """The unique key stays the same three columns, in the order of a device's history."""
    op.execute("CREATE UNIQUE INDEX uq_reading_device_time_message ON reading (device_id, time, message_id)")
    op.execute("DROP INDEX uq_reading_device_message_time")


def downgrade() -> None:
    """Forward only."""
    raise NotImplementedError
