"""The reader's role counts and looks up; it reads no key, no password and no way to a person."""

from alembic import op

revision = "0039"
down_revision = "0038"
branch_labels = None
depends_on = None

# What opens a door, an account or a provider, or reaches a person. `idempotency.body` is what the API answered,
# whatever that was; `notification.payload` holds a code until that is sent. The rest of these tables is counted as
# before.
_SECRET = {
    "access_note": ("key_box", "door_code", "hazards"),
    "contact_method": ("address", "code_hash"),
    "gateway": ("secret_hash",),
    "idempotency": ("key", "request", "body"),
    "notification": ("payload", "answer_code"),
    "robot_group": ("webhook_url", "secret"),
    "staff": ("password_hash",),
    "staff_session": ("access_hash", "refresh_hash"),
}

# Until now the role had it all by its membership in pg_read_all_data, which only a superuser takes away. By table and
# not by default privileges: what a later migration adds is granted there, or stays shut.
_GRANT = """
DO $$
DECLARE
    name text;
BEGIN
    FOR name IN SELECT relname FROM pg_class WHERE relnamespace = 'public'::regnamespace
        AND relkind IN ('r', 'p', 'v', 'm') AND NOT relispartition AND relowner = current_user::regrole
    LOOP
        EXECUTE 'GRANT SELECT ON ' || quote_ident(name) || ' TO carebed_reader';
    END LOOP;
END $$
"""

_READABLE = """
SELECT string_agg(quote_ident(attname), ', ' ORDER BY attnum) FROM pg_attribute
WHERE attrelid = CAST(%(table)s AS regclass) AND attnum > 0 AND NOT attisdropped AND attname <> ALL (%(secret)s)
"""


def upgrade() -> None:
    """All tables, and of those with secrets all other columns."""
    connection = op.get_bind()
    connection.exec_driver_sql(_GRANT)
    for table, secret in _SECRET.items():
        asked = {"table": table, "secret": list(secret)}
        columns = connection.exec_driver_sql(_READABLE, asked).scalar_one()
        connection.exec_driver_sql(f"REVOKE SELECT ON {table} FROM carebed_reader")
        connection.exec_driver_sql(f"GRANT SELECT ({columns}) ON {table} TO carebed_reader")


def downgrade() -> None:
    """Forward only."""
    raise NotImplementedError
