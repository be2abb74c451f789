"""What an open alarm remembers of its signals (a fall's windows, presses, devices), and their parameters by home."""

from alembic import op

revision = "0014"
down_revision = "0013"
branch_labels = None
depends_on = None

_COLUMNS = """
    ALTER TABLE alarm
        ADD COLUMN suspicion jsonb,
        ADD COLUMN presses jsonb DEFAULT '[]' NOT NULL,
        ADD COLUMN urged_at timestamptz,
        ADD COLUMN devices jsonb DEFAULT '[]' NOT NULL;
    COMMENT ON COLUMN alarm.suspicion IS 'the windows of a suspected fall (alerts.suspicion)';
    COMMENT ON COLUMN alarm.presses IS 'times of the last presses';
    COMMENT ON COLUMN alarm.urged_at IS 'when presses last brought a step forward';
    COMMENT ON COLUMN alarm.devices IS 'which have signalled, and are over';
"""

# A home's own cancel window becomes what it is for every other figure: a parameter.
_FALL_CANCEL = """
    INSERT INTO detector_parameters (id, detector, home_id, "values")
    SELECT gen_random_uuid(), 'fall', id, jsonb_build_object('cancel_s', fall_cancel_s)
    FROM home WHERE fall_cancel_s <> 20;
    ALTER TABLE home DROP COLUMN fall_cancel_s;
"""

# Ingest remembers what holds for a home's calls until the registry says that something has changed.
_TELL = """
    CREATE FUNCTION tell_of_call_parameters() RETURNS trigger LANGUAGE plpgsql AS $$
    BEGIN
        IF coalesce(NEW.detector, OLD.detector) IN ('fall', 'presses') THEN
            PERFORM pg_notify('carebed_registry', '');
        END IF;
        RETURN NULL;
    END $$;
    CREATE TRIGGER detector_parameters_of_calls AFTER INSERT OR UPDATE OR DELETE ON detector_parameters
        FOR EACH ROW EXECUTE FUNCTION tell_of_call_parameters();
"""


def upgrade() -> None:
    """Defaults that need no table to be rewritten."""
    for block in (_COLUMNS, _FALL_CANCEL, _TELL):
        op.execute(block)


def downgrade() -> None:
    """Forward only."""
    raise NotImplementedError
