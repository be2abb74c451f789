"""The ready file: what an outside client needs to walk through the house (docs/protocol.md, Starting)."""

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from carebed.embedded.datadir import write_atomically


@dataclass(frozen=True)
class Address:
    """The parts of the ready file that do not change while the house is up."""

    http_port: int
    mqtt_port: int
    database_url: str
    users: Sequence[Mapping[str, Any]] = field(default_factory=list)
    gateways: Sequence[Mapping[str, Any]] = field(default_factory=list)
    health: Sequence[tuple[str, str]] = ()
    """(process, address of its health) of every worker."""

    def text(self, pids: Iterable[tuple[str, int]]) -> str:
        """The whole file; `pids`: (process, PID) of those that run now."""
        content = {
            "http": f"http://127.0.0.1:{self.http_port}",
            "mqtt": {"host": "127.0.0.1", "port": self.mqtt_port},
            "database_url": self.database_url,
            "users": list(self.users),
            "gateways": list(self.gateways),
            "processes": _by_process(pids),
            "health": _by_process(self.health),
        }
        return json.dumps(content, indent=2, ensure_ascii=False, default=str) + "\n"


def write_ready_file(paths: Sequence[Path], address: Address, pids: Iterable[tuple[str, int]]) -> None:
    """Write it to every path, mode 0600, each as a whole."""
    text = address.text(pids)
    for path in paths:
        write_atomically(path, text)


def _by_process(pairs: Iterable[tuple[str, object]]) -> dict[str, list[object]]:
    lists: dict[str, list[object]] = {}
    for process, value in pairs:
        lists.setdefault(process, []).append(value)
    return lists
