"""A small district in a real database, and the two lanes fed by hand: batches in, receipts and rows out."""

import itertools
import time
import uuid
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any, cast
from uuid import UUID

import msgspec
import psycopg
from sqlalchemy import text

from carebed.clock import now as clock_now
from carebed.database import Database
from carebed.deadline import Deadline
from carebed.engine import Handler
from gateway.wire import Lane, Receipt, decode_receipt, shard_of
from ingest.alarm_lane import AlarmLane
from ingest.detect.core import Detector
from ingest.detection import DetectHandler
from ingest.mqtt import Incoming, Intake, Session
from ingest.reading_lane import ReadingLane
from ingest.waking import WakeHandler
from ingest.watermark import Stamp
from ingest.who import Who
from ingest.worker import Worker
from registry.pairing import NewDevice, pair_devices, pair_gateway

AREA = "350102001001"
STATION = uuid.UUID(int=1)


class Line:
    """Stands in for a session: remembers what was published on it."""

    def __init__(self, username: str = "ingest-alarm-0") -> None:
        self.username = username
        self.sent: list[tuple[str, bytes]] = []

    def publish(self, topic: str, payload: bytes, qos: int = 1) -> bool:
        """As `Session.publish`."""
        del qos
        self.sent.append((topic, payload))
        return True

    def receipts(self) -> list[tuple[str, Receipt]]:
        """(device on the wire, receipt) of all that was published since the last look."""
        receipts = [(topic.rsplit("/", 1)[1], decode_receipt(payload)) for topic, payload in self.sent]
        self.sent.clear()
        return receipts


_ids = itertools.count(1)


def message(kind: str, **more: Any) -> dict[str, Any]:
    """An object as a device writes it, of this moment; `more` replaces any key."""
    at = datetime.now(UTC).isoformat()
    return {"id": f"m-{next(_ids)}", "time": at, "type": kind, "value": True, "unit": None, "data": {}, **more}


@dataclass
class Pipeline:
    """One station with homes; `who` is shared by both lanes as a process's is."""

    database: Database
    admin_url: str = ""
    line: Line = field(default_factory=Line)

    def __post_init__(self) -> None:
        self.who = Who(self.database)
        self.alarm_lane = AlarmLane(self.who, ("live",))
        self.reading_lane = ReadingLane(self.who)

    # The registry

    async def begin(self) -> "Pipeline":
        """Area and station."""
        await self.run("INSERT INTO area (code, name, level) VALUES (:code, 'here', 'community')", code=AREA)
        await self.run("INSERT INTO station (id, name, area_code) VALUES (:id, 'desk', :code)", id=STATION, code=AREA)
        return self

    async def home(
        self, *, residents: int = 1, inactivity_s: int | None = None, **columns: Any
    ) -> tuple[UUID, list[UUID]]:
        """A home and its residents. `inactivity_s`: a span of its own."""
        home_id, people = uuid.uuid4(), [uuid.uuid4() for _ in range(residents)]
        await self.run(
            "INSERT INTO home (id, name, area_code, station_id) VALUES (:id, 'home', :code, :station)",
            id=home_id, code=AREA, station=STATION,
        )  # fmt: skip
        for name, value in columns.items():
            await self.run(f"UPDATE home SET {name} = :value WHERE id = :id", value=value, id=home_id)
        for person in people:
            await self.run("INSERT INTO resident (id, home_id, name) VALUES (:id, :home, 'x')", id=person, home=home_id)
        if inactivity_s is not None:
            await self.set_parameters("inactivity", home_id, fixed_s=inactivity_s)
        return home_id, people

    async def set_parameters(self, detector: str, home_id: UUID, **values: object) -> None:
        """What a home has of its own. The lanes are told as by the table's NOTIFY."""
        await self.run(
            "INSERT INTO detector_parameters (id, detector, home_id, values) VALUES (:id, :detector, :home,"
            " CAST(:values AS jsonb))",
            id=uuid.uuid4(), detector=detector, home=home_id, values=msgspec.json.encode(values).decode(),
        )  # fmt: skip
        self.who.forget()

    async def people(self) -> UUID:
        """Somebody on each of two tiers, at the desk and above it, so that each step calls somebody; the operator."""
        roles = ("caregiver", 1), ("caregiver", 2), ("operator", 0), ("manager", 0)
        for number, (role, tier) in enumerate(roles, 10):
            await self.run(
                "INSERT INTO staff (id, login, name, role, area_code, station_id, password_hash)"
                " VALUES (:id, :name, :name, :role, :code, :station, '-')",
                id=uuid.UUID(int=number), name=f"{role}-{tier}", role=role, code=AREA, station=STATION,
            )  # fmt: skip
            if tier:
                await self.run(
                    "INSERT INTO rota (id, station_id, staff_id, tier, starts_at, ends_at) VALUES"
                    " (:id, :station, :id, :tier, carebed_now() - interval '1 h', carebed_now() + interval '1 y')",
                    id=uuid.UUID(int=number), station=STATION, tier=tier,
                )  # fmt: skip
        return uuid.UUID(int=12)

    async def pair(self, gateway: str, home_id: UUID | None, *devices: NewDevice, move: bool = False) -> None:
        """A gateway with its devices; without a home it is hosted. The lanes are told as by the registry's NOTIFY."""
        async with self.database.transaction() as conn:
            await pair_gateway(
                conn, gateway, home_id=home_id, station_id=STATION, hosted=home_id is None, move=move
            )  # fmt: skip
            await pair_devices(conn, gateway, list(devices), move=move)
        self.who.forget()

    async def simple_home(self, gateway: str = "gw-1", **columns: Any) -> UUID:
        """A home with one resident, a button and a motion sensor behind `gateway`: `{gateway}-button`, ..."""
        home_id, _ = await self.home(**columns)
        await self.pair(
            gateway, home_id, NewDevice(f"{gateway}-button", "button"),
            NewDevice(f"{gateway}-motion", "motion", heartbeat_s=60), NewDevice(f"{gateway}-door", "door"),
        )  # fmt: skip
        return home_id

    # What comes in

    def incoming(
        self, payload: object, gateway: str = "gw-1", device: str = "gw-1-button", lane: str = "alarm",
        topic: str | None = None, line: Line | None = None, defect: str | None = None,
    ) -> Incoming:  # fmt: skip
        """One PUBLISH; `payload`: bytes as they are, anything else as JSON."""
        raw = payload if isinstance(payload, bytes) else msgspec.json.encode(payload)
        own = f"carebed/v1/{shard_of(gateway)}/{gateway}/{lane}/{device}"
        return Incoming(
            own if topic is None else topic, raw, cast("Session", line or self.line), 1, 1, time.monotonic(), defect
        )

    async def alarm(self, *messages: Incoming) -> list[Receipt]:
        """One committed batch of the alarm lane; its receipts."""
        async with self.database.transaction() as conn:
            outcome = await self.alarm_lane.process(conn, await clock_now(conn), messages)
        outcome.committed()
        for answer in outcome.answers:
            answer.send()
        return [receipt for _, receipt in self.line.receipts()]

    async def press(
        self, kind: str = "sos", device: str = "gw-1-button", gateway: str = "gw-1", **more: Any
    ) -> Receipt:
        """One message alone in its batch; its receipt."""
        (receipt,) = await self.alarm(self.incoming(message(kind, **more), gateway, device))
        return receipt

    async def reading(self, *messages: Incoming) -> None:
        """One committed batch of the reading lane."""
        async with self.database.transaction() as conn:
            outcome = await self.reading_lane.process(conn, await clock_now(conn), messages)
        outcome.committed()

    async def tell(self, kind: str, device: str = "gw-1-motion", lane: str = "reading", **more: Any) -> None:
        """One reading or health message alone in its batch."""
        gateway = device.rsplit("-", 1)[0] if device != "_" else "gw-1"
        await self.reading(self.incoming(message(kind, **more), gateway, device, lane))

    def worker(self, lane: Lane = Lane.ALARM) -> Worker:
        """The loop itself, for its `_store`; nothing is connected."""
        processor = self.alarm_lane if lane is Lane.ALARM else self.reading_lane
        return Worker(self.database, cast("Intake", None), processor)

    async def sentinels(self, lane: str = "both", *, at: datetime | None = None, stamp: datetime | None = None) -> None:
        """A sentinel of every group, as if nothing waited before it."""
        now, real = await self.row("SELECT carebed_now(), clock_timestamp()")
        payload = Stamp(stamp or now, at or real)
        for one, level in (("alarm", "alarm"), ("reading", "health")):
            batch = [
                self.incoming(payload, topic=f"carebed/v1/{group}0/carebed-sentinel/{level}/_")
                for group in "0123456789abcdef"
            ]
            if lane in ("both", one):
                await (self.alarm(*batch) if one == "alarm" else self.reading(*batch))

    async def detect(self, *detectors: Detector[Any, Any]) -> None:
        """All that these detectors (none named: those of the house) are to be shown and asked by now, as the engine
        does it, with the watermarks as they are."""
        handler = DetectHandler(detectors=detectors or None)
        await self.run("INSERT INTO deadline (kind, subject, due_at) VALUES ('wake', '', carebed_now())"
                       " ON CONFLICT (kind, subject) DO UPDATE SET due_at = carebed_now()")  # fmt: skip
        await self.fire("wake", WakeHandler())
        await self.fire("detect", handler)

    # What is due

    async def fire(self, kind: str, handler: Handler) -> None:
        """What the deadline engine does with the rows of a kind that are due."""
        async with self.database.transaction() as conn:
            rows = await conn.execute(
                text("SELECT id, kind, subject, alarm_id, due_at, data, attempts FROM deadline WHERE kind = :kind"
                     " AND due_at <= carebed_now() ORDER BY due_at FOR UPDATE"), {"kind": kind},
            )  # fmt: skip
            due = [Deadline(*row) for row in rows]
            if due:
                await handler(conn, await clock_now(conn), due)

    # What is stored

    async def run(self, statement: str, **values: Any) -> None:
        """One statement."""
        async with self.database.transaction() as conn:
            await conn.execute(text(statement), values)

    async def run_as_admin(self, statement: str) -> None:
        """What the engine's role may not do."""
        async with await psycopg.AsyncConnection.connect(
            self.admin_url, autocommit=True, options="-c default_transaction_read_only=off"
        ) as conn:
            await conn.execute(statement.encode())

    async def rows(self, statement: str, **values: Any) -> Sequence[Any]:
        """All rows."""
        async with self.database.transaction() as conn:
            return (await conn.execute(text(statement), values)).all()

    async def row(self, statement: str, **values: Any) -> Any:
        """The only row."""
        (row,) = await self.rows(statement, **values)
        return row

    async def count(self, table: str, where: str = "true", **values: Any) -> int:
        """How many rows."""
        (number,) = await self.row(f"SELECT count(*) FROM {table} WHERE {where}", **values)
        return int(number)


def ago(**span: float) -> str:
    """A wire time in the past."""
    return (datetime.now(UTC) - timedelta(**span)).isoformat()
