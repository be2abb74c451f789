"""Policies by home, priority and time of day; the last resort of a ladder; the reference of a hand-over; attendance."""

from alembic import op

revision = "0028"
down_revision = "0027"
branch_labels = None
depends_on = None

# Where both were set, the station was what decided: it lies in one area only.
_POLICY = """
UPDATE policy SET area_code = NULL WHERE station_id IS NOT NULL;
ALTER TABLE policy
    ADD COLUMN home_id uuid CONSTRAINT fk_policy_home_id_home REFERENCES home (id),
    ADD COLUMN priority smallint CONSTRAINT ck_policy_priority CHECK (priority BETWEEN 0 AND 2),
    ADD COLUMN from_time time,
    ADD COLUMN to_time time,
    ADD COLUMN set_by uuid CONSTRAINT fk_policy_set_by_staff REFERENCES staff (id),
    ADD COLUMN set_at timestamptz,
    DROP CONSTRAINT uq_policy_station_id_area_code_kind,
    ADD CONSTRAINT uq_policy_match UNIQUE NULLS NOT DISTINCT
        (home_id, station_id, area_code, kind, priority, from_time, to_time),
    ADD CONSTRAINT ck_policy_one_place CHECK (num_nonnulls(home_id, station_id, area_code) <= 1),
    ADD CONSTRAINT ck_policy_span CHECK (num_nonnulls(from_time, to_time) <> 1 AND from_time IS DISTINCT FROM to_time
        OR from_time IS NULL AND to_time IS NULL);
COMMENT ON TABLE policy IS 'escalation policies; null: whatever has none that is more specific';
COMMENT ON COLUMN policy.from_time IS 'local time of the station''s area; until to_time, over midnight if that is less';

DROP POLICY api_scope ON policy;
CREATE POLICY api_scope ON policy FOR SELECT TO carebed_api USING (true);
CREATE POLICY api_insert ON policy FOR INSERT TO carebed_api
    WITH CHECK (home_in_scope(home_id) OR station_in_scope(station_id) OR in_scope(area_code));
CREATE POLICY api_update ON policy FOR UPDATE TO carebed_api
    USING (home_in_scope(home_id) OR station_in_scope(station_id) OR in_scope(area_code));
CREATE POLICY api_delete ON policy FOR DELETE TO carebed_api
    USING (home_in_scope(home_id) OR station_in_scope(station_id) OR in_scope(area_code));
GRANT INSERT, UPDATE, DELETE ON policy TO carebed_api;
"""

# Work orders and incidents that are under way keep to ladders that call no last resort.
_ALARM = """
ALTER TABLE alarm
    ADD COLUMN last_resort_at timestamptz,
    ADD COLUMN last_resorts integer NOT NULL DEFAULT 0,
    ADD COLUMN reference text;
COMMENT ON COLUMN alarm.last_resort_at IS 'when the last resort is called, unless somebody answers';
COMMENT ON COLUMN alarm.last_resorts IS 'how often it was called';
COMMENT ON COLUMN alarm.reference IS 'of the ambulance service that it was handed to';
UPDATE alarm SET policy = policy || '{"last_resort_s": null}'
WHERE closed_at IS NULL AND (priority = 2 OR kind = 'outage');
"""

# Whoever has taken charge must be there. In real time: a shifted demo clock sends nobody home.
_ATTENDANCE = """
ALTER TABLE staff_session ADD COLUMN seen_at timestamptz NOT NULL DEFAULT clock_timestamp();
COMMENT ON COLUMN staff_session.seen_at IS 'last request or open live stream, to within some seconds; real time';
GRANT SELECT (seen_at) ON staff_session TO carebed_api;
CREATE FUNCTION staff_seen(hashes bytea[]) RETURNS void LANGUAGE sql VOLATILE SECURITY DEFINER
    SET search_path = public
    BEGIN ATOMIC
        UPDATE staff_session SET seen_at = clock_timestamp() WHERE id IN (
            SELECT id FROM staff_session WHERE access_hash = ANY (hashes)
            ORDER BY id FOR NO KEY UPDATE SKIP LOCKED);
    END;
REVOKE ALL ON FUNCTION staff_seen(bytea[]) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION staff_seen(bytea[]) TO carebed_api;
CREATE INDEX ix_alarm_acknowledged_by ON alarm (acknowledged_by) WHERE acknowledged_by IS NOT NULL AND closed_at IS NULL;
"""  # noqa: E501 - one index, one line


def upgrade() -> None:
    """Policies, alarms, sessions."""
    for block in (_POLICY, _ALARM, _ATTENDANCE):
        op.get_bind().exec_driver_sql(block)


def downgrade() -> None:
    """Forward only."""
    raise NotImplementedError
