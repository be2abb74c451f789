"""Names that belong to an alarm: whoever may see it may know who answers it and which station's it is."""

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
    "REVOKE ALL ON FUNCTION name_of_staff(uuid), name_of_station(uuid) FROM PUBLIC",
    "GRANT EXECUTE ON FUNCTION name_of_staff(uuid), name_of_station(uuid) TO carebed_api, carebed_engine",
)


def upgrade() -> None:
    """Create the two functions for the roles that build alarm objects."""
    for statement in _STATEMENTS:
        op.execute(statement)


def downgrade() -> None:
    """Forward only."""
    raise NotImplementedError
