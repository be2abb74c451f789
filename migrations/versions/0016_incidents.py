"""Incidents: one alarm at the desk for the outages of many homes, each of which stays an alarm of its own."""

from alembic import op

revision = "0016"
down_revision = "0015"
branch_labels = None
depends_on = None

_TABLES = """
ALTER TABLE alarm
    ADD COLUMN incident_id uuid CONSTRAINT fk_alarm_incident_id_alarm REFERENCES alarm (id),
    ADD COLUMN gathering_until timestamptz,
    ADD CONSTRAINT ck_alarm_life_critical_stands_alone CHECK (incident_id IS NULL OR priority > 0);
COMMENT ON COLUMN alarm.incident_id IS 'the incident that it is part of; its page is the incident''s';
COMMENT ON COLUMN alarm.gathering_until IS 'nobody is paged before: others may make it an incident';
CREATE INDEX ix_alarm_incident_id ON alarm (incident_id) WHERE incident_id IS NOT NULL;
CREATE INDEX ix_alarm_gathering ON alarm (gathering_until) WHERE gathering_until IS NOT NULL;

CREATE TABLE incident (
    alarm_id uuid NOT NULL CONSTRAINT pk_incident PRIMARY KEY
        CONSTRAINT fk_incident_alarm_id_alarm REFERENCES alarm (id),
    station_id uuid NOT NULL CONSTRAINT fk_incident_station_id_station REFERENCES station (id),
    area_code text NOT NULL CONSTRAINT fk_incident_area_code_area REFERENCES area (code),
    first_at timestamptz NOT NULL,
    last_at timestamptz NOT NULL,
    reach_s integer NOT NULL,
    homes integer NOT NULL,
    over_at timestamptz
);
COMMENT ON TABLE incident IS 'what an alarm of the kind outage stands for; its members name it';
COMMENT ON COLUMN incident.reach_s IS 'what happened so many seconds before the first or after the last is part of it';
COMMENT ON COLUMN incident.over_at IS 'when none of its members was open any more';
CREATE INDEX ix_incident_station_id ON incident (station_id) WHERE over_at IS NULL;

ALTER TABLE incident ENABLE ROW LEVEL SECURITY;
CREATE POLICY all_rows ON incident TO carebed_engine USING (true);
CREATE POLICY all_rows_to_read ON incident FOR SELECT TO carebed_reader USING (true);
GRANT SELECT, INSERT, UPDATE, DELETE ON incident TO carebed_engine;
GRANT SELECT ON incident TO carebed_reader;
"""


def upgrade() -> None:
    """Create the table, and let alarms name their incident."""
    op.get_bind().exec_driver_sql(_TABLES)


def downgrade() -> None:
    """Forward only."""
    raise NotImplementedError
