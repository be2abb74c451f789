"""Who else can be called to a home: assigned caregivers, neighbours, volunteers, family; targets for them."""

from alembic import op

revision = "0018"
down_revision = "0017"
branch_labels = None
depends_on = None

# Neighbours, volunteers and relatives are called like staff; most of them never sign in.
_STAFF = """
ALTER TABLE staff
    ALTER COLUMN login DROP NOT NULL,
    ALTER COLUMN password_hash DROP NOT NULL,
    ADD COLUMN language text NOT NULL DEFAULT 'zh' CONSTRAINT ck_staff_language CHECK (language IN ('zh', 'en')),
    DROP CONSTRAINT ck_staff_role,
    ADD CONSTRAINT ck_staff_role CHECK (role IN
        ('caregiver', 'operator', 'manager', 'supervisor', 'admin', 'neighbour', 'volunteer', 'family')),
    ADD CONSTRAINT ck_staff_sign_in CHECK ((login IS NULL) = (password_hash IS NULL)
        AND (login IS NOT NULL OR role IN ('neighbour', 'volunteer', 'family')));
COMMENT ON COLUMN staff.language IS 'in which he is told';
GRANT SELECT (language) ON staff TO carebed_api;
"""

_CIRCLE = """
CREATE TABLE care_circle (
    id uuid NOT NULL CONSTRAINT pk_care_circle PRIMARY KEY,
    home_id uuid NOT NULL CONSTRAINT fk_care_circle_home_id_home REFERENCES home (id),
    staff_id uuid NOT NULL CONSTRAINT fk_care_circle_staff_id_staff REFERENCES staff (id),
    relation text NOT NULL CONSTRAINT ck_care_circle_relation
        CHECK (relation IN ('assigned', 'neighbour', 'volunteer', 'family')),
    rank smallint NOT NULL DEFAULT 1,
    tells jsonb NOT NULL DEFAULT '{}',
    created_at timestamptz NOT NULL DEFAULT carebed_now(),
    CONSTRAINT uq_care_circle_home_id_staff_id_relation UNIQUE (home_id, staff_id, relation)
);
CREATE INDEX ix_care_circle_staff_id ON care_circle (staff_id);
COMMENT ON TABLE care_circle IS 'who is paired with a home and can be called to it, or told of it';
COMMENT ON COLUMN care_circle.rank IS 'calling order, lowest first';
COMMENT ON COLUMN care_circle.tells IS 'what a relative wants to be told of';

ALTER TABLE care_circle ENABLE ROW LEVEL SECURITY;
CREATE POLICY all_rows ON care_circle TO carebed_engine USING (true);
CREATE POLICY all_rows_to_read ON care_circle FOR SELECT TO carebed_reader USING (true);
CREATE POLICY api_scope ON care_circle FOR SELECT TO carebed_api
    USING (staff_id = current_staff() OR EXISTS (SELECT FROM home WHERE home.id = care_circle.home_id));
CREATE POLICY api_insert ON care_circle FOR INSERT TO carebed_api WITH CHECK (home_in_scope(home_id));
CREATE POLICY api_update ON care_circle FOR UPDATE TO carebed_api
    USING (staff_id = current_staff() OR home_in_scope(home_id));
CREATE POLICY api_delete ON care_circle FOR DELETE TO carebed_api USING (home_in_scope(home_id));
GRANT SELECT, INSERT, UPDATE, DELETE ON care_circle TO carebed_engine;
GRANT SELECT ON care_circle TO carebed_reader;
GRANT SELECT, INSERT, DELETE ON care_circle TO carebed_api;
GRANT UPDATE (rank, tells) ON care_circle TO carebed_api;
"""

# Definer's rights: the ladder reaches people whom the caller may not see. Old code calls it without the home.
_ON_CALL = """
DROP FUNCTION on_call(uuid, text, timestamptz);
CREATE FUNCTION on_call(wanted_station uuid, target text, at timestamptz, wanted_home uuid DEFAULT NULL)
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
        ) AS candidate ORDER BY candidate.rank, candidate.starts_at, candidate.login, candidate.id;
    END;
REVOKE ALL ON FUNCTION on_call(uuid, text, timestamptz, uuid) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION on_call(uuid, text, timestamptz, uuid) TO carebed_api, carebed_engine;
"""


def upgrade() -> None:
    """Staff first: the circle refers to it, and the function reads both."""
    for block in (_STAFF, _CIRCLE, _ON_CALL):
        op.get_bind().exec_driver_sql(block)


def downgrade() -> None:
    """Forward only."""
    raise NotImplementedError
