"""Indexes by which a person's calls on the live stream and a provider's reports find their messages at once."""

from alembic import op

revision = "0040"
down_revision = "0039"
branch_labels = None
depends_on = None

# Without them each look of the live stream read all messages of all open alarms, and each report all messages of its
# channel of which no report ever came: a hundred thousand of either, after some months.
_INDEXES = """
CREATE INDEX ix_notification_live ON notification (staff_id) WHERE channel = 'live' AND state = 'pending';
CREATE INDEX ix_notification_reference ON notification (channel, "right"(replace(id::text, '-', ''), 15))
    WHERE state IN ('pending', 'handed_over') AND attempts > 0;
"""

# Definer's rights, for row-level security lets no index of an expression be used. It gives out an id, and to who can
# name its last fifteen digits.
_BY_REFERENCE = """
CREATE FUNCTION message_of_reference(through text, reference text) RETURNS SETOF uuid
    LANGUAGE sql STABLE SECURITY DEFINER SET search_path = public
    BEGIN ATOMIC
        SELECT id FROM notification
        WHERE channel = through AND "right"(replace(id::text, '-', ''), 15) = reference
            AND state IN ('pending', 'handed_over') AND attempts > 0;
    END;
REVOKE ALL ON FUNCTION message_of_reference(text, text) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION message_of_reference(text, text) TO carebed_api, carebed_engine;
"""


def upgrade() -> None:
    """Of what waits only, and the one way to it by a reference."""
    for block in (_INDEXES, _BY_REFERENCE):
        op.get_bind().exec_driver_sql(block)


def downgrade() -> None:
    """Forward only."""
    raise NotImplementedError
