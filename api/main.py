"""The process `carebed api`: HTTP, live streams, the web application."""

import asyncio
import contextlib
import resource
import socket

import uvicorn

from alerts.channels import channels, links, push, wecom
from alerts.moves import Hooks
from api.app import create_app
from api.hub import Hub
from api.scope import Parts
from carebed.database import Database
from carebed.errors import StartError
from carebed.health import QuietServer
from carebed.settings import Settings
from carebed.supervision import run_tasks
from visits.visit import record_arrival, record_departure

# 20 statements at once keep two cores busy; streams hold no connection.
_POOL = 10


async def run(settings: Settings) -> None:
    """Serve until asked to stop. `SettingsError`, `StartError`: what to do about it."""
    url = settings.secret("api_database_url")
    listener = listen(settings.http_host, settings.http_port)
    _raise_file_limit()
    database = Database(url, application="carebed-api", pool_size=_POOL)
    hub_database = Database(url, application="carebed-api-hub", pool_size=1)
    hub = Hub(hub_database)
    hooks = Hooks(
        on_arrival=record_arrival,
        on_departure=record_departure,
        channels=channels(settings),
    )
    secret = settings.callback_secret
    parts = Parts(
        database,
        hub,
        hooks,
        links(settings),
        secret.get_secret_value() if secret else None,
        push(settings),
        wecom(settings),
        frozenset(settings.robot_hosts.split()),
        settings.test_call_days,
    )
    app = create_app(parts, settings.web_dir)
    app.openapi()  # now, while nobody waits for it
    config = uvicorn.Config(
        app, log_level="warning", access_log=False, lifespan="off", server_header=False, timeout_keep_alive=65,
        timeout_graceful_shutdown=1,
    )  # fmt: skip
    try:
        await run_tasks({"live-hub": hub.run(), "http": _serve(QuietServer(config), hub, listener)})
    finally:
        listener.close()
        await hub_database.close()
        await database.close()


def listen(host: str, port: int) -> socket.socket:
    """Bind before anything else starts, so that a busy port is one sentence and nothing has to be undone."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    # With the protocol said: asyncio sends without delay only where it reads TCP. Otherwise the second packet of an
    # answer, and the second event of a stream, wait for the client's delayed acknowledgement, 40 ms.
    listener = socket.socket(family, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listener.bind((host, port))
        listener.listen(2_048)
    except OSError as error:
        listener.close()
        raise StartError(
            f"Cannot listen on {host}:{port} ({error.strerror}): free the port, or set CAREBED_HTTP_HOST and "
            "CAREBED_HTTP_PORT to others."
        ) from None
    listener.setblocking(False)
    return listener


def _raise_file_limit() -> None:
    """Each stream is a file: with too few, accepting spins."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft < hard:
        resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))


async def _serve(server: QuietServer, hub: Hub, listener: socket.socket) -> None:
    """Serve until cancelled, then end the streams first: they would hold the server's stop up."""
    serving = asyncio.ensure_future(server.serve(sockets=[listener]))
    try:
        await asyncio.shield(serving)
    except asyncio.CancelledError:
        hub.close()
        server.should_exit = True
        with contextlib.suppress(Exception):
            await serving
        raise
