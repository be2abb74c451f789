"""The demo district: the same at every start, larger when asked, and never in somebody's real programme."""

import json
import stat
import time
from pathlib import Path
from typing import Any

import psycopg
import pytest

from carebed.embedded.broker_users import refused
from carebed.embedded.postgres import DatabaseUrls
from carebed.errors import StartError
from gateway.topics import shard_of
from registry.seed import seed_demo
from registry.sign_in import verify_password


def sql(urls: DatabaseUrls, statement: str, *parameters: Any) -> list[tuple[Any, ...]]:
    """Run a statement as the owner."""
    with psycopg.connect(urls.owner, autocommit=True) as conn:
        cursor = conn.execute(statement.encode(), parameters)
        return cursor.fetchall() if cursor.description else []


def test_the_district_is_what_the_ready_file_promises(urls: DatabaseUrls, tmp_path: Path) -> None:
    seeded = seed_demo(urls.owner, 20, tmp_path)
    assert len(seeded.gateways) == 20
    first = seeded.gateways[0]
    assert set(first) == {"id", "shard", "password", "home", "devices"}
    assert (first["id"], first["shard"]) == ("gw-0001", shard_of("gw-0001"))
    assert [device["kind"] for device in first["devices"]] == [
        "button", "wristband", "bed", "door", "motion", "gateway"
    ]  # fmt: skip
    assert first["devices"][-1] == {"id": "gw-0001", "kind": "gateway"}
    assert {(user["login"], user["role"], user["area"]) for user in seeded.users} >= {
        ("operator", "operator", "350102000000"), ("caregiver1", "caregiver", "350102001000"),
        ("operator-other", "operator", "350103000000"),
    }  # fmt: skip
    for user in seeded.users:
        ((stored,),) = sql(urls, "SELECT password_hash FROM staff WHERE login = %s", user["login"])
        assert verify_password(stored, user["password"])
    assert all(refused(gateway, secret) is None for gateway, secret in sql(urls, "SELECT id, secret_hash FROM gateway"))
    assert sql(urls, "SELECT count(*) FROM bed WHERE state = 'in_service'") == [(22,)]
    heartbeats = dict(sql(urls, "SELECT kind, min(heartbeat_s) FROM device GROUP BY kind"))
    assert heartbeats == {"gateway": 30, "wristband": 60, "button": None, "motion": None, "door": None, "bed": None}
    assert sql(urls, "SELECT shiftable FROM clock_shift") == [(True,)]


def test_everybody_of_a_tier_is_on_call_now_and_for_eight_weeks(urls: DatabaseUrls, tmp_path: Path) -> None:
    seed_demo(urls.owner, 1, tmp_path)
    for when in ("now()", "now() + interval '20 days'", "now() + interval '55 days'"):
        rows = sql(
            urls, "SELECT tier, array_agg(login ORDER BY login) FROM rota JOIN staff ON staff.id = staff_id"
            f" WHERE staff.area_code ^@ '350102' AND {when} BETWEEN starts_at AND ends_at GROUP BY tier ORDER BY tier"
        )  # fmt: skip
        assert rows == [(1, ["caregiver1", "caregiver2"]), (2, ["caregiver3", "caregiver4"])]


def test_a_second_start_finds_everything_as_it_was_and_adds_what_is_missing(urls: DatabaseUrls, tmp_path: Path) -> None:
    first = seed_demo(urls.owner, 2, tmp_path)
    hashes = sql(urls, "SELECT login, password_hash FROM staff WHERE login IS NOT NULL ORDER BY login")
    assert seed_demo(urls.owner, 2, tmp_path) == first
    larger = seed_demo(urls.owner, 150, tmp_path)
    assert larger.users == first.users
    assert larger.gateways[:2] == first.gateways
    assert len(larger.gateways) == 150
    assert seed_demo(urls.owner, 1, tmp_path) == larger, "a smaller number takes nothing away"
    assert sql(urls, "SELECT login, password_hash FROM staff WHERE login IS NOT NULL ORDER BY login") == hashes
    assert sql(urls, "SELECT count(DISTINCT area_code) FROM home WHERE area_code ^@ '350102'") == [(2,)]


def test_the_passwords_are_for_the_owner_of_the_data_directory_only(urls: DatabaseUrls, tmp_path: Path) -> None:
    seed_demo(urls.owner, 1, tmp_path)
    file = tmp_path / "demo.json"
    assert stat.S_IMODE(file.stat().st_mode) == 0o600


def test_a_lost_password_file_means_new_passwords_that_work(urls: DatabaseUrls, tmp_path: Path) -> None:
    first = seed_demo(urls.owner, 1, tmp_path)
    (tmp_path / "demo.json").unlink()
    second = seed_demo(urls.owner, 1, tmp_path)
    assert second.users[0]["password"] != first.users[0]["password"]
    assert second.gateways[0]["password"] != first.gateways[0]["password"]
    for user in second.users:
        ((stored,),) = sql(urls, "SELECT password_hash FROM staff WHERE login = %s", user["login"])
        assert verify_password(stored, user["password"])


def test_a_file_that_outlived_its_database_still_holds(urls: DatabaseUrls, tmp_path: Path) -> None:
    """As after a crash between writing the file and the commit."""
    kept = {"users": {"operator": "kept-password"}, "gateways": {"gw-0001": "kept-secret"}}
    (tmp_path / "demo.json").write_text(json.dumps(kept))
    seeded = seed_demo(urls.owner, 1, tmp_path)
    assert seeded.users[0]["password"] == "kept-password"
    assert seeded.gateways[0]["password"] == "kept-secret"
    ((stored,),) = sql(urls, "SELECT password_hash FROM staff WHERE login = 'operator'")
    assert verify_password(stored, "kept-password")


def test_a_real_programme_is_left_alone(urls: DatabaseUrls, tmp_path: Path) -> None:
    sql(urls, "UPDATE clock_shift SET shiftable = false")
    sql(urls, "INSERT INTO area (code, name, level) VALUES ('110000000000', 'a', 'province')")
    sql(
        urls, "INSERT INTO staff (id, login, name, role, area_code, password_hash)"
        " VALUES (gen_random_uuid(), 'real', 'r', 'admin', '110000000000', 'x')"
    )  # fmt: skip
    with pytest.raises(StartError, match="no demo"):
        seed_demo(urls.owner, 1, tmp_path)
    assert sql(urls, "SELECT count(*) FROM staff") == [(1,)]
    assert sql(urls, "SELECT shiftable FROM clock_shift") == [(False,)]
    assert not (tmp_path / "demo.json").exists()


def test_a_city_is_seeded_in_seconds(urls: DatabaseUrls, tmp_path: Path) -> None:
    began = time.monotonic()
    assert len(seed_demo(urls.owner, 5_000, tmp_path).gateways) == 5_000
    assert time.monotonic() - began < 30


def test_the_first_homes_have_people_of_their_own_who_cannot_sign_in(urls: DatabaseUrls, tmp_path: Path) -> None:
    for homes in (2, 2, 3):
        seed_demo(urls.owner, homes, tmp_path)
    paired = sql(
        urls, "SELECT gateway.id, relation, count(*), bool_and(login IS NULL) FROM care_circle JOIN gateway"
        " USING (home_id) JOIN staff ON staff.id = staff_id GROUP BY 1, 2 ORDER BY 1, 2"
    )  # fmt: skip
    assert paired == [
        ("gw-0001", "assigned", 1, False), ("gw-0001", "family", 2, True), ("gw-0001", "neighbour", 2, True),
        ("gw-0001", "volunteer", 1, True), ("gw-0002", "assigned", 1, False), ("gw-0002", "family", 1, True),
        ("gw-0002", "neighbour", 1, True), ("gw-0003", "assigned", 1, False), ("gw-0003", "family", 1, True),
    ]  # fmt: skip


@pytest.mark.parametrize(
    "staff",
    ["'x', NULL, 'family'", "NULL, 'hash', 'family'", "NULL, NULL, 'caregiver'", "NULL, NULL, 'stranger'"],
)
def test_only_outsiders_may_be_without_a_sign_in(urls: DatabaseUrls, staff: str) -> None:
    sql(urls, "INSERT INTO area (code, name, level) VALUES ('110000000000', 'a', 'province')")
    with pytest.raises(psycopg.errors.CheckViolation):
        sql(
            urls, "INSERT INTO staff (id, name, area_code, login, password_hash, role)"
            f" VALUES (gen_random_uuid(), 'n', '110000000000', {staff})"
        )  # fmt: skip
