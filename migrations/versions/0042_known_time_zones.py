"""An area's time zone is one that there is."""

from alembic import op

revision = "0042"
down_revision = "0041"
branch_labels = None
depends_on = None

# Asked of the setting and not of pg_timezone_names, which reads every zone's file, nor by AT TIME ZONE, which takes
# abbreviations: the setting takes names, and shows how a name is really written. What it takes besides (`+8`, and any
# letters with an offset behind: `Asia/Shangai8`) has digits, which a name has only below Etc.
# What stood there before is left as it is: `registry.area.zone_of` says what becomes of it.
_KNOWN_ZONE = r"""
CREATE FUNCTION area_zone_is_known() RETURNS trigger LANGUAGE plpgsql SET "TimeZone" = 'UTC' AS $$
BEGIN
    IF NEW.time_zone ~ '^(Etc/.+|[^0-9<>+]+)$' THEN
        BEGIN
            PERFORM set_config('TimeZone', NEW.time_zone, true);
            IF current_setting('TimeZone') = NEW.time_zone THEN
                RETURN NEW;
            END IF;
        EXCEPTION WHEN invalid_parameter_value THEN NULL;
        END;
    END IF;
    RAISE EXCEPTION 'there is no time zone "%": write its name, such as Asia/Shanghai', NEW.time_zone
        USING ERRCODE = '22023';
END $$;

CREATE TRIGGER area_zone_is_known BEFORE INSERT OR UPDATE OF time_zone ON area
    FOR EACH ROW EXECUTE FUNCTION area_zone_is_known();
"""


def upgrade() -> None:
    """A mistyped zone is refused where it is written."""
    op.get_bind().exec_driver_sql(_KNOWN_ZONE.replace("%", "%%"))


def downgrade() -> None:
    """Forward only."""
    raise NotImplementedError
