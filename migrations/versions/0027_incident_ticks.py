"""Homes of incidents that somebody has asked after."""

from alembic import op

revision = "0027"
down_revision = "0026"
branch_labels = None
depends_on = None

_TABLE = """
CREATE TABLE incident_tick (
    incident_id uuid NOT NULL CONSTRAINT fk_incident_tick_incident_id_alarm REFERENCES alarm (id),
    home_id uuid NOT NULL CONSTRAINT fk_incident_tick_home_id_home REFERENCES home (id),
    finding text NOT NULL CONSTRAINT ck_incident_tick_finding CHECK (finding IN ('well', 'needs_help', 'not_reached')),
    note text,
    staff_id uuid NOT NULL CONSTRAINT fk_incident_tick_staff_id_staff REFERENCES staff (id),
    at timestamptz NOT NULL,
    alarm_id uuid CONSTRAINT fk_incident_tick_alarm_id_alarm REFERENCES alarm (id),
    CONSTRAINT pk_incident_tick PRIMARY KEY (incident_id, home_id)
);
COMMENT ON TABLE incident_tick IS
    'homes of incidents that somebody has asked after; the last word counts, the log keeps all';
COMMENT ON COLUMN incident_tick.alarm_id IS 'raised because somebody has to go';

ALTER TABLE incident_tick ENABLE ROW LEVEL SECURITY;
CREATE POLICY api_scope ON incident_tick TO carebed_api USING (
    EXISTS (SELECT FROM alarm WHERE alarm.id = incident_tick.incident_id)
    AND EXISTS (SELECT FROM home WHERE home.id = incident_tick.home_id));
CREATE POLICY all_rows ON incident_tick TO carebed_engine USING (true);
CREATE POLICY all_rows_to_read ON incident_tick FOR SELECT TO carebed_reader USING (true);
GRANT SELECT, INSERT, UPDATE ON incident_tick TO carebed_api, carebed_engine;
GRANT SELECT ON incident_tick TO carebed_reader;
"""


def upgrade() -> None:
    """Create the table."""
    op.get_bind().exec_driver_sql(_TABLE)


def downgrade() -> None:
    """Forward only."""
    raise NotImplementedError
