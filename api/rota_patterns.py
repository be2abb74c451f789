"""Patterns of rotas: managers set them in their branch, everybody of the station reads them.

A pattern is never changed but followed by another version from an instant on, so that it stays known what held when.
"""

from collections.abc import Iterable, Sequence
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from fastapi import APIRouter
from sqlalchemy import text
from starlette.responses import JSONResponse, Response

from alerts.rota_pattern import Layer, layers_json
from alerts.rota_plan import holes, pattern_shifts
from alerts.rota_rewrite import lock, rewrite
from alerts.view import shown, utc
from api import rota_example, rota_shapes
from api.document import answers
from api.idempotency import Answer, Key, digest_of, once
from api.page import json_page
from api.places import the_station
from api.problem import as_json, invalid, not_found
from api.rota_body import NewLayer, NewPattern, PatternLayers, Preview
from api.scope import MANAGERS, STAFF, Call, Caller
from carebed.clock import now as clock_now
from carebed.ids import new_id
from registry.area import zone_of

router = APIRouter(tags=["rotas"])

#: A version for later than this is a mistyped year.
_LATEST = timedelta(days=366)

_MINE = text("""
    SELECT area.time_zone FROM station JOIN area ON area.code = station.area_code
    WHERE station.id = :station AND in_scope(station.area_code)
""")

_PATTERN_OF_MINE = text("SELECT station_id FROM rota_pattern WHERE id = :pattern AND station_in_scope(station_id)")

_BODY = f"""
    SELECT json_build_object('id', pattern.id, 'station', pattern.station_id, 'tier', pattern.tier,
        'name', pattern.name, 'time_zone', (
            SELECT area.time_zone FROM station JOIN area ON area.code = station.area_code
            WHERE station.id = pattern.station_id),
        'planned_until', {utc("pattern.planned_until")},
        'people', (
            SELECT coalesce(json_agg(json_build_object('id', who.id, 'name', name_of_staff(who.id)) ORDER BY who.id),
                '[]')
            FROM (SELECT DISTINCT CAST(person AS uuid) AS id FROM rota_version AS v,
                jsonb_array_elements(v.layers) AS layer, jsonb_array_elements_text(layer -> 'people') AS person
                WHERE v.pattern_id = pattern.id) AS who),
        'versions', (
            SELECT coalesce(json_agg(json_build_object('id', v.id, 'layers', v.layers,
                'holds_from', {utc("v.holds_from")}, 'set_at', {utc("v.set_at")}, 'set_by', v.set_by,
                'set_by_name', name_of_staff(v.set_by), 'note', v.note) ORDER BY v.set_at DESC, v.id DESC), '[]')
            FROM rota_version AS v WHERE v.pattern_id = pattern.id))::text
    FROM rota_pattern AS pattern
"""
_LIST = text(f"{_BODY} WHERE pattern.station_id = :station ORDER BY pattern.tier, pattern.name, pattern.id")
_ONE = text(f"{_BODY} WHERE pattern.id = :pattern")

_CREATE = text("""
    INSERT INTO rota_pattern (id, station_id, tier, name, created_by) VALUES (:pattern, :station, :tier, :name, :by)
""")
_FOLLOW = text("""
    INSERT INTO rota_version (id, pattern_id, layers, holds_from, set_by, set_at, note)
    VALUES (:id, :pattern, CAST(:layers AS jsonb), :holds_from, :by, :now, :note)
""")

# Who may be on call: somebody of the caller's areas who works for the programme and has not left.
_CAN_BE_ON_CALL = text("""
    SELECT id FROM staff WHERE id = ANY(:people) AND active AND role IN ('caregiver', 'operator', 'manager')
        AND staff_in_scope(id)
""")

_CHANGED = answers(
    400, 401, 403, 404, 413, 415, 422, ok={200: ("As it is now.", "application/json", rota_example.PATTERN)}
)


async def who_can_be_on_call(call: Call, people: Iterable[UUID]) -> set[UUID]:
    """Those of them whom the caller may put on a rota."""
    return set((await call.conn.execute(_CAN_BE_ON_CALL, {"people": list(set(people))})).scalars())


async def pattern_of_mine(call: Call, pattern_id: UUID) -> None:
    """404 unless it is a post of the caller's branch."""
    if (await call.conn.execute(_PATTERN_OF_MINE, {"pattern": pattern_id})).one_or_none() is None:
        raise not_found("There is no such rota pattern in your areas.")


async def the_pattern(call: Call, pattern_id: UUID) -> str:
    """A pattern that the caller sees, as JSON; 404 otherwise."""
    found: str | None = (await call.conn.execute(_ONE, {"pattern": pattern_id})).scalar_one_or_none()
    if found is None:
        raise not_found("There is no such rota pattern in your areas.")
    return found


async def _layers(call: Call, given: Sequence[NewLayer]) -> tuple[Layer, ...]:
    allowed = await who_can_be_on_call(call, [person for layer in given for person in layer.people])
    for number, layer in enumerate(given):
        for place, person in enumerate(layer.people):
            if person not in allowed:
                detail = "There is nobody in your areas with this id who can be on call"
                raise invalid(f"/layers/{number}/people/{place}", detail)
    return tuple(layer.layer() for layer in given)


async def _follow(
    call: Call, pattern_id: UUID, layers: tuple[Layer, ...], holds_from: datetime | None, note: str | None
) -> None:
    now = await lock(call.conn)
    begins = max(holds_from or now, now)
    if begins - now > _LATEST:
        raise invalid("/holds_from", "Must not be more than a year ahead")
    row: dict[str, Any] = {
        "id": new_id(), "pattern": pattern_id, "layers": layers_json(layers), "holds_from": begins,
        "by": call.principal.id, "now": now, "note": note,
    }  # fmt: skip
    await call.conn.execute(_FOLLOW, row)
    async with call.beyond_scope():
        await rewrite(call.conn, now, [pattern_id])


@router.get(
    "/stations/{station_id}/rota-patterns",
    operation_id="listRotaPatterns",
    summary="List a station's rota patterns",
    description="By tier. A tier with two posts has two people on call at a time.",
    response_model=rota_shapes.PatternPage,
    response_class=JSONResponse,
    responses=answers(401, 403, 404, 422, ok={200: ("All of them.", "application/json", rota_example.PATTERNS)}),
)
async def list_(call: Caller, station_id: UUID) -> Response:
    call.allow(STAFF, "see rotas")
    await the_station(call, station_id)
    return json_page((await call.conn.execute(_LIST, {"station": station_id})).scalars(), None)


@router.post(
    "/stations/{station_id}/rota-patterns",
    operation_id="createRotaPattern",
    summary="Create a rota pattern",
    description="A post on a tier, with its layers; shifts are made for eight weeks ahead at once.",
    status_code=201,
    response_model=rota_shapes.Pattern,
    response_class=JSONResponse,
    responses=answers(
        400, 401, 403, 404, 413, 415, 422, ok={201: ("The pattern.", "application/json", rota_example.PATTERN)}
    ),
)
async def create(call: Caller, station_id: UUID, body: NewPattern, key: Key = None) -> Response:
    call.allow(MANAGERS, "change rotas")
    await _zone_of_mine(call, station_id)
    layers = await _layers(call, body.layers)

    async def work() -> Answer:
        pattern = new_id()
        row = {"pattern": pattern, "station": station_id, "tier": body.tier, "name": body.name}
        await call.conn.execute(_CREATE, {**row, "by": call.principal.id})
        await _follow(call, pattern, layers, body.holds_from, body.note)
        return Answer(201, await the_pattern(call, pattern))

    digest = digest_of("POST", f"/stations/{station_id}/rota-patterns", body)
    return await once(call.conn, call.principal.id, key, digest, work)


@router.get(
    "/rota-patterns/{pattern_id}",
    operation_id="readRotaPattern",
    summary="Read a rota pattern",
    response_model=rota_shapes.Pattern,
    response_class=JSONResponse,
    responses=answers(401, 403, 404, 422, ok={200: ("It.", "application/json", rota_example.PATTERN)}),
)
async def read(call: Caller, pattern_id: UUID) -> Response:
    call.allow(STAFF, "see rotas")
    return Response(await the_pattern(call, pattern_id), media_type="application/json")


@router.put(
    "/rota-patterns/{pattern_id}",
    operation_id="setRotaPattern",
    summary="Let a post follow other layers",
    description=(
        "From `holds_from` on, whatever was planned for then; before it nothing changes, and what has been stays as it "
        "was. Overrides, swaps and absences stay, and count above the new layers."
    ),
    response_model=rota_shapes.Pattern,
    response_class=JSONResponse,
    responses=_CHANGED,
)
async def set_(call: Caller, pattern_id: UUID, body: PatternLayers, key: Key = None) -> Response:
    call.allow(MANAGERS, "change rotas")
    await pattern_of_mine(call, pattern_id)
    layers = await _layers(call, body.layers)

    async def work() -> Answer:
        await _follow(call, pattern_id, layers, body.holds_from, body.note)
        return Answer(200, await the_pattern(call, pattern_id))

    digest = digest_of("PUT", f"/rota-patterns/{pattern_id}", body)
    return await once(call.conn, call.principal.id, key, digest, work)


@router.delete(
    "/rota-patterns/{pattern_id}",
    operation_id="endRotaPattern",
    summary="End a rota pattern",
    description="From now on nobody's turn comes; it stays on record.",
    response_model=rota_shapes.Pattern,
    response_class=JSONResponse,
    responses=_CHANGED,
)
async def end(call: Caller, pattern_id: UUID, key: Key = None) -> Response:
    call.allow(MANAGERS, "change rotas")
    await pattern_of_mine(call, pattern_id)

    async def work() -> Answer:
        await _follow(call, pattern_id, (), None, None)
        return Answer(200, await the_pattern(call, pattern_id))

    digest = digest_of("DELETE", f"/rota-patterns/{pattern_id}", None)
    return await once(call.conn, call.principal.id, key, digest, work)


@router.post(
    "/stations/{station_id}/rota-preview",
    operation_id="previewRota",
    summary="See what layers would come to",
    description="Shifts and holes from now on, by the station's clock; changes nothing.",
    response_model=rota_shapes.RotaPreview,
    response_class=JSONResponse,
    responses=answers(
        400, 401, 403, 404, 413, 415, 422, ok={200: ("The shifts.", "application/json", rota_example.PREVIEW)}
    ),
)
async def preview(call: Caller, station_id: UUID, body: Preview, _key: Key = None) -> Response:
    call.allow(MANAGERS, "change rotas")
    zone = await _zone_of_mine(call, station_id)
    layers = await _layers(call, body.layers)
    now = await clock_now(call.conn)
    end = now + timedelta(days=body.days)
    shifts = pattern_shifts(layers, zone_of(zone), now, end)
    content = {
        "time_zone": zone,
        "shifts": [
            {"staff": str(one.staff_id), "starts_at": shown(one.starts_at), "ends_at": shown(one.ends_at)}
            for one in shifts
        ],
        "holes": [
            {"starts_at": shown(since), "ends_at": shown(until)}
            for since, until in holes([(one.starts_at, one.ends_at) for one in shifts], now, end)
        ],
    }
    return Response(as_json(content), media_type="application/json")


async def _zone_of_mine(call: Call, station_id: UUID) -> str:
    zone: str | None = (await call.conn.execute(_MINE, {"station": station_id})).scalar_one_or_none()
    if zone is None:
        raise not_found("There is no such station in your areas.")
    return zone
