"""The parts of `make evaluate`, and the file that they write together."""

import json
from pathlib import Path

import pytest

from evaluation import __main__ as command
from evaluation.options import Figures, Options

NOWHERE = Options(Path("/nowhere"), Path("/nowhere"))


def test_what_some_parts_found_stands_beside_what_others_found_before(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    made: dict[str, Figures] = {"falls": {"fall": 1}, "beds": {"bed": 2}}
    monkeypatch.setattr(command, "parts", lambda: {name: lambda _, n=name: made[n] for name in made})
    out = tmp_path / "build" / "evaluate.json"
    command.run((), NOWHERE, out)
    made["beds"] = {"bed": 3}
    command.run(["beds"], NOWHERE, out)
    assert json.loads(out.read_text()) == {"fall": 1, "bed": 3}
    made["falls"] = {"bed": 0}
    with pytest.raises(ValueError, match="both measure bed"):
        command.run((), NOWHERE, out)


def test_a_part_that_is_not_there_is_an_error_that_names_those_that_are(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        command.main(["nothing"])
    assert "no part is named nothing" in capsys.readouterr().err
