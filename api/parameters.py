"""What detectors are set to: for a home, a station or a branch of the area tree, and where each value comes from."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Annotated, Any
from uuid import UUID

from fastapi import APIRouter, Path
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection
from starlette.responses import JSONResponse, Response

from api import example
from api.body import ParameterValues
from api.detector_shapes import DetectorPage, DetectorParameters
from api.document import answers
from api.idempotency import Answer, Key, digest_of, once
from api.page import json_page
from api.places import AreaCode, the_area, the_spot
from api.problem import as_json, invalid_parts, not_found
from api.scope import MANAGERS, OFFICE, Call, Caller
from carebed.ids import new_id
from carebed.logs import get_logger
from ingest.detect.catalogue import with_parameters
from ingest.detect.core import Detector
from ingest.parameter_check import check, describe
from ingest.parameters import Layer, branches, resolve

log = get_logger()

router = APIRouter(tags=["detectors"])

_STATION = text("SELECT area_code FROM station WHERE id = :station AND in_scope(area_code)")

_STORED = text("""
    SELECT coalesce(home_id::text, station_id::text, area_code) AS scope, detector, "values" FROM detector_parameters
    WHERE home_id = :home OR station_id = :station OR area_code = ANY(:areas)
""")

# A scope is one of the three columns; the others are null.
_SET = text("""
    INSERT INTO detector_parameters (id, detector, home_id, station_id, area_code, "values", set_by, set_at)
    VALUES (:id, :detector, :home, :station, :area, CAST(:values AS jsonb), :by, carebed_now())
    ON CONFLICT (home_id, station_id, area_code, detector)
    DO UPDATE SET "values" = EXCLUDED."values", set_by = EXCLUDED.set_by, set_at = EXCLUDED.set_at
""")
_UNSET = text("""
    DELETE FROM detector_parameters WHERE detector = :detector
        AND (home_id = :home OR station_id = :station OR area_code = :area)
""")

# What is switched on has to be watched from now on.
_LOOK = text("SELECT wake_homes(:home, :station, :area)")


@dataclass(frozen=True, slots=True)
class _Scope:
    """Where something is set. `chain`: it and all wider scopes whose values hold in it, the widest first."""

    kind: str
    id: UUID | str
    chain: tuple[tuple[str, str], ...]

    @property
    def columns(self) -> dict[str, Any]:
        return {one: self.id if one == self.kind else None for one in ("home", "station", "area")}


async def _home(call: Call, home_id: UUID) -> _Scope:
    spot = await the_spot(call, home_id)
    chain = (*_areas(spot.area_code), ("station", str(spot.station_id)), ("home", str(home_id)))
    return _Scope("home", home_id, chain)


async def _station(call: Call, station_id: UUID) -> _Scope:
    row = (await call.conn.execute(_STATION, {"station": station_id})).one_or_none()
    if row is None:
        raise not_found("There is no such station in your areas.")
    return _Scope("station", station_id, (*_areas(row.area_code), ("station", str(station_id))))


async def _area(call: Call, area: str) -> _Scope:
    await the_area(call, area)
    return _Scope("area", area, tuple(_areas(area)))


def _areas(code: str) -> list[tuple[str, str]]:
    return [("area", one) for one in reversed(branches(code))]


async def _layers(conn: AsyncConnection, scope: _Scope) -> list[Layer]:
    """What is set in each scope of the chain."""
    by_kind = {kind: one for kind, one in scope.chain if kind != "area"}
    asked = {"home": by_kind.get("home"), "station": by_kind.get("station"),
             "areas": [one for kind, one in scope.chain if kind == "area"]}  # fmt: skip
    stored: dict[str, dict[str, Any]] = {}
    for one, detector, values in await conn.execute(_STORED, asked):
        stored.setdefault(one, {})[detector] = values
    return [stored.get(one, {}) for _, one in scope.chain]


def _shown(detector: Detector[Any, Any], scope: _Scope, layers: Sequence[Layer]) -> dict[str, Any]:
    resolved = resolve(detector, layers)
    shown = []
    for one in describe(detector):
        layer = resolved.layers.get(one.name)
        kind, where = ("default", None) if layer is None else scope.chain[layer]
        shown.append({
            "name": one.name, "value": resolved.values.get(one.name, one.default),
            "set_in": {"scope": kind, "id": where}, "default": one.default, "unit": one.unit, "minimum": one.minimum,
            "maximum": one.maximum, "choices": one.choices, "source": one.source,
        })  # fmt: skip
    return {"detector": detector.name, "parameters": shown}


async def _list(call: Call, scope: _Scope) -> Response:
    layers = await _layers(call.conn, scope)
    return json_page([as_json(_shown(one, scope, layers)).decode() for one in with_parameters()], None)


def _detector(name: str) -> Detector[Any, Any]:
    found = next((one for one in with_parameters() if one.name == name), None)
    if found is None:
        raise not_found(f"There is no such detector; there are: {', '.join(one.name for one in with_parameters())}.")
    return found


async def _set(call: Call, scope: _Scope, name: str, body: ParameterValues, key: str | None) -> Response:
    detector = _detector(name)
    layers = await _layers(call.conn, scope)
    wrong = check(detector, body.values, layers[:-1])
    if wrong:
        errors = [{"pointer": "/values" if one.name is None else f"/values/{one.name}"[:100], "detail": one.detail}
                  for one in wrong]  # fmt: skip
        raise invalid_parts(errors)

    async def work() -> Answer:
        row = {"id": new_id(), "detector": name, "values": as_json(body.values).decode(), "by": call.principal.id}
        await call.conn.execute(_SET, {**scope.columns, **row})
        return await _changed(call, scope, detector)

    digest = digest_of("PUT", f"/{scope.kind}/{scope.id}/parameters/{name}", body)
    return await once(call.conn, call.principal.id, key, digest, work)


async def _unset(call: Call, scope: _Scope, name: str, key: str | None) -> Response:
    detector = _detector(name)

    async def work() -> Answer:
        await call.conn.execute(_UNSET, {**scope.columns, "detector": name})
        return await _changed(call, scope, detector)

    digest = digest_of("DELETE", f"/{scope.kind}/{scope.id}/parameters/{name}", None)
    return await once(call.conn, call.principal.id, key, digest, work)


async def _changed(call: Call, scope: _Scope, detector: Detector[Any, Any]) -> Answer:
    await call.conn.execute(_LOOK, scope.columns)
    log.info("detector_parameters_set", detector=detector.name, scope=scope.kind, id=str(scope.id),
             by=str(call.principal.id))  # fmt: skip
    shown = _shown(detector, scope, await _layers(call.conn, scope))
    return Answer(200, as_json(shown).decode())


_DetectorName = Annotated[str, Path(max_length=64, examples=["not_worn"])]

_LISTED = answers(401, 403, 404, 422, ok={200: ("All detectors.", "application/json", example.DETECTORS)})
_CHANGED = answers(
    400, 401, 403, 404, 413, 415, 422,
    ok={200: ("What holds for the detector now.", "application/json", example.PARAMETERS)},
)  # fmt: skip
_HOLDS = (
    "Every parameter of every detector with the value that holds here, where it was set (home, then station, then the "
    "nearest area above, then the default), its unit and bounds, and where these are from."
)
_REPLACES = (
    "Replaces what was set here for this detector before; what is left out comes from the next wider scope. It holds "
    "from the next event or due time on; what is switched on is watched, and a "
    "stillness under way is judged by it, within seconds."
)


@router.get(
    "/homes/{home_id}/parameters", operation_id="listHomeParameters", summary="What detectors are set to in a home",
    description=_HOLDS, response_model=DetectorPage, response_class=JSONResponse, responses=_LISTED,
)  # fmt: skip
async def list_of_home(call: Caller, home_id: UUID) -> Response:
    call.allow(OFFICE, "see what detectors are set to")
    return await _list(call, await _home(call, home_id))


@router.put(
    "/homes/{home_id}/parameters/{detector}", operation_id="setHomeParameters", summary="Set a detector for a home",
    description=_REPLACES, response_model=DetectorParameters, response_class=JSONResponse, responses=_CHANGED,
)  # fmt: skip
async def set_of_home(
    call: Caller, home_id: UUID, detector: _DetectorName, body: ParameterValues, key: Key = None
) -> Response:
    call.allow(MANAGERS, "set detectors")
    return await _set(call, await _home(call, home_id), detector, body, key)


@router.delete(
    "/homes/{home_id}/parameters/{detector}", operation_id="unsetHomeParameters",
    summary="Let a home's detector follow its station again", response_model=DetectorParameters,
    response_class=JSONResponse, responses=_CHANGED,
)  # fmt: skip
async def unset_of_home(call: Caller, home_id: UUID, detector: _DetectorName, key: Key = None) -> Response:
    call.allow(MANAGERS, "set detectors")
    return await _unset(call, await _home(call, home_id), detector, key)


@router.get(
    "/stations/{station_id}/parameters", operation_id="listStationParameters",
    summary="What detectors are set to at a station", description=_HOLDS, response_model=DetectorPage,
    response_class=JSONResponse, responses=_LISTED,
)  # fmt: skip
async def list_of_station(call: Caller, station_id: UUID) -> Response:
    call.allow(OFFICE, "see what detectors are set to")
    return await _list(call, await _station(call, station_id))


@router.put(
    "/stations/{station_id}/parameters/{detector}", operation_id="setStationParameters",
    summary="Set a detector for a station's homes", description=_REPLACES, response_model=DetectorParameters,
    response_class=JSONResponse, responses=_CHANGED,
)  # fmt: skip
async def set_of_station(
    call: Caller, station_id: UUID, detector: _DetectorName, body: ParameterValues, key: Key = None
) -> Response:
    call.allow(MANAGERS, "set detectors")
    return await _set(call, await _station(call, station_id), detector, body, key)


@router.delete(
    "/stations/{station_id}/parameters/{detector}", operation_id="unsetStationParameters",
    summary="Let a station's detector follow its area again", response_model=DetectorParameters,
    response_class=JSONResponse, responses=_CHANGED,
)  # fmt: skip
async def unset_of_station(call: Caller, station_id: UUID, detector: _DetectorName, key: Key = None) -> Response:
    call.allow(MANAGERS, "set detectors")
    return await _unset(call, await _station(call, station_id), detector, key)


@router.get(
    "/areas/{area}/parameters", operation_id="listAreaParameters", summary="What detectors are set to in an area",
    description=_HOLDS, response_model=DetectorPage, response_class=JSONResponse, responses=_LISTED,
)  # fmt: skip
async def list_of_area(call: Caller, area: AreaCode) -> Response:
    call.allow(OFFICE, "see what detectors are set to")
    return await _list(call, await _area(call, area))


@router.put(
    "/areas/{area}/parameters/{detector}", operation_id="setAreaParameters",
    summary="Set a detector for an area's homes", description=_REPLACES, response_model=DetectorParameters,
    response_class=JSONResponse, responses=_CHANGED,
)  # fmt: skip
async def set_of_area(
    call: Caller, area: AreaCode, detector: _DetectorName, body: ParameterValues, key: Key = None
) -> Response:
    call.allow(MANAGERS, "set detectors")
    return await _set(call, await _area(call, area), detector, body, key)


@router.delete(
    "/areas/{area}/parameters/{detector}", operation_id="unsetAreaParameters",
    summary="Let an area's detector follow the area above again", response_model=DetectorParameters,
    response_class=JSONResponse, responses=_CHANGED,
)  # fmt: skip
async def unset_of_area(call: Caller, area: AreaCode, detector: _DetectorName, key: Key = None) -> Response:
    call.allow(MANAGERS, "set detectors")
    return await _unset(call, await _area(call, area), detector, key)
