"""docker-compose.yml fits its schema, and what it names is there: commands, settings, files, roles, rooms."""

import importlib.util
import os
import re
import subprocess
import sys
import tomllib
from pathlib import Path
from typing import Any

import pytest
import typer
from ruamel.yaml import YAML

from carebed.cli import app
from carebed.embedded.postgres import _ROLES
from carebed.settings import Settings, load_settings
from gateway.lanes import Lane

ROOT = Path(__file__).parents[2]
COMPOSE = ROOT / "docker-compose.yml"
SERVICES: dict[str, dict[str, Any]] = YAML(typ="safe").load(COMPOSE)["services"]
OURS = {name: service for name, service in SERVICES.items() if service["image"] == "carebed"}

#: The processes and what each cannot start without, besides the doorkeeper and the migration.
NEEDS = {
    "ingest-alarm": {"database_url", "mqtt_users_file"},
    "ingest-reading": {"database_url", "mqtt_users_file"},
    "alerts": {"database_url"},
    "api": {"api_database_url"},
    "scheduler": {"owner_database_url"},
    "migrate": {"owner_database_url"},
    "doorkeeper": {"database_url", "mqtt_users_file"},
}


#: Settings that no container has, and why.
NOT_IN_COMPOSE = {
    "mqtt_tls": "the broker is in the same network",
    "web_dir": "where the image has it",
    "ready_file": "of `carebed up`",
    "probe_gateway_password": "the probe runs elsewhere",
    "probe_password": "the probe runs elsewhere",
}


def test_it_fits_the_compose_specification() -> None:
    argv = [sys.executable, "-m", "check_jsonschema", "--builtin-schema", "vendor.compose-spec", str(COMPOSE)]
    checked = subprocess.run(argv, capture_output=True, text=True, check=False)
    assert checked.returncode == 0, checked.stdout + checked.stderr


def test_every_process_has_a_service() -> None:
    assert OURS.keys() == NEEDS.keys()


@pytest.mark.parametrize("name", OURS)
def test_the_command_is_one_of_ours(name: str) -> None:
    program, *arguments = OURS[name]["command"]
    if program == "python":
        assert arguments[0] == "-m"
        assert importlib.util.find_spec(arguments[1]) is not None
        return
    assert program == "carebed"
    root = typer.main.get_command(app)
    command = root.get_command(typer.Context(root), arguments[0])
    assert command is not None
    parsed = command.make_context(arguments[0], arguments[1:])  # exits where an option is unknown or missing
    assert parsed.params.get("lane", "alarm") in set(Lane)


@pytest.mark.parametrize("name", OURS)
def test_its_settings_are_settings_and_are_enough(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    for variable in [variable for variable in os.environ if variable.startswith("CAREBED_")]:
        monkeypatch.delenv(variable)
    given = {key: _filled_in(value) for key, value in OURS[name]["environment"].items() if value is not None}
    for key, value in given.items():
        monkeypatch.setenv(key, value)
    settings = load_settings()
    settings.needed(*NEEDS[name])
    known = {f"CAREBED_{field.upper()}" for field in type(settings).model_fields}
    assert OURS[name]["environment"].keys() <= known


def test_every_setting_is_in_the_compose_file_and_in_the_handbook() -> None:
    fields = Settings.model_fields.keys()
    assert fields >= NOT_IN_COMPOSE.keys()
    wanted = {f"CAREBED_{field.upper()}" for field in fields - NOT_IN_COMPOSE.keys()}
    given = {key for service in OURS.values() for key in service["environment"]}
    assert given == wanted
    handbook = (ROOT / "docs/operations.md").read_text()
    documented = set(re.findall(r"^\| `(CAREBED_\w+)` \|", handbook, re.MULTILINE))
    assert documented == {f"CAREBED_{field.upper()}" for field in fields}


#: What all must know who write messages to people: a channel that one of them does not know gets nothing from him.
TO_ALL_WHO_TELL = ("webhook_url", "webhook_secret", "aliyun_file", "channels_file", "web_push_key_file",
                   "last_resort_file")  # fmt: skip


@pytest.mark.parametrize("name", ["ingest-alarm", "ingest-reading", "alerts", "api", "scheduler"])
def test_whoever_writes_messages_knows_all_channels_and_reads_their_files(name: str) -> None:
    assert {f"CAREBED_{field.upper()}" for field in TO_ALL_WHO_TELL} <= OURS[name]["environment"].keys()
    assert "./deploy/compose/providers:/carebed/providers:ro" in OURS[name]["volumes"]


def test_links_are_signed_and_answered_with_the_same_settings() -> None:
    for name in ("alerts", "api"):
        assert {"CAREBED_PUBLIC_URL", "CAREBED_LINK_SECRET"} <= OURS[name]["environment"].keys()


def _filled_in(value: str) -> str:
    """As compose does it with every password set and nothing else."""
    value = re.sub(r"\$\{\w+:\?[^}]*\}", "secret", value)
    return re.sub(r"\$\{\w+:-([^}]*)\}", r"\1", value)


def test_each_role_logs_in_only_where_it_is_needed() -> None:
    roles = {
        name: set(re.findall(r"postgresql://(\w+):", " ".join(filter(None, service["environment"].values()))))
        for name, service in OURS.items()
    }
    assert roles == {
        "ingest-alarm": {"carebed_engine"}, "ingest-reading": {"carebed_engine"}, "alerts": {"carebed_engine"},
        "api": {"carebed_api"}, "scheduler": {"carebed_owner"}, "migrate": {"carebed_owner"},
        "doorkeeper": {"carebed_engine"},
    }  # fmt: skip


def test_what_is_mounted_from_here_exists() -> None:
    mounts = [mount for service in SERVICES.values() for mount in service.get("volumes", ())]
    files = [mount.split(":")[0] for mount in mounts if mount.startswith(".")]
    assert len(files) >= 3
    for file in files:
        assert (ROOT / file).exists(), file


def test_no_password_has_a_default_and_one_program_makes_them_all() -> None:
    text = COMPOSE.read_text()
    with_default = re.findall(r"\$\{(\w+)(?!\w|:\?)", text)
    assert not [name for name in with_default if re.search("PASSWORD|SECRET|KEY|TOKEN", name)]
    needed = set(re.findall(r"\$\{(\w+):\?", text))
    made = subprocess.run([ROOT / "deploy/compose/new-passwords"], capture_output=True, text=True, check=True).stdout
    passwords = dict(line.split("=", 1) for line in made.splitlines())
    assert passwords.keys() == needed
    assert len(set(passwords.values())) == len(passwords)
    # They stand in addresses without escaping.
    assert all(re.fullmatch("[0-9a-f]{48}", password) for password in passwords.values())


@pytest.mark.parametrize("name", sorted(NEEDS.keys() - {"migrate", "doorkeeper"}))
def test_health_is_asked_at_readyz_where_it_is_answered(name: str) -> None:
    environment = OURS[name]["environment"]
    port = environment["CAREBED_HTTP_PORT" if name == "api" else "CAREBED_HEALTH_PORT"]
    assert f"http://127.0.0.1:{port}/readyz" in OURS[name]["healthcheck"]["test"][-1]


def test_roles_are_those_of_the_embedded_database() -> None:
    script = (ROOT / "deploy/compose/roles.sh").read_text()
    assert dict(re.findall(r"CREATE ROLE (\w+) (.+) PASSWORD", script)) == _ROLES


def test_the_image_holds_every_room_and_runs_as_nobody_special() -> None:
    lines = (ROOT / "Dockerfile").read_text().splitlines()
    include = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["setuptools"]["packages"]["find"]["include"]
    rooms = {pattern.rstrip("*") for pattern in include}
    copied = {match[1] for line in lines if (match := re.fullmatch(r"COPY (\w+)/ \1/", line))}
    assert rooms <= copied
    # What is not let in there cannot be copied.
    let_in = {line[1:] for line in (ROOT / ".dockerignore").read_text().splitlines() if line.startswith("!")}
    assert copied <= let_in
    last_stage = lines[max(number for number, line in enumerate(lines) if line.startswith("FROM ")) :]
    assert "USER carebed" in last_stage


def test_whatever_is_installed_is_pinned_and_built_by_what_is_pinned() -> None:
    """In isolation pip builds with the newest setuptools it finds, whatever its hash."""
    for name in ("Dockerfile", "Makefile"):
        recipe = (ROOT / name).read_text()
        commands = re.findall(r"(?:pip install|PIP_INSTALL\)) (--.+)$", recipe, re.MULTILINE)
        assert len(commands) == 3, name
        for command in commands:
            assert "--require-hashes" in command or "--no-deps" in command
            assert "--no-build-isolation" in command or "requirements/build.txt" in command
    pin, *hashes = [
        line.strip() for line in (ROOT / "requirements/build.txt").read_text().splitlines()
        if not line.lstrip().startswith("#") and line.strip()
    ]  # fmt: skip
    assert pin.startswith("setuptools==")
    assert hashes
    assert all(line.startswith("--hash=sha256:") for line in hashes)
