"""A stand-in for the API, for what the real system cannot be made to do on demand: refuse, answer late or not at all.

It serves the built page under the strict content security policy, keeps alarms in a dictionary, and lets a test change
them. It judges no move: a test scripts the answers.
"""

import asyncio
import contextlib
import json
import socket
import threading
import time
import uuid
from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import uvicorn
from fastapi import FastAPI, Request, Response
from fastapi.responses import FileResponse, JSONResponse, StreamingResponse
from fastapi.staticfiles import StaticFiles

WEB = Path(__file__).resolve().parents[2] / "web"
DIST = WEB / "dist"
POLICY = "default-src 'self'; style-src 'self'; img-src 'self' data:; connect-src 'self'; media-src 'self' data:"
ME = {"id": "me", "login": "operator", "name": "Lin Wei", "role": "operator", "area": "350102000000"}
PRIORITY = {"sos": "life_critical", "fall": "life_critical"} | dict.fromkeys(("leak", "inactivity", "bed"), "urgent")

Json = dict[str, Any]


def stamp(seconds_from_now: float = 0.0) -> str:
    """Now, or so many seconds from now, as the API writes it."""
    return (datetime.now(UTC) + timedelta(seconds=seconds_from_now)).isoformat().replace("+00:00", "Z")


def response_of(staff: str, name: str, state: str) -> Json:
    """One person's response, called ten seconds ago."""
    times = dict.fromkeys(("accepted_at", "en_route_at", "arrived_at", "left_at"))
    return {"staff": staff, "name": name, "state": state, "called_at": stamp(-10), **times}


def alarm_of(kind: str, place: str, due_s: float = 60.0, **change: Any) -> Json:
    """An alarm raised ten seconds ago whose next deadline is `due_s` seconds away."""
    return {
        "id": str(uuid.uuid4()),
        "version": 1,
        "kind": kind,
        "priority": PRIORITY.get(kind, "work_order"),
        "state": "raised",
        "owner": {"type": "station", "id": "s1", "name": "Wushan station"},
        "raised_at": stamp(-10),
        "happened_at": stamp(-11),
        "late": False,
        "drill": False,
        "test_expected": False,
        "home": str(uuid.uuid4()),
        "resident": str(uuid.uuid4()),
        "place": {
            "name": place,
            "address": "12 Wushan Road, entrance 2, flat 301",
            "area": "350102001001",
            "area_name": "Wushan community",
            "time_zone": "Asia/Shanghai",
            "station": "Wushan station",
        },
        "resident_name": "Chen Xiuying",
        "device": "h0001-button",
        "deadline_at": stamp(due_s),
        "step": 1,
        "exhausted": False,
        "responses": [],
        "repeats": 0,
        "last_repeat_at": None,
        "urged_at": None,
        "devices": [{"id": "h0001-button", "since": stamp(-11), "over_at": None}],
        "suspicion": None,
        "why": {"code": kind, "text": {"en": "The emergency button was pressed.", "zh": "按下了紧急呼叫按钮。"}},
        "outcome": None,
        "note": None,
        "closed_at": None,
        **change,
    }


@dataclass
class StandIn:
    """What the page sees. `answers`: for a move's name, what to answer (status, body) instead of doing it, or None for
    silence. `posted`: every move that arrived, with its key and body."""

    http: str = ""
    alarms: dict[str, Json] = field(default_factory=dict)
    answers: dict[str, list[tuple[int, Json] | None]] = field(default_factory=dict)
    posted: list[tuple[str, str, Json]] = field(default_factory=list)
    token_status: int = 200
    token_seconds: int = 900
    silent: threading.Event = field(default_factory=threading.Event)
    over: threading.Event = field(default_factory=threading.Event)
    _changes: list[str] = field(default_factory=list)

    def put(self, alarm: Json, **change: Any) -> Json:
        """Raises the alarm, or changes it, and tells every open stream."""
        alarm.update(change, version=alarm["version"] + (alarm["id"] in self.alarms))
        self.alarms[alarm["id"]] = alarm
        self._changes.append(alarm["id"])
        return alarm

    def read(self, alarm_id: str) -> Json:
        return {**self.alarms[alarm_id], "server_time": stamp()}

    def listed(self, *, closed: bool) -> list[Json]:
        is_closed = {"resolved", "cancelled"}
        return [self.read(key) for key, alarm in self.alarms.items() if (alarm["state"] in is_closed) == closed]

    async def stream(self) -> AsyncIterator[str]:
        """The live stream: the open list, changes, a beat each second; nothing at all while `silent` is set."""
        seen = len(self._changes)
        yield f"event: open\ndata: {json.dumps({'items': self.listed(closed=False), 'server_time': stamp()})}\n\n"
        beat = time.monotonic()
        while not self.over.is_set():
            await asyncio.sleep(0.02)
            if self.silent.is_set():
                continue
            for alarm_id in self._changes[seen:]:
                seen += 1
                yield f"id: {seen}\nevent: alarm\ndata: {json.dumps(self.read(alarm_id))}\n\n"
            if time.monotonic() - beat > 1:
                beat = time.monotonic()
                yield ": beat\n\n"


def create_app(board: StandIn) -> FastAPI:
    """The few calls that the page makes."""
    app = FastAPI()
    _sign_in(app, board)
    _reads(app, board)
    _writes(app, board)

    @app.get("/")
    async def page() -> FileResponse:
        return FileResponse(DIST / "index.html", headers={"Content-Security-Policy": POLICY})

    app.mount("/", StaticFiles(directory=DIST))
    return app


def _sign_in(app: FastAPI, board: StandIn) -> None:
    @app.post("/api/v1/auth/token")
    async def token() -> JSONResponse:
        tokens = {"access_token": "a", "refresh_token": "r", "token_type": "bearer", "expires_in": board.token_seconds}
        return JSONResponse(tokens if board.token_status == 200 else {}, board.token_status)

    @app.get("/api/v1/me")
    async def me() -> Json:
        return {**ME, "area_name": "Gulou"}

    @app.get("/api/v1/live")
    async def live() -> StreamingResponse:
        return StreamingResponse(board.stream(), media_type="text/event-stream")


def _reads(app: FastAPI, board: StandIn) -> None:
    @app.get("/api/v1/alarms")
    async def alarms(state: str) -> Json:
        return {"items": board.listed(closed=state == "closed"), "next": None}

    @app.get("/api/v1/alarms/{alarm_id}")
    async def alarm(alarm_id: str) -> Json:
        return board.read(alarm_id)

    @app.get("/api/v1/alarms/{alarm_id}/events")
    async def events(alarm_id: str) -> Json:
        alarm = board.alarms[alarm_id]
        raised = {"seq": 1, "at": alarm["raised_at"], "device_time": alarm["happened_at"], "type": "raised"}
        by = {"actor": {"type": "device", "id": alarm["device"], "name": alarm["device"]}, "channel": None}
        return {"items": [{**raised, **by, "version": 1, "data": {}}], "next": None}

    @app.get("/api/v1/visits")
    async def visits() -> Json:
        return {"items": [], "next": None}

    @app.get("/api/v1/homes")
    async def homes(q: str = "") -> Json:
        every = {"address": "12 Wushan Road", "area_name": "Wushan community"}
        named = [{"id": str(number), "name": f"Home {number}", **every} for number in range(1, 9)]
        return {"items": [home for home in named if q.lower() in home["name"].lower()], "next": None}


def _writes(app: FastAPI, board: StandIn) -> None:
    @app.post("/api/v1/alarms")
    async def raise_by_hand(request: Request) -> Json:
        body = await request.json()
        board.posted.append(("raise", request.headers["Idempotency-Key"], body))
        return board.read(board.put(alarm_of(body["kind"], f"Home {body['home']}", note=body.get("note")))["id"])

    @app.post("/api/v1/alarms/{alarm_id}/{move}")
    async def make_move(alarm_id: str, move: str, request: Request) -> Response:
        board.posted.append((move, request.headers["Idempotency-Key"], await request.json()))
        scripted = board.answers.get(move, [])
        answer = scripted.pop(0) if scripted else (200, {})
        if answer is None:
            return Response("", 503)
        status, body = answer
        if status == 200:
            return JSONResponse({**board.read(board.put(board.alarms[alarm_id], **body)["id"]), "stale": False})
        return JSONResponse(body, status, media_type="application/problem+json")


@contextlib.contextmanager
def stand_in() -> Iterator[StandIn]:
    """Runs the stand-in on a port of its own for as long as the block lasts."""
    board = StandIn()
    with socket.socket() as listening:
        listening.bind(("127.0.0.1", 0))
        listening.listen()  # connections wait until the server takes them
        board.http = f"http://127.0.0.1:{listening.getsockname()[1]}"
        config = uvicorn.Config(create_app(board), log_level="warning", lifespan="off", timeout_graceful_shutdown=3)
        server = uvicorn.Server(config)
        thread = threading.Thread(target=server.run, kwargs={"sockets": [listening]}, daemon=True)
        thread.start()
        try:
            yield board
        finally:
            board.over.set()
            server.should_exit = True
            thread.join(10)
