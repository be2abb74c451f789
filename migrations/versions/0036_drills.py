"""Drills that managers order, and the homes that they called for."""

from alembic import op

revision = "0036"
down_revision = "0035"
branch_labels = None
depends_on = None

_TABLES = """
CREATE TABLE drill (
    id uuid NOT NULL CONSTRAINT pk_drill PRIMARY KEY,
    area_code text NOT NULL CONSTRAINT fk_drill_area_code_area REFERENCES area (code),
    station_id uuid CONSTRAINT fk_drill_station_id_station REFERENCES station (id),
    kind text NOT NULL,
    homes uuid[],
    most integer NOT NULL,
    lasts_s integer NOT NULL,
    note text,
    state text NOT NULL CONSTRAINT ck_drill_state
        CHECK (state IN ('planned', 'running', 'over', 'stopped', 'called_off')),
    starts_at timestamptz NOT NULL,
    started_at timestamptz,
    ended_at timestamptz,
    ordered_by uuid NOT NULL CONSTRAINT fk_drill_ordered_by_staff REFERENCES staff (id),
    ordered_at timestamptz NOT NULL,
    stopped_by uuid CONSTRAINT fk_drill_stopped_by_staff REFERENCES staff (id),
    reason text,
    CONSTRAINT ck_drill_ended_has_its_time CHECK ((state IN ('planned', 'running')) = (ended_at IS NULL))
);
COMMENT ON TABLE drill IS 'drills that managers have ordered';
COMMENT ON COLUMN drill.homes IS 'these only; null: those of the area or station';
COMMENT ON COLUMN drill.most IS 'as many homes at most, those whose last drill is longest ago';
COMMENT ON COLUMN drill.starts_at IS 'when it was to start';
COMMENT ON COLUMN drill.reason IS 'why it waits, or was called off (alerts.drill.Reason)';
CREATE INDEX ix_drill_area_code ON drill (area_code);

CREATE TABLE drill_home (
    drill_id uuid NOT NULL CONSTRAINT fk_drill_home_drill_id_drill REFERENCES drill (id),
    home_id uuid NOT NULL CONSTRAINT fk_drill_home_home_id_home REFERENCES home (id),
    alarm_id uuid CONSTRAINT fk_drill_home_alarm_id_alarm REFERENCES alarm (id),
    left_out text,
    CONSTRAINT pk_drill_home PRIMARY KEY (drill_id, home_id),
    CONSTRAINT ck_drill_home_called_or_left_out CHECK ((alarm_id IS NULL) = (left_out IS NOT NULL))
);
COMMENT ON TABLE drill_home IS 'the homes of a drill that was started, each with its alarm';
COMMENT ON COLUMN drill_home.left_out IS 'why it was not called for';
CREATE INDEX ix_drill_home_home_id ON drill_home (home_id);
"""

# Definer's rights, for the API's role arms deadlines of alarms that it sees and no others.
_ARMED = """
CREATE FUNCTION arm_drill() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER SET search_path = public AS $$
BEGIN
    INSERT INTO deadline (kind, subject, due_at) VALUES ('drill', NEW.id, NEW.starts_at);
    PERFORM pg_notify('carebed_deadline', '');
    RETURN NULL;
END $$;
REVOKE ALL ON FUNCTION arm_drill() FROM PUBLIC;
CREATE TRIGGER drill_is_armed AFTER INSERT ON drill FOR EACH ROW EXECUTE FUNCTION arm_drill();
"""

_RIGHTS = """
ALTER TABLE drill ENABLE ROW LEVEL SECURITY;
CREATE POLICY api_scope ON drill TO carebed_api USING (in_scope(area_code));
CREATE POLICY all_rows ON drill TO carebed_engine USING (true);
CREATE POLICY all_rows_to_read ON drill FOR SELECT TO carebed_reader USING (true);
GRANT SELECT, INSERT, UPDATE ON drill TO carebed_api, carebed_engine;
GRANT SELECT ON drill TO carebed_reader;
ALTER TABLE drill_home ENABLE ROW LEVEL SECURITY;
CREATE POLICY api_scope ON drill_home FOR SELECT TO carebed_api
    USING (EXISTS (SELECT FROM drill WHERE drill.id = drill_home.drill_id));
CREATE POLICY all_rows ON drill_home TO carebed_engine USING (true);
CREATE POLICY all_rows_to_read ON drill_home FOR SELECT TO carebed_reader USING (true);
GRANT SELECT ON drill_home TO carebed_api, carebed_reader;
GRANT SELECT, INSERT ON drill_home TO carebed_engine;
"""


def upgrade() -> None:
    """Tables, the armed deadline, rights."""
    for block in (_TABLES, _ARMED, _RIGHTS):
        op.get_bind().exec_driver_sql(block)


def downgrade() -> None:
    """Forward only."""
    raise NotImplementedError
