"""Readings by the hour, what the rollup has still to do, and readings in a hypertable where TimescaleDB is."""

from alembic import op

from carebed import timescale

revision = "0007"
down_revision = "0005"
branch_labels = None
depends_on = None

# Found by the time of receipt: what a batch has stored. A few bytes for 64 pages, and no work worth measuring per row.
_FOUND_BY_RECEIPT = """
CREATE INDEX ix_reading_received_at ON reading USING brin (received_at) WITH (pages_per_range = 64)
"""

# The key carries the whole row: hours are written hour by hour, so a home's month lies on more than a thousand pages of
# the table and on a hundred of its key. For a fifth more index a chart reads an eighth of the pages.
_TABLES = """
CREATE TABLE reading_hour (
    device_id text NOT NULL,
    hour timestamptz NOT NULL,
    type text NOT NULL,
    readings integer NOT NULL,
    numbers integer NOT NULL,
    sum double precision,
    min double precision,
    max double precision,
    first double precision,
    last double precision,
    CONSTRAINT pk_reading_hour PRIMARY KEY (device_id, hour, type)
        INCLUDE (readings, numbers, sum, min, max, first, last)
) PARTITION BY RANGE (hour);
CREATE TABLE reading_hour_default PARTITION OF reading_hour DEFAULT;
COMMENT ON TABLE reading_hour IS 'readings of a device and type by the hour; without numbers only their count';
COMMENT ON COLUMN reading_hour.hour IS 'its beginning, UTC';
COMMENT ON COLUMN reading_hour.numbers IS 'readings whose value is a number that can be summed';
COMMENT ON COLUMN reading_hour.first IS 'by the device''s time';

CREATE TABLE rollup_due (
    id bigint GENERATED ALWAYS AS IDENTITY CONSTRAINT pk_rollup_due PRIMARY KEY,
    received_at timestamptz NOT NULL,
    first timestamptz NOT NULL,
    last timestamptz NOT NULL,
    readings integer NOT NULL
);
COMMENT ON TABLE rollup_due IS
    'batches of readings that are not in reading_hour yet; written in the batch''s own transaction';
COMMENT ON COLUMN rollup_due.received_at IS 'of all readings of the batch';
COMMENT ON COLUMN rollup_due.first IS 'the earliest time of its readings';
COMMENT ON COLUMN rollup_due.last IS 'the latest';
"""

# What is stored already is one batch for each time of receipt.
_BACKLOG = """
INSERT INTO rollup_due (received_at, first, last, readings)
SELECT received_at, min(time), max(time), count(*) FROM reading GROUP BY received_at
"""

# A chart is of one home, so whoever may see the home sees all of it. The question is asked once, not for each row: with
# row-level security alone a month costs more than the chart may take. Definer's rights, and the check stands inside.
_HISTORY = """
CREATE FUNCTION history_of_home(wanted uuid, since timestamptz, until timestamptz) RETURNS SETOF reading_hour
    LANGUAGE sql STABLE SECURITY DEFINER SET search_path = public
    BEGIN ATOMIC
        SELECT reading_hour.* FROM device JOIN reading_hour ON reading_hour.device_id = device.id
        WHERE device.home_id = wanted AND reading_hour.hour >= since AND reading_hour.hour < until
            AND EXISTS (SELECT FROM home WHERE home.id = wanted
                AND (in_scope(home.area_code) OR home.id IN (SELECT my_called_homes())))
        ORDER BY reading_hour.device_id, reading_hour.type, reading_hour.hour;
    END;
REVOKE ALL ON FUNCTION history_of_home(uuid, timestamptz, timestamptz) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION history_of_home(uuid, timestamptz, timestamptz) TO carebed_api;
"""

_GUARDS = """
ALTER TABLE reading_hour ENABLE ROW LEVEL SECURITY;
CREATE POLICY api_scope ON reading_hour TO carebed_api
    USING (EXISTS (SELECT FROM device WHERE device.id = reading_hour.device_id));
CREATE POLICY all_rows ON reading_hour TO carebed_engine USING (true);
CREATE POLICY all_rows_to_read ON reading_hour FOR SELECT TO carebed_reader USING (true);
GRANT SELECT ON reading_hour TO carebed_api, carebed_engine, carebed_reader;

ALTER TABLE rollup_due ENABLE ROW LEVEL SECURITY;
CREATE POLICY api_scope ON rollup_due TO carebed_api USING (false);
CREATE POLICY all_rows ON rollup_due TO carebed_engine USING (true);
CREATE POLICY all_rows_to_read ON rollup_due FOR SELECT TO carebed_reader USING (true);
GRANT SELECT, INSERT, DELETE ON rollup_due TO carebed_engine;
GRANT SELECT ON rollup_due TO carebed_reader;

-- The API shows hours. Chunks of a hypertable inherit the grants of their table and not its row-level security, so a
-- grant on readings would open them all (github.com/timescale/timescaledb/issues/7830).
REVOKE SELECT ON reading FROM carebed_api;
"""


def upgrade() -> None:
    """Create the tables, note what is there already, and take TimescaleDB where nothing has to be moved for it."""
    connection = op.get_bind()
    for block in (_FOUND_BY_RECEIPT, _TABLES, _BACKLOG, _GUARDS, _HISTORY):
        connection.exec_driver_sql(block.replace("%", "%%"))
    if timescale.installed(connection) and not timescale.has_rows(connection, "reading"):
        timescale.to_hypertable(connection, "reading", "time")


def downgrade() -> None:
    """Forward only."""
    raise NotImplementedError
