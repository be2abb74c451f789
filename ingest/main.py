"""An ingest process: one lane, its share of the shard groups, from the broker into the database."""

import gc
import json
import ssl
from collections.abc import Callable, Coroutine
from pathlib import Path
from typing import Any

from alerts.channels import channels
from carebed.database import Database
from carebed.errors import SettingsError
from carebed.health import Check, serve_health, shown
from carebed.settings import Settings
from carebed.supervision import run_tasks
from gateway.lanes import Lane
from gateway.topics import GROUPS, alarm_filters, reading_filters, roll_call_topic, stray_filters
from ingest.alarm_lane import AlarmLane
from ingest.flood import FloodGuard
from ingest.groups import Groups, new_worker_id
from ingest.last_resort import LastResort
from ingest.lease import LANE_LEASES, STRAY, worker_name
from ingest.metrics import IntakeMetrics, WatermarkMetrics
from ingest.mqtt import Intake, Session
from ingest.quarantine import expect
from ingest.reading_lane import ReadingLane
from ingest.watermark import publish_sentinels
from ingest.who import Who
from ingest.worker import Worker

#: Whoever comes last in a batch waits for all before him; an alarm takes about a millisecond of its transaction.
_ALARM_BATCH = 250
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


def session_opener(settings: Settings, lane: Lane) -> Callable[[str], Session]:
    """Makes the session of a group, under its fixed client id; `SettingsError` when a password is missing."""
    passwords = mqtt_passwords(settings)
    tls = ssl.create_default_context() if settings.mqtt_tls else None
    for group in LANE_LEASES:
        if f"ingest-{lane}-{group}" not in passwords:
            raise SettingsError(f"CAREBED_MQTT_USERS_FILE has no password for ingest-{lane}-{group}.")

    # Not for alarms: they are sent again until they are receipted, and a call on a shard that is none must not wait.
    everybody = {f"shard group {group}": roll_call_topic(group) for group in GROUPS}

    def filters(group: str) -> list[str]:
        if group == STRAY:
            return stray_filters(lane)
        return alarm_filters(group) if lane is Lane.ALARM else reading_filters(group)

    def opened(group: str) -> Session:
        user = f"ingest-{lane}-{group}"
        return Session(
            settings.mqtt_host, settings.mqtt_port, user, passwords[user], filters(group), tls=tls,
            receive_maximum=max(10, min(65_000, settings.pending_messages // 4)),
            after=everybody if group == STRAY and lane is Lane.READING else None,
        )  # fmt: skip

    return opened


async def run(settings: Settings, lane: Lane, worker_called: str | None = None) -> None:
    """Run until SIGTERM. `lane`: ALARM, or READING for readings and health messages; `worker_called`: by people."""
    # A batch makes tens of thousands of objects without a cycle among them; looking for one took a tenth of the time.
    gc.freeze()
    gc.set_threshold(50_000)
    url, me = settings.secret("database_url"), new_worker_id(worker_called)
    open_session = session_opener(settings, lane)
    database = Database(url, application=worker_name(lane, me), pool_size=3, patience_s=PATIENCE_S)
    who = Who(database)
    guard = FloodGuard(settings.flood_per_s, settings.flood_hosted_per_s)
    processor = (
        AlarmLane(who, channels(settings)) if lane is Lane.ALARM else ReadingLane(who, settings.readings_kept, guard)
    )
    intake = Intake(
        max_batch=_ALARM_BATCH if lane is Lane.ALARM else settings.batch_messages,
        linger_ms=0 if lane is Lane.ALARM else settings.batch_linger_ms, max_pending=settings.pending_messages,
    )  # fmt: skip
    groups = Groups(url, lane, me, intake, open_session, processor.start_over)
    # Alarms one batch after the other; of readings one is read while the last one is stored.
    worker = Worker(database, intake, processor, groups, at_once=1 if lane is Lane.ALARM else 2)
    checks: dict[str, Check] = {"ingest": worker.ready, "leases": groups.ready}
    watch: dict[str, Coroutine[Any, Any, None]] = {}
    if lane is Lane.ALARM and settings.last_resort_file is not None:
        secret = settings.webhook_secret.get_secret_value() if settings.webhook_secret is not None else None
        last_resort = LastResort(intake, settings.last_resort_file, secret, idle=groups.idle)
        checks["last_resort"] = last_resort.ready
        watch["last-resort"] = last_resort.run()
    watermarks = WatermarkMetrics(database)
    expect(lane)
    sentinel_lane = Lane.ALARM if lane is Lane.ALARM else Lane.HEALTH
    health = serve_health(settings.health_host, settings.health_port, checks, {"groups": groups.names})
    try:
        async with intake, shown(IntakeMetrics(intake, str(lane)), watermarks):
            await run_tasks(
                {
                    "worker": worker.run(),
                    "leases": groups.run(),
                    "colleagues": groups.follow(),
                    "sentinels": publish_sentinels(database, sentinel_lane, groups.serving, groups.connected),
                    "registry": who.follow(),
                    "watermarks": watermarks.run(),
                    "health": health,
                    **watch,
                }
            )
    finally:
        await groups.leave()
        await database.close()
