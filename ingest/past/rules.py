"""The rules file of `carebed replay`: detector -> parameter -> value, in TOML or JSON.

    [inactivity]
    buffer = 0.8
    least_s = 5400

What is not named stays as it is set. Everything wrong in it is one sentence that names the line.
"""

import json
import re
import tomllib
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, NoReturn

import msgspec

from carebed.errors import CarebedError
from ingest.detect.core import Detector, Parameters
from ingest.parameter_check import check, sentence_of

Rules = dict[str, dict[str, Any]]
"""Detector -> parameter -> value, each within its bounds."""


class BadRules(CarebedError):
    """The sentence names the file, the line and what is allowed."""


def read_rules(path: Path, detectors: Sequence[Detector[Any, Any]]) -> Rules:
    """The file, judged. `BadRules` for what cannot be read or is not allowed."""
    try:
        text = path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise BadRules(f"The rules in {path} cannot be read: {error}.") from None
    return judge_rules(_File(path.name, text), detectors)


def judge_rules(file: "_File", detectors: Sequence[Detector[Any, Any]]) -> Rules:
    """`read_rules`, of a text."""
    known = {str(one.name): one for one in detectors}
    rules: Rules = {}
    for name, values in file.parse().items():
        detector = known.get(name)
        if detector is None:
            file.refuse(f"there is no detector {name!r}: choose one of {', '.join(known)}", name)
        if not isinstance(values, Mapping):
            file.refuse(f"{name} needs parameters with values, not {values!r}", name)
        wrong = next(iter(check(detector, values, ())), None)
        if wrong is not None:
            shown = "" if wrong.name is None else f".{wrong.name} = {values.get(wrong.name)!r}"
            file.refuse(f"{name}{shown}: {wrong.detail}", name, wrong.name)
        rules[name] = dict(values)
    return rules


def overlaid(parameters: Parameters, values: Mapping[str, Any]) -> Parameters:
    """These parameters with other values. ValueError with a sentence where they do not go together."""
    try:
        return msgspec.convert({**msgspec.to_builtins(parameters), **values}, type(parameters))
    except msgspec.ValidationError as error:
        raise ValueError(sentence_of(error)) from None


class _File:
    def __init__(self, name: str, text: str) -> None:
        self.name = name
        self.text = text

    def parse(self) -> dict[str, Any]:
        try:
            found = self._json() if self.name.endswith(".json") else tomllib.loads(self.text)
        except tomllib.TOMLDecodeError as error:
            raise BadRules(f"{self.name} is no TOML: {error}.") from None
        except json.JSONDecodeError as error:
            raise BadRules(f"{self.name} is no JSON: {error}.") from None
        except ValueError as error:
            raise BadRules(f"{self.name}: {error}.") from None
        if not isinstance(found, dict):
            raise BadRules(f"{self.name} must be an object of detectors.")
        return found

    def _json(self) -> Any:
        return json.loads(self.text, object_pairs_hook=_once, parse_constant=_no_number)

    def refuse(self, what: str, detector: str, key: str | None = None) -> NoReturn:
        """Names the line of the detector, or of its key, where it can be found."""
        line = self._line(detector, key)
        raise BadRules(f"{self.name}{'' if line is None else f', line {line}'}: {what}.")

    def _line(self, detector: str, key: str | None) -> int | None:
        text = re.sub(r"(?m)^\s*#.*$", "", self.text)
        found = re.search(_word(detector), text)
        if found is not None and key is not None:
            found = re.compile(_word(key)).search(text, found.end())
        return None if found is None else text.count("\n", 0, found.start()) + 1


def _word(name: str) -> str:
    return rf"(?<![\w-]){re.escape(name)}(?![\w-])"


def _once(pairs: Sequence[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) < len(pairs):
        twice = next(key for key, _ in pairs if sum(one == key for one, _ in pairs) > 1)
        raise ValueError(f"{twice!r} stands there twice")
    return found


def _no_number(word: str) -> NoReturn:
    raise ValueError(f"{word} is no number")
