"""The list of files that take long names files that are there."""

from pathlib import Path

from tests.longest_first import LONGEST

TESTS = Path(__file__).parents[1]


def test_each_is_there() -> None:
    assert len(set(LONGEST)) == len(LONGEST)
    assert set(LONGEST) <= {path.name for path in TESTS.rglob("test_*.py")}
