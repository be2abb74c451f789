"""Who was called to an alarm sees it while it is open, and for a day after."""

from alembic import op

revision = "0041"
down_revision = "0040"
branch_labels = None
depends_on = None

# A day: the shift in which it ended and the next one, for what somebody has still to note; and the span in which an
# alarm is opened again unless its policy says otherwise. Opened again it is in sight at once, however late.
_SIGHT = """
CREATE FUNCTION call_in_sight(closed_at timestamptz) RETURNS boolean LANGUAGE sql STABLE PARALLEL SAFE
    RETURN closed_at IS NULL OR closed_at > carebed_now() - interval '24 hours';

CREATE OR REPLACE FUNCTION my_calls() RETURNS SETOF uuid LANGUAGE sql STABLE SECURITY DEFINER SET search_path = public
    BEGIN ATOMIC
        SELECT alarm.id FROM response JOIN alarm ON alarm.id = response.alarm_id
        WHERE response.staff_id = current_staff() AND call_in_sight(alarm.closed_at);
    END;

CREATE OR REPLACE FUNCTION my_called_homes() RETURNS SETOF uuid
    LANGUAGE sql STABLE SECURITY DEFINER SET search_path = public
    BEGIN ATOMIC
        SELECT alarm.home_id FROM response JOIN alarm ON alarm.id = response.alarm_id
        WHERE response.staff_id = current_staff() AND alarm.home_id IS NOT NULL AND call_in_sight(alarm.closed_at);
    END;
"""


def upgrade() -> None:
    """The same functions, with an end."""
    op.get_bind().exec_driver_sql(_SIGHT)


def downgrade() -> None:
    """Forward only."""
    raise NotImplementedError
