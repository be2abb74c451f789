"""What the database itself guarantees: the armed deadline of every open alarm, the append-only log, area scope."""

from alembic import op

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None

# Invariant 2. Deferred: one transaction writes alarm and deadline in any order, and is judged at its commit.
_ONE_DEADLINE = """
CREATE FUNCTION alarm_keeps_one_deadline() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER
SET search_path = public AS $$
DECLARE
    touched uuid[];
    judged uuid;
    is_open boolean;
    armed bigint;
BEGIN
    IF TG_TABLE_NAME = 'alarm' THEN
        touched := ARRAY[NEW.id];
    ELSIF TG_OP = 'INSERT' THEN
        touched := ARRAY[NEW.alarm_id];
    ELSIF TG_OP = 'DELETE' THEN
        touched := ARRAY[OLD.alarm_id];
    ELSE
        touched := ARRAY[OLD.alarm_id, NEW.alarm_id];
    END IF;
    FOREACH judged IN ARRAY touched LOOP
        SELECT closed_at IS NULL INTO is_open FROM alarm WHERE id = judged;
        CONTINUE WHEN NOT FOUND;
        SELECT count(*) INTO armed FROM deadline WHERE alarm_id = judged;
        IF is_open AND armed <> 1 THEN
            RAISE EXCEPTION 'open alarm % has % armed deadlines instead of one', judged, armed USING ERRCODE = '23514';
        ELSIF NOT is_open AND armed <> 0 THEN
            RAISE EXCEPTION 'closed alarm % still has an armed deadline', judged USING ERRCODE = '23514';
        END IF;
    END LOOP;
    RETURN NULL;
END $$;

CREATE CONSTRAINT TRIGGER alarm_keeps_one_deadline AFTER INSERT OR UPDATE OF closed_at ON alarm
    DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION alarm_keeps_one_deadline();
CREATE CONSTRAINT TRIGGER deadline_armed_for_alarm AFTER INSERT ON deadline
    DEFERRABLE INITIALLY DEFERRED FOR EACH ROW WHEN (NEW.alarm_id IS NOT NULL)
    EXECUTE FUNCTION alarm_keeps_one_deadline();
CREATE CONSTRAINT TRIGGER deadline_moved_to_alarm AFTER UPDATE OF alarm_id ON deadline
    DEFERRABLE INITIALLY DEFERRED FOR EACH ROW WHEN (OLD.alarm_id IS DISTINCT FROM NEW.alarm_id)
    EXECUTE FUNCTION alarm_keeps_one_deadline();
CREATE CONSTRAINT TRIGGER deadline_ended_for_alarm AFTER DELETE ON deadline
    DEFERRABLE INITIALLY DEFERRED FOR EACH ROW WHEN (OLD.alarm_id IS NOT NULL)
    EXECUTE FUNCTION alarm_keeps_one_deadline();

CREATE FUNCTION refuse_truncate() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION 'deadlines of open alarms cannot be truncated' USING ERRCODE = '42501';
END $$;

-- TRUNCATE fires no trigger of rows.
CREATE TRIGGER deadline_is_not_truncated BEFORE TRUNCATE ON deadline
    FOR EACH STATEMENT EXECUTE FUNCTION refuse_truncate();
"""

# Invariant 6.
_APPEND_ONLY = """
CREATE SEQUENCE alarm_event_seq AS bigint CACHE 1;

CREATE FUNCTION refuse_change() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION 'the event log is append-only: % is refused', TG_OP USING ERRCODE = '42501';
END $$;

CREATE TRIGGER alarm_event_is_append_only BEFORE UPDATE OR DELETE ON alarm_event
    FOR EACH ROW EXECUTE FUNCTION refuse_change();
CREATE TRIGGER alarm_event_is_not_truncated BEFORE TRUNCATE ON alarm_event
    FOR EACH STATEMENT EXECUTE FUNCTION refuse_change();
"""

# Invariant 7. The scope is '/' + area prefix, so that an unset or emptied setting shows nothing at all.
_SCOPE = """
CREATE FUNCTION in_scope(code text) RETURNS boolean LANGUAGE sql STABLE PARALLEL SAFE
    RETURN ('/' || code) ^@ nullif(current_setting('carebed.scope', true), '');

CREATE FUNCTION current_staff() RETURNS uuid LANGUAGE sql STABLE PARALLEL SAFE
    RETURN nullif(current_setting('carebed.staff', true), '')::uuid;

CREATE FUNCTION my_calls() RETURNS SETOF uuid LANGUAGE sql STABLE SECURITY DEFINER SET search_path = public
    BEGIN ATOMIC SELECT alarm_id FROM response WHERE staff_id = current_staff(); END;

CREATE FUNCTION credential_of(wanted text) RETURNS TABLE (id uuid, password_hash text)
    LANGUAGE sql STABLE SECURITY DEFINER SET search_path = public
    BEGIN ATOMIC SELECT staff.id, staff.password_hash FROM staff WHERE staff.login = wanted AND staff.active; END;

CREATE FUNCTION principal_of(wanted bytea)
    RETURNS TABLE (id uuid, login text, name text, role text, area_code text, station_id uuid, expires_at timestamptz)
    LANGUAGE sql STABLE SECURITY DEFINER SET search_path = public
    BEGIN ATOMIC
        SELECT staff.id, staff.login, staff.name, staff.role, staff.area_code, staff.station_id,
               staff_session.access_expires_at
        FROM staff_session JOIN staff ON staff.id = staff_session.staff_id AND staff.active
        WHERE staff_session.access_hash = wanted AND staff_session.access_expires_at > clock_timestamp();
    END;

CREATE FUNCTION staff_of_refresh(wanted bytea) RETURNS uuid
    LANGUAGE sql STABLE SECURITY DEFINER SET search_path = public
    BEGIN ATOMIC
        SELECT staff.id FROM staff_session JOIN staff ON staff.id = staff_session.staff_id AND staff.active
        WHERE refresh_hash = wanted AND refresh_expires_at > clock_timestamp();
    END;

REVOKE ALL ON FUNCTION my_calls(), credential_of(text), principal_of(bytea), staff_of_refresh(bytea) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION my_calls(), credential_of(text), principal_of(bytea), staff_of_refresh(bytea) TO carebed_api;
GRANT EXECUTE ON FUNCTION carebed_now() TO PUBLIC;
"""

# Who answers to a target of a policy step now. Definer's rights: the ladder reaches people whom the caller may not see.
_ON_CALL = """
CREATE FUNCTION on_call(wanted_station uuid, target text, at timestamptz) RETURNS SETOF uuid
    LANGUAGE sql STABLE SECURITY DEFINER SET search_path = public
    BEGIN ATOMIC
        SELECT candidate.id FROM (
            SELECT staff.id, rota.starts_at, staff.login
            FROM rota JOIN staff ON staff.id = rota.staff_id AND staff.active
            WHERE rota.station_id = wanted_station AND target = 'rota:' || rota.tier
                AND rota.starts_at <= at AND rota.ends_at > at
            UNION ALL
            SELECT staff.id, NULL, staff.login
            FROM staff JOIN station ON station.id = wanted_station
            WHERE staff.active AND (staff.station_id = station.id OR station.area_code ^@ area_prefix(staff.area_code))
                AND staff.role = CASE target WHEN 'desk' THEN 'operator' WHEN 'manager' THEN 'manager' END
        ) AS candidate ORDER BY candidate.starts_at, candidate.login;
    END;
REVOKE ALL ON FUNCTION on_call(uuid, text, timestamptz) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION on_call(uuid, text, timestamptz) TO carebed_api, carebed_engine;
"""

# What each row's visibility hangs on, for the API's role. Names of areas and ladders are no secret.
_VISIBLE = {
    "area": "true",
    "policy": "true",
    "clock_shift": "true",
    "station": (
        "in_scope(area_code) OR id = (SELECT s.station_id FROM staff s WHERE s.id = current_staff())"
        " OR EXISTS (SELECT FROM alarm WHERE alarm.station_id = station.id)"
    ),
    "home": (
        "in_scope(area_code)"
        " OR EXISTS (SELECT FROM alarm WHERE alarm.home_id = home.id AND alarm.id IN (SELECT my_calls()))"
    ),
    "resident": "EXISTS (SELECT FROM home WHERE home.id = resident.home_id)",
    "bed": "EXISTS (SELECT FROM home WHERE home.id = bed.home_id)",
    "gateway": "EXISTS (SELECT FROM home WHERE home.id = gateway.home_id)",
    "device": "EXISTS (SELECT FROM home WHERE home.id = device.home_id)",
    "staff": (
        "in_scope(area_code) OR id = current_staff()"
        " OR EXISTS (SELECT FROM rota WHERE rota.staff_id = staff.id)"
        " OR EXISTS (SELECT FROM response WHERE response.staff_id = staff.id)"
    ),
    "rota": (
        "staff_id = current_staff()"
        " OR EXISTS (SELECT FROM alarm WHERE alarm.station_id = rota.station_id)"
        " OR station_in_scope(station_id)"
    ),
    "alarm": "in_scope(area_code) OR id IN (SELECT my_calls())",
    "alarm_event": "EXISTS (SELECT FROM alarm WHERE alarm.id = alarm_event.alarm_id)",
    "response": "staff_id = current_staff() OR EXISTS (SELECT FROM alarm WHERE alarm.id = response.alarm_id)",
    "notification": "EXISTS (SELECT FROM alarm WHERE alarm.id = notification.alarm_id)",
    "deadline": "EXISTS (SELECT FROM alarm WHERE alarm.id = deadline.alarm_id)",
    "visit": "in_scope(area_code) OR staff_id = current_staff()",
    "staff_session": "staff_id = current_staff()",
    "idempotency": "staff_id = current_staff()",
    "reading": "EXISTS (SELECT FROM device WHERE device.id = reading.device_id)",
    "device_state": "EXISTS (SELECT FROM device WHERE device.id = device_state.device_id)",
    "home_state": "EXISTS (SELECT FROM home WHERE home.id = home_state.home_id)",
    # Ours alone: what devices sent that nobody could place, and the pipeline's own book-keeping.
    "inbox": "false",
    "quarantine": "false",
    "watermark": "false",
    "process_heartbeat": "true",
}

_STATION_IN_SCOPE = """
CREATE FUNCTION station_in_scope(wanted uuid) RETURNS boolean LANGUAGE sql STABLE SECURITY DEFINER
    SET search_path = public
    BEGIN ATOMIC SELECT EXISTS (SELECT FROM station WHERE id = wanted AND in_scope(area_code)); END;
REVOKE ALL ON FUNCTION station_in_scope(uuid) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION station_in_scope(uuid) TO carebed_api;
"""

# Least privilege: what the API's role may do at all, before row-level security looks at the rows.
_API_GRANTS = """
GRANT SELECT ON area, policy, station, home, resident, bed, device, rota, alarm, alarm_event, response, notification,
    deadline, visit, idempotency, reading, device_state, home_state, process_heartbeat, clock_shift TO carebed_api;
GRANT SELECT (id, login, name, role, area_code, station_id, active, created_at) ON staff TO carebed_api;
GRANT SELECT (id, home_id, station_id, hosted, revoked_at, created_at) ON gateway TO carebed_api;
GRANT SELECT (id, staff_id, refresh_hash, access_expires_at, refresh_expires_at) ON staff_session TO carebed_api;
GRANT INSERT, DELETE ON staff_session TO carebed_api;
GRANT INSERT, UPDATE ON alarm, response, notification, visit, idempotency TO carebed_api;
GRANT INSERT ON alarm_event TO carebed_api;
GRANT INSERT, UPDATE, DELETE ON deadline TO carebed_api;
GRANT USAGE ON SEQUENCE alarm_event_seq TO carebed_api, carebed_engine;
"""

_ENGINE_GRANTS = """
GRANT SELECT, INSERT, UPDATE, DELETE ON ALL TABLES IN SCHEMA public TO carebed_engine;
REVOKE UPDATE, DELETE, TRUNCATE ON alarm_event FROM carebed_engine;
REVOKE INSERT, UPDATE, DELETE ON clock_shift, alembic_version FROM carebed_engine;
GRANT SELECT ON ALL TABLES IN SCHEMA public TO carebed_reader;
"""


def upgrade() -> None:
    """Install the guards and grant each role what it needs."""
    for block in (_ONE_DEADLINE, _APPEND_ONLY, _SCOPE, _STATION_IN_SCOPE, _ON_CALL):
        _execute(block)
    for table, visible in _VISIBLE.items():
        if table == "clock_shift":
            continue  # one row about the clock; the grants are its protection
        op.execute(f"ALTER TABLE {table} ENABLE ROW LEVEL SECURITY")
        op.execute(f"CREATE POLICY api_scope ON {table} TO carebed_api USING ({visible})")
        op.execute(f"CREATE POLICY all_rows ON {table} TO carebed_engine USING (true)")
        op.execute(f"CREATE POLICY all_rows_to_read ON {table} FOR SELECT TO carebed_reader USING (true)")
    for block in (_ENGINE_GRANTS, _API_GRANTS):
        _execute(block)


def _execute(block: str) -> None:
    """Run a block of statements as it stands; colons in it are casts, not parameters."""
    op.get_bind().exec_driver_sql(block.replace("%", "%%"))


def downgrade() -> None:
    """Forward only."""
    raise NotImplementedError
