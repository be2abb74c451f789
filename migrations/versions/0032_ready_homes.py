"""Readiness names the homes for which nobody is reached by their own ladder or people."""

from alembic import op

revision = "0032"
down_revision = "0031"
branch_labels = None
depends_on = None

_COLUMNS = """
ALTER TABLE readiness
    ADD COLUMN homes integer NOT NULL DEFAULT 0,
    ADD COLUMN first_homes jsonb NOT NULL DEFAULT '[]';
COMMENT ON COLUMN readiness.homes IS 'that nobody is reached for besides';
COMMENT ON COLUMN readiness.first_homes IS 'the first of them, by time';
"""


def upgrade() -> None:
    """A count, and the first of them; an older scheduler writes neither."""
    op.get_bind().exec_driver_sql(_COLUMNS)


def downgrade() -> None:
    """Forward only."""
    raise NotImplementedError
