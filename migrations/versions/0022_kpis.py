"""How soon calls for help are answered: counted from the event log, and what each district promises."""

from alembic import op

revision = "0022"
down_revision = "0021"
branch_labels = None
depends_on = None

# The events that begin, answer and end calls, in the order of the log: a year of a city is read in a second, without
# a look at the rows. What began when, and which calls were tests, is found by the other two.
_INDEXES = """
    CREATE INDEX ix_alarm_event_call ON alarm_event (alarm_id, seq) INCLUDE (type, at) WHERE type IN ('raised',
        'suspected', 'reopened', 'confirmed', 'acknowledged', 'accepted', 'en_route', 'arrived', 'resolved',
        'cancelled', 'cleared', 'movement_after_fall');
    CREATE INDEX ix_alarm_event_begins ON alarm_event (at) INCLUDE (alarm_id)
        WHERE type IN ('raised', 'suspected', 'reopened');
    CREATE INDEX ix_alarm_event_test ON alarm_event (seq)
        WHERE (type = 'resolved' AND data ->> 'outcome' = 'test') OR data ->> 'drill' = 'true';
"""

# Definer's rights, for row-level security of the log asks for each of a million rows whose alarm it is; the scope is
# asked here, once for each alarm. Planned anew for the span that is asked for: a day and a year want different ways.
_CALLS = """
CREATE FUNCTION calls_for_help(branch text, since timestamptz, until timestamptz)
    RETURNS TABLE (alarm_id uuid, kind text, priority smallint, area_code text, station_id uuid, late boolean,
        test boolean, reopened boolean, hour integer, begins_at timestamptz, acknowledged_at timestamptz,
        accepted_at timestamptz, en_route_at timestamptz, arrived_at timestamptz, resolved_at timestamptz,
        ended_at timestamptz)
    LANGUAGE plpgsql STABLE SECURITY DEFINER SET search_path = public SET work_mem = '64MB'
    SET enable_nestloop = off AS $function$
BEGIN
    RETURN QUERY EXECUTE $query$
        WITH own AS MATERIALIZED (
            SELECT a.id, a.kind, a.priority, a.area_code, a.station_id, a.late, area.time_zone
            FROM alarm a JOIN area ON area.code = a.area_code
            WHERE a.area_code ^@ $1 AND in_scope(a.area_code) AND a.id IN (
                -- A fall may be suspected in the time before and confirmed in this one.
                SELECT e.alarm_id FROM alarm_event e WHERE e.type IN ('raised', 'suspected', 'reopened')
                    AND e.at >= $2 - interval '1 hour' AND e.at < $3)
        ), line AS (
            SELECT e.alarm_id, e.seq, e.at, e.type,
                count(*) FILTER (WHERE e.type IN ('raised', 'suspected', 'reopened'))
                    OVER (PARTITION BY e.alarm_id ORDER BY e.seq) AS round
            FROM alarm_event e
            WHERE e.alarm_id = ANY(ARRAY(SELECT id FROM own)) AND e.type IN ('raised', 'suspected', 'reopened',
                'confirmed', 'acknowledged', 'accepted', 'en_route', 'arrived', 'resolved', 'cancelled', 'cleared',
                'movement_after_fall')
        ), test AS (
            SELECT e.seq FROM alarm_event e
            WHERE (e.type = 'resolved' AND e.data ->> 'outcome' = 'test') OR e.data ->> 'drill' = 'true'
        ), call AS (
            SELECT line.alarm_id, line.round,
                -- A suspicion is a call from when it is confirmed or somebody takes it, and none before.
                CASE WHEN bool_or(type = 'suspected')
                    THEN min(at) FILTER (WHERE type IN ('confirmed', 'acknowledged', 'accepted', 'resolved'))
                    ELSE min(at) END AS begins_at,
                min(at) FILTER (WHERE type = 'acknowledged') AS acknowledged_at,
                min(at) FILTER (WHERE type = 'accepted') AS accepted_at,
                min(at) FILTER (WHERE type = 'en_route') AS en_route_at,
                min(at) FILTER (WHERE type = 'arrived') AS arrived_at,
                min(at) FILTER (WHERE type = 'resolved') AS resolved_at,
                min(at) FILTER (WHERE type IN ('resolved', 'cancelled', 'cleared', 'movement_after_fall')) AS ended_at,
                bool_or(seq IN (SELECT test.seq FROM test)) AS test
            FROM line GROUP BY line.alarm_id, line.round
        )
        SELECT own.id, own.kind, own.priority, own.area_code, own.station_id, own.late, call.test, call.round > 1,
            CAST(extract(hour FROM call.begins_at AT TIME ZONE own.time_zone) AS integer), call.begins_at,
            call.acknowledged_at, call.accepted_at, call.en_route_at, call.arrived_at, call.resolved_at, call.ended_at
        FROM call JOIN own ON own.id = call.alarm_id
        WHERE call.begins_at >= $2 AND call.begins_at < $3
    $query$ USING branch, since, until;
END $function$;
REVOKE ALL ON FUNCTION calls_for_help(text, timestamptz, timestamptz) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION calls_for_help(text, timestamptz, timestamptz) TO carebed_api, carebed_engine;
"""

_TARGETS = """
    CREATE TABLE kpi_target (
        area_code text NOT NULL CONSTRAINT pk_kpi_target PRIMARY KEY
            CONSTRAINT fk_kpi_target_area_code_area REFERENCES area (code),
        targets jsonb NOT NULL,
        set_by uuid NOT NULL CONSTRAINT fk_kpi_target_set_by_staff REFERENCES staff (id),
        set_at timestamptz NOT NULL
    );
    COMMENT ON TABLE kpi_target IS 'shares of calls to be answered in time, for a branch of the area tree';
    ALTER TABLE kpi_target ENABLE ROW LEVEL SECURITY;
    -- What a city promises holds for its streets, so everybody may read it.
    CREATE POLICY api_read ON kpi_target FOR SELECT TO carebed_api USING (true);
    CREATE POLICY api_insert ON kpi_target FOR INSERT TO carebed_api WITH CHECK (in_scope(area_code));
    CREATE POLICY api_update ON kpi_target FOR UPDATE TO carebed_api USING (in_scope(area_code));
    CREATE POLICY api_delete ON kpi_target FOR DELETE TO carebed_api USING (in_scope(area_code));
    CREATE POLICY all_rows ON kpi_target TO carebed_engine USING (true);
    CREATE POLICY all_rows_to_read ON kpi_target FOR SELECT TO carebed_reader USING (true);
    GRANT SELECT, INSERT, UPDATE, DELETE ON kpi_target TO carebed_api;
    GRANT SELECT, INSERT, UPDATE, DELETE ON kpi_target TO carebed_engine;
    GRANT SELECT ON kpi_target TO carebed_reader;
"""


def upgrade() -> None:
    """Statements as they stand."""
    for block in (_INDEXES, _CALLS, _TARGETS):
        op.get_bind().exec_driver_sql(block)


def downgrade() -> None:
    """Forward only."""
    raise NotImplementedError
