"""Who is let in, and what the broker is told when the list changes."""

import asyncio
import re
from collections.abc import Collection, Iterable
from pathlib import Path

import httpx
import pytest

from carebed.embedded.broker_users import password_hash
from carebed.rabbitmq import configuration as texts
from carebed.rabbitmq.configuration import ENABLED_PLUGINS, KEEPER, SESSION_EXPIRY_S, configuration
from carebed.rabbitmq.doorkeeper import Doorkeeper
from carebed.rabbitmq.management import NO_PASSWORD, is_password
from carebed.rabbitmq.management import password_hash as rabbit_hash
from carebed.rabbitmq.rights import Rights

DEPLOY = Path(__file__).parents[3] / "deploy" / "rabbitmq"
HASHES = {gateway: password_hash(f"secret of {gateway}") for gateway in ("gw-1", "gw-2", "gw-3")}


class BrokerUsers:
    """The broker's users, and what was done to them."""

    def __init__(self, **users: str) -> None:
        self.there = {KEEPER: "its own", **users}
        self.rights: dict[str, Rights] = {}
        self.deleted: list[str] = []
        self.away = False
        self.breaks_off = False

    async def has_user(self, *users: str) -> bool:
        return all(user in self.there for user in users)

    async def granted(self) -> dict[str, Rights]:
        return dict(self.rights)

    async def users(self) -> dict[str, str]:
        if self.away:
            raise httpx.ConnectError("away")
        return dict(self.there)

    async def put_users(self, users: Iterable[tuple[str, str, Rights]]) -> None:
        listed = list(users)
        self.there |= {user: hashed for user, hashed, _ in listed}
        if self.breaks_off and listed:
            raise httpx.ReadTimeout("half done")
        self.rights |= {user: rights for user, _, rights in listed}

    async def delete_users(self, users: Collection[str]) -> None:
        self.deleted += sorted(users)
        for user in users:
            del self.there[user]
            self.rights.pop(user, None)

    async def put_policy(self) -> None:
        pass


async def kept(doorkeeper: Doorkeeper, broker: BrokerUsers) -> None:
    """One comparison."""
    keeping = asyncio.create_task(doorkeeper.keep(broker))
    async with asyncio.timeout(5):
        while doorkeeper.ready() is not None or doorkeeper._changed.is_set():
            await asyncio.sleep(0)
    keeping.cancel()
    await asyncio.wait({keeping})


@pytest.mark.parametrize(
    ("user", "password", "client_id", "comes_in"),
    [
        ("gw-1", "secret of gw-1", "gw-1", True),
        ("gw-1", "secret of gw-1", "ingest-alarm-0", False),
        ("gw-1", "secret of gw-1", "gw-2", False),
        ("gw-1", "secret of gw-1", "", False),
        ("gw-1", "secret of gw-2", "gw-1", False),
        ("gw-1", "", "gw-1", False),
        ("gw-9", "secret of gw-1", "gw-9", False),
        ("ingest-alarm-0", "own", "ingest-alarm-0", False),
        ("", "", "", False),
    ],
)
def test_a_gateway_comes_in_with_its_password_under_its_own_client_id(
    user: str, password: str, client_id: str, comes_in: bool
) -> None:
    doorkeeper = Doorkeeper({"ingest-alarm-0": "own"})
    assert not doorkeeper.lets_in(user, password, client_id)
    doorkeeper.set_gateways(HASHES.items())
    assert doorkeeper.lets_in(user, password, client_id) is comes_in


async def test_whoever_is_gone_or_has_a_new_password_is_deleted_and_nobody_else() -> None:
    doorkeeper, broker = Doorkeeper({"ingest-alarm-0": "own"}), BrokerUsers(guest="default", stranger="x")
    doorkeeper.set_gateways(HASHES.items())
    await kept(doorkeeper, broker)
    assert sorted(broker.deleted) == ["guest", "stranger"]
    assert broker.there.keys() == {KEEPER, "ingest-alarm-0", *HASHES}
    assert {broker.there[gateway] for gateway in HASHES} == {NO_PASSWORD}
    assert is_password("own", broker.there["ingest-alarm-0"])
    broker.deleted.clear()
    doorkeeper.set_gateways([("gw-1", HASHES["gw-1"]), ("gw-2", password_hash("another"))])
    await kept(doorkeeper, broker)
    assert sorted(broker.deleted) == ["gw-2", "gw-3"]
    assert broker.there.keys() == {KEEPER, "ingest-alarm-0", "gw-1", "gw-2"}


async def test_users_that_were_only_half_made_get_their_rights_the_next_time(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("carebed.rabbitmq.doorkeeper._AGAIN_S", 0.01)
    doorkeeper, broker = Doorkeeper({"ingest-alarm-0": "own"}), BrokerUsers()
    doorkeeper.set_gateways(HASHES.items())
    broker.breaks_off = True
    keeping = asyncio.create_task(doorkeeper.keep(broker))
    async with asyncio.timeout(5):
        while "ReadTimeout" not in str(doorkeeper.ready()):
            await asyncio.sleep(0.01)
        broker.breaks_off = False
        while doorkeeper.ready() is not None:
            await asyncio.sleep(0.01)
    keeping.cancel()
    await asyncio.wait({keeping})
    assert broker.rights.keys() == {"ingest-alarm-0", *HASHES}


async def test_a_broker_that_lost_its_store_gets_everybody_again(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("carebed.rabbitmq.doorkeeper._LOOK_S", 0.01)
    doorkeeper, broker = Doorkeeper({"ingest-alarm-0": "own"}), BrokerUsers()
    doorkeeper.set_gateways(HASHES.items())
    keeping = asyncio.create_task(doorkeeper.keep(broker))
    async with asyncio.timeout(5):
        for _ in range(2):
            while broker.rights.keys() != {"ingest-alarm-0", *HASHES}:
                await asyncio.sleep(0.01)
            broker.there = {KEEPER: "its own"}
            broker.rights = {}
    keeping.cancel()
    await asyncio.wait({keeping})


async def test_before_the_gateways_are_known_none_is_deleted() -> None:
    doorkeeper, broker = Doorkeeper({"ingest-alarm-0": "own"}), BrokerUsers(**dict.fromkeys(HASHES, NO_PASSWORD))
    await kept(doorkeeper, broker)
    assert broker.deleted == []
    assert broker.there.keys() == {KEEPER, "ingest-alarm-0", *HASHES}


async def test_a_broker_that_is_away_is_asked_again(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("carebed.rabbitmq.doorkeeper._AGAIN_S", 0.01)
    doorkeeper, broker = Doorkeeper({}), BrokerUsers()
    broker.away = True
    keeping = asyncio.create_task(doorkeeper.keep(broker))
    async with asyncio.timeout(5):
        while "cannot be kept" not in str(doorkeeper.ready()):
            await asyncio.sleep(0.01)
        broker.away = False
        while doorkeeper.ready() is not None:
            await asyncio.sleep(0.01)
    keeping.cancel()
    await asyncio.wait({keeping})


def test_a_password_is_told_from_another_by_rabbits_own_hash() -> None:
    assert is_password("right", rabbit_hash("right"))
    assert not is_password("wrong", rabbit_hash("right"))
    assert rabbit_hash("right") != rabbit_hash("right")


def test_deploy_holds_what_is_made_here() -> None:
    made = configuration(
        listener="0.0.0.0:1883", management="0.0.0.0:15672", metrics="0.0.0.0:15692", doorkeeper="doorkeeper:8000",
        log="log.console = true\nlog.file = false\n",
    )  # fmt: skip
    assert (DEPLOY / "rabbitmq.conf").read_text() == made
    assert (DEPLOY / "enabled_plugins").read_text() == ENABLED_PLUGINS


def test_sessions_are_kept_as_long_as_ingest_asks_for() -> None:
    """RabbitMQ cuts what a session asks for; and beyond 32 bits of milliseconds its timer is none."""
    from ingest.mqtt import Session

    default = Session.__init__.__kwdefaults__["session_expiry_s"]
    assert default <= SESSION_EXPIRY_S < 2**32 / 1000


def test_no_password_stands_in_the_configuration() -> None:
    assert not re.search(r"default_(user|pass)\b", (DEPLOY / "rabbitmq.conf").read_text())
    assert "secret" in texts.keeper_login("secret")
