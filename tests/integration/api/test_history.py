"""A home's readings for charts: series by device and type, in order, of the span that was asked for."""

from datetime import UTC, datetime, timedelta

import pytest
from api_service import Service

HOUR = datetime(2026, 11, 20, 8, tzinfo=UTC)


async def _hours(service: Service, device: str, kind: str, *figures: tuple[int, int, float | None]) -> None:
    """(hours after HOUR, readings, sum; None: no numbers)."""
    for after, readings, total in figures:
        await service.write(
            "INSERT INTO reading_hour (device_id, hour, type, readings, numbers, sum, min, max, first, last)"
            " VALUES (%s, %s, %s, %s, %s, %s, %s, %s, 1, 2)",
            device, HOUR + timedelta(hours=after), kind, readings, readings if total is not None else 0,
            total, total, total,
        )  # fmt: skip


async def test_series_come_in_columns_by_device_and_type(service: Service) -> None:
    """Hours in order whatever the order of writing; a mean where there are numbers."""
    gateway = "gw-0001"
    (device, kind), *_ = service.sql("SELECT id, kind FROM device WHERE gateway_id = %s ORDER BY id DESC", gateway)
    await _hours(service, device, "heart_rate", (3, 4, 260.0), (1, 2, 140.0))
    await _hours(service, device, "blood_pressure", (1, 5, None))
    operator = await service.person("operator")
    answer = await operator.get(
        f"/homes/{service.home(gateway)}/readings", **{"from": "2026-11-20T16:00+08:00", "to": "2026-11-20T12:00Z"}
    )
    assert answer.status_code == 200
    pressure, heart = answer.json()["items"]
    assert (heart["device"], heart["kind"], heart["type"]) == (device, kind, "heart_rate")
    assert heart["hour"] == ["2026-11-20T09:00:00.000Z", "2026-11-20T11:00:00.000Z"]
    assert (heart["readings"], heart["mean"], heart["max"]) == ([2, 4], [70.0, 65.0], [140.0, 260.0])
    assert (pressure["type"], pressure["readings"], pressure["mean"]) == ("blood_pressure", [5], [None])


async def test_a_span_takes_in_its_beginning_and_not_its_end(service: Service) -> None:
    """By default it is the last week."""
    ((device,),) = service.sql("SELECT min(id) FROM device WHERE gateway_id = 'gw-0001'")
    await _hours(service, device, "motion", (0, 1, 1.0), (1, 1, 1.0))
    home, operator = service.home(), await service.person("operator")
    answer = await operator.get(f"/homes/{home}/readings", **{"from": "2026-11-20T08:00Z", "to": "2026-11-20T09:00Z"})
    assert [item["hour"] for item in answer.json()["items"]] == [["2026-11-20T08:00:00.000Z"]]
    await service.write(
        "UPDATE reading_hour SET hour = date_trunc('hour', carebed_now())"
        " - interval '1 day' * (6 + extract(hour FROM hour) - 8)"
    )
    items = (await operator.get(f"/homes/{home}/readings")).json()["items"]
    assert [len(item["hour"]) for item in items] == [1]


@pytest.mark.parametrize(
    "span",
    [
        {"from": "2026-11-20T08:00Z", "to": "2026-11-20T08:00Z"},
        {"from": "2025-01-01T00:00Z", "to": "2026-11-20T00:00Z"},
        {"from": "2026-11-20T08:00"}, {"to": "0001-01-01T00:00Z"}, {"from": "soon"}, {"bucket": "minute"},
    ],
)  # fmt: skip
async def test_a_span_that_cannot_be_shown_is_refused(service: Service, span: dict[str, str]) -> None:
    """Empty, longer than a chart, without a zone, out of the calendar, no time, no bucket of ours."""
    operator = await service.person("operator")
    answer = await operator.get(f"/homes/{service.home()}/readings", **span)
    assert answer.status_code == 422, answer.text
    assert answer.json()["errors"]
