"""A web push subscription counts as verified for seven days only, and belongs to whoever subscribed last."""

from alembic import op

revision = "0030"
down_revision = "0029"
branch_labels = None
depends_on = None

# As in migration 0019, but web push is fresh for seven days at most: push services are not reachable everywhere.
_METHODS = """
CREATE OR REPLACE FUNCTION contact_methods_of(people uuid[], channels text[], fresh interval, at timestamptz)
    RETURNS TABLE (staff_id uuid, id uuid, channel text, wait_s integer, verified boolean)
    LANGUAGE sql STABLE SECURITY DEFINER SET search_path = public
    BEGIN ATOMIC
        SELECT method.staff_id, method.id, method.channel, method.wait_s, judged.verified
        FROM contact_method method
        CROSS JOIN LATERAL (SELECT greatest(method.verified_at, method.delivered_at) AS proven_at) proof
        CROSS JOIN LATERAL (
            SELECT proof.proven_at > at - CASE method.channel
                    WHEN 'webpush' THEN least(fresh, interval '7 days') ELSE fresh END
                AND (method.failed_at IS NULL OR proof.proven_at > method.failed_at) AS verified) judged
        WHERE method.staff_id = ANY (people) AND method.channel = ANY (channels)
            AND method.verified_at IS NOT NULL AND method.removed_at IS NULL
        ORDER BY method.staff_id, judged.verified DESC, method.rank, method.created_at, method.id;
    END;
"""

# Definer's rights: whoever subscribes does not see the methods of who had this browser before.
_TAKE_OVER = """
CREATE FUNCTION take_over_push(taken text) RETURNS void LANGUAGE sql SECURITY DEFINER SET search_path = public
    BEGIN ATOMIC
        UPDATE contact_method SET removed_at = carebed_now(), verified_at = NULL, code_hash = NULL
        WHERE channel = 'webpush' AND address = taken AND removed_at IS NULL AND staff_id <> current_staff();
    END;
REVOKE ALL ON FUNCTION take_over_push(text) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION take_over_push(text) TO carebed_api;
"""


def upgrade() -> None:
    """Both."""
    for block in (_METHODS, _TAKE_OVER):
        op.get_bind().exec_driver_sql(block)


def downgrade() -> None:
    """Forward only."""
    raise NotImplementedError
