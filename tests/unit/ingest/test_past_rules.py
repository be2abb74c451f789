"""The rules file: what it may say, and the sentence for everything else."""

from pathlib import Path
from typing import Annotated, Any

import msgspec
import pytest

from ingest.detect.catalogue import detectors
from ingest.detect.core import Parameters, bounded
from ingest.past.rules import BadRules, overlaid, read_rules


class Both(Parameters, frozen=True, kw_only=True):
    """The low must lie under the high."""

    low: Annotated[int, bounded("s", 0, 100, "made up")] = 10
    high: Annotated[int, bounded("s", 0, 100, "made up")] = 20

    def __post_init__(self) -> None:
        if self.low >= self.high:
            raise ValueError("low must be less than high")


class Pair:
    """Has two parameters that must fit."""

    name = "pair"
    parameters = Both


def _read(folder: Path, text: str, name: str = "rules.toml", *, known: Any = None) -> Any:
    (folder / name).write_text(text, encoding="utf-8")
    return read_rules(folder / name, known or detectors())


def test_toml_and_json_say_the_same(tmp_path: Path) -> None:
    toml = _read(tmp_path, "# tried in March\n[inactivity]\nbuffer = 0.8\npets = true\n")
    same = _read(tmp_path, '{"inactivity": {"buffer": 0.8, "pets": true}}', "rules.json")
    assert toml == same == {"inactivity": {"buffer": 0.8, "pets": True}}


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("[inactivty]\n", ["line 1", "no detector 'inactivty'", "inactivity"]),
        ("[inactivity]\nbufer = 1\n", ["line 2", "inactivity.bufer", "no such parameter", "buffer, buffer_s"]),
        ("# fixed_s\n[inactivity]\npets = true\nfixed_s = 5\n", ["line 4", "= 5: Must be from 600 to 604800 s"]),
        ('[inactivity]\nfixed_s = "long"\n', ["line 2", "Expected `int`, got `str`"]),
        ("[inactivity]\nbuffer = nan\n", ["line 2", "buffer = nan"]),
        ("inactivity = 3\n", ["line 1", "needs parameters with values"]),
        ("[inactivity]\nbuffer = \n", ["no TOML", "line 2"]),
        ("[inactivity]\nbuffer = 1\nbuffer = 2\n", ["no TOML", "line 3"]),
        ("[pair]\nlow = 50\nhigh = 40\n", ["line 1", "pair", "low must be less than high"]),
    ],
)  # fmt: skip
def test_what_is_wrong_is_named_with_its_line(tmp_path: Path, text: str, said: list[str]) -> None:
    known = [*detectors(), Pair()]
    with pytest.raises(BadRules) as caught:
        _read(tmp_path, text, known=known)
    for words in said:
        assert words in str(caught.value)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ('{\n "inactivity": {\n  "buffer": 9}}', "line 3: inactivity.buffer = 9"),
        ('{"inactivity": {"buffer": 1, "buffer": 2}}', "'buffer' stands there twice"),
        ('{"inactivity": {"buffer": NaN}}', "NaN is no number"),
        ("[]", "must be an object"),
        ("{", "no JSON"),
    ],
)
def test_json_that_is_wrong(tmp_path: Path, text: str, said: str) -> None:
    with pytest.raises(BadRules, match=said):
        _read(tmp_path, text, "rules.json")


def test_no_file(tmp_path: Path) -> None:
    with pytest.raises(BadRules, match="cannot be read"):
        read_rules(tmp_path / "none.toml", detectors())


def test_rules_lie_over_what_is_set_and_must_fit_with_it() -> None:
    assert overlaid(Both(low=5), {"high": 50}) == Both(low=5, high=50)
    with pytest.raises(ValueError, match="low must be less than high"):
        overlaid(Both(low=30, high=40), {"high": 25})
    assert msgspec.to_builtins(Both())["enabled"] is True
