"""An ingest process: one lane, all its shard groups, from the broker into the database."""

import json
import ssl
from collections.abc import Coroutine
from pathlib import Path
from typing import Any

from alerts.channels import channels
from carebed.database import Database
from carebed.errors import SettingsError
from carebed.health import Check, serve_health, shown
from carebed.settings import Settings
from carebed.supervision import run_tasks
from gateway.lanes import Lane
from gateway.topics import GROUPS, STRAY_FILTER, alarm_filters, reading_filters
from ingest.alarm_lane import AlarmLane
from ingest.flood import FloodGuard
from ingest.last_resort import LastResort
from ingest.metrics import IntakeMetrics, WatermarkMetrics
from ingest.mqtt import Intake, Session
from ingest.quarantine import expect
from ingest.reading_lane import ReadingLane
from ingest.watermark import publish_sentinels
from ingest.who import Who
from ingest.worker import Worker

#: Longer than any statement may take (30 s, the server's limit), so that a slow one is told from a line that is dead.
PATIENCE_S = 45.0


def mqtt_passwords(settings: Settings) -> dict[str, str]:
    """User -> password of our own MQTT users; `SettingsError` when the file is missing or no such map."""
    settings.needed("mqtt_users_file")
    assert settings.mqtt_users_file is not None
    try:
        users: dict[str, str] = json.loads(Path(settings.mqtt_users_file).read_text())
    except (OSError, ValueError) as error:
        raise SettingsError(f"CAREBED_MQTT_USERS_FILE cannot be read: {error}.") from None
    return users


def sessions_of(settings: Settings, lane: Lane) -> list[tuple[str, Session]]:
    """(group, session) of every shard group of the lane; the alarm lane has one more, for stray shards (group "")."""
    passwords = mqtt_passwords(settings)
    tls = ssl.create_default_context() if settings.mqtt_tls else None

    def session(name: str, filters: list[str]) -> Session:
        user = f"ingest-{lane}-{name}"
        if user not in passwords:
            raise SettingsError(f"CAREBED_MQTT_USERS_FILE has no password for {user}.")
        return Session(
            settings.mqtt_host, settings.mqtt_port, user, passwords[user], filters, tls=tls,
            receive_maximum=max(10, min(65_000, settings.pending_messages // 4)),
        )  # fmt: skip

    filters_of = alarm_filters if lane is Lane.ALARM else reading_filters
    sessions = [(group, session(group, filters_of(group))) for group in GROUPS]
    return [*sessions, ("", session("stray", [STRAY_FILTER]))] if lane is Lane.ALARM else sessions


async def run(settings: Settings, lane: Lane) -> None:
    """Run until SIGTERM. `lane`: ALARM, or READING for readings and health messages."""
    database = Database(
        settings.secret("database_url"), application=f"carebed-ingest-{lane}", pool_size=3, patience_s=PATIENCE_S
    )
    sessions = sessions_of(settings, lane)
    who = Who(database)
    guard = FloodGuard(settings.flood_per_s, settings.flood_hosted_per_s)
    processor = (
        AlarmLane(who, channels(settings)) if lane is Lane.ALARM else ReadingLane(who, settings.readings_kept, guard)
    )
    intake = Intake(
        [session for _, session in sessions], max_batch=settings.batch_messages,
        linger_ms=0 if lane is Lane.ALARM else settings.batch_linger_ms, max_pending=settings.pending_messages,
    )  # fmt: skip
    # Alarms one batch after the other; of readings one is read while the last one is stored.
    worker = Worker(database, intake, processor, at_once=1 if lane is Lane.ALARM else 2)
    checks: dict[str, Check] = {"ingest": worker.ready}
    watch: dict[str, Coroutine[Any, Any, None]] = {}
    if lane is Lane.ALARM and settings.last_resort_file is not None:
        secret = settings.webhook_secret.get_secret_value() if settings.webhook_secret is not None else None
        last_resort = LastResort(intake, settings.last_resort_file, secret)
        checks["last_resort"] = last_resort.ready
        watch["last-resort"] = last_resort.run()
    sentinels = [(group, session) for group, session in sessions if group]
    watermarks = WatermarkMetrics(database)
    expect(lane)
    try:
        async with intake, shown(IntakeMetrics(intake, str(lane)), watermarks):
            await run_tasks(
                {
                    "worker": worker.run(),
                    "sentinels": publish_sentinels(
                        database, Lane.ALARM if lane is Lane.ALARM else Lane.HEALTH, sentinels
                    ),
                    "registry": who.follow(),
                    "watermarks": watermarks.run(),
                    "health": serve_health(settings.health_host, settings.health_port, checks),
                    **watch,
                }
            )
    finally:
        await database.close()
