"""What can happen in a home; each scenario ends when the home is back to normal life."""

import asyncio
from collections.abc import Awaitable, Callable
from datetime import timedelta

import structlog

from device_sim.home import Home
from gateway.wire import AlarmType, HealthType, Receipt

log = structlog.get_logger()

#: The wearer finds the cancel button: within the 15 to 30 s that wrist-worn fall detectors count down.
_CANCEL_AFTER = timedelta(seconds=10)
_STILL_FOR = timedelta(minutes=20)
_DARK_FOR = timedelta(minutes=2)
#: A gateway on its last capacitor charge has time for one message.
_LAST_WORDS = timedelta(seconds=1)


async def sos(home: Home) -> None:
    """The resident presses the button (or the wristband's), and it is resent until receipted."""
    await _raised(home, AlarmType.SOS, "button", "wristband")


async def fall(home: Home) -> None:
    """The wristband notices a fall; nobody cancels it."""
    await _raised(home, AlarmType.FALL, "wristband", "fall", "button")


async def fall_then_cancel(home: Home, after: timedelta = _CANCEL_AFTER) -> None:
    """A fall that was none: the wearer cancels it in time."""
    await fall(home)
    await asyncio.sleep(after.total_seconds())
    await _raised(home, AlarmType.FALL_CANCEL, "wristband", "fall", "button")


async def goes_still(home: Home, span: timedelta = _STILL_FOR) -> None:
    """The resident stops moving: heartbeats go on, motion, door and bed say nothing."""
    home.still = True
    try:
        await asyncio.sleep(span.total_seconds())
    finally:
        home.still = False


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
    "fall": fall,
    "fall-then-cancel": fall_then_cancel,
    "goes-still": goes_still,
    "power-cut": power_cut,
}

#: How often each comes up when chance picks.
WEIGHTS: dict[str, int] = {"sos": 3, "fall": 2, "fall-then-cancel": 2, "goes-still": 1, "power-cut": 1}


async def _raised(home: Home, kind: AlarmType, *device_kinds: str) -> Receipt | None:
    receipt = await home.raise_alarm(home.device(*device_kinds), kind)
    status = receipt.status if receipt is not None else "given_up"
    log.info("scenario_receipted", gateway=home.name, type=kind, status=status)
    return receipt
