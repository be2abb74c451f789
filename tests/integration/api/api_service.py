"""A running API for tests: real server, real database, clients that check every answer against the OpenAPI document."""

import asyncio
import json
import re
import uuid
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx
import psycopg
import uvicorn
from fastapi import FastAPI
from jsonschema import Draft202012Validator

from alerts.answers import Links
from alerts.moves import Hooks
from alerts.push import Push
from alerts.wecom_callback import Seal
from api.app import create_app
from api.hub import Hub
from api.main import listen
from api.scope import Parts
from carebed.database import Database
from carebed.embedded.postgres import DatabaseUrls
from carebed.health import QuietServer
from registry.seed import DemoCredentials
from tests.plain_http import NO_AUTHORITIES
from visits.visit import record_arrival, record_departure

PATIENCE_S = 10.0


@dataclass(frozen=True)
class Seeded:
    """A database with the demo district, to be cloned."""

    server: Any
    urls: DatabaseUrls
    credentials: DemoCredentials

    def clone(self) -> DatabaseUrls:
        """A copy for one test."""
        name, template = f"t{uuid.uuid4().hex}", self.urls.admin.rsplit("/", 1)[1]
        with psycopg.connect(self.server.embedded.urls().admin, autocommit=True) as conn:
            conn.execute(f'CREATE DATABASE "{name}" TEMPLATE "{template}" OWNER carebed_owner STRATEGY file_copy')
        urls: DatabaseUrls = self.server.embedded.urls(name)
        return urls


@dataclass
class Event:
    """One server-sent event."""

    kind: str
    data: Any
    number: int | None


@dataclass
class Stream:
    """An open live stream of a test client."""

    lines: AsyncIterator[str]
    beats: int = 0
    last_id: int | None = None

    async def next(self, patience_s: float = PATIENCE_S) -> Event | None:
        """The next event; None when the stream has ended."""
        kind, data, number = "", "", None
        async with asyncio.timeout(patience_s):
            async for line in self.lines:
                if line.startswith(":"):
                    self.beats += 1
                elif line.startswith("id: "):
                    number = self.last_id = int(line[4:])
                elif line.startswith("event: "):
                    kind = line[7:]
                elif line.startswith("data: "):
                    data = line[6:]
                elif line == "" and kind:
                    return Event(kind, json.loads(data), number)
        return None

    async def until(self, kind: str) -> Event:
        """The next event of this kind."""
        while (event := await self.next()) is not None:
            if event.kind == kind:
                return event
        raise AssertionError(f"the stream ended before {kind}")


@dataclass
class Person:
    """Somebody signed in."""

    login: str
    http: httpx.AsyncClient
    tokens: dict[str, Any] = field(default_factory=dict)

    @property
    def _bearer(self) -> dict[str, str]:
        return {"Authorization": f"Bearer {self.tokens['access_token']}"}

    async def get(self, path: str, **params: Any) -> httpx.Response:
        """GET below /api/v1."""
        return await self.http.get(f"/api/v1{path}", params=params, headers=self._bearer)

    async def post(
        self, path: str, body: Any = None, *, key: str | None = None, content: bytes | None = None,
        content_type: str = "application/json",
    ) -> httpx.Response:  # fmt: skip
        """POST below /api/v1: `body` as JSON, or `content` as it is."""
        headers = self._bearer | ({"Idempotency-Key": key} if key else {})
        if body is not None:
            content = json.dumps(body).encode()
        if content is not None:
            headers["Content-Type"] = content_type
        return await self.http.post(f"/api/v1{path}", content=content, headers=headers)

    async def put(self, path: str, body: Any) -> httpx.Response:
        """PUT below /api/v1."""
        return await self.http.put(f"/api/v1{path}", json=body, headers=self._bearer)

    async def delete(self, path: str) -> httpx.Response:
        """DELETE below /api/v1."""
        return await self.http.delete(f"/api/v1{path}", headers=self._bearer)

    async def move(self, alarm: str, move: str, *, key: str | None = None, **body: Any) -> httpx.Response:
        """Make a move on an alarm."""
        return await self.post(f"/alarms/{alarm}/{move}", body or None, key=key)

    async def alarm(self, alarm: str) -> Any:
        """The alarm as this person sees it."""
        answer = await self.get(f"/alarms/{alarm}")
        assert answer.status_code == 200, answer.text
        return answer.json()

    async def me(self) -> str:
        """This person's id."""
        return str((await self.get("/me")).json()["id"])

    @asynccontextmanager
    async def live(self, last_event_id: int | str | None = None) -> AsyncIterator[Stream]:
        """An open stream; its first event has not been read."""
        headers = self._bearer | ({"Last-Event-ID": str(last_event_id)} if last_event_id is not None else {})
        async with self.http.stream("GET", "/api/v1/live", headers=headers, timeout=None) as answer:
            assert answer.status_code == 200, await answer.aread()
            assert answer.headers["content-type"].startswith("text/event-stream")
            yield Stream(answer.aiter_lines())


@dataclass
class Service:
    """The running API and its database."""

    urls: DatabaseUrls
    credentials: DemoCredentials
    base: str
    hub: Hub
    document: dict[str, Any]
    statuses: set[tuple[str, str, int]] = field(default_factory=set)
    _clients: list[httpx.AsyncClient] = field(default_factory=list)
    _people: dict[str, Person] = field(default_factory=dict)
    _reader: psycopg.Connection | None = None
    _writer: psycopg.AsyncConnection | None = None

    def client(self) -> httpx.AsyncClient:
        """A client without a sign-in."""
        client = httpx.AsyncClient(
            base_url=self.base, trust_env=False, verify=NO_AUTHORITIES, timeout=20,
            event_hooks={"response": [self._hold_to_document]},
        )  # fmt: skip
        self._clients.append(client)
        return client

    def password(self, login: str) -> str:
        """The demo password of `login`."""
        return str(next(user["password"] for user in self.credentials.users if user["login"] == login))

    async def sign_in(self, login: str) -> Person:
        """A person with a session of his own."""
        person = Person(login, self.client())
        form = {"grant_type": "password", "username": login, "password": self.password(login)}
        answer = await person.http.post("/api/v1/auth/token", data=form)
        assert answer.status_code == 200, answer.text
        person.tokens = answer.json()
        return person

    async def person(self, login: str) -> Person:
        """The same, signed in once per test."""
        if login not in self._people:
            self._people[login] = await self.sign_in(login)
        return self._people[login]

    def sql(self, statement: str, *parameters: Any) -> list[tuple[Any, ...]]:
        """Read as the owner. Read only, for it holds the loop up in which the server runs: it must wait for no lock."""
        if self._reader is None or self._reader.closed:
            options = "-c timezone=UTC -c default_transaction_read_only=on"
            self._reader = psycopg.connect(self.urls.owner, autocommit=True, options=options)
        return self._reader.execute(statement.encode(), parameters).fetchall()

    async def write(self, statement: str, *parameters: Any) -> list[tuple[Any, ...]]:
        """Write as the owner, committed; what RETURNING says."""
        if self._writer is None or self._writer.closed:
            self._writer = await psycopg.AsyncConnection.connect(
                self.urls.owner, autocommit=True, options="-c timezone=UTC"
            )
        cursor = await self._writer.execute(statement.encode(), parameters)
        return await cursor.fetchall() if cursor.description else []

    def home(self, gateway: str = "gw-0001") -> str:
        """A home of the demo district, or of its neighbour (`gw-other-0001`)."""
        return str(self.sql("SELECT home_id FROM gateway WHERE id = %s", gateway)[0][0])

    async def raised(self, gateway: str = "gw-0001", by: str = "operator", kind: str = "sos") -> str:
        """The id of an alarm that an operator has raised."""
        operator = await self.person(by)
        answer = await operator.post("/alarms", {"home": self.home(gateway), "kind": kind})
        assert answer.status_code == 201, answer.text
        return str(answer.json()["id"])

    async def close(self) -> None:
        """Close all clients."""
        for client in self._clients:
            await client.aclose()
        if self._reader is not None:
            self._reader.close()
        if self._writer is not None:
            await self._writer.close()

    async def _hold_to_document(self, answer: httpx.Response) -> None:
        """Every status is documented, and every JSON body is of the documented shape."""
        path = answer.request.url.path
        operation = self._operation(answer.request.method, path)
        if operation is None:
            if answer.status_code >= 400 and path.startswith("/api"):
                await self._is_problem(answer)
            return
        template, described = operation
        self.statuses.add((answer.request.method, template, answer.status_code))
        documented = described["responses"].get(str(answer.status_code))
        assert documented is not None, f"undocumented: {answer.request.method} {template} {answer.status_code}"
        if answer.status_code >= 400:
            await self._is_problem(answer)
        elif answer.headers.get("content-type") == "application/json":
            await answer.aread()
            _times_are_utc(answer.json())
            self._validate(documented["content"]["application/json"]["schema"], answer.json())

    def _operation(self, method: str, path: str) -> tuple[str, dict[str, Any]] | None:
        for template, operations in self.document["paths"].items():
            if re.fullmatch(re.sub(r"\{\w+\}", "[^/]+", template), path) and method.lower() in operations:
                return template, operations[method.lower()]
        return None

    async def _is_problem(self, answer: httpx.Response) -> None:
        await answer.aread()
        assert answer.headers["content-type"] == "application/problem+json", answer.text
        problem = answer.json()
        self._validate({"$ref": "#/components/schemas/Problem"}, problem)
        assert problem["status"] == answer.status_code
        assert "Traceback" not in answer.text
        assert "psycopg" not in answer.text

    def _validate(self, schema: dict[str, Any], value: Any) -> None:
        whole = {**schema, "components": self.document["components"]}
        Draft202012Validator(whole, format_checker=Draft202012Validator.FORMAT_CHECKER).validate(value)


def _times_are_utc(value: Any) -> None:
    """RFC 3339, UTC, milliseconds: wherever a key names a time."""
    if isinstance(value, list):
        for one in value:
            _times_are_utc(one)
    elif isinstance(value, dict):
        for key, one in value.items():
            if isinstance(one, str) and (key.endswith("_at") or key in ("server_time", "at", "device_time")):
                assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z", one), (key, one)
            elif key != "data":
                _times_are_utc(one)


_DOCUMENTS: list[dict[str, Any]] = []


def _document(app: FastAPI) -> dict[str, Any]:
    """The OpenAPI document: of the code alone, so the same for every application, and half a second of work."""
    if not _DOCUMENTS:
        _DOCUMENTS.append(app.openapi())
    return _DOCUMENTS[0]


@asynccontextmanager
async def running(
    urls: DatabaseUrls, credentials: DemoCredentials, web_dir: Path, *, channels: tuple[str, ...] = ("live",),
    links: Links | None = None, callback_secret: str | None = None, push: Push | None = None, wecom: Seal | None = None,
) -> AsyncIterator[Service]:  # fmt: skip
    """The application behind a real socket, its hub running beside it."""
    database = Database(urls.api, application="test-api", pool_size=10)
    hub_database = Database(urls.api, application="test-api-hub", pool_size=1)
    hub = Hub(hub_database)
    hooks = Hooks(record_arrival, record_departure, channels)
    hosts = frozenset({"oapi.dingtalk.com", "open.feishu.cn"})
    app = create_app(Parts(database, hub, hooks, links, callback_secret, push, wecom, hosts), web_dir)
    listener = listen("127.0.0.1", 0)
    server = QuietServer(
        uvicorn.Config(app, log_level="warning", access_log=False, lifespan="off", timeout_graceful_shutdown=1)
    )
    tasks = [asyncio.create_task(hub.run()), asyncio.create_task(server.serve(sockets=[listener]))]
    service = Service(urls, credentials, f"http://127.0.0.1:{listener.getsockname()[1]}", hub, _document(app))
    try:
        await until(lambda: hub.ready() is None and server.started)
        yield service
    finally:
        await service.close()
        hub.close()
        server.should_exit = True
        await tasks[1]
        tasks[0].cancel()
        await asyncio.wait(tasks)
        await hub_database.close()
        await database.close()


async def until(condition: Any, patience_s: float = PATIENCE_S) -> None:
    """Wait for a condition that is to come true."""
    async with asyncio.timeout(patience_s):
        while not condition():
            await asyncio.sleep(0.01)
