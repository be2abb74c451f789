"""What an open alarm remembers of the signals that belong to it: the windows of a suspected fall, presses, devices."""

from alembic import op

revision = "0013"
down_revision = "0012"
branch_labels = None
depends_on = None

_COLUMNS = """
    ALTER TABLE alarm
        ADD COLUMN suspicion jsonb,
        ADD COLUMN presses jsonb DEFAULT '[]' NOT NULL,
        ADD COLUMN urged_at timestamptz,
        ADD COLUMN devices jsonb DEFAULT '[]' NOT NULL;
    COMMENT ON COLUMN alarm.suspicion IS 'the windows of a suspected fall (alerts.suspicion)';
    COMMENT ON COLUMN alarm.presses IS 'times of the last presses';
    COMMENT ON COLUMN alarm.urged_at IS 'when presses last brought a step forward';
    COMMENT ON COLUMN alarm.devices IS 'which have signalled, and are over';
"""


def upgrade() -> None:
    """Defaults that need no table to be rewritten."""
    op.execute(_COLUMNS)


def downgrade() -> None:
    """Forward only."""
    raise NotImplementedError
