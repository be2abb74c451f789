"""Waits until every process says that it is ready, and says why when one does not."""

import asyncio
import time
from collections.abc import Mapping

import httpx

from carebed.errors import StartError
from carebed.up.console import say
from carebed.up.keeper import Keeper
from carebed.up.programs import Program

_PATIENCE_S = 60.0
# What the CLI ends with when a setting is wrong or something is missing: waiting longer does not help.
_WILL_NOT_START = 2
# What a person has to mend, and no reason to keep a house shut whose alarms would work.
_WARNINGS = frozenset({"last_resort"})


async def all_ready(programs: Mapping[Program, Keeper]) -> None:
    """Return when each /readyz answers 200. Raises `StartError` with the reason and the end of the log."""
    began = time.monotonic()
    waiting = dict(programs)
    reasons: dict[str, str] = {}
    async with httpx.AsyncClient(trust_env=False, timeout=5) as client:
        while waiting:
            for program, keeper in list(waiting.items()):
                reason = await _reason(client, program)
                if reason is None or reason.keys() <= _WARNINGS:
                    for warning in (reason or {}).values():
                        say(f"  WARNING: {warning}")
                    del waiting[program]
                    continue
                reasons[program.name] = "; ".join(reason.values())
                if keeper.child is not None and keeper.child.returncode == _WILL_NOT_START:
                    raise StartError(_sentence(program, keeper, "it refused to start"))
            if waiting and time.monotonic() - began > _PATIENCE_S:
                program, keeper = next(iter(waiting.items()))
                raise StartError(_sentence(program, keeper, reasons[program.name]))
            await asyncio.sleep(0.1)


async def _reason(client: httpx.AsyncClient, program: Program) -> dict[str, str] | None:
    """None when it is ready; otherwise check -> why not."""
    try:
        answer = await client.get(program.health_url + "/readyz")
        if answer.status_code == httpx.codes.OK:
            return None
        reasons: dict[str, str] = answer.json()["reasons"]
    except (httpx.HTTPError, ValueError, KeyError):
        return {"": "it does not answer"}
    return reasons


def _sentence(program: Program, keeper: Keeper, reason: str) -> str:
    log = f"\nThe end of {keeper.child.log}:\n{keeper.child.log_tail()}" if keeper.child else ""
    return f"The process {program.name} is not ready: {reason}.{log}"
