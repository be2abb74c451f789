"""The probe: a synthetic SOS from outside, all the way a real one goes, and what came of it.

It presses in a home of its own over MQTT, is the person whom that home's ladder calls, and closes what it has opened
with the outcome `test`. So each stage is proven by what it brings about: broker and ingest by the receipt, the engine
and the live stream by the call.
"""

import asyncio
import contextlib
import json
import time
from collections.abc import AsyncIterator
from dataclasses import dataclass
from typing import Any
from uuid import uuid4

import httpx

from device_sim.gateway_link import Account, GatewayLink

_HTTP_S = 10.0


@dataclass(frozen=True)
class Target:
    """What is probed. `device`: the button behind the account's gateway. `http`: the API's address."""

    account: Account
    device: str
    http: str
    login: str
    password: str


class Failed(Exception):
    """A stage did not do its part in time; `str()`: which one, and what was seen instead."""


@dataclass
class Figures:
    """Seconds from the press to each stage."""

    receipt_s: float | None = None
    called_s: float | None = None
    closed_s: float | None = None

    def __str__(self) -> str:
        """One line for a log: `receipt_s=0.041 called_s=0.120 closed_s=0.180`."""
        told = {"receipt_s": self.receipt_s, "called_s": self.called_s, "closed_s": self.closed_s}
        return " ".join(f"{name}={'-' if value is None else format(value, '.3f')}" for name, value in told.items())


class _Stage:
    """Names what was being waited for when the time was over or something broke."""

    def __init__(self) -> None:
        self.name = "sign-in"


async def probe(target: Target, figures: Figures, patience_s: float) -> None:
    """Press once and follow it to its end, filling in `figures`. `patience_s`: for all stages together. `Failed`: and
    what was opened is closed all the same, if that can be done."""
    stage = _Stage()
    try:
        base = f"{target.http}/api/v1"
        async with asyncio.timeout(patience_s), httpx.AsyncClient(base_url=base, timeout=_HTTP_S) as api:
            await _probe(target, api, figures, stage)
    except TimeoutError:
        raise Failed(f"{stage.name}: nothing within {patience_s:g} s") from None
    except (httpx.HTTPError, OSError, ValueError, KeyError) as error:
        raise Failed(f"{stage.name}: {type(error).__name__}") from None


async def _probe(target: Target, api: httpx.AsyncClient, figures: Figures, stage: _Stage) -> None:
    await _sign_in(api, target)
    stage.name = "live stream"
    async with _live(api) as events:
        stage.name = "broker"
        async with _line(target.account) as link:
            pressed = time.monotonic()
            stage.name = "receipt (ingest, database)"
            receipt = await link.alarm(target.device, link.message("sos", value=True))
            if receipt is None or receipt.status != "accepted" or receipt.alarm is None:
                raise Failed(f"{stage.name}: {receipt.status if receipt else 'given up'}")
            figures.receipt_s = time.monotonic() - pressed
            alarm = str(receipt.alarm)
            try:
                stage.name = "call (alerts, live stream)"
                await _called(events, alarm)
                figures.called_s = time.monotonic() - pressed
            finally:
                reached = stage.name
                async with asyncio.timeout(_HTTP_S):
                    stage.name = "close"
                    await _close(api, alarm)
                stage.name = reached
            figures.closed_s = time.monotonic() - pressed


async def _sign_in(api: httpx.AsyncClient, target: Target) -> None:
    form = {"grant_type": "password", "username": target.login, "password": target.password}
    answer = await api.post("/auth/token", data=form)
    if answer.status_code != httpx.codes.OK:
        raise Failed(f"sign-in: status {answer.status_code}")
    api.headers["authorization"] = f"Bearer {answer.json()['access_token']}"


@contextlib.asynccontextmanager
async def _live(api: httpx.AsyncClient) -> AsyncIterator[AsyncIterator[tuple[str, Any]]]:
    """The live stream, after its first event: what comes now is new."""
    async with api.stream("GET", "/live", timeout=httpx.Timeout(_HTTP_S, read=None)) as answer:
        answer.raise_for_status()
        events = _events(answer)
        await anext(events)
        yield events


async def _events(answer: httpx.Response) -> AsyncIterator[tuple[str, Any]]:
    kind = data = ""
    async for line in answer.aiter_lines():
        if line.startswith("event: "):
            kind = line.removeprefix("event: ")
        elif line.startswith("data: "):
            data = line.removeprefix("data: ")
        elif not line and kind:
            yield kind, json.loads(data)
            kind = data = ""


async def _called(events: AsyncIterator[tuple[str, Any]], alarm: str) -> None:
    async for kind, content in events:
        if kind == "end":
            raise Failed("live stream: it was ended")
        if kind == "call" and (content["alarm"], content["kind"]) == (alarm, "called"):
            return
    raise Failed("live stream: it broke off")


async def _close(api: httpx.AsyncClient, alarm: str) -> None:
    """As whoever was called: taken, and closed as a test."""
    for move, body in (("accept", {}), ("resolve", {"outcome": "test", "note": "probe"})):
        answer = await api.post(f"/alarms/{alarm}/{move}", json=body, headers={"idempotency-key": uuid4().hex})
    if answer.status_code != httpx.codes.OK:
        raise Failed(f"close: status {answer.status_code}")


@contextlib.asynccontextmanager
async def _line(account: Account) -> AsyncIterator[GatewayLink]:
    """The gateway's line, up; it resends until receipted, as a device does."""
    link = GatewayLink(account)
    running = asyncio.create_task(link.run())
    try:
        await link.connected.wait()
        yield link
    finally:
        for _ in range(5):  # a line that breaks in this very moment swallows a cancellation
            running.cancel()
            done, _ = await asyncio.wait({running}, timeout=1)
            if done:
                break
