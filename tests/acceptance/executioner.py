"""Kills a process when it sends its n-th packet to a service: what was sent before has been done, and nothing else."""

from collections.abc import Callable
from dataclasses import dataclass, field

#: PostgreSQL's packets that make the server do something: the end of a statement, or of the rows of a COPY.
_STATEMENT_ENDS = {ord("S"), ord("Q"), ord("c")}
_PINGREQ = 0xC0
_PUBACK = 0x40


@dataclass
class Executioner:
    """Counts from the moment when `mark` has reached the process, and kills it at the n-th packet."""

    kill: Callable[[], None]
    mark: bytes = b"never"
    at: int = 0
    counted: int = 0
    armed: bool = False
    killed: bool = False
    after: bool = False
    """Not before the n-th packet is passed on, but when the service has answered it and nobody has read that."""
    doomed: bool = False
    sent: list[str] = field(default_factory=list)
    last: int = 0
    """The first byte of the packet before: PUBACKs in a row are one."""

    def wait_for(self, mark: str, at: int) -> None:
        self.mark, self.at, self.counted, self.armed, self.killed = mark.encode(), at, 0, False, False
        self.doomed = False

    def rest(self) -> None:
        """The next process may live."""
        self.mark, self.armed, self.killed, self.doomed = b"never", False, False, False

    def heard(self, data: bytes) -> None:
        if self.doomed and not self.killed:
            self.killed = True
            self.kill()
        self.armed = self.armed or self.mark in data

    def statement(self, kind: int, _packet: bytes) -> bool:
        if self.armed:
            self.last = kind
        return kind in _STATEMENT_ENDS and self._one(f"database {chr(kind)}")

    def packet(self, kind: int, _packet: bytes) -> bool:
        again = kind == self.last == _PUBACK
        self.last = kind
        return kind != _PINGREQ and (self.killed or not again) and self._one(f"broker {kind >> 4}")

    def _one(self, what: str) -> bool:
        if self.killed:
            return True
        if not self.armed:
            return False
        self.counted += 1
        if self.counted != self.at:
            return False
        self.sent.append(what)
        if self.after:
            self.doomed = True
            return False
        self.killed = True
        self.kill()
        return True
