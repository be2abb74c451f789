"""What comes with an alarm that one may see: the names of who answers it, its station, and its home, found quickly.

And what a sign-out needs.
"""

from alembic import op

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None

# A caregiver of a street sees the name of the district's operator who holds the alarm, and nothing else of that row.
_STATEMENTS = (
    """
    CREATE FUNCTION name_of_staff(wanted uuid) RETURNS text LANGUAGE sql STABLE PARALLEL SAFE SECURITY DEFINER
        SET search_path = public
        RETURN (SELECT name FROM staff WHERE id = wanted)
    """,
    """
    CREATE FUNCTION name_of_station(wanted uuid) RETURNS text LANGUAGE sql STABLE PARALLEL SAFE SECURITY DEFINER
        SET search_path = public
        RETURN (SELECT name FROM station WHERE id = wanted)
    """,
    # The homes of one's calls as one list per statement; asked per home, it costs seconds after some years of calls.
    """
    CREATE FUNCTION my_called_homes() RETURNS SETOF uuid LANGUAGE sql STABLE SECURITY DEFINER SET search_path = public
        BEGIN ATOMIC
            SELECT alarm.home_id FROM response JOIN alarm ON alarm.id = response.alarm_id
            WHERE response.staff_id = current_staff() AND alarm.home_id IS NOT NULL;
        END
    """,
    """
    REVOKE ALL ON FUNCTION name_of_staff(uuid), name_of_station(uuid), my_called_homes() FROM PUBLIC;
    GRANT EXECUTE ON FUNCTION name_of_staff(uuid), name_of_station(uuid) TO carebed_api, carebed_engine;
    GRANT EXECUTE ON FUNCTION my_called_homes() TO carebed_api;
    """,
    # Row-level security shows a session to its owner only, who signs out by the hash of his token.
    "GRANT SELECT (access_hash) ON staff_session TO carebed_api",
    "ALTER POLICY api_scope ON home USING (in_scope(area_code) OR id IN (SELECT my_called_homes()))",
)


def upgrade() -> None:
    """Create the functions, let the homes' policy use its one, grant the sign-out its column."""
    for statement in _STATEMENTS:
        op.execute(statement)


def downgrade() -> None:
    """Forward only."""
    raise NotImplementedError
