"""A drill is marked on its alarm, for good; its messages have slots of their own, and no door opens for it."""

from alembic import op

revision = "0031"
down_revision = "0030"
branch_labels = None
depends_on = None

_ALARM = """
ALTER TABLE alarm
    ADD COLUMN drill boolean NOT NULL DEFAULT false,
    DROP CONSTRAINT ck_alarm_outcome,
    ADD CONSTRAINT ck_alarm_outcome CHECK (outcome IN ('emergency', 'help_given', 'no_help_needed', 'false_alarm',
        'test', 'handed_to_120', 'not_answered')),
    ADD CONSTRAINT ck_alarm_drill_has_its_own_key CHECK (drill = starts_with(merge_key, 'drill:')),
    ADD CONSTRAINT ck_alarm_drill_stands_alone
        CHECK (NOT drill OR (incident_id IS NULL AND gathering_until IS NULL)),
    ADD CONSTRAINT ck_alarm_drill_ends_as_one CHECK (CASE WHEN drill
        THEN outcome IS NULL OR outcome IN ('test', 'not_answered') ELSE outcome IS DISTINCT FROM 'not_answered' END);
COMMENT ON COLUMN alarm.drill IS 'called as a drill; settled when it is raised';

CREATE FUNCTION refuse_drill_change() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION 'whether an alarm is a drill is settled when it is raised' USING ERRCODE = '42501';
END $$;
CREATE TRIGGER alarm_drill_is_settled BEFORE UPDATE OF drill ON alarm
    FOR EACH ROW WHEN (NEW.drill IS DISTINCT FROM OLD.drill) EXECUTE FUNCTION refuse_drill_change();
"""

_NOTIFICATION = """
ALTER TABLE notification ADD COLUMN drill boolean NOT NULL DEFAULT false;
COMMENT ON COLUMN notification.drill IS 'goes after whatever is meant in earnest, by slots of its own';
DROP INDEX ix_notification_pending;
CREATE INDEX ix_notification_pending ON notification (channel, life_critical, drill, next_attempt_at, due_at)
    WHERE state IN ('pending', 'handed_over');
"""

# As in migration 0026, but a drill opens no door.
_ACCESS_NOTES = """
CREATE OR REPLACE FUNCTION access_notes_of(wanted uuid)
    RETURNS TABLE (home_id uuid, key_box text, door_code text, hazards text, updated_at timestamptz)
    LANGUAGE plpgsql SECURITY DEFINER SET search_path = public AS $$
DECLARE
    there uuid;
BEGIN
    SELECT alarm.home_id INTO there FROM alarm JOIN response ON response.alarm_id = alarm.id
    WHERE alarm.id = wanted AND alarm.closed_at IS NULL AND alarm.home_id IS NOT NULL AND NOT alarm.drill
        AND response.staff_id = current_staff() AND response.state IN ('accepted', 'en_route', 'arrived');
    IF NOT FOUND THEN
        RETURN;
    END IF;
    INSERT INTO access_log (home_id, alarm_id, staff_id, what) VALUES (there, wanted, current_staff(), 'read');
    RETURN QUERY SELECT there, note.key_box, note.door_code, note.hazards, note.updated_at
        FROM (SELECT) AS one LEFT JOIN access_note AS note ON note.home_id = there;
END $$;
"""


def upgrade() -> None:
    """Alarms, messages, doors."""
    for block in (_ALARM, _NOTIFICATION, _ACCESS_NOTES):
        op.get_bind().exec_driver_sql(block)


def downgrade() -> None:
    """Forward only."""
    raise NotImplementedError
