"""Providers are asked what became of messages of which nothing was reported."""

from alembic import op

revision = "0034"
down_revision = "0033"
branch_labels = None
depends_on = None

_POLLS = """
ALTER TABLE notification ADD COLUMN polls smallint NOT NULL DEFAULT 0, ADD COLUMN poll_at timestamptz;
COMMENT ON COLUMN notification.polls IS 'how often its provider was asked what became of it';
COMMENT ON COLUMN notification.poll_at IS 'not asked again before; real time';
CREATE INDEX ix_notification_unreported ON notification (handed_over_at)
    WHERE state = 'handed_over' AND provider_id IS NOT NULL AND channel IN ('sms', 'voice');
"""


def upgrade() -> None:
    """Two columns and the index of what may be asked for."""
    op.get_bind().exec_driver_sql(_POLLS)


def downgrade() -> None:
    """Forward only."""
    raise NotImplementedError
