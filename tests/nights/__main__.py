"""`python -m tests.nights`: thousands of random nights; exit code 1 at the first broken promise.

Prints the seed; on a failure the shortest night that still breaks a promise, and how to see it again.
"""

import argparse
import asyncio
import secrets
import sys
import tempfile
import time
from collections import Counter
from pathlib import Path

import psycopg

from carebed.clock import allow_shifts
from carebed.database import Database
from carebed.embedded import ports
from carebed.embedded.postgres import FAST_AND_LOOSE, DatabaseUrls, EmbeddedPostgres
from carebed.logs import configure_logs
from carebed.migrate import upgrade
from tests.nights.playing import Nights, story
from tests.nights.program import draw

#: On one database: tables grow, and areas are numbered.
_ON_ONE_DATABASE = 200


def main() -> None:
    """Play them."""
    parser = argparse.ArgumentParser(prog="python -m tests.nights", description=__doc__)
    parser.add_argument("--count", type=int, default=1_000, help="nights")
    parser.add_argument("--minutes", type=float, help="no longer than that")
    parser.add_argument("--seed", default=secrets.token_hex(4))
    parser.add_argument("--first", type=int, default=0, help="begin with this night")
    parser.add_argument("--acts", type=int, default=24, help="things that happen in a night")
    parser.add_argument("--go-on", action="store_true", help="after a broken promise, too")
    options = parser.parse_args()
    configure_logs("nights", "critical")
    print(f"seed {options.seed}", flush=True)
    with tempfile.TemporaryDirectory(prefix="carebed-nights-") as directory:
        Path(directory).chmod(0o755)  # the database runs under an account of its own
        failed = asyncio.run(_run(Path(directory), options))
    sys.exit(1 if failed else 0)


async def _run(directory: Path, options: argparse.Namespace) -> int:
    embedded = EmbeddedPostgres(directory, ports.free_port(), settings=FAST_AND_LOOSE)
    await embedded.start()
    began, failed = time.monotonic(), 0
    figures: Counter[str] = Counter()
    try:
        for number in range(options.first, options.first + options.count):
            if (number - options.first) % _ON_ONE_DATABASE == 0:
                nights = Nights(await _new(embedded, number))
            seed = f"{options.seed}-{number}"
            played = await nights.play(draw(seed, options.acts))
            figures.update(nights=1, alarms=played.alarms, messages=played.sent, deaths=played.deaths)
            if played.broken:
                failed += 1
                again = f"--seed {options.seed} --first {number} --count 1 --acts {options.acts}"
                print(f"FAILED night {seed}: {played.broken[:5]}\nagain: python -m tests.nights {again}", flush=True)
                if not options.go_on:
                    print(story(*await nights.shortest(draw(seed, options.acts))), flush=True)
                    break
            minutes = (time.monotonic() - began) / 60
            if figures["nights"] % 50 == 0:
                print(f"{dict(figures)} in {minutes:.1f} min", flush=True)
            if options.minutes is not None and minutes > options.minutes:
                break
        print(f"{failed} of {dict(figures)} in {(time.monotonic() - began) / 60:.1f} min broke a promise", flush=True)
        return failed
    finally:
        await embedded.stop()


async def _new(embedded: EmbeddedPostgres, number: int) -> DatabaseUrls:
    """A migrated, empty database, whose clock may be set."""
    name = f"nights{number}"
    with psycopg.connect(embedded.urls().admin, autocommit=True) as conn:
        conn.execute(f"CREATE DATABASE {name} OWNER carebed_owner")
    urls = embedded.urls(name)
    await asyncio.to_thread(upgrade, urls.owner)
    database = Database(urls.owner, application="nights", pool_size=1)
    async with database.transaction() as conn:
        await allow_shifts(conn)
    await database.close()
    return urls


if __name__ == "__main__":
    main()
