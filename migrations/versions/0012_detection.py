"""What detectors remember, what they are set to, where devices are, and when nobody is at home."""

from alembic import op

revision = "0012"
down_revision = "0011"
branch_labels = None
depends_on = None

_TABLES = """
CREATE TABLE detection (
    home_id uuid NOT NULL CONSTRAINT pk_detection PRIMARY KEY
        CONSTRAINT fk_detection_home_id_home REFERENCES home (id),
    memory jsonb NOT NULL DEFAULT '{}',
    shown jsonb NOT NULL DEFAULT '{}'
) WITH (fillfactor = 60);
COMMENT ON TABLE detection IS 'what the detectors of a home remember between two looks';
COMMENT ON COLUMN detection.memory IS 'detector -> its state, and when it wants to be asked again';
COMMENT ON COLUMN detection.shown IS 'lane -> device -> the newest event that detectors have been shown';

CREATE TABLE learned (
    home_id uuid NOT NULL CONSTRAINT fk_learned_home_id_home REFERENCES home (id),
    detector text NOT NULL,
    found jsonb NOT NULL,
    learned_at timestamptz NOT NULL DEFAULT carebed_now(),
    CONSTRAINT pk_learned PRIMARY KEY (home_id, detector)
);
COMMENT ON TABLE learned IS 'what the nights'' learning found about a home, by detector';

CREATE TABLE wake (
    lane text NOT NULL CONSTRAINT ck_wake_lane CHECK (lane IN ('alarm', 'reading')),
    shard_group smallint,
    home_id uuid NOT NULL,
    woken_at timestamptz NOT NULL
);
COMMENT ON TABLE wake IS 'homes that detectors must look at; only added to, and emptied by the engine';
COMMENT ON COLUMN wake.shard_group IS 'looked at when the lane''s watermark of this group has passed; null: at once';

CREATE TABLE absence (
    id uuid NOT NULL CONSTRAINT pk_absence PRIMARY KEY,
    home_id uuid NOT NULL CONSTRAINT fk_absence_home_id_home REFERENCES home (id),
    begins_at timestamptz NOT NULL,
    ends_at timestamptz NOT NULL,
    entered_by uuid NOT NULL CONSTRAINT fk_absence_entered_by_staff REFERENCES staff (id),
    note text,
    created_at timestamptz NOT NULL DEFAULT carebed_now(),
    withdrawn_at timestamptz,
    withdrawn_by uuid CONSTRAINT fk_absence_withdrawn_by_staff REFERENCES staff (id),
    CONSTRAINT ck_absence_has_a_length CHECK (ends_at > begins_at AND isfinite(begins_at) AND isfinite(ends_at)),
    CONSTRAINT ck_absence_withdrawn_by_somebody CHECK ((withdrawn_at IS NULL) = (withdrawn_by IS NULL))
);
CREATE INDEX ix_absence_home ON absence (home_id, ends_at);
COMMENT ON TABLE absence IS 'nobody is at home, as somebody has entered it';

CREATE TABLE detector_parameters (
    id uuid NOT NULL CONSTRAINT pk_detector_parameters PRIMARY KEY,
    detector text NOT NULL,
    home_id uuid CONSTRAINT fk_detector_parameters_home_id_home REFERENCES home (id),
    station_id uuid CONSTRAINT fk_detector_parameters_station_id_station REFERENCES station (id),
    area_code text CONSTRAINT fk_detector_parameters_area_code_area REFERENCES area (code),
    "values" jsonb NOT NULL,
    set_by uuid CONSTRAINT fk_detector_parameters_set_by_staff REFERENCES staff (id),
    set_at timestamptz NOT NULL DEFAULT carebed_now(),
    CONSTRAINT ck_detector_parameters_one_scope CHECK (num_nonnulls(home_id, station_id, area_code) = 1),
    CONSTRAINT uq_detector_parameters_scope UNIQUE NULLS NOT DISTINCT (home_id, station_id, area_code, detector)
);
COMMENT ON TABLE detector_parameters IS 'what people have set for a detector: of a home, a station or a branch of the area tree';

ALTER TABLE device ADD COLUMN room text CONSTRAINT ck_device_room CHECK (room IN
    ('entrance', 'bedroom', 'living_room', 'kitchen', 'bathroom', 'toilet', 'hall', 'other'));
COMMENT ON COLUMN device.room IS 'where it is; null: nobody has said';

ALTER TABLE device_state ADD COLUMN silent_from timestamptz, ADD COLUMN back_at timestamptz;
COMMENT ON COLUMN device_state.silent_from IS 'its last sign of life before its last silence of more than a minute';
COMMENT ON COLUMN device_state.back_at IS 'the end of that silence';

CREATE INDEX ix_inbox_check_in ON inbox (device_id, happened_at) WHERE type = 'check_in';
"""  # noqa: E501 - a comment is one line

# A responder who was called to a home may read of it; what is judged there is its own branch's to set. Values of
# stations and areas name nobody, and whoever asks what holds for a home must see those from above his own branch.
_GUARDS = """
CREATE FUNCTION home_in_scope(wanted uuid) RETURNS boolean LANGUAGE sql STABLE SECURITY DEFINER
    SET search_path = public
    BEGIN ATOMIC SELECT EXISTS (SELECT FROM home WHERE id = wanted AND in_scope(area_code)); END;

CREATE FUNCTION wake_homes(wanted_home uuid, wanted_station uuid, wanted_area text) RETURNS void
    LANGUAGE sql VOLATILE SECURITY DEFINER SET search_path = public
    BEGIN ATOMIC
        INSERT INTO wake (lane, home_id, woken_at) SELECT 'reading', id, carebed_now() FROM home
        WHERE (id = wanted_home OR station_id = wanted_station OR area_code ^@ area_prefix(wanted_area))
            AND in_scope(area_code);
    END;
REVOKE ALL ON FUNCTION home_in_scope(uuid), wake_homes(uuid, uuid, text) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION home_in_scope(uuid), wake_homes(uuid, uuid, text) TO carebed_api;

CREATE POLICY api_scope ON absence TO carebed_api USING (home_in_scope(home_id));
GRANT SELECT, INSERT ON absence TO carebed_api;
GRANT UPDATE (withdrawn_at, withdrawn_by) ON absence TO carebed_api;

CREATE POLICY api_scope ON detector_parameters FOR SELECT TO carebed_api USING (CASE WHEN home_id IS NULL
    THEN nullif(current_setting('carebed.scope', true), '') IS NOT NULL ELSE home_in_scope(home_id) END);
CREATE POLICY api_insert ON detector_parameters FOR INSERT TO carebed_api
    WITH CHECK (home_in_scope(home_id) OR station_in_scope(station_id) OR in_scope(area_code));
CREATE POLICY api_update ON detector_parameters FOR UPDATE TO carebed_api
    USING (home_in_scope(home_id) OR station_in_scope(station_id) OR in_scope(area_code));
CREATE POLICY api_delete ON detector_parameters FOR DELETE TO carebed_api
    USING (home_in_scope(home_id) OR station_in_scope(station_id) OR in_scope(area_code));
GRANT SELECT, INSERT, UPDATE, DELETE ON detector_parameters TO carebed_api;
"""

_ENGINE = """
    ALTER TABLE {table} ENABLE ROW LEVEL SECURITY;
    CREATE POLICY all_rows ON {table} TO carebed_engine USING (true);
    CREATE POLICY all_rows_to_read ON {table} FOR SELECT TO carebed_reader USING (true);
    GRANT SELECT, INSERT, UPDATE, DELETE ON {table} TO carebed_engine;
    GRANT SELECT ON {table} TO carebed_reader;
"""


def upgrade() -> None:
    """Create the tables and let each role do what it needs."""
    for block in (_TABLES, *map(_engine, ("detection", "learned", "wake", "absence", "detector_parameters")), _GUARDS):
        op.get_bind().exec_driver_sql(block.replace("%", "%%"))


def _engine(table: str) -> str:
    return _ENGINE.format(table=table)


def downgrade() -> None:
    """Forward only."""
    raise NotImplementedError
