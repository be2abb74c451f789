"""An operator at the desk while everything goes wrong: reads the board, writes remarks, closes alarms. Every move bears
a key and is repeated until it is answered; in the end each must have been made exactly once."""

import asyncio
import random
import uuid
from dataclasses import dataclass, field
from typing import Any

import httpx
import psycopg

_LOOK_S = 0.5
_AGAIN_S = 0.3
_PATIENCE_S = 5.0

# How often each remark stands in the log.
_REMARKS = """
    SELECT data ->> 'note', count(*) FROM alarm_event WHERE type = 'comment' AND data ->> 'note' = ANY(%s) GROUP BY 1
"""

# How often each alarm was closed by hand.
_CLOSED = """
    SELECT alarm_id::text, count(*) FROM alarm_event WHERE type = 'resolved' AND alarm_id = ANY(%s::uuid[]) GROUP BY 1
"""


@dataclass(slots=True)
class Desk:
    """`remarks`, `closed`: what was answered with 200; `unsure`: remarks that nobody answered any more."""

    http: str
    user: dict[str, Any]
    chance: random.Random
    remarks: set[str] = field(default_factory=set)
    closed: set[str] = field(default_factory=set)
    unsure: set[str] = field(default_factory=set)
    _token: str = "none-yet"

    async def work(self) -> None:
        """A named task: until cancelled."""
        async with httpx.AsyncClient(base_url=f"{self.http}/api/v1", trust_env=False, timeout=_PATIENCE_S) as client:
            while True:
                board = await self._call(client, "GET", "/alarms?state=open&limit=50")
                alarms = board.json()["items"] if board.is_success else []
                if alarms:
                    await self._move(client, str(self.chance.choice(alarms)["id"]))
                await asyncio.sleep(_LOOK_S)

    def broken(self, url: str) -> list[str]:
        """Moves that were answered and not made, or made twice."""
        asked = sorted(self.remarks | self.unsure)
        with psycopg.connect(url) as conn:
            remarks: dict[str, int] = dict(conn.execute(_REMARKS, [asked]).fetchall())
            closed: dict[str, int] = dict(conn.execute(_CLOSED, [sorted(self.closed)]).fetchall())
        found = [f"remark {note} was answered and is not in the log" for note in self.remarks if note not in remarks]
        found += [f"remark {note} is {times} times in the log" for note, times in remarks.items() if times != 1]
        return found + [
            f"{alarm} was closed {closed.get(alarm, 0)} times" for alarm in self.closed if closed.get(alarm) != 1
        ]

    async def _move(self, client: httpx.AsyncClient, alarm: str) -> None:
        note = f"remark {uuid.uuid4().hex}"
        self.unsure.add(note)
        answer = await self._call(client, "POST", f"/alarms/{alarm}/comment", {"note": note})
        self.unsure.discard(note)
        if answer.is_success:
            self.remarks.add(note)
        if self.chance.random() < 0.3:
            answer = await self._call(client, "POST", f"/alarms/{alarm}/resolve", {"outcome": "no_help_needed"})
            if answer.is_success:
                self.closed.add(alarm)

    async def _call(
        self, client: httpx.AsyncClient, method: str, path: str, body: dict[str, Any] | None = None
    ) -> httpx.Response:
        """Repeated, with one key, until there is an answer that another try would not change."""
        key = uuid.uuid4().hex
        while True:
            try:
                headers = {"authorization": f"Bearer {self._token}", "idempotency-key": key}
                answer = await client.request(method, path, json=body, headers=headers)
                if answer.status_code == httpx.codes.UNAUTHORIZED:
                    await self._sign_in(client)
                elif answer.status_code < httpx.codes.INTERNAL_SERVER_ERROR:
                    return answer
            except httpx.HTTPError:
                pass
            await asyncio.sleep(_AGAIN_S)

    async def _sign_in(self, client: httpx.AsyncClient) -> None:
        form = {"grant_type": "password", "username": self.user["login"], "password": self.user["password"]}
        answer = await client.post("/auth/token", data=form)
        if answer.is_success:
            self._token = str(answer.json()["access_token"])
