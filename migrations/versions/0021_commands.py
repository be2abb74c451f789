"""What homes are told down their own line: one row a phrase and line, written with what it is about."""

from alembic import op

revision = "0021"
down_revision = "0020"
branch_labels = None
depends_on = None

_TABLE = """
CREATE TABLE command (
    id uuid NOT NULL CONSTRAINT pk_command PRIMARY KEY,
    alarm_id uuid NOT NULL CONSTRAINT fk_command_alarm_id_alarm REFERENCES alarm (id),
    gateway_id text NOT NULL CONSTRAINT fk_command_gateway_id_gateway REFERENCES gateway (id),
    device text NOT NULL,
    phrase text NOT NULL,
    state text NOT NULL CONSTRAINT ck_command_state
        CHECK (state IN ('pending', 'handed_over', 'delivered', 'failed', 'expired')),
    attempts integer NOT NULL DEFAULT 0,
    created_at timestamptz NOT NULL,
    expires_at timestamptz NOT NULL,
    next_attempt_at timestamptz NOT NULL,
    handed_over_at timestamptz,
    delivered_at timestamptz,
    error text
);
COMMENT ON TABLE command IS 'what homes are told, down their own line';
COMMENT ON COLUMN command.device IS 'as topics call it: _ is the gateway itself';
COMMENT ON COLUMN command.phrase IS 'what it is to say (gateway.command.Phrase)';
COMMENT ON COLUMN command.expires_at IS 'not published after it, and not said either';
COMMENT ON COLUMN command.next_attempt_at IS 'real time: back-off is not shifted';
COMMENT ON COLUMN command.handed_over_at IS 'the broker has it';
COMMENT ON COLUMN command.delivered_at IS 'the device has answered that it has said it';
CREATE INDEX ix_command_alarm_id ON command (alarm_id);
CREATE INDEX ix_command_open ON command (next_attempt_at) WHERE state IN ('pending', 'handed_over');

ALTER TABLE command ENABLE ROW LEVEL SECURITY;
CREATE POLICY api_scope ON command TO carebed_api
    USING (EXISTS (SELECT FROM alarm WHERE alarm.id = command.alarm_id));
CREATE POLICY all_rows ON command TO carebed_engine USING (true);
CREATE POLICY all_rows_to_read ON command FOR SELECT TO carebed_reader USING (true);
GRANT SELECT, INSERT, UPDATE, DELETE ON command TO carebed_engine;
GRANT SELECT, INSERT ON command TO carebed_api;
GRANT SELECT ON command TO carebed_reader;
"""

# The lines on which an alarm's home is told: the devices that have signalled, else the home's own gateways. Definer's
# rights, as `on_call` has them: whoever answers may not see the devices, and the home is told all the same.
_LINES_TO = """
CREATE FUNCTION lines_to(wanted uuid) RETURNS TABLE (gateway_id text, device text)
    LANGUAGE sql STABLE SECURITY DEFINER SET search_path = public
    BEGIN ATOMIC
        WITH calling AS (
            SELECT DISTINCT gateway.id AS gateway_id,
                CASE WHEN device.id = gateway.id THEN '_' ELSE device.id END AS device
            FROM alarm
            CROSS JOIN LATERAL jsonb_to_recordset(alarm.devices) AS signalled (id text)
            JOIN device ON device.id = signalled.id
            JOIN gateway ON gateway.id = device.gateway_id AND gateway.revoked_at IS NULL
            WHERE alarm.id = wanted AND NOT (gateway.hosted AND device.id = gateway.id)
        )
        SELECT calling.gateway_id, calling.device FROM calling
        UNION ALL
        SELECT gateway.id, '_' FROM alarm
        JOIN gateway ON gateway.home_id = alarm.home_id AND NOT gateway.hosted AND gateway.revoked_at IS NULL
        WHERE alarm.id = wanted AND NOT EXISTS (SELECT FROM calling);
    END;
REVOKE ALL ON FUNCTION lines_to(uuid) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION lines_to(uuid) TO carebed_api, carebed_engine;
"""


def upgrade() -> None:
    """Create the table, and the function that knows the lines."""
    for block in (_TABLE, _LINES_TO):
        op.get_bind().exec_driver_sql(block)


def downgrade() -> None:
    """Forward only."""
    raise NotImplementedError
