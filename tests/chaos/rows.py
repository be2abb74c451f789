"""Reads from the database what the accountant needs. Its own line, under the role that sees every row."""

import re
from collections import Counter
from collections.abc import Iterable
from typing import Any
from uuid import UUID

import psycopg

from tests.chaos.accountant import Stored
from tests.chaos.ledger import Ledger

#: Message ids and marks of poison, wherever they stand in what the quarantine holds.
_MARK = re.compile(rb"(?:poison-)?c[0-9a-f]+-[0-9]+")
#: Enough of a payload to find its mark in.
_HEAD = 4_096

_READINGS = "SELECT device_id, message_id, count(*) FROM reading GROUP BY device_id, message_id"

_INBOX = "SELECT gateway_id, device_id, message_id, alarm_id FROM inbox"

_CALLS_OF = """
    SELECT alarm_id, count(*) FROM inbox WHERE alarm_id IS NOT NULL AND type NOT LIKE '%\\_cancel' GROUP BY alarm_id
"""

_SIGNALS_OF = "SELECT id, 1 + repeats FROM alarm WHERE kind IN ('sos', 'assist', 'doorbell', 'fall')"

_QUARANTINE = f"SELECT topic, substr(payload, 1, {_HEAD}) FROM quarantine"

_REASONS = "SELECT reason, count(*) FROM quarantine GROUP BY reason ORDER BY reason"


def read(url: str) -> Stored:
    """Everything that was stored."""
    with psycopg.connect(url) as conn:
        inbox: dict[tuple[str, str, str], list[UUID | None]] = {}
        for gateway, device, message, alarm in conn.execute(_INBOX):
            inbox.setdefault((gateway, device, message), []).append(alarm)
        marks: set[str] = set()
        with conn.cursor("quarantine") as cursor:
            for topic, payload in cursor.execute(_QUARANTINE):
                marks.update(mark.decode() for part in (topic, payload) for mark in _MARK.findall(part))
        return Stored(
            Counter({(device, message): rows for device, message, rows in conn.execute(_READINGS)}),
            inbox,
            Counter(dict(conn.execute(_CALLS_OF).fetchall())),
            dict(conn.execute(_SIGNALS_OF).fetchall()),
            frozenset(marks),
        )


def reasons(url: str) -> dict[str, int]:
    """Reason -> rows in the quarantine."""
    with psycopg.connect(url) as conn:
        return {str(reason): int(rows) for reason, rows in conn.execute(_REASONS)}


# What was raised because nothing was heard.
_SILENCES = """
    SELECT alarm.id, alarm.kind, alarm.device_id, alarm.happened_at, alarm.raised_at,
        (SELECT array_agg(device.id) FROM device WHERE device.id = alarm.device_id
            OR device.gateway_id = alarm.device_id OR (alarm.kind = 'inactivity' AND device.home_id = alarm.home_id)),
        CASE alarm.kind WHEN 'inactivity' THEN (SELECT CAST("values" ->> 'fixed_s' AS integer) FROM detector_parameters
                WHERE detector = 'inactivity' AND home_id = alarm.home_id)
            ELSE (SELECT heartbeat_s * missed_beats FROM device WHERE device.id = alarm.device_id) END
    FROM alarm WHERE kind IN ('offline', 'inactivity')
"""


def false_silences(url: str, ledger: Ledger) -> list[str]:
    """Alarms about silence although the broker had taken a word of the device, or of the home, in that time."""
    with psycopg.connect(url) as conn:
        silences: list[Any] = conn.execute(_SILENCES).fetchall()
    found = []
    for alarm, kind, device, since, raised, devices, allowed_s in silences:
        begin, due = since.timestamp() + 1.0, min(raised.timestamp(), since.timestamp() + allowed_s)
        spoke = _spoke(ledger, frozenset(devices or ()), begin, due, moved=kind == "inactivity")
        if spoke is not None:
            found.append(f"{kind} {alarm} of {device}, silent since {since}, raised {raised}, spoke at {spoke:.3f}")
    return found


def _spoke(ledger: Ledger, devices: Iterable[str], begin: float, due: float, *, moved: bool) -> float | None:
    for letter in ledger.letters:
        at = letter.first_acked_at
        if at is None or not begin < at < due or not any(device in devices for device, _ in letter.messages):
            continue
        if not moved or b'"motion"' in letter.payload:
            return at
    return None
