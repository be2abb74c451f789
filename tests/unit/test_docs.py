"""What the documents name is there: files, headings, code, tests, targets, commands, settings, metrics."""

import re
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import click
import pytest
import typer

from carebed.cli import app
from carebed.settings import Settings
from gateway.wire import AlarmType, HealthType, ReadingType, Reason, Status

ROOT = Path(__file__).parents[2]
DOCUMENTS = sorted([ROOT / "README.md", ROOT / "CONTRIBUTING.md", *(ROOT / "docs").rglob("*.md")])
OPERATIONS = ROOT / "docs" / "operations.md"
PROTOCOL = ROOT / "docs" / "protocol.md"

#: What is promised and not there stands under this heading only; the day it is there it has to leave.
LATER = "Not built yet"

_LINK = re.compile(r"\[([^\]]*)\]\(([^)\s]+)\)")

each_document = pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: str(path.relative_to(ROOT)))


@each_document
def test_links_lead_somewhere(document: Path) -> None:
    for _, target in _links(document):
        path, _, anchor = target.partition("#")
        there = (document.parent / path).resolve() if path else document
        assert there.exists(), f"{document.name}: {target}"
        assert there.is_relative_to(ROOT), f"{document.name}: {target} leaves the project"
        if anchor:
            assert anchor in _anchors(there), f"{document.name}: no heading for #{anchor}"


@each_document
def test_code_named_in_a_link_is_in_the_file_it_leads_to(document: Path) -> None:
    for text, target in _links(document):
        path = (document.parent / target.partition("#")[0]).resolve()
        if not re.fullmatch(r"`[\w.]+`", text) or path.suffix not in (".py", ".ts", ".tsx"):
            continue
        if text.strip("`") == path.name:
            continue
        for name in text.strip("`").split("."):
            defined = rf"\b(?:def|class|function|const) {name}\b|^{name}\b.*="
            assert re.search(defined, path.read_text(), re.MULTILINE), f"{document.name}: {name} is not in {target}"


@each_document
def test_make_targets_are_in_the_makefile(document: Path) -> None:
    targets = set(re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text(), re.MULTILINE))
    assert {"demo", "test"} <= targets
    for code in _code(_without_later(document)):
        for target in re.findall(r"(?:^|\s)make ([a-z-]+)", code):
            assert target in targets, f"{document.name}: make {target}"


@each_document
def test_commands_are_commands_and_options_are_options(document: Path) -> None:
    for line in _command_lines(_without_later(document)):
        _check_command(line.split(), f"{document.name}: {line}")


def test_what_is_not_built_yet_is_not_there() -> None:
    targets = set(re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text(), re.MULTILINE))
    for document in DOCUMENTS:
        section = _section(document.read_text(), LATER)
        for code in _code(section):
            for target in re.findall(r"(?:^|\s)make ([a-z-]+)", code):
                assert target not in targets, f"make {target} is there: say so outside {LATER!r}"
        for line in _command_lines(section):
            with pytest.raises(AssertionError):
                _check_command(line.split(), line)


@each_document
def test_variables_and_metrics_are_read_or_counted_somewhere(document: Path) -> None:
    sources = _sources()
    settings = {f"CAREBED_{field.upper()}" for field in Settings.model_fields}
    for name in re.findall(r"\bCAREBED_[A-Z_]*[A-Z]\b", document.read_text()):
        assert name in settings or f'"{name}"' in sources, f"{document.name}: {name}"
    # Those of the MQTT sessions are put together from `Counters`; test_metrics_documented looks at them.
    for name in re.findall(r"\bcarebed_(?!mqtt_)[a-z_]*[a-z]\b", document.read_text()):
        assert re.search(rf"\b{name.removesuffix('_total')}\b", sources), f"{document.name}: {name}"


def test_the_table_of_settings_is_the_settings_class() -> None:
    section = _section(OPERATIONS.read_text(), "Settings")
    table = dict(re.findall(r"^\| `(CAREBED_\w+)` \| (?:`([^`]+)`|none) \|", section, re.MULTILINE))
    assert table == {f"CAREBED_{name.upper()}": _default(name) for name in Settings.model_fields}


def _default(name: str) -> str:
    value = Settings.model_fields[name].default
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, Path):
        return str(value.resolve().relative_to(ROOT))
    return "" if value is None else str(value)


def test_the_contracts_tables_are_the_codes() -> None:
    text = PROTOCOL.read_text()
    assert _first_column(text, "reason") == {str(reason) for reason in Reason}
    assert _first_column(text, "status") == {str(status) for status in Status}
    lanes = dict(re.findall(r"^\| `(alarm|reading|health)` \| (.*) \|$", text, re.MULTILINE))
    assert {lane: set(re.findall("`([a-z0-9_]+)`", types)) for lane, types in lanes.items()} == {
        "alarm": set(AlarmType), "reading": set(ReadingType), "health": set(HealthType),
    }  # fmt: skip


def _first_column(text: str, heading: str) -> set[str]:
    """The code words in the first column of the table that begins so."""
    table = re.search(rf"^\| {heading} \|.*\n\|[-|]+\n((?:\|.*\n)+)", text, re.MULTILINE)
    assert table is not None, heading
    return {word for row in table[1].splitlines() for word in re.findall("`([a-z_]+)`", row.split("|")[1])}


def test_continuous_integration_runs_the_command_of_the_readme() -> None:
    command = [line for line in (ROOT / ".ci/run").read_text().splitlines() if line.startswith("exec ")]
    assert command == ["exec make test"]
    assert "    make test\n" in (ROOT / "README.md").read_text()


def test_every_decision_has_a_number_and_a_screen() -> None:
    records = sorted((ROOT / "docs" / "adr").glob("*.md"))
    assert [int(record.name[:4]) for record in records] == list(range(1, len(records) + 1))
    for record in records:
        lines = record.read_text().splitlines()
        assert lines[0].startswith(f"# {record.name[:4]} ")
        assert len(lines) <= 60, f"{record.name} is longer than a screen"


def test_documents_name_nobodys_machine() -> None:
    deployed = [path for path in (ROOT / "deploy").rglob("*") if path.is_file()]
    for path in [*DOCUMENTS, *deployed, ROOT / "docker-compose.yml", ROOT / "Dockerfile"]:
        assert not re.search(r"(?<![\w.])/(?:home|root|Users|work)/", path.read_text()), path.name


def _links(document: Path) -> list[tuple[str, str]]:
    """(text, target) of every link and picture inside the project."""
    text = re.sub(r"^ {4}.*$", "", document.read_text(), flags=re.MULTILINE)
    return [link for link in _LINK.findall(text) if "://" not in link[1]]


def _anchors(document: Path) -> set[str]:
    headings = re.findall(r"^#+ (.+)$", document.read_text(), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", heading).strip().lower().replace(" ", "-") for heading in headings}


def _section(text: str, heading: str) -> str:
    """The text under this heading up to the next one of its level; empty where there is none."""
    found = re.search(rf"^(#+) {heading}$(.*?)(?=^\1 |\Z)", text, re.MULTILINE | re.DOTALL)
    return found[2] if found else ""


def _without_later(document: Path) -> str:
    text = document.read_text()
    section = _section(text, LATER)
    return text.replace(section, "") if section else text


def _code(text: str) -> Iterator[str]:
    """Inline code and indented lines."""
    yield from re.findall(r"^ {4}(\S.*)$", text, re.MULTILINE)
    prose = re.sub(r"^ {4}.*$", "", text, flags=re.MULTILINE)
    yield from re.findall(r"`([^`]+)`", prose)


def _command_lines(text: str) -> Iterator[str]:
    for code in _code(text):
        found = re.match(r"(?:\S*/)?carebed( [a-z-].*)$", code)
        if found and not re.match(r" +(?:◀|─)", found[1]):
            yield found[1].split("#")[0].strip()


def _check_command(words: list[str], what: str) -> None:
    """Walk down the commands; every option must be known where it stands. Arguments are not judged."""
    command: click.Command = typer.main.get_command(app)
    context = typer.Context(command)
    for word in words:
        options = {option for parameter in command.params for option in (*parameter.opts, *parameter.secondary_opts)}
        if word.startswith("-"):
            assert word.split("=")[0] in options, what
        elif hasattr(command, "get_command"):
            command = command.get_command(context, word)
            assert command is not None, what


@cache
def _sources() -> str:
    """All code of ours, this file left out."""
    files = [
        path
        for pattern in ("*/*.py", "*/*/*.py", "Makefile", "scripts/*", "docker-compose.yml", "deploy/compose/*")
        for path in ROOT.glob(pattern)
        if not path.is_relative_to(ROOT / "tests") and ".venv" not in path.parts and "node_modules" not in path.parts
    ]
    return "\n".join(path.read_text() for path in files if path.is_file())
