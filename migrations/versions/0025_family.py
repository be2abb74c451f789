"""Relatives are told of alarms beside those who go: who they are, and what they were told last."""

from alembic import op

revision = "0025"
down_revision = "0024"
branch_labels = None
depends_on = None

# Definer's rights, as `on_call` has them: relatives are told whoever moves the alarm. `last`: what each was told of it
# last, so that nobody hears an end without a beginning.
_FAMILY_OF = """
CREATE FUNCTION family_of(wanted uuid[])
    RETURNS TABLE (alarm_id uuid, staff_id uuid, tells jsonb, time_zone text, last text)
    LANGUAGE sql STABLE SECURITY DEFINER SET search_path = public
    BEGIN ATOMIC
        SELECT alarm.id, care_circle.staff_id, care_circle.tells, area.time_zone, (
            SELECT notification.kind FROM notification
            WHERE notification.alarm_id = alarm.id AND notification.staff_id = care_circle.staff_id
                AND notification.kind IN ('family_raised', 'family_coming', 'family_over')
            ORDER BY notification.created_at DESC, notification.id DESC LIMIT 1)
        FROM alarm
        JOIN care_circle ON care_circle.home_id = alarm.home_id AND care_circle.relation = 'family'
        JOIN staff ON staff.id = care_circle.staff_id AND staff.active
        JOIN area ON area.code = alarm.area_code
        WHERE alarm.id = ANY (wanted) ORDER BY care_circle.rank, care_circle.id;
    END;
REVOKE ALL ON FUNCTION family_of(uuid[]) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION family_of(uuid[]) TO carebed_api, carebed_engine;
"""

# A relative sees no home by his area; those of which he is told he knows by name.
_HOMES_OF_MINE = """
CREATE FUNCTION my_families() RETURNS TABLE (home_id uuid, home_name text, tells jsonb)
    LANGUAGE sql STABLE SECURITY DEFINER SET search_path = public
    BEGIN ATOMIC
        SELECT home.id, home.name, care_circle.tells FROM care_circle JOIN home ON home.id = care_circle.home_id
        WHERE care_circle.staff_id = current_staff() AND care_circle.relation = 'family' ORDER BY home.id;
    END;
REVOKE ALL ON FUNCTION my_families() FROM PUBLIC;
GRANT EXECUTE ON FUNCTION my_families() TO carebed_api;
"""


def upgrade() -> None:
    """Two functions; the circle is there."""
    for block in (_FAMILY_OF, _HOMES_OF_MINE):
        op.get_bind().exec_driver_sql(block)


def downgrade() -> None:
    """Forward only."""
    raise NotImplementedError
