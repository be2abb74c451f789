"""What the disk allows: one small durable write after another, where the database keeps its log."""

import os
import time
from pathlib import Path

_BYTES = 8 * 1024
_TIMES = 1_000


def fsync_ms(directory: Path) -> list[float]:
    """1,000 times: append 8 KiB and fdatasync, in milliseconds each, sorted."""
    path = directory / "bench-fsync"
    block = os.urandom(_BYTES)
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
    flush = getattr(os, "fdatasync", os.fsync)
    times = []
    try:
        for _ in range(_TIMES):
            began = time.perf_counter()
            os.write(descriptor, block)
            flush(descriptor)
            times.append((time.perf_counter() - began) * 1000)
    finally:
        os.close(descriptor)
        path.unlink()
    return sorted(times)
