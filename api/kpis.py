"""How soon calls were answered, by area, station, kind, priority and hour; as JSON, or as a table for a spreadsheet."""

import csv
import io
from collections.abc import Iterator, Mapping, Sequence
from typing import Annotated, Any, Literal

import msgspec
from fastapi import APIRouter, Query
from sqlalchemy import text
from starlette.responses import JSONResponse, Response

from alerts.kpi import DIMENSIONS, SPANS, read_kpis
from alerts.kpi_target import DEFAULT_TARGETS, KpiTarget, read_targets
from api import example, figure_shapes
from api.body import KpiTargets
from api.document import answers
from api.idempotency import Answer, Key, digest_of, once
from api.places import AreaCode, the_area
from api.problem import as_json
from api.scope import MANAGERS, SUPERVISION, Call, Caller
from api.span import BranchSpanAsked
from carebed.logs import get_logger
from registry.area import scope_of

log = get_logger()

router = APIRouter(tags=["alarms"])

_SET = text("""
    INSERT INTO kpi_target (area_code, targets, set_by, set_at)
    VALUES (:area, CAST(:targets AS jsonb), :by, carebed_now())
    ON CONFLICT (area_code)
    DO UPDATE SET targets = EXCLUDED.targets, set_by = EXCLUDED.set_by, set_at = EXCLUDED.set_at
""")
_UNSET = text("DELETE FROM kpi_target WHERE area_code = :area")


@router.get(
    "/kpis",
    operation_id="readKpis",
    summary="How soon calls were answered, accepted, on the way, there and resolved",
    description=(
        "Of calls that began from `from` to before `to` in a branch of the caller's areas, from the event log "
        "(docs/kpi.md says what begins, answers and ends a call). Tests and drills are counted apart, as `tests`. "
        "`within`: `answered` `of` the calls that were answered in that time or waited longer. Spans are seconds from "
        "the call's beginning: how many calls got there, median, 90th and 99th percentile. Work orders stand by kind "
        "and priority only, alarms that nobody has called with (`lag`, `audit`, `readiness`, `outage`) by kind only. "
        "`format=csv`: the same as a table, a row for each group."
    ),
    response_model=figure_shapes.Kpis,
    response_class=JSONResponse,
    responses=answers(401, 403, 404, 422, ok={200: ("The figures.", "application/json", example.KPIS)}),
)
async def read(
    call: Caller,
    asked: BranchSpanAsked,
    format_: Annotated[Literal["json", "csv"], Query(alias="format")] = "json",
) -> Response:
    call.allow(SUPERVISION, "see how soon calls are answered")
    span = await asked.of(call)
    set_in, targets = await read_targets(call.conn, span.area)
    limits = {target.within_s for target in (*DEFAULT_TARGETS, *targets)}
    figures = await read_kpis(call.conn, scope_of(span.area), span.since, span.until, sorted(limits))
    if format_ == "csv":
        name = f"kpis-{span.area}-{span.since:%Y%m%d}-{span.until:%Y%m%d}.csv"
        # The byte-order mark, or a spreadsheet takes Chinese names for something else.
        table = "\ufeff" + _table(figures)
        return Response(table, media_type="text/csv", headers={"Content-Disposition": f'attachment; filename="{name}"'})
    told = {
        "from": span.since.isoformat(), "to": span.until.isoformat(), "area": span.area,
        "targets": {"set_in": set_in, "items": _judged(targets, figures["total"])}, **figures,
    }  # fmt: skip
    return Response(as_json(told), media_type="application/json")


def _judged(targets: Sequence[KpiTarget], total: Mapping[str, Any]) -> list[dict[str, Any]]:
    """Each target with what was reached; `met` None where there was no call to judge by."""
    shares = {one["within_s"]: one["share"] for one in total["within"]}
    return [
        {**msgspec.to_builtins(one), "reached": shares[one.within_s],
         "met": None if shares[one.within_s] is None else shares[one.within_s] >= one.share}
        for one in targets
    ]  # fmt: skip


def _table(figures: Mapping[str, Any]) -> str:
    """A row for each group, the total first and tests last."""
    file = io.StringIO()
    writer = csv.writer(file)
    limits = [one["within_s"] for one in figures["total"]["within"]]
    counts = ("calls", "answered", "waiting", "over", "late", "reopened")
    parts = ("count", "median", "p90", "p99")
    writer.writerow([
        "by", "key", "name", *counts,
        *(f"{what}_{limit}_s" for limit in limits for what in ("answered_within", "of", "share")),
        *(f"{span}_{part}" for span in SPANS for part in parts),
    ])  # fmt: skip
    for by, key, group in _groups(figures):
        within = [value for one in group["within"] for value in (one["answered"], one["of"], one["share"])]
        spans = [group[span][part] for span in SPANS for part in parts]
        writer.writerow([by, key, _plain(group.get("name") or ""), *(group[one] for one in counts), *within, *spans])
    return file.getvalue()


def _groups(figures: Mapping[str, Any]) -> Iterator[tuple[str, str, Mapping[str, Any]]]:
    yield "total", "", figures["total"]
    for name in DIMENSIONS:
        for group in figures[f"by_{name}"]:
            yield name, str(group[name]), group
    yield "tests", "", figures["tests"]


def _plain(name: str) -> str:
    """A name that a spreadsheet does not take for a formula."""
    return f"'{name}" if name[:1] in ("=", "+", "-", "@", "\t", "\r") else name


_CHANGED = answers(
    400, 401, 403, 404, 413, 415, 422,
    ok={200: ("The targets that hold now.", "application/json", example.KPI_TARGETS)},
)  # fmt: skip


@router.put(
    "/areas/{area}/kpi-targets", operation_id="setKpiTargets",
    summary="Set what share of calls is answered in time",
    description="For a branch of the area tree, with the source of each figure. The nearest branch above counts.",
    response_model=figure_shapes.KpiTargets, response_class=JSONResponse, responses=_CHANGED,
)  # fmt: skip
async def set_targets(call: Caller, area: AreaCode, body: KpiTargets, key: Key = None) -> Response:
    call.allow(MANAGERS, "set targets")
    await the_area(call, area)

    async def work() -> Answer:
        targets = as_json([one.model_dump() for one in body.targets]).decode()
        await call.conn.execute(_SET, {"area": area, "targets": targets, "by": call.principal.id})
        return await _changed(call, area)

    return await once(call.conn, call.principal.id, key, digest_of("PUT", f"/areas/{area}/kpi-targets", body), work)


@router.delete(
    "/areas/{area}/kpi-targets", operation_id="unsetKpiTargets", summary="Follow the targets of the branch above again",
    response_model=figure_shapes.KpiTargets, response_class=JSONResponse, responses=_CHANGED,
)  # fmt: skip
async def unset_targets(call: Caller, area: AreaCode, key: Key = None) -> Response:
    call.allow(MANAGERS, "set targets")
    await the_area(call, area)

    async def work() -> Answer:
        await call.conn.execute(_UNSET, {"area": area})
        return await _changed(call, area)

    return await once(call.conn, call.principal.id, key, digest_of("DELETE", f"/areas/{area}/kpi-targets", None), work)


async def _changed(call: Call, area: str) -> Answer:
    log.info("kpi_targets_set", area=area, by=str(call.principal.id))
    set_in, targets = await read_targets(call.conn, area)
    return Answer(200, as_json({"set_in": set_in, "targets": msgspec.to_builtins(targets)}).decode())
