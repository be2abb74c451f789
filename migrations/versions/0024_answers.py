"""What carries its own authority (signed links, providers' callbacks) sees methods and messages of everybody."""

from alembic import op

revision = "0024"
down_revision = "0023"
branch_labels = None
depends_on = None

# Nobody's areas are everything; only our own transactions have the scope '/' (`in_scope('')`).
_OURS = """
DROP POLICY api_scope ON contact_method;
CREATE POLICY api_scope ON contact_method TO carebed_api
    USING (staff_id = current_staff() OR manages_staff(staff_id) OR in_scope(''));
"""


def upgrade() -> None:
    """Widen the policy."""
    op.get_bind().exec_driver_sql(_OURS)


def downgrade() -> None:
    """Forward only."""
    raise NotImplementedError
