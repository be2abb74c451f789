"""Several ingest workers for each lane: who they are, and who serves which shard group."""

from alembic import op

revision = "0010"
down_revision = "0009"
branch_labels = None
depends_on = None

# Seventeen groups for each lane: the first digit of the shard, and "stray" for shards that are none.
_TABLES = """
    CREATE TABLE ingest_worker (
        id text NOT NULL CONSTRAINT pk_ingest_worker PRIMARY KEY,
        lane text NOT NULL CONSTRAINT ck_ingest_worker_lane CHECK (lane IN ('alarm', 'reading')),
        expires_at timestamptz NOT NULL
    );
    COMMENT ON COLUMN ingest_worker.expires_at IS 'end of all its leases, unless renewed; real time, never shifted';

    CREATE TABLE lease (
        lane text NOT NULL CONSTRAINT ck_lease_lane CHECK (lane IN ('alarm', 'reading')),
        shard_group text NOT NULL CONSTRAINT ck_lease_group CHECK (shard_group ~ '^([0-9a-f]|stray)$'),
        epoch bigint NOT NULL DEFAULT 0,
        owner text CONSTRAINT fk_lease_owner_ingest_worker REFERENCES ingest_worker (id),
        taken_at timestamptz,
        CONSTRAINT pk_lease PRIMARY KEY (lane, shard_group)
    );
    COMMENT ON COLUMN lease.epoch IS 'grows with every owner; a batch commits under the epoch it was received in';
    COMMENT ON COLUMN lease.owner IS 'null: free';
    COMMENT ON COLUMN lease.taken_at IS 'real time, never shifted';

    INSERT INTO lease (lane, shard_group)
    SELECT lane, shard_group FROM unnest(ARRAY['alarm', 'reading']) AS lane,
        unnest(string_to_array('0123456789abcdef', NULL) || ARRAY['stray']) AS shard_group;
"""

_GUARDS = """
    ALTER TABLE {table} ENABLE ROW LEVEL SECURITY;
    CREATE POLICY all_rows ON {table} TO carebed_engine USING (true);
    CREATE POLICY all_rows_to_read ON {table} FOR SELECT TO carebed_reader USING (true);
    GRANT SELECT ON {table} TO carebed_reader;
"""


def upgrade() -> None:
    """Create both tables, one row for each lane and group, and let the engine's role use them."""
    op.execute(_TABLES)
    for table in ("ingest_worker", "lease"):
        op.execute(_GUARDS.format(table=table))
    op.execute("GRANT SELECT, INSERT, UPDATE, DELETE ON ingest_worker TO carebed_engine")
    op.execute("GRANT SELECT, UPDATE ON lease TO carebed_engine")


def downgrade() -> None:
    """Forward only."""
    raise NotImplementedError
