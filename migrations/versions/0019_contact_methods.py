"""Contact methods of people, and messages that go out through them."""

from alembic import op

revision = "0019"
down_revision = "0018"
branch_labels = None
depends_on = None

_CONTACT_METHOD = """
CREATE TABLE contact_method (
    id uuid NOT NULL CONSTRAINT pk_contact_method PRIMARY KEY,
    staff_id uuid NOT NULL CONSTRAINT fk_contact_method_staff_id_staff REFERENCES staff (id),
    channel text NOT NULL CONSTRAINT ck_contact_method_channel CHECK (channel ~ '^[a-z][a-z0-9_]{1,30}$'),
    address text NOT NULL,
    rank smallint NOT NULL DEFAULT 0,
    wait_s integer NOT NULL DEFAULT 20 CONSTRAINT ck_contact_method_wait CHECK (wait_s BETWEEN 0 AND 3600),
    verified_at timestamptz,
    delivered_at timestamptz,
    failed_at timestamptz,
    failures integer NOT NULL DEFAULT 0,
    code_hash bytea,
    code_expires_at timestamptz,
    code_attempts integer NOT NULL DEFAULT 0,
    code_sent_at timestamptz,
    codes_sent integer NOT NULL DEFAULT 0,
    added_by uuid CONSTRAINT fk_contact_method_added_by_staff REFERENCES staff (id),
    removed_at timestamptz,
    created_at timestamptz NOT NULL DEFAULT carebed_now(),
    CONSTRAINT uq_contact_method_staff_id_channel_address UNIQUE (staff_id, channel, address)
);
COMMENT ON TABLE contact_method IS 'how a person can be reached; addresses are personal data and never logged';
COMMENT ON COLUMN contact_method.wait_s IS 'how long the method before it may stay without an answer';
COMMENT ON COLUMN contact_method.delivered_at IS 'the last delivery that was confirmed';
COMMENT ON COLUMN contact_method.failed_at IS 'when the provider last said that nothing can be delivered there';
COMMENT ON COLUMN contact_method.failures IS 'attempts that failed since the last delivery';
COMMENT ON COLUMN contact_method.code_hash IS 'of the code that was sent to verify it; real time, like its expiry';
CREATE INDEX ix_contact_method_address ON contact_method (channel, address);

CREATE FUNCTION manages_staff(wanted uuid) RETURNS boolean LANGUAGE sql STABLE SECURITY DEFINER
    SET search_path = public
    BEGIN ATOMIC
        SELECT EXISTS (SELECT FROM staff WHERE id = wanted AND in_scope(area_code))
            AND EXISTS (SELECT FROM staff WHERE id = current_staff() AND active AND role IN ('manager', 'admin'));
    END;
REVOKE ALL ON FUNCTION manages_staff(uuid) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION manages_staff(uuid) TO carebed_api;

ALTER TABLE contact_method ENABLE ROW LEVEL SECURITY;
CREATE POLICY api_scope ON contact_method TO carebed_api
    USING (staff_id = current_staff() OR manages_staff(staff_id));
CREATE POLICY all_rows ON contact_method TO carebed_engine USING (true);
CREATE POLICY all_rows_to_read ON contact_method FOR SELECT TO carebed_reader USING (true);
GRANT SELECT, INSERT, UPDATE, DELETE ON contact_method TO carebed_engine;
GRANT SELECT, INSERT, UPDATE ON contact_method TO carebed_api;
GRANT SELECT (id, staff_id, channel, rank, wait_s, verified_at, delivered_at, failed_at, failures, removed_at,
    created_at) ON contact_method TO carebed_reader;
"""

# In which order a person is tried. Definer's rights: whoever calls people may not see how they are reached, and gets
# no address. A method that was verified long ago, or that failed since, is still better than none: it comes last.
_METHODS = """
CREATE FUNCTION contact_methods_of(people uuid[], channels text[], fresh interval, at timestamptz)
    RETURNS TABLE (staff_id uuid, id uuid, channel text, wait_s integer, verified boolean)
    LANGUAGE sql STABLE SECURITY DEFINER SET search_path = public
    BEGIN ATOMIC
        SELECT method.staff_id, method.id, method.channel, method.wait_s, judged.verified
        FROM contact_method method
        CROSS JOIN LATERAL (SELECT greatest(method.verified_at, method.delivered_at) AS proven_at) proof
        CROSS JOIN LATERAL (
            SELECT proof.proven_at > at - fresh
                AND (method.failed_at IS NULL OR proof.proven_at > method.failed_at) AS verified) judged
        WHERE method.staff_id = ANY (people) AND method.channel = ANY (channels)
            AND method.verified_at IS NOT NULL AND method.removed_at IS NULL
        ORDER BY method.staff_id, judged.verified DESC, method.rank, method.created_at, method.id;
    END;
REVOKE ALL ON FUNCTION contact_methods_of(uuid[], text[], interval, timestamptz) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION contact_methods_of(uuid[], text[], interval, timestamptz) TO carebed_api, carebed_engine;
"""

_NOTIFICATION = """
ALTER TABLE notification
    ADD COLUMN contact_method_id uuid
        CONSTRAINT fk_notification_contact_method_id_contact_method REFERENCES contact_method (id),
    ADD COLUMN may_wait boolean NOT NULL DEFAULT false,
    ADD COLUMN due_at timestamptz NOT NULL DEFAULT carebed_now(),
    ADD COLUMN read_at timestamptz,
    ADD COLUMN provider_id text,
    ADD COLUMN answer_code text,
    ALTER COLUMN alarm_id DROP NOT NULL,
    DROP CONSTRAINT ck_notification_channel,
    ADD CONSTRAINT ck_notification_channel CHECK (channel ~ '^[a-z][a-z0-9_]{1,30}$'),
    DROP CONSTRAINT ck_notification_state,
    ADD CONSTRAINT ck_notification_state
        CHECK (state IN ('pending', 'handed_over', 'delivered', 'read', 'failed', 'expired'));
COMMENT ON COLUMN notification.may_wait IS 'a work order: goes with others, and not in quiet hours';
COMMENT ON COLUMN notification.due_at IS 'not before, by the database clock; infinity: nothing more to do';
COMMENT ON COLUMN notification.next_attempt_at IS 'real time: leases and back-off are not shifted';
DROP INDEX ix_notification_pending;
CREATE INDEX ix_notification_pending ON notification (channel, life_critical, next_attempt_at, due_at)
    WHERE state IN ('pending', 'handed_over');
CREATE INDEX ix_notification_provider ON notification (channel, provider_id) WHERE provider_id IS NOT NULL;
CREATE INDEX ix_notification_contact_method ON notification (contact_method_id, created_at)
    WHERE contact_method_id IS NOT NULL;
DROP POLICY api_scope ON notification;
CREATE POLICY api_scope ON notification TO carebed_api USING (
    CASE WHEN alarm_id IS NULL THEN EXISTS (SELECT FROM contact_method WHERE contact_method.id = contact_method_id)
    ELSE EXISTS (SELECT FROM alarm WHERE alarm.id = notification.alarm_id) END);
"""

# What decides when a work order goes out. Definer's rights: the desk's own scope must not make a message louder.
_WAITING = """
CREATE TABLE quiet_hours (
    staff_id uuid NOT NULL CONSTRAINT pk_quiet_hours PRIMARY KEY
        CONSTRAINT fk_quiet_hours_staff_id_staff REFERENCES staff (id),
    quiet_from time NOT NULL,
    quiet_until time NOT NULL
);
COMMENT ON TABLE quiet_hours IS 'local times of the person''s area; only work orders wait';
ALTER TABLE quiet_hours ENABLE ROW LEVEL SECURITY;
CREATE POLICY api_scope ON quiet_hours TO carebed_api USING (staff_id = current_staff());
CREATE POLICY all_rows ON quiet_hours TO carebed_engine USING (true);
CREATE POLICY all_rows_to_read ON quiet_hours FOR SELECT TO carebed_reader USING (true);
GRANT SELECT, INSERT, UPDATE, DELETE ON quiet_hours TO carebed_engine, carebed_api;
GRANT SELECT ON quiet_hours TO carebed_reader;

CREATE FUNCTION work_orders_of(people uuid[], at timestamptz)
    RETURNS TABLE (staff_id uuid, quiet_from time, quiet_until time, time_zone text, waiting_at timestamptz,
        sent_at timestamptz)
    LANGUAGE sql STABLE SECURITY DEFINER SET search_path = public
    BEGIN ATOMIC
        SELECT staff.id, quiet.quiet_from, quiet.quiet_until, area.time_zone, message.waiting_at, message.sent_at
        FROM staff JOIN area ON area.code = staff.area_code
        LEFT JOIN quiet_hours quiet ON quiet.staff_id = staff.id
        CROSS JOIN LATERAL (
            SELECT min(due_at) FILTER (WHERE state = 'pending' AND due_at > at AND due_at < 'infinity') AS waiting_at,
                max(handed_over_at) AS sent_at
            FROM contact_method JOIN notification ON notification.contact_method_id = contact_method.id
            WHERE contact_method.staff_id = staff.id AND may_wait AND notification.created_at > at - interval '1 day'
        ) AS message
        WHERE staff.id = ANY (people);
    END;
REVOKE ALL ON FUNCTION work_orders_of(uuid[], timestamptz) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION work_orders_of(uuid[], timestamptz) TO carebed_api, carebed_engine;
"""


def upgrade() -> None:
    """The table of methods first: messages name them."""
    for block in (_CONTACT_METHOD, _METHODS, _NOTIFICATION, _WAITING):
        op.get_bind().exec_driver_sql(block)


def downgrade() -> None:
    """Forward only."""
    raise NotImplementedError
