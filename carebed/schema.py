"""Every table of every room, by name: loads the modules that define them, so that Alembic sees the whole schema.

Loaded by name, for the ground floor imports no room.
"""

from importlib import import_module

from sqlalchemy import MetaData

from carebed.database import metadata

_TABLE_MODULES = (
    "carebed.clock", "carebed.deadline", "carebed.heartbeat",
    "registry.area", "registry.station", "registry.home", "registry.gateway", "registry.staff", "registry.absence",
    "registry.care_circle", "registry.access_note",
    "alerts.alarm", "alerts.drill", "alerts.home_tests", "alerts.incident", "alerts.incident_tick",
    "alerts.event", "alerts.response", "alerts.policy", "alerts.contact_method", "alerts.notification",
    "alerts.quiet_hours", "alerts.command", "alerts.kpi_target", "alerts.robot.group",
    "registry.staff_absence", "alerts.rota_pattern", "alerts.rota_change", "alerts.rota", "alerts.readiness_watch",
    "ingest.reading", "ingest.reading_hour", "ingest.state", "ingest.inbox", "ingest.quarantine", "ingest.flood_store",
    "ingest.lease", "ingest.learning", "ingest.memory", "ingest.waking", "ingest.parameters",
    "visits.visit", "api.idempotency",
)  # fmt: skip


def load_schema() -> MetaData:
    """The metadata with all tables in it."""
    for module in _TABLE_MODULES:
        import_module(module)
    return metadata
