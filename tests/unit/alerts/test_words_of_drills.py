"""Nobody can take a drill for a call for help, by whichever channel it comes, nor a call for a drill."""

from typing import Any

import pytest

from alerts import words as module
from alerts.words import kind_words, words

KINDS = [*module._SAY, "whatever comes later"]
ABOUT_NO_ALARM = {"verify", "answer", "test", "drill_over"}
FIRST = {"zh": "演练", "en": "Drill"}


def _alarm(**more: Any) -> dict[str, Any]:
    return {"id": "0192f0c0-1d2e-7f3a-8b4c-5d6e7f8a9b0c", "kind": "sos", "place": {"name": "H"}, "drill": False, **more}


@pytest.mark.parametrize("language", ["zh", "en"])
@pytest.mark.parametrize("kind", [one for one in KINDS if one not in ABOUT_NO_ALARM])
def test_every_message_of_a_drill_begins_by_saying_so_and_none_of_a_call_does(kind: str, language: str) -> None:
    drill, call = words(kind, _alarm(drill=True), language), words(kind, _alarm(), language)
    assert drill.title.startswith(FIRST[language])
    assert drill.parts["kind"].startswith(FIRST[language])  # what a provider's template shows
    assert FIRST[language].casefold() in drill.body.casefold()
    assert not any(FIRST[language].casefold() in part.casefold() for part in (call.title, call.body))


@pytest.mark.parametrize(("language", "stay"), [("zh", "无需前往"), ("en", "do not go")])
def test_a_call_of_a_drill_sends_nobody_out(language: str, stay: str) -> None:
    drill = words("called", _alarm(drill=True), language)
    assert stay in drill.body
    assert "请前往" not in drill.title
    assert "please go" not in drill.title
    assert kind_words(_alarm(drill=True), language) in drill.title


@pytest.mark.parametrize(("language", "stay"), [("zh", "请勿前往"), ("en", "do not go")])
def test_who_has_accepted_a_drill_hears_that_he_is_not_to_go(language: str, stay: str) -> None:
    assert stay in words("answer", _alarm(drill=True), language, result="going").body
    assert stay not in words("answer", _alarm(), language, result="going").body
