"""How long a gateway may be silent, and a device unheard of after its pairing; incidents of many homes at once."""

from alembic import op

revision = "0013"
down_revision = "0012"
branch_labels = None
depends_on = None

_HOMES = """
ALTER TABLE home
    ADD COLUMN transmission_grade smallint CONSTRAINT ck_home_transmission_grade
        CHECK (transmission_grade BETWEEN 2 AND 4),
    ADD COLUMN first_sign_s integer NOT NULL DEFAULT 86400 CONSTRAINT ck_home_first_sign_s
        CHECK (first_sign_s BETWEEN 600 AND 2592000);
COMMENT ON COLUMN home.transmission_grade IS
    'after how long its gateway counts as offline (EN 50136); null: after its missed beats';
COMMENT ON COLUMN home.first_sign_s IS 'seconds after pairing within which a device must be heard of';
"""

# Devices that were paired and never heard of have no deadline yet; theirs begins now.
_NEVER_HEARD = """
INSERT INTO deadline (kind, subject, due_at, data)
SELECT 'offline', device.id, carebed_now() + interval '1 day', jsonb_build_object('paired_at', carebed_now())
FROM device JOIN gateway ON gateway.id = device.gateway_id AND gateway.revoked_at IS NULL
WHERE device.heartbeat_s IS NOT NULL
    AND NOT EXISTS (SELECT FROM device_state WHERE device_state.device_id = device.id)
ON CONFLICT (kind, subject) DO NOTHING;
"""


def upgrade() -> None:
    """Add the columns, and arm what nobody watched."""
    for block in (_HOMES, _NEVER_HEARD):
        op.get_bind().exec_driver_sql(block)


def downgrade() -> None:
    """Forward only."""
    raise NotImplementedError
