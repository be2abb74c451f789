"""A small chaos, so that the large one (`make chaos`) can be trusted to run: 25 faults, every message accounted for."""

import json
import subprocess
import sys
from pathlib import Path

FAULTS = 25


def test_every_message_of_a_house_in_chaos_is_accounted_for(tmp_path: Path) -> None:
    """The same faults every time, though not in the same instruction."""
    out = tmp_path / "chaos.json"
    command = [
        sys.executable, "-m", "tests.chaos", "--seed", "17", "--faults", str(FAULTS), "--seconds", "20",
        "--longest", "7", "--homes", "12", "--rate", "150", "--resend", "1", "3",
        "--out", str(out), "--directory", str(tmp_path / "data"),
    ]  # fmt: skip
    ended = subprocess.run(command, capture_output=True, text=True, timeout=300, check=False)
    assert ended.returncode == 0, ended.stdout[-20_000:] + ended.stderr[-4_000:]
    figures = json.loads(out.read_text())
    assert figures["kills"] == FAULTS
    assert {key: figures["alarm"][key] for key in ("lost", "doubled", "unreceipted")} == {
        "lost": 0, "doubled": 0, "unreceipted": 0,
    }  # fmt: skip
    assert {key: figures["reading"][key] for key in ("lost", "doubled")} == {"lost": 0, "doubled": 0}
    assert figures["alarm"]["published"] > 100
    assert figures["reading"]["published"] > 1_000
    assert figures["receipts_checked"] > 100
    assert figures["moves"] > 0
