"""The main of `carebed scheduler`, which hands the calendar its jobs: partitions, hourly figures, retention, rhythms,
and shifts of rotas.

Ingest does not depend on it: readings without a partition go into the default one, and what is not rolled up waits.
"""

from datetime import timedelta
from functools import partial

from sqlalchemy import text

from alerts.home_tests import watch_tests
from alerts.readiness_watch import watch_readiness
from alerts.rota_rewrite import plan_ahead
from carebed.broker_watch import BrokerWatch
from carebed.calendar import Calendar, Job
from carebed.clock import now as clock_now
from carebed.database import Database
from carebed.health import serve_health, shown
from carebed.settings import Settings
from carebed.supervision import run_tasks
from ingest.alarm_load import watch_load
from ingest.learning import learn_rhythms
from ingest.quarantine import drop_quarantined
from ingest.retention import drop_old, make_partitions
from ingest.rollup import catch_up, measure_lag

_INBOX_KEPT = timedelta(days=90)
_FLOODS_KEPT = timedelta(days=90)

_PRUNE_INBOX = text("DELETE FROM inbox WHERE received_at < :before")
_PRUNE_SESSIONS = text("DELETE FROM staff_session WHERE refresh_expires_at < clock_timestamp()")
_PRUNE_FLOODS = text("DELETE FROM flood WHERE minute < :before")
_PRUNE_ANSWERS = text("DELETE FROM idempotency WHERE created_at < :before")


async def prune(database: Database) -> None:
    """Delete rows that are kept only for a time."""
    async with database.transaction() as conn:
        now = await clock_now(conn)
        await conn.execute(_PRUNE_INBOX, {"before": now - _INBOX_KEPT})
        await conn.execute(_PRUNE_SESSIONS)
        await conn.execute(_PRUNE_FLOODS, {"before": now - _FLOODS_KEPT})
        await conn.execute(_PRUNE_ANSWERS, {"before": now - timedelta(days=1)})


def jobs(database: Database, settings: Settings) -> list[Job]:
    """Hourly figures every five minutes: each time, an hour that goes on is computed anew as far as it has come."""
    return [
        Job("partitions", timedelta(minutes=10), partial(make_partitions, database, settings), at_once=True),
        # A look at which patterns are due; each is compared with its shifts once a day.
        Job("rotas", timedelta(minutes=10), partial(plan_ahead, database), at_once=True),
        Job("readiness", timedelta(minutes=10), partial(watch_readiness, database, settings)),
        Job("test calls", timedelta(hours=1), partial(watch_tests, database, settings)),
        Job("rollup", timedelta(minutes=5), partial(catch_up, database)),
        Job("rollup lag", timedelta(seconds=15), partial(measure_lag, database)),
        Job("retention", timedelta(hours=1), partial(drop_old, database, settings)),
        Job("rhythms", timedelta(minutes=10), partial(learn_rhythms, database)),
        Job("prune", timedelta(hours=6), partial(prune, database)),
        # Hourly, for the calendar begins anew with every start; what was raised is not raised again.
        Job("alarm load", timedelta(hours=1), partial(watch_load, database, settings)),
        Job("quarantine", timedelta(hours=1), partial(drop_quarantined, database, settings)),
    ]


async def run(settings: Settings) -> None:
    """Run until SIGTERM; needs `CAREBED_OWNER_DATABASE_URL`, whose role may make partitions."""
    database = Database(settings.secret("owner_database_url"), application="carebed-scheduler", pool_size=2)
    calendar = Calendar(database, jobs(database, settings))
    broker = BrokerWatch(settings, calendar.leading)
    try:
        async with shown(broker):
            await run_tasks(
                {
                    "calendar": calendar.run(),
                    "broker": broker.run(),
                    "health": serve_health(settings.health_host, settings.health_port, {"calendar": calendar.ready}),
                }
            )
    finally:
        await database.close()
