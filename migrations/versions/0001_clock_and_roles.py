"""The database clock and the roles. Everything else builds on both."""

from alembic import op

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None

# A role that the operator made already keeps its password and its rights to log in.
_ROLES = """
DO $$
DECLARE wanted text;
BEGIN
    FOREACH wanted IN ARRAY ARRAY['carebed_engine', 'carebed_api', 'carebed_reader'] LOOP
        IF NOT EXISTS (SELECT FROM pg_roles WHERE rolname = wanted) THEN
            EXECUTE format('CREATE ROLE %I NOLOGIN', wanted);
        END IF;
    END LOOP;
END $$
"""


def upgrade() -> None:
    """Create roles where they are missing, the clock's one row and its function."""
    op.execute(_ROLES)
    op.execute("REVOKE CREATE ON SCHEMA public FROM PUBLIC")
    op.execute("GRANT USAGE ON SCHEMA public TO carebed_engine, carebed_api, carebed_reader")
    op.execute("""
        CREATE TABLE clock_shift (
            id smallint NOT NULL CONSTRAINT pk_clock_shift PRIMARY KEY CONSTRAINT ck_clock_shift_one_row CHECK (id = 1),
            shift interval NOT NULL DEFAULT '0',
            shiftable boolean NOT NULL DEFAULT false,
            shifted_at timestamptz NOT NULL DEFAULT 'epoch'
        )
    """)
    op.execute("COMMENT ON TABLE clock_shift IS 'how far the database clock is ahead of real time; zero in production'")
    op.execute("INSERT INTO clock_shift (id) VALUES (1)")
    # STABLE, so that `due_at <= carebed_now()` uses the index; SECURITY DEFINER, so that no role needs the table.
    op.execute("""
        CREATE FUNCTION carebed_now() RETURNS timestamptz LANGUAGE sql STABLE PARALLEL SAFE SECURITY DEFINER
        SET search_path = public
        RETURN (SELECT statement_timestamp() + shift FROM clock_shift)
    """)
    # How long something has waited in earnest: a shift of the clock makes things due, but nobody was late for it.
    op.execute("""
        CREATE FUNCTION waited_since(since timestamptz) RETURNS interval LANGUAGE sql STABLE SECURITY DEFINER
        SET search_path = public
        RETURN (SELECT least(carebed_now() - since, statement_timestamp() - shifted_at) FROM clock_shift)
    """)
    # The branch that an area code stands for, as the prefix all its codes share; registry.area.scope_of in SQL.
    op.execute("""
        CREATE FUNCTION area_prefix(code text) RETURNS text LANGUAGE sql IMMUTABLE PARALLEL SAFE
        RETURN CASE WHEN substr(code, 3) = '0000000000' THEN left(code, 2)
                    WHEN substr(code, 5) = '00000000' THEN left(code, 4)
                    WHEN substr(code, 7) = '000000' THEN left(code, 6)
                    WHEN substr(code, 10) = '000' THEN left(code, 9)
                    ELSE code END
    """)


def downgrade() -> None:
    """Forward only."""
    raise NotImplementedError
