"""`python -m tests.chaos`: a thousand faults, and every message accounted for."""

import argparse
import json
import random
import shutil
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path

import uvloop

from tests.chaos import report
from tests.chaos.broker import BROKERS
from tests.chaos.run import Plan, run
from tests.chaos.schedule import LONG_S, draw

_SECONDS_PER_FAULT = 1.4


def main(arguments: Sequence[str] | None = None) -> int:
    """0 when every promise was kept, 1 when one was broken."""
    options = _parser().parse_args(arguments)
    seed = options.seed if options.seed is not None else random.SystemRandom().randrange(1 << 32)
    seconds = options.seconds or options.faults * _SECONDS_PER_FAULT
    faults = draw(seed, options.faults, seconds, options.longest)
    print(f"seed {seed}: {len(faults)} faults in {seconds:.0f} s, broker {options.broker}, {options.workers} workers")
    for fault in faults:
        print(fault)
    sys.stdout.flush()
    plan = Plan(
        seed, faults, options.broker, options.workers, options.homes, options.rate, options.calls,
        tuple(options.resend),
    )  # fmt: skip
    directory = Path(options.directory or tempfile.mkdtemp(prefix="carebed-chaos-"))
    outcome = uvloop.run(run(plan, directory))
    figures = report.write(outcome, Path(options.out))
    print("\nwhat was done:")
    for hit in outcome.injector.hits:
        print(hit)
    for fault in outcome.injector.missed:
        print(f"found nothing to hit: {fault}")
    print(json.dumps(figures, indent=1))
    if outcome.account.broken:
        print(report.stories(outcome))
        print(f"\n{len(outcome.account.broken)} promises broken with --seed {seed}; logs are in {outcome.logs}")
        return 1
    if options.directory is None:
        shutil.rmtree(directory, ignore_errors=True)
    print(f"every promise kept: seed {seed}, {figures['kills']} faults, {figures['seconds']:.0f} s")
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m tests.chaos", description=__doc__)
    parser.add_argument("--seed", type=int, help="of an earlier run, to play its schedule again")
    parser.add_argument("--faults", type=int, default=1_000)
    parser.add_argument("--seconds", type=float, help=f"default {_SECONDS_PER_FAULT} for each fault")
    parser.add_argument("--longest", type=float, default=LONG_S[1], help="leave out faults that may last longer, s")
    parser.add_argument("--broker", choices=sorted(BROKERS), default="mosquitto")
    parser.add_argument("--workers", type=int, default=1, help="ingest processes of each lane")
    parser.add_argument("--homes", type=int, default=40)
    parser.add_argument("--rate", type=float, default=250.0, help="readings a second, all homes together")
    parser.add_argument("--calls", type=float, default=12.0, help="alarm messages a second, all homes together")
    parser.add_argument("--resend", type=float, nargs=2, default=(5.0, 20.0), help="pause before an alarm is resent, s")
    parser.add_argument("--out", default="build/chaos.json")
    parser.add_argument("--directory", help="where database, broker and logs are kept; default a temporary one")
    return parser


if __name__ == "__main__":
    sys.exit(main())
