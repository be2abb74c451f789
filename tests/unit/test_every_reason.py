"""Every reason that an alarm is given: in both languages, and each figure in its sentence also as data.

Read off the code, so that a detector's new reason is judged by being written.
"""

import ast
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
FILES = sorted([*(ROOT / "alerts").rglob("*.py"), *(ROOT / "ingest").rglob("*.py")])

#: What is no figure: the zone that times are shown in, and words that depend on a choice.
NO_FIGURE = frozenset({"zone", "home"})


@dataclass(frozen=True)
class Reason:
    """One call of `why(code, en, zh, **figures)` and the function that it stands in."""

    file: Path
    call: ast.Call
    inside: ast.FunctionDef

    def texts(self, number: int) -> list[ast.expr]:
        """The expressions that a sentence is put together from."""
        found, seen = [self.call.args[number]], set[str]()
        for expression in found:
            for name in _names(expression) - seen:
                seen.add(name)
                found += [value for target, value in _assigned(self.inside) if target == name]
        return found

    def roots(self, expression: ast.expr) -> set[str]:
        """What the expression comes from, through the function's own variables."""
        names, waiting = set[str](), [expression]
        while waiting:
            for name in _names(waiting.pop()) - names:
                names.add(name)
                waiting += [value for target, value in _assigned(self.inside) if target == name]
        return names


def _names(expression: ast.expr) -> set[str]:
    return {one.id for one in ast.walk(expression) if isinstance(one, ast.Name)}


def _assigned(inside: ast.FunctionDef) -> Iterator[tuple[str, ast.expr]]:
    for one in ast.walk(inside):
        if isinstance(one, ast.Assign | ast.AugAssign | ast.AnnAssign) and one.value is not None:
            targets = one.targets if isinstance(one, ast.Assign) else [one.target]
            for target in targets:
                kept = target.value if isinstance(target, ast.Subscript) else target
                names = kept.elts if isinstance(kept, ast.Tuple) else [kept]
                values = [one.value] * len(names)
                if isinstance(target, ast.Tuple) and isinstance(one.value, ast.Tuple):
                    values = one.value.elts
                for name, value in zip(names, values, strict=True):
                    if isinstance(name, ast.Name):
                        yield name.id, value


def _reasons() -> Iterator[Reason]:
    for file in FILES:
        for inside in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
            if isinstance(inside, ast.FunctionDef):
                for call in ast.walk(inside):
                    if isinstance(call, ast.Call) and isinstance(call.func, ast.Name) and call.func.id == "why":
                        yield Reason(file, call, inside)


REASONS = list(_reasons())
each_reason = pytest.mark.parametrize("reason", REASONS, ids=lambda one: f"{one.file.stem}-{one.inside.name}")


def test_there_are_some() -> None:
    assert len(REASONS) > 25


@each_reason
def test_a_reason_is_said_in_both_languages(reason: Reason) -> None:
    assert len(reason.call.args) == 3, "why(code, en, zh, **figures)"
    for number, letters in ((1, "[a-z]{2}"), (2, "[\u4e00-\u9fff]")):
        said = [one.value for text in reason.texts(number) for one in ast.walk(text)
                if isinstance(one, ast.Constant) and isinstance(one.value, str)]  # fmt: skip
        given = reason.roots(reason.call.args[number]) & {one.arg for one in reason.inside.args.args}
        assert any(re.search(letters, words) for words in said) or given


@each_reason
def test_what_a_sentence_says_is_in_its_figures(reason: Reason) -> None:
    """Every placeholder comes from something that the code or a figure comes from too."""
    data = [reason.call.args[0], *(one.value for one in reason.call.keywords)]
    figures = set().union(*map(reason.roots, data))
    for number in (1, 2):
        for text in reason.texts(number):
            for shown in ast.walk(text):
                if isinstance(shown, ast.FormattedValue):
                    roots = reason.roots(shown.value) - NO_FIGURE
                    words = all(isinstance(one, ast.Constant | ast.Name) for one in ast.walk(shown.value)
                                if isinstance(one, ast.expr)) and not roots & _parameters(reason)  # fmt: skip
                    assert words or not roots or roots & figures, ast.unparse(shown)


def _parameters(reason: Reason) -> set[str]:
    return {one.arg for one in [*reason.inside.args.args, *reason.inside.args.kwonlyargs]}
