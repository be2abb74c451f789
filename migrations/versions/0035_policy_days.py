"""Escalation policies for days of the week: nights and weekends."""

from alembic import op

revision = "0035"
down_revision = "0034"
branch_labels = None
depends_on = None

_DAYS = """
ALTER TABLE policy
    ADD COLUMN days smallint[],
    DROP CONSTRAINT uq_policy_match,
    ADD CONSTRAINT uq_policy_match UNIQUE NULLS NOT DISTINCT
        (home_id, station_id, area_code, kind, priority, from_time, to_time, days),
    ADD CONSTRAINT ck_policy_days CHECK (cardinality(days) BETWEEN 1 AND 7 AND days <@ '{1,2,3,4,5,6,7}'::smallint[]);
COMMENT ON COLUMN policy.days IS 'ISO weekdays on which it begins, in order; null: every day';
"""


def upgrade() -> None:
    """A column. An older process does not read it, so a policy for some days is set when all of them are new."""
    op.get_bind().exec_driver_sql(_DAYS)


def downgrade() -> None:
    """Forward only."""
    raise NotImplementedError
