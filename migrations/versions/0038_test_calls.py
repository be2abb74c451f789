"""From which homes a test call is expected; and homes in which only the probe presses, which count in no figure."""

from alembic import op

revision = "0038"
down_revision = "0037"
branch_labels = None
depends_on = None

_EXPECTED = """
CREATE TABLE expected_test_call (
    home_id uuid NOT NULL CONSTRAINT pk_expected_test_call PRIMARY KEY
        CONSTRAINT fk_expected_test_call_home_id_home REFERENCES home (id),
    since timestamptz NOT NULL,
    until timestamptz NOT NULL,
    announced_by uuid NOT NULL CONSTRAINT fk_expected_test_call_announced_by_staff REFERENCES staff (id)
);
COMMENT ON TABLE expected_test_call IS
    'from these homes the desk expects a test call; changes nothing about a press';
ALTER TABLE expected_test_call ENABLE ROW LEVEL SECURITY;
-- Whoever sees the home sees it, and so does who is called there.
CREATE POLICY api_read ON expected_test_call FOR SELECT TO carebed_api
    USING (EXISTS (SELECT FROM home WHERE home.id = home_id));
CREATE POLICY api_insert ON expected_test_call FOR INSERT TO carebed_api WITH CHECK (home_in_scope(home_id));
CREATE POLICY api_update ON expected_test_call FOR UPDATE TO carebed_api USING (home_in_scope(home_id));
CREATE POLICY all_rows ON expected_test_call TO carebed_engine USING (true);
CREATE POLICY all_rows_to_read ON expected_test_call FOR SELECT TO carebed_reader USING (true);
GRANT SELECT, INSERT, UPDATE ON expected_test_call TO carebed_api;
GRANT SELECT ON expected_test_call TO carebed_engine, carebed_reader;
"""

_PROBE = """
ALTER TABLE home ADD COLUMN probe boolean NOT NULL DEFAULT false;
COMMENT ON COLUMN home.probe IS 'nobody lives there: only the probe presses, and what it presses counts in no figure';
"""

# As in migration 0022, but what the probe presses is a test whatever became of it.
_CALLS = """
CREATE OR REPLACE FUNCTION calls_for_help(branch text, since timestamptz, until timestamptz)
    RETURNS TABLE (alarm_id uuid, kind text, priority smallint, area_code text, station_id uuid, late boolean,
        test boolean, reopened boolean, hour integer, begins_at timestamptz, acknowledged_at timestamptz,
        accepted_at timestamptz, en_route_at timestamptz, arrived_at timestamptz, resolved_at timestamptz,
        ended_at timestamptz)
    LANGUAGE plpgsql STABLE SECURITY DEFINER SET search_path = public SET work_mem = '64MB'
    SET enable_nestloop = off AS $function$
BEGIN
    RETURN QUERY EXECUTE $query$
        WITH own AS MATERIALIZED (
            SELECT a.id, a.kind, a.priority, a.area_code, a.station_id, a.late, area.time_zone,
                coalesce(home.probe, false) AS probe
            FROM alarm a JOIN area ON area.code = a.area_code LEFT JOIN home ON home.id = a.home_id
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
        SELECT own.id, own.kind, own.priority, own.area_code, own.station_id, own.late, call.test OR own.probe,
            call.round > 1,
            CAST(extract(hour FROM call.begins_at AT TIME ZONE own.time_zone) AS integer), call.begins_at,
            call.acknowledged_at, call.accepted_at, call.en_route_at, call.arrived_at, call.resolved_at, call.ended_at
        FROM call JOIN own ON own.id = call.alarm_id
        WHERE call.begins_at >= $2 AND call.begins_at < $3
    $query$ USING branch, since, until;
END $function$;
"""


def upgrade() -> None:
    """The table, the column, the function that counts calls."""
    for block in (_EXPECTED, _PROBE, _CALLS):
        op.get_bind().exec_driver_sql(block)


def downgrade() -> None:
    """Forward only."""
    raise NotImplementedError
