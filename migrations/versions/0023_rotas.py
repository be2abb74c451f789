"""Rotas from patterns: posts and their versions, overrides, swaps, absences of staff, gaps, a log of every shift."""

from alembic import op

revision = "0023"
down_revision = "0022"
branch_labels = None
depends_on = None

_TABLES = """
CREATE TABLE rota_pattern (
    id uuid NOT NULL CONSTRAINT pk_rota_pattern PRIMARY KEY,
    station_id uuid NOT NULL CONSTRAINT fk_rota_pattern_station_id_station REFERENCES station (id),
    tier integer NOT NULL CONSTRAINT ck_rota_pattern_tier CHECK (tier BETWEEN 1 AND 9),
    name text NOT NULL,
    created_at timestamptz NOT NULL DEFAULT carebed_now(),
    created_by uuid CONSTRAINT fk_rota_pattern_created_by_staff REFERENCES staff (id),
    planned_at timestamptz,
    planned_until timestamptz
);
CREATE INDEX ix_rota_pattern_station_id ON rota_pattern (station_id);
COMMENT ON TABLE rota_pattern IS 'posts on a tier of a station''s rota';
COMMENT ON COLUMN rota_pattern.planned_at IS 'when its shifts were last compared with it';
COMMENT ON COLUMN rota_pattern.planned_until IS 'up to when it has been made into shifts';

CREATE TABLE rota_version (
    id uuid NOT NULL CONSTRAINT pk_rota_version PRIMARY KEY,
    pattern_id uuid NOT NULL CONSTRAINT fk_rota_version_pattern_id_rota_pattern REFERENCES rota_pattern (id),
    layers jsonb NOT NULL,
    holds_from timestamptz NOT NULL,
    set_by uuid CONSTRAINT fk_rota_version_set_by_staff REFERENCES staff (id),
    set_at timestamptz NOT NULL DEFAULT carebed_now(),
    note text
);
CREATE INDEX ix_rota_version_pattern ON rota_version (pattern_id, set_at);
COMMENT ON TABLE rota_version IS 'what a pattern is from when on; only added to';
COMMENT ON COLUMN rota_version.layers IS 'alerts.rota_pattern.Layer; none: the pattern has ended';

CREATE TABLE rota_swap (
    id uuid NOT NULL CONSTRAINT pk_rota_swap PRIMARY KEY,
    pattern_id uuid NOT NULL CONSTRAINT fk_rota_swap_pattern_id_rota_pattern REFERENCES rota_pattern (id),
    proposed_by uuid NOT NULL CONSTRAINT fk_rota_swap_proposed_by_staff REFERENCES staff (id),
    proposed_to uuid NOT NULL CONSTRAINT fk_rota_swap_proposed_to_staff REFERENCES staff (id),
    starts_at timestamptz NOT NULL,
    ends_at timestamptz NOT NULL,
    return_pattern_id uuid CONSTRAINT fk_rota_swap_return_pattern_id_rota_pattern REFERENCES rota_pattern (id),
    return_starts_at timestamptz,
    return_ends_at timestamptz,
    state text NOT NULL DEFAULT 'proposed'
        CONSTRAINT ck_rota_swap_state CHECK (state IN ('proposed', 'accepted', 'declined', 'withdrawn')),
    note text,
    proposed_at timestamptz NOT NULL DEFAULT carebed_now(),
    answered_at timestamptz,
    answered_by uuid CONSTRAINT fk_rota_swap_answered_by_staff REFERENCES staff (id),
    withdrawn_at timestamptz,
    withdrawn_by uuid CONSTRAINT fk_rota_swap_withdrawn_by_staff REFERENCES staff (id),
    CONSTRAINT ck_rota_swap_takes_two CHECK (proposed_by <> proposed_to),
    CONSTRAINT ck_rota_swap_return_is_whole
        CHECK (num_nulls(return_pattern_id, return_starts_at, return_ends_at) IN (0, 3)),
    CONSTRAINT ck_rota_swap_answered_by_somebody
        CHECK ((state = 'withdrawn') = (withdrawn_at IS NOT NULL) AND (withdrawn_at IS NULL) = (withdrawn_by IS NULL)
            AND (answered_at IS NULL) = (answered_by IS NULL) AND (state <> 'proposed' OR answered_at IS NULL)
            AND (state NOT IN ('accepted', 'declined') OR answered_at IS NOT NULL))
);
CREATE INDEX ix_rota_swap_proposed_by ON rota_swap (proposed_by);
CREATE INDEX ix_rota_swap_proposed_to ON rota_swap (proposed_to);
CREATE INDEX ix_rota_swap_pattern ON rota_swap (pattern_id, starts_at);
COMMENT ON TABLE rota_swap IS 'a shift offered by who has it to somebody else, with or without one of his in return';
COMMENT ON COLUMN rota_swap.answered_at IS 'accepted or declined';
COMMENT ON COLUMN rota_swap.withdrawn_at IS 'by who proposed it, or by a manager';

CREATE TABLE rota_override (
    id uuid NOT NULL CONSTRAINT pk_rota_override PRIMARY KEY,
    pattern_id uuid NOT NULL CONSTRAINT fk_rota_override_pattern_id_rota_pattern REFERENCES rota_pattern (id),
    staff_id uuid NOT NULL CONSTRAINT fk_rota_override_staff_id_staff REFERENCES staff (id),
    instead_of uuid CONSTRAINT fk_rota_override_instead_of_staff REFERENCES staff (id),
    starts_at timestamptz NOT NULL,
    ends_at timestamptz NOT NULL,
    swap_id uuid CONSTRAINT fk_rota_override_swap_id_rota_swap REFERENCES rota_swap (id),
    note text,
    entered_by uuid NOT NULL CONSTRAINT fk_rota_override_entered_by_staff REFERENCES staff (id),
    entered_at timestamptz NOT NULL DEFAULT carebed_now(),
    withdrawn_at timestamptz,
    withdrawn_by uuid CONSTRAINT fk_rota_override_withdrawn_by_staff REFERENCES staff (id),
    CONSTRAINT ck_rota_override_has_a_length
        CHECK (ends_at > starts_at AND isfinite(starts_at) AND isfinite(ends_at)),
    CONSTRAINT ck_rota_override_withdrawn_by_somebody CHECK ((withdrawn_at IS NULL) = (withdrawn_by IS NULL))
);
CREATE INDEX ix_rota_override_pattern ON rota_override (pattern_id, ends_at);
COMMENT ON TABLE rota_override IS 'somebody else on a post for a span; never deleted, only withdrawn';
COMMENT ON COLUMN rota_override.withdrawn_at IS 'it counts no more from then on';

CREATE TABLE staff_absence (
    id uuid NOT NULL CONSTRAINT pk_staff_absence PRIMARY KEY,
    staff_id uuid NOT NULL CONSTRAINT fk_staff_absence_staff_id_staff REFERENCES staff (id),
    kind text NOT NULL CONSTRAINT ck_staff_absence_kind CHECK (kind IN ('holiday', 'sick', 'training', 'other')),
    begins_at timestamptz NOT NULL,
    ends_at timestamptz NOT NULL,
    note text,
    entered_by uuid NOT NULL CONSTRAINT fk_staff_absence_entered_by_staff REFERENCES staff (id),
    entered_at timestamptz NOT NULL DEFAULT carebed_now(),
    withdrawn_at timestamptz,
    withdrawn_by uuid CONSTRAINT fk_staff_absence_withdrawn_by_staff REFERENCES staff (id),
    CONSTRAINT ck_staff_absence_has_a_length
        CHECK (ends_at > begins_at AND isfinite(begins_at) AND isfinite(ends_at)),
    CONSTRAINT ck_staff_absence_withdrawn_by_somebody CHECK ((withdrawn_at IS NULL) = (withdrawn_by IS NULL))
);
CREATE INDEX ix_staff_absence_staff ON staff_absence (staff_id, ends_at);
COMMENT ON TABLE staff_absence IS 'staff who are away, as somebody has entered it';

ALTER TABLE rota
    ADD COLUMN pattern_id uuid CONSTRAINT fk_rota_pattern_id_rota_pattern REFERENCES rota_pattern (id),
    ADD COLUMN origin text NOT NULL DEFAULT 'pattern'
        CONSTRAINT ck_rota_origin CHECK (origin IN ('pattern', 'override', 'swap')),
    ADD COLUMN override_id uuid CONSTRAINT fk_rota_override_id_rota_override REFERENCES rota_override (id);
CREATE INDEX ix_rota_pattern ON rota (pattern_id, ends_at);

CREATE TABLE rota_gap (
    id uuid NOT NULL CONSTRAINT pk_rota_gap PRIMARY KEY,
    pattern_id uuid NOT NULL CONSTRAINT fk_rota_gap_pattern_id_rota_pattern REFERENCES rota_pattern (id),
    staff_id uuid NOT NULL CONSTRAINT fk_rota_gap_staff_id_staff REFERENCES staff (id),
    starts_at timestamptz NOT NULL,
    ends_at timestamptz NOT NULL,
    why text NOT NULL CONSTRAINT ck_rota_gap_why CHECK (why IN ('absent', 'inactive'))
);
CREATE INDEX ix_rota_gap_pattern ON rota_gap (pattern_id, ends_at);
COMMENT ON TABLE rota_gap IS 'shifts to be covered: whose turn it would have been';

CREATE TABLE rota_log (
    seq bigint GENERATED ALWAYS AS IDENTITY CONSTRAINT pk_rota_log PRIMARY KEY,
    at timestamptz NOT NULL DEFAULT carebed_now(),
    change text NOT NULL CONSTRAINT ck_rota_log_change CHECK (change IN ('made', 'moved', 'removed')),
    rota_id uuid NOT NULL,
    station_id uuid NOT NULL,
    pattern_id uuid,
    staff_id uuid NOT NULL,
    tier integer NOT NULL,
    starts_at timestamptz NOT NULL,
    ends_at timestamptz NOT NULL,
    origin text NOT NULL,
    override_id uuid,
    by_staff uuid,
    by_role text NOT NULL
);
CREATE INDEX ix_rota_log_station ON rota_log (station_id, at);
COMMENT ON TABLE rota_log IS 'every change of every shift, so that it can be proven who was on call; only added to';
COMMENT ON COLUMN rota_log.by_staff IS 'who was signed in when it changed; null: the calendar, or somebody by SQL';
"""

# A transaction reads the clock once; what began while it worked is still the future for it.
_HISTORY = """
CREATE FUNCTION keep_past_shifts() RETURNS trigger LANGUAGE plpgsql SET search_path = public AS $$
DECLARE
    settled timestamptz := carebed_now() - interval '1 minute';
BEGIN
    IF TG_OP = 'INSERT' THEN
        IF NEW.pattern_id IS NULL OR NEW.starts_at >= settled THEN RETURN NEW; END IF;
    ELSIF TG_OP = 'DELETE' THEN
        IF OLD.pattern_id IS NULL OR OLD.starts_at >= settled THEN RETURN OLD; END IF;
    ELSIF OLD.pattern_id IS NULL AND NEW.pattern_id IS NULL THEN
        RETURN NEW;
    ELSIF least(OLD.ends_at, NEW.ends_at) >= settled
        AND (to_jsonb(NEW) - 'ends_at') = (to_jsonb(OLD) - 'ends_at') THEN
        RETURN NEW;
    END IF;
    RAISE EXCEPTION 'who was on call is not rewritten: % is refused', TG_OP USING ERRCODE = '42501';
END $$;
CREATE TRIGGER rota_keeps_its_past BEFORE INSERT OR UPDATE OR DELETE ON rota
    FOR EACH ROW EXECUTE FUNCTION keep_past_shifts();

CREATE FUNCTION log_shift() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER SET search_path = public AS $$
DECLARE
    shift rota := CASE TG_OP WHEN 'DELETE' THEN OLD ELSE NEW END;
BEGIN
    INSERT INTO rota_log (change, rota_id, station_id, pattern_id, staff_id, tier, starts_at, ends_at, origin,
        override_id, by_staff, by_role)
    VALUES (CASE TG_OP WHEN 'INSERT' THEN 'made' WHEN 'UPDATE' THEN 'moved' ELSE 'removed' END, shift.id,
        shift.station_id, shift.pattern_id, shift.staff_id, shift.tier, shift.starts_at, shift.ends_at, shift.origin,
        shift.override_id, current_staff(), session_user);
    RETURN NULL;
END $$;
CREATE TRIGGER rota_is_logged AFTER INSERT OR UPDATE OR DELETE ON rota
    FOR EACH ROW EXECUTE FUNCTION log_shift();

CREATE FUNCTION refuse_rewriting() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION '% is only added to: % is refused', TG_TABLE_NAME, TG_OP USING ERRCODE = '42501';
END $$;
CREATE TRIGGER rota_log_is_append_only BEFORE UPDATE OR DELETE ON rota_log
    FOR EACH ROW EXECUTE FUNCTION refuse_rewriting();
CREATE TRIGGER rota_log_is_not_truncated BEFORE TRUNCATE ON rota_log
    FOR EACH STATEMENT EXECUTE FUNCTION refuse_rewriting();
CREATE TRIGGER rota_version_is_append_only BEFORE UPDATE OR DELETE ON rota_version
    FOR EACH ROW EXECUTE FUNCTION refuse_rewriting();
CREATE TRIGGER rota_version_is_not_truncated BEFORE TRUNCATE ON rota_version
    FOR EACH STATEMENT EXECUTE FUNCTION refuse_rewriting();

-- Shifts that are there already: as if they had been entered when they began.
INSERT INTO rota_log (at, change, rota_id, station_id, staff_id, tier, starts_at, ends_at, origin, by_role)
SELECT least(starts_at, carebed_now()), 'made', id, station_id, staff_id, tier, starts_at, ends_at, origin, session_user
FROM rota ORDER BY starts_at;
"""

# Everybody reads the rota of his station and of the posts that he has shifts on; it is written in one's branch. Why
# somebody is away is for himself and for his branch.
_SCOPE = """
CREATE FUNCTION my_station() RETURNS uuid LANGUAGE sql STABLE SECURITY DEFINER SET search_path = public
    BEGIN ATOMIC SELECT station_id FROM staff WHERE id = current_staff(); END;

CREATE FUNCTION my_patterns() RETURNS SETOF uuid LANGUAGE sql STABLE SECURITY DEFINER SET search_path = public
    BEGIN ATOMIC
        SELECT pattern_id FROM rota WHERE staff_id = current_staff() AND pattern_id IS NOT NULL
        UNION SELECT unnest(ARRAY[pattern_id, return_pattern_id]) FROM rota_swap
        WHERE current_staff() IN (proposed_by, proposed_to);
    END;

CREATE FUNCTION staff_in_scope(wanted uuid) RETURNS boolean LANGUAGE sql STABLE SECURITY DEFINER
    SET search_path = public
    BEGIN ATOMIC SELECT EXISTS (SELECT FROM staff WHERE id = wanted AND in_scope(area_code)); END;

CREATE FUNCTION pattern_in_scope(wanted uuid) RETURNS boolean LANGUAGE sql STABLE SECURITY DEFINER
    SET search_path = public
    BEGIN ATOMIC SELECT EXISTS (SELECT FROM rota_pattern WHERE id = wanted AND station_in_scope(station_id)); END;

REVOKE ALL ON FUNCTION my_station(), my_patterns(), staff_in_scope(uuid), pattern_in_scope(uuid) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION my_station(), my_patterns(), staff_in_scope(uuid), pattern_in_scope(uuid) TO carebed_api;

DROP POLICY api_scope ON rota;
CREATE POLICY api_scope ON rota FOR SELECT TO carebed_api USING (
    staff_id = current_staff() OR station_id = my_station() OR station_in_scope(station_id)
    OR EXISTS (SELECT FROM alarm WHERE alarm.station_id = rota.station_id) OR pattern_id IN (SELECT my_patterns()));
CREATE POLICY api_insert ON rota FOR INSERT TO carebed_api WITH CHECK (station_in_scope(station_id));
CREATE POLICY api_update ON rota FOR UPDATE TO carebed_api USING (station_in_scope(station_id));
CREATE POLICY api_delete ON rota FOR DELETE TO carebed_api USING (station_in_scope(station_id));
GRANT INSERT, DELETE ON rota TO carebed_api;
GRANT UPDATE (ends_at) ON rota TO carebed_api;

CREATE POLICY api_scope ON rota_pattern FOR SELECT TO carebed_api USING (
    station_id = my_station() OR station_in_scope(station_id) OR id IN (SELECT my_patterns()));
CREATE POLICY api_insert ON rota_pattern FOR INSERT TO carebed_api WITH CHECK (station_in_scope(station_id));
CREATE POLICY api_update ON rota_pattern FOR UPDATE TO carebed_api USING (station_in_scope(station_id));
GRANT SELECT, INSERT ON rota_pattern TO carebed_api;
GRANT UPDATE (planned_at, planned_until) ON rota_pattern TO carebed_api;

CREATE POLICY api_scope ON rota_version FOR SELECT TO carebed_api USING (
    EXISTS (SELECT FROM rota_pattern WHERE rota_pattern.id = pattern_id));
CREATE POLICY api_insert ON rota_version FOR INSERT TO carebed_api WITH CHECK (pattern_in_scope(pattern_id));
GRANT SELECT, INSERT ON rota_version TO carebed_api;

CREATE POLICY api_scope ON rota_override FOR SELECT TO carebed_api USING (
    EXISTS (SELECT FROM rota_pattern WHERE rota_pattern.id = pattern_id));
CREATE POLICY api_insert ON rota_override FOR INSERT TO carebed_api WITH CHECK (pattern_in_scope(pattern_id));
CREATE POLICY api_update ON rota_override FOR UPDATE TO carebed_api USING (pattern_in_scope(pattern_id));
GRANT SELECT, INSERT ON rota_override TO carebed_api;
GRANT UPDATE (withdrawn_at, withdrawn_by) ON rota_override TO carebed_api;

CREATE POLICY api_scope ON rota_gap FOR SELECT TO carebed_api USING (
    EXISTS (SELECT FROM rota_pattern WHERE rota_pattern.id = pattern_id));
CREATE POLICY api_insert ON rota_gap FOR INSERT TO carebed_api WITH CHECK (pattern_in_scope(pattern_id));
CREATE POLICY api_update ON rota_gap FOR UPDATE TO carebed_api USING (pattern_in_scope(pattern_id));
CREATE POLICY api_delete ON rota_gap FOR DELETE TO carebed_api USING (pattern_in_scope(pattern_id));
GRANT SELECT, INSERT, DELETE ON rota_gap TO carebed_api;
GRANT UPDATE (ends_at) ON rota_gap TO carebed_api;

CREATE POLICY api_scope ON rota_log FOR SELECT TO carebed_api USING (
    staff_id = current_staff() OR station_id = my_station() OR station_in_scope(station_id)
    OR pattern_id IN (SELECT my_patterns()));
GRANT SELECT ON rota_log TO carebed_api;

CREATE POLICY api_scope ON rota_swap TO carebed_api
    USING (current_staff() IN (proposed_by, proposed_to) OR pattern_in_scope(pattern_id)
        OR pattern_in_scope(return_pattern_id))
    WITH CHECK (current_staff() IN (proposed_by, proposed_to) OR pattern_in_scope(pattern_id));
GRANT SELECT, INSERT ON rota_swap TO carebed_api;
GRANT UPDATE (state, answered_at, answered_by, withdrawn_at, withdrawn_by) ON rota_swap TO carebed_api;

CREATE POLICY api_scope ON staff_absence TO carebed_api
    USING (staff_id = current_staff() OR staff_in_scope(staff_id));
GRANT SELECT, INSERT ON staff_absence TO carebed_api;
GRANT UPDATE (withdrawn_at, withdrawn_by) ON staff_absence TO carebed_api;
"""

# As before, without anybody who is away: whatever he is called as, another one is called at once instead.
_ON_CALL = """
CREATE OR REPLACE FUNCTION on_call(wanted_station uuid, target text, at timestamptz, wanted_home uuid DEFAULT NULL)
    RETURNS SETOF uuid LANGUAGE sql STABLE SECURITY DEFINER SET search_path = public
    BEGIN ATOMIC
        SELECT candidate.id FROM (
            SELECT staff.id, 0 AS rank, rota.starts_at, staff.login
            FROM rota JOIN staff ON staff.id = rota.staff_id AND staff.active
            WHERE rota.station_id = wanted_station AND target = 'rota:' || rota.tier
                AND rota.starts_at <= at AND rota.ends_at > at
            UNION ALL
            SELECT staff.id, 0, NULL, staff.login
            FROM staff JOIN station ON station.id = wanted_station
            WHERE staff.active AND (staff.station_id = station.id OR station.area_code ^@ area_prefix(staff.area_code))
                AND staff.role = CASE target WHEN 'desk' THEN 'operator' WHEN 'manager' THEN 'manager' END
            UNION ALL
            SELECT staff.id, care_circle.rank, NULL, staff.login
            FROM care_circle JOIN staff ON staff.id = care_circle.staff_id AND staff.active
            WHERE care_circle.home_id = wanted_home AND care_circle.relation = CASE target
                WHEN 'assigned' THEN 'assigned' WHEN 'neighbours' THEN 'neighbour'
                WHEN 'volunteers' THEN 'volunteer' WHEN 'family' THEN 'family' END
            UNION ALL
            SELECT staff.id, 0, NULL, staff.login FROM staff
            WHERE staff.active AND target ^@ 'person:' AND staff.id::text = substr(target, 8)
            UNION ALL
            SELECT staff.id, 0, NULL, staff.login
            FROM (
                SELECT above.id, above.area_code FROM station JOIN station AS above
                    ON station.area_code ^@ area_prefix(above.area_code)
                WHERE station.id = wanted_station AND target = 'district'
                ORDER BY length(area_prefix(above.area_code)), above.area_code, above.id LIMIT 1
            ) AS highest
            JOIN staff ON staff.active AND staff.role = 'operator' AND (staff.station_id = highest.id
                OR staff.station_id IS NULL AND highest.area_code ^@ area_prefix(staff.area_code))
        ) AS candidate
        WHERE NOT EXISTS (SELECT FROM staff_absence WHERE staff_absence.staff_id = candidate.id
            AND withdrawn_at IS NULL AND begins_at <= at AND ends_at > at)
        ORDER BY candidate.rank, candidate.starts_at, candidate.login, candidate.id;
    END;
"""

_ENGINE = """
    ALTER TABLE {table} ENABLE ROW LEVEL SECURITY;
    CREATE POLICY all_rows ON {table} TO carebed_engine USING (true);
    CREATE POLICY all_rows_to_read ON {table} FOR SELECT TO carebed_reader USING (true);
    GRANT SELECT, INSERT, UPDATE, DELETE ON {table} TO carebed_engine;
    GRANT SELECT ON {table} TO carebed_reader;
"""
_NEW = ("rota_pattern", "rota_version", "rota_swap", "rota_override", "staff_absence", "rota_gap")
_LOG = """
    ALTER TABLE rota_log ENABLE ROW LEVEL SECURITY;
    CREATE POLICY all_rows_to_read ON rota_log FOR SELECT TO carebed_reader, carebed_engine USING (true);
    GRANT SELECT ON rota_log TO carebed_reader, carebed_engine;
"""


def upgrade() -> None:
    """Create the tables, what guards the past, and what each role may do."""
    for block in (_TABLES, _HISTORY, *(_ENGINE.format(table=table) for table in _NEW), _LOG, _SCOPE, _ON_CALL):
        op.get_bind().exec_driver_sql(block.replace("%", "%%"))


def downgrade() -> None:
    """Forward only."""
    raise NotImplementedError
