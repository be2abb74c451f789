"""Group chats with a robot in them, which show the alarms of an area or a station."""

from alembic import op

revision = "0033"
down_revision = "0032"
branch_labels = None
depends_on = None

# Definer's rights: whoever sets up a group sees his own branch of the log only, and it begins at the end of all of it.
_NEWEST = """
CREATE FUNCTION newest_event() RETURNS bigint LANGUAGE sql STABLE SECURITY DEFINER SET search_path = public
    BEGIN ATOMIC SELECT coalesce(max(seq), 0) FROM alarm_event; END;
REVOKE ALL ON FUNCTION newest_event() FROM PUBLIC;
GRANT EXECUTE ON FUNCTION newest_event() TO carebed_api, carebed_engine;
"""

_TABLE = """
CREATE TABLE robot_group (
    id uuid NOT NULL CONSTRAINT pk_robot_group PRIMARY KEY,
    name text NOT NULL,
    channel text NOT NULL CONSTRAINT ck_robot_group_channel CHECK (channel IN ('dingtalk', 'feishu', 'wecom')),
    area_code text CONSTRAINT fk_robot_group_area_code_area REFERENCES area (code),
    station_id uuid CONSTRAINT fk_robot_group_station_id_station REFERENCES station (id),
    webhook_url text NOT NULL CONSTRAINT uq_robot_group_webhook_url UNIQUE,
    secret text,
    language text NOT NULL CONSTRAINT ck_robot_group_language CHECK (language IN ('zh', 'en')),
    shows text[] NOT NULL,
    work_orders boolean NOT NULL,
    shown_seq bigint NOT NULL DEFAULT newest_event(),
    posts timestamptz[] NOT NULL DEFAULT '{}',
    posted_at timestamptz,
    tested_at timestamptz,
    test_wanted boolean NOT NULL DEFAULT false,
    failed_at timestamptz,
    last_error text,
    failures integer NOT NULL DEFAULT 0,
    paused_until timestamptz,
    set_by uuid CONSTRAINT fk_robot_group_set_by_staff REFERENCES staff (id),
    created_at timestamptz NOT NULL DEFAULT carebed_now(),
    CONSTRAINT ck_robot_group_place CHECK (num_nonnulls(area_code, station_id) = 1)
);
COMMENT ON TABLE robot_group IS 'group chats that show alarms; no route to anybody';
COMMENT ON COLUMN robot_group.webhook_url IS 'whoever has it can post; shown to nobody';
COMMENT ON COLUMN robot_group.secret IS 'signs what is posted; shown to nobody';
COMMENT ON COLUMN robot_group.shown_seq IS
    'the last event of the log that has been shown, or is none of the group''s';
COMMENT ON COLUMN robot_group.posts IS 'when it was posted to within the last minute, tried or taken; real time';
COMMENT ON COLUMN robot_group.posted_at IS 'the last post that was taken';
COMMENT ON COLUMN robot_group.tested_at IS 'the last test that was taken';
COMMENT ON COLUMN robot_group.failures IS 'since the last post that was taken';
COMMENT ON COLUMN robot_group.paused_until IS 'real time';
"""

# Address and secret are written by the API, read by the engine, and selected by nobody else.
_RIGHTS = """
ALTER TABLE robot_group ENABLE ROW LEVEL SECURITY;
CREATE POLICY api_scope ON robot_group TO carebed_api
    USING (coalesce(in_scope(area_code), false) OR coalesce(station_in_scope(station_id), false));
CREATE POLICY all_rows ON robot_group TO carebed_engine USING (true);
CREATE POLICY all_rows_to_read ON robot_group FOR SELECT TO carebed_reader USING (true);
GRANT SELECT, INSERT, UPDATE, DELETE ON robot_group TO carebed_engine;
GRANT SELECT (id, name, channel, area_code, station_id, language, shows, work_orders, shown_seq, posts, posted_at,
    tested_at, test_wanted, failed_at, last_error, failures, paused_until, set_by, created_at)
    ON robot_group TO carebed_api, carebed_reader;
GRANT INSERT (id, name, channel, area_code, station_id, webhook_url, secret, language, shows, work_orders, set_by)
    ON robot_group TO carebed_api;
GRANT UPDATE (name, channel, area_code, station_id, webhook_url, secret, language, shows, work_orders, test_wanted,
    last_error, failures, paused_until, set_by) ON robot_group TO carebed_api;
GRANT DELETE ON robot_group TO carebed_api;
"""


def upgrade() -> None:
    """The function first: a column's default asks it."""
    for block in (_NEWEST, _TABLE, _RIGHTS):
        op.get_bind().exec_driver_sql(block)


def downgrade() -> None:
    """Forward only."""
    raise NotImplementedError
