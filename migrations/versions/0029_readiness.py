"""Whether somebody can be reached in the hours ahead, station by station."""

from alembic import op

revision = "0029"
down_revision = "0028"
branch_labels = None
depends_on = None

_TABLE = """
CREATE TABLE readiness (
    station_id uuid NOT NULL CONSTRAINT pk_readiness PRIMARY KEY
        CONSTRAINT fk_readiness_station_id_station REFERENCES station (id),
    judged_at timestamptz NOT NULL,
    until timestamptz NOT NULL,
    gaps jsonb NOT NULL
);
COMMENT ON TABLE readiness IS 'whether the first steps of each station''s ladders reach somebody in the hours ahead';
COMMENT ON COLUMN readiness.gaps IS 'as api.readiness_shapes.UnreachedStep';
ALTER TABLE readiness ENABLE ROW LEVEL SECURITY;
CREATE POLICY api_scope ON readiness FOR SELECT TO carebed_api USING (station_in_scope(station_id));
CREATE POLICY all_rows ON readiness TO carebed_engine USING (true);
CREATE POLICY all_rows_to_read ON readiness FOR SELECT TO carebed_reader USING (true);
GRANT SELECT, INSERT, UPDATE, DELETE ON readiness TO carebed_engine;
GRANT SELECT ON readiness TO carebed_api, carebed_reader;
"""


def upgrade() -> None:
    """The table, seen by who may see the station."""
    op.get_bind().exec_driver_sql(_TABLE)


def downgrade() -> None:
    """Forward only."""
    raise NotImplementedError
