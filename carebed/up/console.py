"""What a person at the terminal reads: one line a step, one block when all is ready, one line an incident."""

import sys
import time
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager, suppress


def say(text: str = "") -> None:
    """Write a line at once, also into a pipe. A reader who has gone is no reason to stop."""
    with suppress(OSError):
        sys.stdout.write(text + "\n")
        sys.stdout.flush()


@contextmanager
def step(name: str, detail: str) -> Iterator[None]:
    """Say, when the block is done, what was done and how long it took."""
    began = time.monotonic()
    yield
    say(f"  {name:<16} {detail:<28} {time.monotonic() - began:5.1f} s")


def table(rows: Iterable[Sequence[str]]) -> None:
    """Aligned columns."""
    lines = [list(row) for row in rows]
    widths = [max(map(len, column)) for column in zip(*lines, strict=True)]
    for line in lines:
        say("  " + "   ".join(cell.ljust(width) for cell, width in zip(line, widths, strict=True)).rstrip())
