"""A home's own inactivity span becomes a parameter; what is set for inactivity holds from the moment it is set."""

from alembic import op

revision = "0017"
down_revision = "0016"
branch_labels = None
depends_on = None

# What was set for inactivity over the API and had no effect beside the column has it now: those homes are judged anew.
_JUDGE = """
    UPDATE deadline SET due_at = least(due_at, carebed_now())
    WHERE kind = 'inactivity' AND EXISTS (
        SELECT FROM detector_parameters WHERE detector = 'inactivity' AND "values" ? 'fixed_s'
    );
"""

# A span that a home had of its own is kept, unless somebody has set one for the home over the API.
_SPAN = """
    INSERT INTO detector_parameters AS own (id, detector, home_id, "values")
    SELECT gen_random_uuid(), 'inactivity', id, jsonb_build_object('fixed_s', inactivity_s)
    FROM home WHERE inactivity_s <> 43200
    ON CONFLICT (home_id, station_id, area_code, detector)
    DO UPDATE SET "values" = EXCLUDED."values" || own."values";
    ALTER TABLE home DROP COLUMN inactivity_s;
"""

# Ingest remembers a home's span with what holds for its calls, until the registry says that something has changed.
_TELL = """
    DROP TRIGGER detector_parameters_of_calls ON detector_parameters;
    DROP FUNCTION tell_of_call_parameters();
    CREATE FUNCTION tell_of_remembered_parameters() RETURNS trigger LANGUAGE plpgsql AS $$
    BEGIN
        IF coalesce(NEW.detector, OLD.detector) IN ('fall', 'presses', 'inactivity') THEN
            PERFORM pg_notify('carebed_registry', '');
        END IF;
        RETURN NULL;
    END $$;
    CREATE TRIGGER detector_parameters_remembered AFTER INSERT OR UPDATE OR DELETE ON detector_parameters
        FOR EACH ROW EXECUTE FUNCTION tell_of_remembered_parameters();
"""

# A home's deadline was reckoned by the parameters of before, and a shorter span would wait for the longer one: whoever
# they hold for is judged now. A row that is being judged is waited for, for that may be by what held before; in the
# order in which everybody locks them.
_HOLD_AT_ONCE = """
    CREATE FUNCTION judge_stillness_anew() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER
        SET search_path = public AS $$
    DECLARE
        changed detector_parameters;
    BEGIN
        IF TG_OP = 'DELETE' THEN changed := OLD; ELSE changed := NEW; END IF;
        IF changed.detector = 'inactivity' THEN
            WITH standing AS MATERIALIZED (
                SELECT deadline.id FROM home
                JOIN deadline ON deadline.kind = 'inactivity' AND deadline.subject = home.id::text
                WHERE home.id = changed.home_id OR home.station_id = changed.station_id
                    OR home.area_code ^@ area_prefix(changed.area_code)
                ORDER BY deadline.subject FOR UPDATE OF deadline
            )
            UPDATE deadline SET due_at = least(due_at, carebed_now()), attempts = 0, retry_at = NULL
            FROM standing WHERE deadline.id = standing.id;
        END IF;
        RETURN NULL;
    END $$;
    CREATE TRIGGER detector_parameters_of_inactivity AFTER INSERT OR UPDATE OR DELETE ON detector_parameters
        FOR EACH ROW EXECUTE FUNCTION judge_stillness_anew();
"""


def upgrade() -> None:
    """The triggers come last: what is copied holds already."""
    for block in (_JUDGE, _SPAN, _TELL, _HOLD_AT_ONCE):
        op.execute(block)


def downgrade() -> None:
    """Forward only."""
    raise NotImplementedError
