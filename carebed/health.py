"""Health, readiness and metrics of every process, on a port of their own.

`/healthz`: the event loop turns. `/readyz`: every named check passes, otherwise 503 with the reasons. `/metrics`:
Prometheus, the checks among it, so that one rule can watch every process. A check is a function that returns None when
all is well, or a short reason without personal data.
"""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Generator, Mapping
from contextlib import asynccontextmanager, contextmanager

import uvicorn
from prometheus_client import CONTENT_TYPE_LATEST, REGISTRY, Gauge, generate_latest
from prometheus_client.registry import Collector
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

Check = Callable[[], str | Awaitable[str | None] | None]

#: Something that can stand in JSON, for a person who looks.
Fact = Callable[[], object]

_NO_FACTS: Mapping[str, Fact] = {}

_CHECK_TIMEOUT_S = 3.0

READY = Gauge("carebed_ready", "1 where this check of `/readyz` passes, 0 where it does not", ["check"])


async def failing(checks: Mapping[str, Check]) -> dict[str, str]:
    """The checks that do not pass, with their reasons; a check that hangs or breaks is a reason too."""
    reasons: dict[str, str] = {}
    for name, check in checks.items():
        try:
            async with asyncio.timeout(_CHECK_TIMEOUT_S):
                outcome = check()
                reason = await outcome if isinstance(outcome, Awaitable) else outcome
        except TimeoutError:
            reason = f"no answer within {_CHECK_TIMEOUT_S:.0f} s"
        except Exception as error:  # noqa: BLE001 - a broken check is "not ready", never a crash
            reason = type(error).__name__
        if reason is not None:
            reasons[name] = reason
    return reasons


def health_routes(checks: Mapping[str, Check], facts: Mapping[str, Fact] = _NO_FACTS) -> list[Route]:
    """The three routes, for a process's own listener or for mounting at the API's root. `facts`: said beside ready and
    not ready."""

    async def healthz(_request: Request) -> Response:
        return JSONResponse({"status": "alive"})

    async def readyz(_request: Request) -> Response:
        reasons = await failing(checks)
        body: dict[str, object] = {"status": "not ready", "reasons": reasons} if reasons else {"status": "ready"}
        body |= {name: fact() for name, fact in facts.items()}
        return JSONResponse(body, status_code=503 if reasons else 200)

    async def metrics(_request: Request) -> Response:
        reasons = await failing(checks)
        for name in checks:
            READY.labels(name).set(name not in reasons)
        return Response(generate_latest(), media_type=CONTENT_TYPE_LATEST)

    return [Route("/healthz", healthz), Route("/readyz", readyz), Route("/metrics", metrics)]


@asynccontextmanager
async def shown(*collectors: Collector) -> AsyncIterator[None]:
    """These on this process's `/metrics` for as long as the block runs."""
    for collector in collectors:
        REGISTRY.register(collector)
    try:
        yield
    finally:
        for collector in collectors:
            REGISTRY.unregister(collector)


class QuietServer(uvicorn.Server):
    """uvicorn without its own signal handling: the supervisor of named tasks owns the signals."""

    @contextmanager
    def capture_signals(self) -> Generator[None, None, None]:
        """Leave SIGTERM and SIGINT to `run_tasks`."""
        yield


def _own_routes(checks: Mapping[str, Check], facts: Mapping[str, Fact]) -> list[Route]:
    """On a listener of its own the bare address answers like /readyz: the ready file names it."""
    routes = health_routes(checks, facts)
    ready = next(route for route in routes if route.path == "/readyz")
    return [Route("/", ready.endpoint), *routes]


async def serve_health(
    host: str, port: int, checks: Mapping[str, Check], facts: Mapping[str, Fact] = _NO_FACTS
) -> None:
    """Serve the health routes until cancelled; with port 0 just wait."""
    if port == 0:
        await asyncio.Event().wait()
    config = uvicorn.Config(
        Starlette(routes=_own_routes(checks, facts)), host=host, port=port, log_level="warning", access_log=False,
        lifespan="off", timeout_graceful_shutdown=1,
    )  # fmt: skip
    await QuietServer(config).serve()
