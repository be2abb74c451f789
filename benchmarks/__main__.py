"""`python -m benchmarks`: all figures of docs/protocol.md that are measured so far, printed and as a flat JSON object.

Meant for a machine that does nothing else. The parts start services of their own, on free ports and in a temporary
directory, and leave nothing behind.
"""

import argparse
import asyncio
import json
import shutil
import tempfile
from collections.abc import Sequence
from pathlib import Path
from statistics import median

from benchmarks import backlog, calls, deadlines, fsync, growth, history, limit, ours, peer, rabbitmq, sos, subscribers
from benchmarks.report import Figures, line, percentile, percentiles_table, rates_table
from benchmarks.stage import Stage, stage
from carebed.logs import configure_logs

PARTS = ("rates", "subscribers", "rabbitmq", "sos", "growth", "deadlines", "calls")
#: Only when it is asked for: with its hundred million readings it takes a quarter of an hour and 20 GB.
LARGE = ("history",)

_ARRAY = 100
"""Readings in one message where a gateway replays what it kept."""

_ALONE = 100_000
"""Enough for the subscribers alone; the slow ones take half a minute for it."""


def main() -> None:
    """Measure what is asked for; figures of parts left out stay as they are in the file."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description="Carebed beside its limits and peers.")
    parser.add_argument(
        "parts",
        nargs="*",
        metavar="PART",
        help=f"some of: {', '.join(PARTS)} (by default all of them), {', '.join(LARGE)}",
    )
    parser.add_argument("--out", type=Path, default=Path("build/bench.json"))
    parser.add_argument("--messages", type=int, default=backlog.MESSAGES, help="backlog of each throughput run")
    parser.add_argument("--rounds", type=int, default=3, help="alternating runs; their median counts")
    parser.add_argument("--presses", type=int, default=1_000)
    parser.add_argument("--readings", type=int, default=100_000_000, help="in the database of `history`")
    options = parser.parse_args()
    if unknown := set(options.parts) - {*PARTS, *LARGE}:
        parser.error(f"no such part: {', '.join(sorted(unknown))}")
    parts = options.parts or PARTS
    configure_logs("bench", "error")
    figures: Figures = json.loads(options.out.read_text()) if options.out.exists() else {}
    if "rabbitmq" in parts and (missing := rabbitmq.missing()) is not None:
        line(f"The part rabbitmq is left out. {missing}")
        parts = tuple(part for part in parts if part != "rabbitmq")
    directory = Path(tempfile.mkdtemp(prefix="carebed-bench-"))
    directory.chmod(0o755)  # the services run under accounts of their own
    try:
        if {"rates", "subscribers", "rabbitmq", "growth"}.intersection(parts):
            figures |= asyncio.run(
                _throughput(directory / "stage", options.out, parts, options.messages, options.rounds)
            )
        if "sos" in parts:
            figures |= asyncio.run(_latency(directory, options.presses, options.messages))
        if "deadlines" in parts:
            figures |= asyncio.run(deadlines.measure(directory / "deadlines"))
        if "calls" in parts:
            figures |= asyncio.run(calls.measure(directory / "calls"))
        if "history" in parts:
            figures |= asyncio.run(history.measure(directory / "history", options.readings))
    finally:
        shutil.rmtree(directory, ignore_errors=True)
    options.out.parent.mkdir(parents=True, exist_ok=True)
    options.out.write_text(json.dumps({key: round(value, 3) for key, value in figures.items()}, indent=2) + "\n")
    line(f"\nWritten to {options.out}")


async def _throughput(directory: Path, out: Path, parts: Sequence[str], count: int, rounds: int) -> Figures:
    figures: Figures = {}
    async with stage(directory) as running:
        syncs = fsync.fsync_ms(directory / "postgres")
        percentiles_table("8 KiB written and synced in the database's directory (ms)", [("write + fdatasync", syncs)])
        figures |= {"fsync_p50_ms": percentile(syncs, 50), "fsync_p99_ms": percentile(syncs, 99)}
        if "rates" in parts:
            figures |= await _rates(running, count, rounds)
        if "subscribers" in parts:
            few = min(count, _ALONE)
            alone = await subscribers.compare(running, few, rounds)
            rates_table(
                f"Subscribers alone: {few:,} messages in one session, nothing stored (messages/s)",
                list(alone.items()),
            )
            figures |= {f"alone_{name}_per_s": median(runs) for name, runs in alone.items()}
        if "rabbitmq" in parts:
            figures |= await rabbitmq.compare(running, count, rounds)
        if "growth" in parts:
            costs = await growth.measure(running)
            growth.table(costs)
            picture = out.with_name("growth.svg")
            picture.parent.mkdir(parents=True, exist_ok=True)
            growth.picture(picture, costs)
            figures |= growth.figures(costs)
    return figures


async def _rates(running: Stage, count: int, rounds: int) -> Figures:
    """The limit, ours and the peer take turns, each with a new backlog of the same size."""
    limits, durables, arrays, peers, peaks = [], [], [], [], []
    for number in range(rounds):
        await backlog.preload(running, f"limit{number}", count)
        limits.append(await limit.drain(running, count))
        backlog.forget(running, *backlog.READERS)  # it left before the broker had read its last PUBACKs
        await backlog.preload(running, f"ours{number}", count)
        drained = await ours.drain(running, f"ours{number}", count)
        durables.append(drained.per_s)
        peaks.append(drained.peak_mb)
        await backlog.preload(running, f"array{number}", count, in_arrays_of=_ARRAY)
        arrays.append((await ours.drain(running, f"array{number}", count)).per_s)
        backlog.forget(running, *backlog.READERS)
        peers.append(await peer.measure(running, f"peer{number}", count))
    rates_table(
        f"A backlog of {count:,} readings of {len(running.devices):,} devices, drained (readings/s)",
        [("mosquitto_sub x 16, to nowhere", limits), ("carebed ingest, durable", durables),
         (f"carebed ingest, arrays of {_ARRAY}", arrays), ("paho + executemany, durable", peers)],
    )  # fmt: skip
    line(f"  carebed ingest: peak resident memory {max(peaks):.0f} MB")
    return {
        "limit_per_s": median(limits),
        "durable_per_s": median(durables),
        "durable_ratio": median(durables) / median(limits),
        "durable_arrays_per_s": median(arrays),
        "peer_per_s": median(peers),
        "ingest_rss_mb": max(peaks),
    }


async def _latency(directory: Path, presses: int, count: int) -> Figures:
    figures: Figures = {}
    idle, loaded = await sos.presses(directory, presses, count)
    for name, title, latencies in (
        ("idle", "SOS on an idle system", idle), ("loaded", f"SOS while {count:,} readings drain", loaded),
    ):  # fmt: skip
        percentiles_table(
            f"{title}: from MQTT publish (ms)",
            [("to the live stream's event", latencies.live_ms), ("to the receipt", latencies.receipt_ms)],
        )
        figures |= {
            f"sos_{name}_p50_ms": percentile(latencies.live_ms, 50),
            f"sos_{name}_p99_ms": percentile(latencies.live_ms, 99),
            f"sos_{name}_receipt_p99_ms": percentile(latencies.receipt_ms, 99),
        }
    return figures


if __name__ == "__main__":
    main()
