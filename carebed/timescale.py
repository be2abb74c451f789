"""The one place that knows TimescaleDB: whether it is there, what its licence allows, and hypertables.

Everything else writes and reads `reading` alike on native partitions and on a hypertable. The Apache edition has
hypertables and `drop_chunks`; compression (the columnstore) comes with the community licence only.
"""

from datetime import datetime

from psycopg import sql
from sqlalchemy import Connection, text
from sqlalchemy.exc import DBAPIError

from carebed.logs import get_logger

log = get_logger()

#: A chunk is as much as a native partition, so that retention drops the same.
_CHUNK = "1 day"
#: Older chunks go into the columnstore. Late readings still get in, at a price; most are a week late at most.
_COLUMNSTORE_AFTER = "8 days"

_INSTALLED = text("SELECT EXISTS (SELECT FROM pg_extension WHERE extname = 'timescaledb')")
# Its library is loaded with the server, otherwise the setting is not known and making the extension ends the session.
_AVAILABLE = text("""
    SELECT EXISTS (SELECT FROM pg_available_extensions WHERE name = 'timescaledb')
        AND current_setting('timescaledb.disable_load', true) IS NOT NULL
""")
_LICENCE = text("SELECT current_setting('timescaledb.license', true)")
_HYPERTABLE = text("""
    SELECT count(*), coalesce(bool_or(compression_enabled), false) FROM timescaledb_information.hypertables
    WHERE hypertable_schema = 'public' AND hypertable_name = :name
""")
_CHUNK_STARTS = text("""
    SELECT range_start FROM timescaledb_information.chunks
    WHERE hypertable_schema = 'public' AND hypertable_name = :name AND range_start >= :first
""")
# A row that nobody ever sees: the function that makes a chunk without one belongs to the community licence.
_FIRST_ROW = text("""
    INSERT INTO reading (time, device_id, message_id, type, received_at) VALUES (:at, '', 'chunk', '', :at)
""")
_FORGET_IT = text("DELETE FROM reading WHERE device_id = '' AND time = :at AND message_id = 'chunk'")
_DROP_CHUNKS = text(
    "SELECT count(*) FROM drop_chunks(CAST(:name AS regclass), older_than => CAST(:before AS timestamptz))"
)

# What hangs on a table and does not come along with LIKE: statements that make it anew.
_INDEXES = text("""
    SELECT indexname, replace(indexdef, ' ON ONLY ', ' ON ') FROM pg_indexes
    WHERE schemaname = 'public' AND tablename = :name
""")
_POLICIES = text("""
    SELECT format('CREATE POLICY %I ON %I FOR %s TO %s USING (%s)', policyname, tablename, cmd,
        (SELECT string_agg(quote_ident(role), ', ') FROM unnest(roles) AS role), qual)
    FROM pg_policies WHERE schemaname = 'public' AND tablename = :name
""")
_GRANTS = text("""
    SELECT format('GRANT %s ON %I TO %I', acl.privilege_type, pg_class.relname, acl.grantee::regrole::text)
    FROM pg_class, aclexplode(relacl) AS acl WHERE pg_class.oid = CAST(:name AS regclass) AND acl.grantee <> relowner
""")
_COMMENT = text("""
    SELECT format('COMMENT ON TABLE %I IS %L', CAST(:name AS text), obj_description(CAST(:name AS regclass)))
""")


def installed(conn: Connection) -> bool:
    """Whether this database has the extension; made here where the server offers it and we may."""
    if conn.execute(_INSTALLED).scalar_one():
        return True
    if not conn.execute(_AVAILABLE).scalar_one():
        return False
    try:
        with conn.begin_nested():
            conn.exec_driver_sql("CREATE EXTENSION timescaledb")
    except DBAPIError as error:
        log.warning("timescaledb_not_made", error=type(error.orig).__name__)
        return False
    return True


def licence(conn: Connection) -> str | None:
    """`apache`, `timescale`, or None without the extension."""
    if not conn.execute(_INSTALLED).scalar_one():
        return None
    found: str | None = conn.execute(_LICENCE).scalar_one()
    return found


def is_hypertable(conn: Connection, table: str) -> bool:
    """Whether `table` is one; False without the extension."""
    if not conn.execute(_INSTALLED).scalar_one():
        return False
    count: int = conn.execute(_HYPERTABLE, {"name": table}).one()[0]
    return count > 0


def has_rows(conn: Connection, table: str) -> bool:
    """Whether there is anything that would have to be moved."""
    found: bool = conn.exec_driver_sql(_sql("SELECT EXISTS (SELECT FROM {})", table)).scalar_one()
    return found


def to_hypertable(conn: Connection, table: str, column: str) -> int:
    """Make the natively partitioned `table` a hypertable, with all its rows, indexes, policies and grants.

    Everybody else waits until the transaction ends. Returns how many rows were moved.
    """
    native = f"{table}_native"
    conn.exec_driver_sql(_sql("LOCK TABLE {} IN ACCESS EXCLUSIVE MODE", table))
    indexes = conn.execute(_INDEXES, {"name": table}).all()
    again = [row[0] for statement in (_POLICIES, _GRANTS, _COMMENT) for row in conn.execute(statement, {"name": table})]
    for name, _ in indexes:
        conn.exec_driver_sql(_sql("DROP INDEX {}", name))
    conn.exec_driver_sql(_sql("ALTER TABLE {} RENAME TO {}", table, native))
    conn.exec_driver_sql(_sql("CREATE TABLE {} (LIKE {} INCLUDING ALL)", table, native))
    conn.execute(
        text("""
            SELECT create_hypertable(CAST(:name AS regclass), by_range(CAST(:column AS name), CAST(:chunk AS interval)),
                create_default_indexes => false)
        """), {"name": table, "column": column, "chunk": _CHUNK},
    )  # fmt: skip
    for statement in (*(definition for _, definition in indexes), *again):
        conn.exec_driver_sql(statement.replace("%", "%%"))
    conn.exec_driver_sql(_sql("ALTER TABLE {} ENABLE ROW LEVEL SECURITY", table))
    moved = conn.exec_driver_sql(_sql("INSERT INTO {} SELECT * FROM {}", table, native)).rowcount
    conn.exec_driver_sql(_sql("DROP TABLE {}", native))
    log.info("hypertable_made", table=table, rows=moved)
    return moved


def chunk_starts(conn: Connection, table: str, first: datetime) -> set[datetime]:
    """The beginnings of the chunks there are from `first` on."""
    return {row[0] for row in conn.execute(_CHUNK_STARTS, {"name": table, "first": first})}


def make_chunk(conn: Connection, at: datetime) -> None:
    """Make the chunk of readings that `at` lies in, before its first row comes.

    A transaction that makes one keeps all others that need a new one waiting until it has committed; so batches that
    stay open for long must not have to.
    """
    conn.execute(_FIRST_ROW, {"at": at})
    conn.execute(_FORGET_IT, {"at": at})


def drop_chunks(conn: Connection, table: str, before: datetime) -> int:
    """Drop the chunks that end before `before`; how many."""
    dropped: int = conn.execute(_DROP_CHUNKS, {"name": table, "before": before}).scalar_one()
    return dropped


def enable_columnstore(conn: Connection, table: str, segment_by: str, order_by: str) -> bool:
    """Have old chunks compressed, where the licence allows it; whether that is new.

    Compression and row-level security exclude each other (github.com/timescale/timescaledb/issues/6827); the API's role
    has no right to readings anyway.
    """
    if licence(conn) != "timescale" or conn.execute(_HYPERTABLE, {"name": table}).one() != (1, False):
        return False
    conn.exec_driver_sql(_sql("ALTER TABLE {} DISABLE ROW LEVEL SECURITY", table))
    conn.exec_driver_sql(
        _sql("ALTER TABLE {} SET (timescaledb.compress, timescaledb.compress_segmentby = {}, "
             "timescaledb.compress_orderby = {})", table, sql.Literal(segment_by), sql.Literal(order_by))
    )  # fmt: skip
    conn.execute(
        text("SELECT add_compression_policy(CAST(:name AS regclass), CAST(:after AS interval), if_not_exists => true)"),
        {"name": table, "after": _COLUMNSTORE_AFTER},
    )
    return True


def _sql(statement: str, *names: str | sql.Literal) -> str:
    """A statement with its identifiers quoted."""
    parts = [sql.Identifier(name) if isinstance(name, str) else name for name in names]
    return sql.SQL(statement).format(*parts).as_string(None).replace("%", "%%")
