"""What gateways send beyond the flood limit, by minute."""

from alembic import op

revision = "0008"
down_revision = "0007"
branch_labels = None
depends_on = None

_TABLE = """
    CREATE TABLE flood (
        gateway_id text NOT NULL,
        minute timestamptz NOT NULL,
        messages bigint NOT NULL,
        objects bigint NOT NULL,
        bytes bigint NOT NULL,
        kept_messages bigint NOT NULL,
        kept_bytes bigint NOT NULL,
        CONSTRAINT pk_flood PRIMARY KEY (gateway_id, minute)
    );
    CREATE INDEX ix_flood_minute ON flood (minute);
    COMMENT ON TABLE flood IS 'what gateways sent beyond the flood limit, by minute';
    COMMENT ON COLUMN flood.messages IS 'MQTT messages beyond the limit';
    COMMENT ON COLUMN flood.objects IS 'what they held';
    COMMENT ON COLUMN flood.bytes IS 'of their payloads';
    COMMENT ON COLUMN flood.kept_messages IS 'of these messages, how many stand in quarantine';
    COMMENT ON COLUMN flood.kept_bytes IS 'packed';

    ALTER TABLE flood ENABLE ROW LEVEL SECURITY;
    CREATE POLICY all_rows ON flood TO carebed_engine USING (true);
    CREATE POLICY all_rows_to_read ON flood FOR SELECT TO carebed_reader USING (true);
    GRANT SELECT, INSERT, UPDATE, DELETE ON flood TO carebed_engine;
    GRANT SELECT ON flood TO carebed_reader;
"""


def upgrade() -> None:
    """Create the table, and let the engine's role use it."""
    op.execute(_TABLE)


def downgrade() -> None:
    """Forward only."""
    raise NotImplementedError
