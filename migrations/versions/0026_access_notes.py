"""Access notes: key box, door code, hazards. Read by who has accepted an open alarm of the home, each read logged."""

from alembic import op

revision = "0026"
down_revision = "0025"
branch_labels = None
depends_on = None

_TABLES = """
CREATE TABLE access_note (
    home_id uuid NOT NULL CONSTRAINT pk_access_note PRIMARY KEY
        CONSTRAINT fk_access_note_home_id_home REFERENCES home (id),
    key_box text,
    door_code text,
    hazards text,
    updated_at timestamptz NOT NULL,
    updated_by uuid NOT NULL CONSTRAINT fk_access_note_updated_by_staff REFERENCES staff (id)
);
COMMENT ON TABLE access_note IS 'how one gets into a home; given out by access_notes_of() alone';

CREATE TABLE access_log (
    id bigint GENERATED ALWAYS AS IDENTITY CONSTRAINT pk_access_log PRIMARY KEY,
    at timestamptz NOT NULL DEFAULT carebed_now(),
    home_id uuid NOT NULL CONSTRAINT fk_access_log_home_id_home REFERENCES home (id),
    alarm_id uuid CONSTRAINT fk_access_log_alarm_id_alarm REFERENCES alarm (id),
    staff_id uuid NOT NULL CONSTRAINT fk_access_log_staff_id_staff REFERENCES staff (id),
    what text NOT NULL CONSTRAINT ck_access_log_what CHECK (what IN ('read', 'written'))
);
COMMENT ON TABLE access_log IS 'who has read or written access notes; append-only';
CREATE INDEX ix_access_log_home_id ON access_log (home_id, id);

CREATE TRIGGER access_log_is_append_only BEFORE UPDATE OR DELETE ON access_log
    FOR EACH ROW EXECUTE FUNCTION refuse_change();
CREATE TRIGGER access_log_is_not_truncated BEFORE TRUNCATE ON access_log
    FOR EACH STATEMENT EXECUTE FUNCTION refuse_change();
"""

# The API's role may write a note and see that there is one; the engine may not even that. (The reader
# reads every table there is, for audits and backups; its password opens doors.)
_RIGHTS = """
ALTER TABLE access_note ENABLE ROW LEVEL SECURITY;
ALTER TABLE access_log ENABLE ROW LEVEL SECURITY;
CREATE POLICY api_scope ON access_note TO carebed_api USING (home_in_scope(home_id));
CREATE POLICY api_scope ON access_log FOR SELECT TO carebed_api USING (home_in_scope(home_id));
CREATE POLICY all_rows_to_read ON access_log FOR SELECT TO carebed_reader USING (true);
GRANT SELECT (home_id, updated_at, updated_by), INSERT, UPDATE ON access_note TO carebed_api;
GRANT SELECT ON access_log TO carebed_api, carebed_reader;
"""

# Whatever is written is logged, by whoever's hand.
_WRITTEN = """
CREATE FUNCTION log_access_note() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER SET search_path = public AS $$
BEGIN
    INSERT INTO access_log (home_id, staff_id, what) VALUES (NEW.home_id, NEW.updated_by, 'written');
    RETURN NULL;
END $$;
CREATE TRIGGER access_note_is_logged AFTER INSERT OR UPDATE ON access_note
    FOR EACH ROW EXECUTE FUNCTION log_access_note();
"""

# The one way to them: a row for who is going to the door of an open alarm, with a line in the log, or none.
_READ = """
CREATE FUNCTION access_notes_of(wanted uuid)
    RETURNS TABLE (home_id uuid, key_box text, door_code text, hazards text, updated_at timestamptz)
    LANGUAGE plpgsql SECURITY DEFINER SET search_path = public AS $$
DECLARE
    there uuid;
BEGIN
    SELECT alarm.home_id INTO there FROM alarm JOIN response ON response.alarm_id = alarm.id
    WHERE alarm.id = wanted AND alarm.closed_at IS NULL AND alarm.home_id IS NOT NULL
        AND response.staff_id = current_staff() AND response.state IN ('accepted', 'en_route', 'arrived');
    IF NOT FOUND THEN
        RETURN;
    END IF;
    INSERT INTO access_log (home_id, alarm_id, staff_id, what) VALUES (there, wanted, current_staff(), 'read');
    RETURN QUERY SELECT there, note.key_box, note.door_code, note.hazards, note.updated_at
        FROM (SELECT) AS one LEFT JOIN access_note AS note ON note.home_id = there;
END $$;
REVOKE ALL ON FUNCTION access_notes_of(uuid), log_access_note() FROM PUBLIC;
GRANT EXECUTE ON FUNCTION access_notes_of(uuid) TO carebed_api;
"""


def upgrade() -> None:
    """Tables, then rights, then the two ways in and out."""
    for block in (_TABLES, _RIGHTS, _WRITTEN, _READ):
        op.get_bind().exec_driver_sql(block)


def downgrade() -> None:
    """Forward only."""
    raise NotImplementedError
