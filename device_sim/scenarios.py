"""What can happen in a home; each scenario ends when the home is back to normal life."""

import asyncio
from collections.abc import Awaitable, Callable
from datetime import timedelta
from typing import Any

import structlog

from device_sim.home import Home
from gateway.wire import AlarmType, HealthType, ReadingType, Receipt

log = structlog.get_logger()

#: The wearer finds the cancel button: within the 15 to 30 s that wrist-worn fall detectors count down.
_CANCEL_AFTER = timedelta(seconds=10)
#: Longer than a backend watches for stillness (60 s) and lets the wearer cancel (20 s).
_ON_THE_FLOOR = timedelta(minutes=2)
#: Up again while it still watches.
_UP_AFTER = timedelta(seconds=20)
_PANIC_EVERY = timedelta(seconds=2)
_FALL_MONITORS = ("wristband", "fall", "button")
_STILL_FOR = timedelta(minutes=20)
_DARK_FOR = timedelta(minutes=2)
#: A gateway on its last capacitor charge has time for one message.
_LAST_WORDS = timedelta(seconds=1)


async def sos(home: Home) -> None:
    """The resident presses the button (or the wristband's), and it is resent until receipted."""
    await _raised(home, AlarmType.SOS, "button", "wristband")


async def fall(home: Home, still: timedelta = _ON_THE_FLOOR) -> None:
    """The wristband notices a fall; nobody cancels it, and the resident lies still until long after the page."""
    home.still = True
    try:
        await _raised(home, AlarmType.FALL, *_FALL_MONITORS)
        await asyncio.sleep(still.total_seconds())
    finally:
        home.still = False


async def fall_then_movement(home: Home, after: timedelta = _UP_AFTER) -> None:
    """A fall that was none, or not a bad one: nobody cancels it, but the resident is seen to walk about."""
    await fall(home, still=after)
    home.move()


async def fall_then_cancel(home: Home, after: timedelta = _CANCEL_AFTER) -> None:
    """A fall that was none: the wearer cancels it in time."""
    await fall(home, still=after)
    await _raised(home, AlarmType.FALL_CANCEL, *_FALL_MONITORS)


async def double_press(home: Home) -> None:
    """The resident presses the assist button twice in a row; the button tells it as one message."""
    await _raised(home, AlarmType.ASSIST, "button", "wristband", data={"press": "double"})


async def panic_presses(home: Home, times: int = 6, every: timedelta = _PANIC_EVERY) -> None:
    """The resident presses again and again, whatever has been receipted."""
    for number in range(times):
        if number:
            await asyncio.sleep(every.total_seconds())
        await sos(home)


async def goes_still(home: Home, span: timedelta = _STILL_FOR) -> None:
    """The resident stops moving: heartbeats go on, motion, door and bed say nothing."""
    home.still = True
    try:
        await asyncio.sleep(span.total_seconds())
    finally:
        home.still = False


async def stays_in_bed(home: Home, span: timedelta = _STILL_FOR) -> None:
    """The resident lies down and does not get up: with the demo's clock put forward past the morning he is not up."""
    home.tell("bed", ReadingType.BED, True)
    await goes_still(home, span)
    home.tell("bed", ReadingType.BED, False)


async def door_left_open(home: Home, span: timedelta = _STILL_FOR) -> None:
    """The entrance door stands open, at night for longer than it should."""
    home.tell("door", ReadingType.DOOR, True)
    await goes_still(home, span)
    home.tell("door", ReadingType.DOOR, False)


async def power_cut(home: Home, span: timedelta = _DARK_FOR) -> None:
    """Mains go, the gateway says so and drops off the line without a word; later everything comes back."""
    home.tell_health(HealthType.MAINS, False)
    home.dark = True
    try:
        await asyncio.sleep(_LAST_WORDS.total_seconds())
        home.link.cut()
        await asyncio.sleep(span.total_seconds())
    finally:
        home.dark = False
        home.link.restore()
    home.tell_health(HealthType.MAINS, True)


SCENARIOS: dict[str, Callable[[Home], Awaitable[None]]] = {
    "sos": sos,
    "double-press": double_press,
    "panic-presses": panic_presses,
    "fall": fall,
    "fall-then-movement": fall_then_movement,
    "fall-then-cancel": fall_then_cancel,
    "goes-still": goes_still,
    "stays-in-bed": stays_in_bed,
    "door-left-open": door_left_open,
    "power-cut": power_cut,
}

#: How often each comes up when chance picks.
WEIGHTS: dict[str, int] = {
    "sos": 3, "double-press": 1, "panic-presses": 1, "fall": 2, "fall-then-movement": 1, "fall-then-cancel": 2,
    "goes-still": 1, "stays-in-bed": 1, "door-left-open": 1, "power-cut": 1,
}  # fmt: skip


async def _raised(
    home: Home, kind: AlarmType, *device_kinds: str, data: dict[str, Any] | None = None
) -> Receipt | None:  # fmt: skip
    receipt = await home.raise_alarm(home.device(*device_kinds), kind, data)
    status = receipt.status if receipt is not None else "given_up"
    log.info("scenario_receipted", gateway=home.name, type=kind, status=status)
    return receipt
