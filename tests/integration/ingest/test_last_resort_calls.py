"""Who is called, what is said, and how often: the alarm lane is played, the receivers of the webhooks are real."""

import asyncio
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, cast

import msgspec
import pytest
from small_district import message

from carebed.embedded.ports import free_port
from carebed.errors import SettingsError
from gateway.wire import shard_of
from ingest import last_resort
from ingest.last_resort import LastResort
from ingest.mqtt import Incoming, Session
from tests.integration.alerts.webhook_receiver import SECRET, Delivery, receiving

AFTER_S = 0.3


@pytest.fixture(autouse=True)
def _short(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(last_resort, "_LOOK_S", 0.02)
    monkeypatch.setattr(last_resort, "_AGAIN_S", (0.2, 0.2))
    monkeypatch.setattr(last_resort, "_RETRY_FIRST_S", 0.02)


@dataclass
class Lane:
    """As much of an intake as is watched."""

    acked_monotonic: float = field(default_factory=time.monotonic)
    serves_nothing: bool = False
    unready: str | None = None
    messages: list[Incoming] = field(default_factory=list)

    def commit(self) -> None:
        self.acked_monotonic = time.monotonic()
        self.messages.clear()

    def waiting(self) -> Iterator[Incoming]:
        yield from self.messages

    @property
    def oldest_unacked_s(self) -> float:
        return max((time.monotonic() - one.received_monotonic for one in self.messages), default=0.0)

    def receive(self, payload: bytes, gateway: str = "gw-1", device: str = "b", age_s: float = 0.0) -> None:
        topic = f"carebed/v1/{shard_of(gateway)}/{gateway}/alarm/{device}"
        self.messages.append(Incoming(topic, payload, cast("Session", None), 1, 1, time.monotonic() - age_s))


def wire(kind: str, message_id: str) -> bytes:
    return msgspec.json.encode(message(kind, id=message_id))


@asynccontextmanager
async def watching(lane: Lane, file: Path, *addresses: str, secret: str | None = SECRET) -> Any:
    file.write_text("\n".join(addresses))
    resort = LastResort(lane, file, secret, idle=lambda: lane.serves_nothing, after_s=AFTER_S)
    task = asyncio.create_task(resort.run())
    try:
        yield resort
    finally:
        task.cancel()
        await asyncio.wait({task})


async def until(condition: Callable[[], Any]) -> None:
    async with asyncio.timeout(10):
        while not condition():
            await asyncio.sleep(0.01)


def kinds(deliveries: Sequence[Delivery]) -> list[str]:
    return [one.content["type"].removeprefix("last_resort.") for one in deliveries]


async def test_it_is_called_again_and_again_until_the_lane_commits_and_once_when_it_does(tmp_path: Path) -> None:
    """Every call has an id of its own; after the end there is none."""
    lane = Lane()
    async with receiving() as desk, watching(lane, tmp_path / "file", desk.url) as resort:
        await until(lambda: len(desk.deliveries) == 3)
        assert resort.ready() is not None
        lane.commit()
        await until(lambda: "over" in kinds(desk.deliveries))
        assert resort.ready() is None
        for _ in range(20):
            lane.commit()
            await asyncio.sleep(0.02)
        assert kinds(desk.deliveries) == ["calling"] * (len(desk.deliveries) - 1) + ["over"]
        assert len({one.id for one in desk.deliveries}) == len(desk.deliveries)
        assert len({one.content["data"]["outage"] for one in desk.deliveries}) == 1


async def test_a_lane_that_commits_now_and_then_or_serves_nothing_calls_nobody(tmp_path: Path) -> None:
    lane = Lane()
    async with receiving() as desk, watching(lane, tmp_path / "file", desk.url):
        for _ in range(6):
            await asyncio.sleep(AFTER_S / 3)
            lane.commit()
        lane.serves_nothing = True
        await asyncio.sleep(2 * AFTER_S)
        assert desk.deliveries == []


async def test_time_in_which_the_process_itself_stood_still_is_not_held_against_the_database(tmp_path: Path) -> None:
    """Stopped and continued: the first commit afterwards has not had its chance yet."""
    lane = Lane()
    async with receiving() as desk, watching(lane, tmp_path / "file", desk.url):
        time.sleep(2 * AFTER_S)  # noqa: ASYNC251 - the whole process stands still
        await asyncio.sleep(0.1)
        lane.commit()
        await asyncio.sleep(0.1)
        assert desk.deliveries == []


async def test_messages_are_counted_once_by_gateway_and_type_with_calls_for_help_first(tmp_path: Path) -> None:
    """Resends count once; a sentinel and an unreadable payload are no calls; nothing of the person is in it."""
    lane = Lane()
    for _ in range(3):
        lane.receive(wire("sos", "a"), age_s=7)
    lane.receive(b"[" + wire("check_in", "b") + b"," + wire("sos", "c") + b"]", "gw-2", age_s=9)
    lane.receive(b"nonsense", "gw-3")
    lane.receive(b"{}", "carebed-sentinel", "_")
    lane.unready = "17 of 17 MQTT sessions are not ready: cannot connect"
    async with receiving() as desk, watching(lane, tmp_path / "file", desk.url):
        await until(lambda: desk.deliveries)
        content = desk.deliveries[0].content
    lines = [(one["gateway"], one["type"], one["messages"]) for one in content["data"]["waiting"]]
    assert lines == [("gw-2", "sos", 1), ("gw-1", "sos", 1), ("gw-2", "check_in", 1), ("gw-3", None, 1)]
    assert content["data"]["messages"] == 4
    assert content["data"]["oldest_s"] >= 9
    assert lane.unready in content["message"]


async def test_who_fails_is_tried_again_and_delays_nobody(tmp_path: Path) -> None:
    """One refuses twice, one hangs, one is dead: the last one in the file is called at once."""
    lane, tries = Lane(), []

    async def refuse_twice(delivery: Delivery) -> int:
        tries.append(delivery.id)
        return 503 if len(tries) < 3 else 200

    async def hang(_delivery: Delivery) -> int:
        await asyncio.sleep(60)
        return 200

    async with receiving() as refusing, receiving() as hanging, receiving() as desk:
        refusing.answer, hanging.answer = refuse_twice, hang
        dead = f"http://127.0.0.1:{free_port()}/hook"
        async with watching(lane, tmp_path / "file", dead, hanging.url, refusing.url, desk.url):
            await until(lambda: desk.deliveries)
            await until(lambda: len(tries) >= 3)
            assert len(set(tries[:3])) == 1
            lane.commit()
            await until(lambda: "over" in kinds(desk.deliveries))
            await until(lambda: "over" in kinds(refusing.deliveries))
        assert kinds(hanging.deliveries) == ["calling"]


async def test_the_file_is_read_again_while_it_is_called_and_kept_in_mind_when_it_is_gone(tmp_path: Path) -> None:
    """Somebody adds a number at night; then the file is lost, and both are still called."""
    lane, file = Lane(), tmp_path / "file"
    async with receiving() as first, receiving() as second, watching(lane, file, first.url) as resort:
        await until(lambda: first.deliveries)
        file.write_text(f"{first.url}\n\n# at night\n{second.url} # the neighbour\n")
        await until(lambda: second.deliveries)
        file.unlink()
        lane.commit()
        await until(lambda: "over" in kinds(first.deliveries) and "over" in kinds(second.deliveries))
        assert resort.ready() == "CAREBED_LAST_RESORT_FILE cannot be read: FileNotFoundError"
        calls = len(second.deliveries)
        await until(lambda: len(second.deliveries) > calls)  # stuck once more


async def test_without_a_secret_it_is_called_all_the_same(tmp_path: Path) -> None:
    async with receiving() as desk, watching(Lane(), tmp_path / "file", desk.url, secret=None):
        await until(lambda: desk.deliveries)
    assert "webhook-signature" not in desk.deliveries[0].headers


def test_what_is_wrong_with_file_or_secret_is_said_at_the_start(tmp_path: Path) -> None:
    file = tmp_path / "file"
    resort = LastResort(Lane(), file, SECRET)
    assert resort.ready() == "CAREBED_LAST_RESORT_FILE cannot be read: FileNotFoundError"
    file.write_text("# nobody yet\n")
    assert resort.ready() == "CAREBED_LAST_RESORT_FILE holds no address"
    file.write_text("https://desk.example/a#part\ntel:110\n")
    assert resort.ready() == "line 2 of CAREBED_LAST_RESORT_FILE is no http or https address"
    file.write_text("https://desk.example/a#part\n")
    assert resort.ready() is None
    with pytest.raises(SettingsError):
        LastResort(Lane(), file, "whsec_x")
