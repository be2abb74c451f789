"""`python -m tests.fuzz`: mutated messages through decode and pipeline.

Prints the seed; on a failure what is wrong, how to see it again, and the smallest round that still fails.
"""

import argparse
import asyncio
import logging
import os
import secrets
import sys
import tempfile
import time
from pathlib import Path

import psycopg
import structlog

from carebed.embedded import ports
from carebed.embedded.postgres import FAST_AND_LOOSE, DatabaseUrls, EmbeddedPostgres
from carebed.logs import configure_logs
from carebed.migrate import upgrade
from tests.fuzz.reduction import Reduction
from tests.fuzz.rounds import Failure, Round, Stage, fuzz, stage
from tests.fuzz.script_broker import Delivery


def main() -> None:
    """Exit code 1 when anything was lost, doubled, stuck, or not accounted for."""
    parser = argparse.ArgumentParser(prog="python -m tests.fuzz")
    parser.add_argument("--count", type=int, default=1_000_000, help="mutated messages")
    parser.add_argument("--seed", default=secrets.token_hex(4))
    parser.add_argument("--round", type=int, default=0, help="begin with this round")
    parser.add_argument("--size", type=int, default=2_000, help="mutated messages in a round")
    options = parser.parse_args()
    configure_logs("fuzz", "error")
    quiet()
    print(f"seed {options.seed}", flush=True)
    with tempfile.TemporaryDirectory(prefix="carebed-fuzz-") as directory:
        Path(directory).chmod(0o755)  # the database runs under an account of its own
        failed = asyncio.run(_run(Path(directory), options))
    sys.exit(1 if failed else 0)


def quiet() -> None:
    """The codec panics where a text is no UTF-8, and is caught; a trace of each would cost more than all the rest."""
    os.environ["RUST_BACKTRACE"] = "0"
    sys.unraisablehook = lambda _: None


async def _run(directory: Path, options: argparse.Namespace) -> bool:
    embedded = EmbeddedPostgres(directory, ports.free_port(), settings=FAST_AND_LOOSE)
    await embedded.start()
    try:
        databases = Databases(embedded)
        began = time.monotonic()

        def said(done: int, running: Stage) -> None:
            if done % (10 * options.size) == 0 or done >= options.count:
                ledger, took_s = running.ledger, time.monotonic() - began
                print(
                    f"{done:>9,} mutated  {ledger.stored:,} stored  {ledger.put_aside:,} put aside  "
                    f"{ledger.receipted:,} receipts  {done / took_s:,.0f}/s", flush=True,
                )  # fmt: skip
                if done >= options.count:
                    print(", ".join(f"{reason} {count:,}" for reason, count in ledger.reasons.most_common()))

        number, plan, failures = await fuzz(
            databases.new(), options.seed, options.count, size=options.size, first=options.round, said=said
        )
        if failures:
            for failure in failures[:10]:
                print(f"FAILED {failure.problem}")
                _show(None, failure.delivery)
            again = f"SEED={options.seed} ROUND={number} N={plan.mutated} SIZE={plan.mutated}"
            print(f"again: make fuzz {again}\nlooking for the smallest failure ...", flush=True)
            for session, delivery in await Reduction(databases.play).smallest(plan, failures) or []:
                _show(session, delivery)
        return bool(failures)
    finally:
        await embedded.stop()


class Databases:
    """New ones, as often as needed."""

    def __init__(self, embedded: EmbeddedPostgres) -> None:
        self._embedded = embedded
        self._number = 0

    def new(self) -> DatabaseUrls:
        """A migrated, empty database."""
        self._number += 1
        name = f"fuzz{self._number}"
        with psycopg.connect(self._embedded.urls().admin, autocommit=True) as conn:
            conn.execute(f"CREATE DATABASE {name} OWNER carebed_owner")
        urls = self._embedded.urls(name)
        upgrade(urls.owner)
        return urls

    async def play(self, plan: Round) -> list[Failure]:
        """One round on a stage of its own."""
        async with stage(self.new()) as running:
            return await running.play(plan)


def _show(session: str | None, one: Delivery | None) -> None:
    if one is not None:
        print(f"   {session or 'any session'}: topic {one.topic[:300]!r}")
        print(f"   payload {one.payload[:1_000]!r} ({len(one.payload)} bytes)")
        print(f"   flags {one.flags:#x} properties {one.extra!r} good {one.good}")


if __name__ == "__main__":
    logging.disable(logging.CRITICAL)
    structlog.reset_defaults()
    main()
