"""What homes' rhythms are learned from: the stillnesses of their last two months."""

from alembic import op

revision = "0015"
down_revision = "0014"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Only the scheduler writes it, as the owner; the engine reads what came of it from `learned`."""
    op.execute("""
        CREATE TABLE rhythm_history (
            home_id uuid NOT NULL CONSTRAINT pk_rhythm_history PRIMARY KEY
                CONSTRAINT fk_rhythm_history_home_id_home REFERENCES home (id),
            learned_until timestamptz NOT NULL,
            history jsonb NOT NULL
        );
        COMMENT ON TABLE rhythm_history IS 'stillnesses of each home''s last two months, for its rhythm';
        ALTER TABLE rhythm_history ENABLE ROW LEVEL SECURITY;
        CREATE POLICY all_rows_to_read ON rhythm_history FOR SELECT TO carebed_reader USING (true);
        GRANT SELECT ON rhythm_history TO carebed_reader;
    """)


def downgrade() -> None:
    """Forward only."""
    raise NotImplementedError
