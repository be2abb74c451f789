"""The figures of a run: `build/chaos.json` as docs/protocol.md says, and what a person reads."""

import json
from collections import Counter, defaultdict
from pathlib import Path
from typing import Any

from tests.chaos import recovery, story
from tests.chaos.run import Outcome

#: A mistake that breaks thousands of messages breaks them all in the same way.
_STORIES = 20


def summary(outcome: Outcome) -> dict[str, Any]:
    """What goes into the file."""
    account, plan, hits = outcome.account, outcome.plan, outcome.injector.hits
    calls = list(outcome.ledger.calls.values())
    ended = [hit.until for hit in hits]
    by_kind: dict[str, list[float]] = defaultdict(list)
    for hit in hits:
        by_kind[hit.fault.kind] += recovery.alarm_lane_s(calls, [hit.until])
    return {
        "seed": plan.seed,
        "kills": len(hits),
        "alarm": dict(account.alarm),
        "reading": dict(account.reading),
        "plain": dict(account.plain),
        "poison": dict(account.poison),
        "broken": len(account.broken),
        "broken_by_kind": dict(Counter(one.what for one in account.broken)),
        "broker": plan.broker,
        "workers": plan.workers,
        "seconds": round(outcome.seconds, 1),
        "rest_s": round(outcome.rest_s, 1),
        "faults": dict(sorted(Counter(hit.fault.kind for hit in hits).items())),
        "held_s": round(outcome.injector.held_s, 1),
        "missed": len(outcome.injector.missed),
        "broker_ends": len(outcome.ledger.ends),
        "stores_lost": sum(end.saved_at is None for end in outcome.ledger.ends),
        "quarantine": outcome.reasons,
        "looks": outcome.watch.looks,
        "receipts_checked": outcome.watch.receipts_checked,
        "looked_up_behind_watermark": outcome.watch.looked_up,
        "moves": len(outcome.desk.remarks) + len(outcome.desk.closed),
        "messages": outcome.messages,
        "receipt_s": recovery.figures(recovery.receipt_s(calls)),
        "recovery_s": {
            "alarm": recovery.figures(recovery.alarm_lane_s(calls, ended)),
            "reading": recovery.figures(recovery.watermark_s(outcome.watch.samples, "reading", ended)),
            "alarm_by_fault": {kind: recovery.figures(values) for kind, values in sorted(by_kind.items())},
        },
    }


def write(outcome: Outcome, path: Path) -> dict[str, Any]:
    """Write the file."""
    figures = summary(outcome)
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(figures, indent=1) + "\n")
    return figures


def stories(outcome: Outcome) -> str:
    """What happened to each broken message: the first of each kind in full, the others by name."""
    told: Counter[str] = Counter()
    lines = []
    each = max(2, _STORIES // max(1, len({one.what for one in outcome.account.broken})))
    for one in outcome.account.broken:
        told[one.what] += 1
        if told[one.what] <= each:
            lines.append(story.tell(one, outcome.ledger, outcome.injector.hits, outcome.logs))
        else:
            lines.append(f"## {one.what}: {one.which}")
    return "\n\n".join(lines)
