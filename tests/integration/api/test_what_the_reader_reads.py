"""Who counts reads no key, no password and no way to a person: every column that looks like one is tried."""

import re

import psycopg
import pytest
from psycopg import sql

from carebed.embedded.postgres import DatabaseUrls

#: A column of such a name is a secret until it stands below.
LOOKS_SECRET = re.compile(
    r"hash|secret|token|passw|(^|_)code$|(^|_)key(_|$)|address|url|webhook|payload|^body$|^request$|hazards|private"
)
#: What is none in spite of its name.
NONE = {
    ("alarm", "area_code"), ("alarm", "merge_key"), ("area", "code"), ("area", "parent_code"),
    ("detector_parameters", "area_code"), ("drill", "area_code"), ("home", "area_code"),
    ("incident", "area_code"), ("kpi_target", "area_code"), ("policy", "area_code"), ("robot_group", "area_code"),
    ("staff", "area_code"), ("station", "area_code"), ("visit", "area_code"),
    # Where a home is: support asks for it.
    ("home", "address"),
    # What a device sent, as it came.
    ("quarantine", "payload"),
}  # fmt: skip

_COLUMNS = """
    SELECT relname, attname, has_column_privilege('carebed_reader', pg_class.oid, attnum, 'SELECT') AS may
    FROM pg_class JOIN pg_attribute ON attrelid = pg_class.oid
    WHERE relnamespace = 'public'::regnamespace AND relkind IN ('r', 'p', 'v', 'm') AND NOT relispartition
        AND attnum > 0 AND NOT attisdropped AND relowner = 'carebed_owner'::regrole
    ORDER BY relname, attnum
"""


def test_the_reader_reads_everything_but_secrets(urls: DatabaseUrls) -> None:
    with psycopg.connect(urls.admin) as conn:
        columns = {(table, column): may for table, column, may in conn.execute(_COLUMNS)}
    secret = {one for one in columns if LOOKS_SECRET.search(one[1])} - NONE
    assert secret >= {
        ("access_note", "door_code"), ("contact_method", "address"), ("staff", "password_hash"),
        ("staff_session", "refresh_hash"), ("gateway", "secret_hash"), ("robot_group", "webhook_url"),
    }  # fmt: skip
    assert columns.keys() >= NONE, "a name that is gone is no exception any more"
    shut = {one for one, may in columns.items() if not may}
    assert shut == secret
    with psycopg.connect(urls.reader, autocommit=True) as conn:
        for table, column in columns:
            statement = sql.SQL("SELECT {} FROM {} LIMIT 1").format(sql.Identifier(column), sql.Identifier(table))
            if (table, column) in secret:
                with pytest.raises(psycopg.errors.InsufficientPrivilege):
                    conn.execute(statement)
            else:
                conn.execute(statement)
        for table in sorted({table for table, _ in secret}):
            with pytest.raises(psycopg.errors.InsufficientPrivilege):
                conn.execute(sql.SQL("SELECT t::text FROM {} AS t").format(sql.Identifier(table)))
            with pytest.raises(psycopg.errors.InsufficientPrivilege):
                conn.execute(sql.SQL("COPY {} TO STDOUT").format(sql.Identifier(table)))
