"""The process: one sentence when it cannot start, a quick and orderly end when it is asked to."""

import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager

import httpx
import pytest
from api_service import Seeded

from carebed.embedded.postgres import DatabaseUrls
from tests.plain_http import NO_AUTHORITIES


def environment(**settings: str) -> dict[str, str]:
    """Ours alone, whatever the shell that runs the tests has set."""
    clean = {name: value for name, value in os.environ.items() if not name.startswith("CAREBED_")}
    return clean | settings


@contextmanager
def process(**settings: str) -> Iterator["subprocess.Popen[str]"]:
    """`carebed api`, killed at the end of the block if it is still there."""
    child = subprocess.Popen(
        [sys.executable, "-m", "carebed", "api"], env=environment(**settings), text=True,
        stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
    )  # fmt: skip
    try:
        yield child
    finally:
        child.kill()
        child.communicate()


def wait_until_ready(base: str) -> None:
    """Until /readyz says so."""
    give_up = time.monotonic() + 30
    while time.monotonic() < give_up:
        try:
            if httpx.get(base + "/readyz", trust_env=False, verify=NO_AUTHORITIES).status_code == 200:
                return
        except httpx.HTTPError:
            pass
        time.sleep(0.05)
    raise AssertionError("not ready within 30 s")


def free_port() -> int:
    """A port that nothing listens on."""
    with socket.create_server(("127.0.0.1", 0)) as probe:
        return int(probe.getsockname()[1])


def test_sigterm_ends_it_although_streams_are_open(district: DatabaseUrls, seeded: Seeded) -> None:
    port = free_port()
    base = f"http://127.0.0.1:{port}"
    with process(CAREBED_API_DATABASE_URL=district.api, CAREBED_HTTP_PORT=str(port)) as child:
        wait_until_ready(base)
        user = seeded.credentials.users[0]
        form = {"grant_type": "password", "username": user["login"], "password": user["password"]}
        with httpx.Client(base_url=base, trust_env=False) as client:
            token = client.post("/api/v1/auth/token", data=form).json()["access_token"]
            bearer = {"Authorization": f"Bearer {token}"}
            with client.stream("GET", "/api/v1/live", headers=bearer) as one:
                assert next(one.iter_lines()).startswith("id: ")
                child.send_signal(signal.SIGTERM)
                output, _ = child.communicate(timeout=30)  # a second on an idle machine; with the stream it never ended
    assert child.returncode == 0, output
    assert '"action": "stopped"' in output
    assert "Traceback" not in output


def test_a_busy_port_is_one_sentence_that_names_it(district: DatabaseUrls) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        with process(CAREBED_API_DATABASE_URL=district.api, CAREBED_HTTP_PORT=str(port)) as child:
            output, _ = child.communicate(timeout=30)
    assert child.returncode == 2
    assert f"127.0.0.1:{port}" in output
    assert "CAREBED_HTTP_PORT" in output
    assert "Traceback" not in output


def test_a_missing_setting_is_one_sentence_that_names_it() -> None:
    with process() as child:
        output, _ = child.communicate(timeout=30)
    assert child.returncode == 2
    assert "CAREBED_API_DATABASE_URL" in output
    assert "Traceback" not in output


@pytest.mark.parametrize("killed", [signal.SIGTERM, signal.SIGINT])
def test_without_its_database_it_waits_answers_503_and_still_ends_when_asked(killed: signal.Signals) -> None:
    port = free_port()
    nowhere = f"postgresql://carebed_api:secret-word@127.0.0.1:{free_port()}/carebed"
    with process(CAREBED_API_DATABASE_URL=nowhere, CAREBED_HTTP_PORT=str(port)) as child:
        base = f"http://127.0.0.1:{port}"
        give_up = time.monotonic() + 30
        while True:
            try:
                answer = httpx.get(base + "/readyz", trust_env=False, verify=NO_AUTHORITIES, timeout=10)
                break
            except httpx.ConnectError:
                assert time.monotonic() < give_up
                time.sleep(0.05)
        assert answer.status_code == 503
        assert set(answer.json()["reasons"]) == {"database", "live"}
        form = {"grant_type": "password", "username": "operator", "password": "x"}
        refused = httpx.post(base + "/api/v1/auth/token", data=form, trust_env=False, timeout=10)
        assert refused.status_code == 503
        assert refused.headers["content-type"] == "application/problem+json"
        child.send_signal(killed)
        output, _ = child.communicate(timeout=10)
    assert child.returncode == 0, output
    assert "secret-word" not in output
