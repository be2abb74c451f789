"""A signed-in person for stories: makes moves and reads what he may see."""

import uuid
from typing import Any, Self

import httpx


class Person:
    """One of the demo's logins, over HTTP; a context manager."""

    def __init__(self, http: str, user: dict[str, Any]) -> None:
        self.login = str(user["login"])
        self._client = httpx.Client(base_url=f"{http}/api/v1", timeout=10)
        form = {"grant_type": "password", "username": user["login"], "password": user["password"]}
        answer = self._client.post("/auth/token", data=form)
        answer.raise_for_status()
        self.token = str(answer.json()["access_token"])
        self._client.headers["authorization"] = f"Bearer {self.token}"
        self.id = str(self.get("/me")["id"])

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._client.close()

    def get(self, path: str, **query: Any) -> Any:
        """A JSON answer, which must be 200."""
        answer = self._client.get(path, params=query)
        assert answer.status_code == 200, (path, answer.status_code, answer.text)
        return answer.json()

    def alarm(self, alarm_id: str) -> dict[str, Any]:
        """The alarm as it is now."""
        alarm: dict[str, Any] = self.get(f"/alarms/{alarm_id}")
        return alarm

    def events(self, alarm_id: str) -> list[str]:
        """The types of the alarm's events, in order."""
        return [str(event["type"]) for event in self.get(f"/alarms/{alarm_id}/events")["items"]]

    def try_move(self, alarm_id: str, move: str, **body: Any) -> httpx.Response:
        """Make a move, whatever the answer."""
        headers = {"idempotency-key": uuid.uuid4().hex}
        return self._client.post(f"/alarms/{alarm_id}/{move}", json=body, headers=headers)

    def move(self, alarm_id: str, move: str, **body: Any) -> dict[str, Any]:
        """Make a move, which must be allowed; the alarm afterwards."""
        answer = self.try_move(alarm_id, move, **body)
        assert answer.status_code == 200, (move, answer.status_code, answer.text)
        alarm: dict[str, Any] = answer.json()
        return alarm
