"""The page is served by the API process, under headers that let nothing foreign in."""

from pathlib import Path

import pytest
from api_service import Service


@pytest.fixture
def web(tmp_path: Path) -> Path:
    """A built web application."""
    web = tmp_path / "web"
    (web / "assets").mkdir(parents=True)
    (web / "index.html").write_text("<!doctype html><title>Carebed</title>")
    (web / "favicon.svg").write_text("<svg xmlns='http://www.w3.org/2000/svg'/>")
    (web / "assets" / "index-AbC123.js").write_text("export {}")
    (web / ".secret").write_text("secret")
    (tmp_path / "outside.txt").write_text("outside")
    return web


async def test_the_page_is_asked_for_anew_and_its_hashed_assets_are_kept(service: Service, web: Path) -> None:
    assert web.is_dir()
    client = service.client()
    page = await client.get("/")
    assert (page.status_code, page.headers["cache-control"]) == (200, "no-cache")
    assert "default-src 'self'" in page.headers["content-security-policy"]
    assert "frame-ancestors 'none'" in page.headers["content-security-policy"]
    assert page.headers["x-content-type-options"] == "nosniff"
    assert page.headers["referrer-policy"] == "no-referrer"
    asset = await client.get("/assets/index-AbC123.js")
    assert asset.headers["cache-control"] == "public, max-age=31536000, immutable"
    assert (await client.get("/favicon.svg")).status_code == 200
    assert (await client.get("/api/v1/me")).headers["cache-control"] == "no-store"


async def test_nothing_but_the_built_files_is_served(service: Service, web: Path) -> None:
    assert (web / ".secret").exists()
    client = service.client()
    for path in (
        "/.secret", "/%2e%2e/outside.txt", "/..%2foutside.txt", "/assets/..%2f..%2foutside.txt", "/assets/",
        "/assets/none.js", "/index.html/", "/assets/%2e%2e/%2e%2e/outside.txt", "/x%00y", "/assets/x%00y", "/%5c..",
        "//etc/passwd", "/docs", "/redoc",
    ):  # fmt: skip
        answer = await client.get(path)
        assert answer.status_code == 404, (path, answer.status_code)
        assert answer.headers["content-type"] == "application/problem+json", path
        assert "outside" not in answer.text


async def test_before_it_is_built_the_page_says_how(service: Service) -> None:
    answer = await service.client().get("/")
    assert answer.status_code == 503
    assert "make setup" in answer.text


async def test_health_and_metrics_stand_at_the_root(service: Service) -> None:
    client = service.client()
    assert (await client.get("/healthz")).json() == {"status": "alive"}
    assert (await client.get("/readyz")).json() == {"status": "ready"}
    operator = await service.person("operator")
    await operator.get("/alarms")
    await operator.get(f"/alarms/{service.home()}")
    async with operator.live() as stream:
        await stream.next()
        metrics = (await client.get("/metrics")).text
    assert 'carebed_http_requests_total{method="GET",route="/api/v1/alarms",status="200"}' in metrics
    assert 'route="/api/v1/alarms/{alarm_id}",status="404"' in metrics
    assert "carebed_live_subscribers 1.0" in metrics
    assert "carebed_live_delay_seconds" in metrics
    assert service.home() not in metrics, "no id ever becomes a label"


async def test_not_ready_names_its_reason(service: Service, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(service.hub, "_following", False)
    answer = await service.client().get("/readyz")
    assert answer.status_code == 503
    assert answer.json()["reasons"] == {"live": "the event log is not being followed"}


async def test_the_document_is_served(service: Service) -> None:
    document = (await service.client().get("/openapi.json")).json()
    assert document == service.document
