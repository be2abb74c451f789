"""The application: routers, errors, documents, files. One screen."""

from collections.abc import Mapping
from importlib.metadata import version
from pathlib import Path

from fastapi import FastAPI
from sqlalchemy import text

from api import (
    absences,
    access,
    alarm_load,
    alarms,
    answers,
    auth,
    care_circle,
    contact_methods,
    document,
    drills,
    escalation,
    family,
    history,
    home_tests,
    homes,
    incidents,
    kpis,
    live,
    me,
    moves,
    parameters,
    policies,
    problem,
    provider_callbacks,
    push,
    quiet_hours,
    readiness,
    robot_groups,
    rota_overrides,
    rota_patterns,
    rota_swaps,
    rotas,
    staff_absences,
    visits,
    wecom_callback,
)
from api.edge import API_PREFIX, Edge
from api.scope import Parts
from api.web import web_routes
from carebed.health import Check, health_routes

_PING = text("SELECT 1")


def create_app(parts: Parts, web_dir: Path) -> FastAPI:
    """The API with everything it needs. The caller runs `parts.hub` beside it."""
    app = FastAPI(
        title="Carebed",
        version=version("carebed"),
        openapi_url="/openapi.json",
        docs_url=None,  # they would need scripts from elsewhere, which the content security policy forbids
        redoc_url=None,
        redirect_slashes=False,
    )
    app.state.parts = parts
    app.state.sign_ins = auth.SignIns()
    for concept in (
        auth, me, alarms, moves, live, visits, homes, history, absences, parameters, alarm_load, kpis,
        contact_methods, quiet_hours, provider_callbacks, policies, escalation,
        family, care_circle, access, incidents, drills, home_tests, readiness, push, wecom_callback, robot_groups,
    ):  # fmt: skip
        app.include_router(concept.router, prefix=API_PREFIX)
    for concept in (rotas, rota_patterns, rota_overrides, rota_swaps, staff_absences):
        app.include_router(concept.router, prefix=API_PREFIX)
    app.include_router(answers.router)
    app.router.routes.extend(health_routes(_checks(parts)))
    app.router.routes.extend(web_routes(web_dir))
    problem.install(app)
    document.install(app)
    app.add_middleware(Edge)
    return app


def _checks(parts: Parts) -> Mapping[str, Check]:
    async def database() -> str | None:
        async with parts.database.transaction() as conn:
            await conn.execute(_PING)
        return None

    return {"database": database, "live": parts.hub.ready}
