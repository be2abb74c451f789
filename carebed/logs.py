"""Structured logs: JSON lines on standard error, a stable `action` per event, no personal data and no secrets.

Fields name things by id (home, alarm, device), never people, addresses or what somebody wrote.
"""

import logging
import sys
from typing import Any

import structlog

_FORBIDDEN = frozenset(
    {"password", "secret", "token", "authorization", "note", "address", "resident_name", "telephone"},
)


def _drop_forbidden(_logger: object, _method: str, event: structlog.typing.EventDict) -> structlog.typing.EventDict:
    """Last line of defence: a field that must never be logged is replaced, so that its presence is still seen."""
    for key in _FORBIDDEN & event.keys():
        event[key] = "[removed]"
    return event


def configure_logs(process: str, level: str) -> None:
    """Set up logging for this process; `process` stands on every line."""
    structlog.configure(
        processors=[
            structlog.contextvars.merge_contextvars,
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="iso", utc=True),
            _drop_forbidden,
            structlog.processors.format_exc_info,
            structlog.processors.EventRenamer("action"),
            structlog.processors.JSONRenderer(),
        ],
        wrapper_class=structlog.make_filtering_bound_logger(logging.getLevelNamesMapping()[level.upper()]),
        logger_factory=structlog.WriteLoggerFactory(file=sys.stderr),
    )
    structlog.contextvars.bind_contextvars(process=process)
    logging.basicConfig(level=logging.WARNING, stream=sys.stderr, format="%(levelname)s %(name)s %(message)s")


def get_logger() -> Any:
    """A structlog logger: `log.info("action_name", field=value)`."""
    return structlog.get_logger()
