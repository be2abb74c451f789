"""What a failed transaction says about its messages: nothing, that others were in the way, or that they are no good.

Only what a message's content can cause may ever be held against it. A database that is away, being failed over, or not
migrated yet refuses everything; then the messages wait, for otherwise an outage would empty the broker into quarantine.
"""

from enum import Enum
from typing import Any

from psycopg import InterfaceError, OperationalError
from sqlalchemy.exc import DBAPIError, SQLAlchemyError, StatementError


class Fault(Enum):
    """Why a transaction failed."""

    AWAY = "away"
    """The database cannot be used at the moment: the same again, for as long as it takes."""
    CONTESTED = "contested"
    """Somebody was in the way, or faster: the same again a few times, then in smaller pieces."""
    REFUSED = "refused"
    """The content cannot be stored: in smaller pieces at once."""


#: Data exceptions, broken constraints, errors that our own triggers raise, limits (a row too wide for its index).
_REFUSED = ("22", "23", "P0", "54")

#: Serialisation and deadlock, lock and statement time-outs, a key that another worker was faster with, internal errors
#: ("tuple concurrently updated"). All of these also have causes that do not pass, so the tries are numbered.
_CONTESTED = ("40", "55P03", "57014", "23505", "XX")


def fault_of(error: Exception) -> Fault:
    """Which of them it is."""
    state = _sqlstate(error)
    if state is not None:
        if state.startswith(_CONTESTED):
            return Fault.CONTESTED
        return Fault.REFUSED if state.startswith(_REFUSED) else Fault.AWAY
    if isinstance(_cause(error), OperationalError | InterfaceError | OSError | TimeoutError):
        return Fault.AWAY
    # The pool has no connection, or one was lost between two statements.
    if isinstance(error, SQLAlchemyError) and not isinstance(error, StatementError):
        return Fault.AWAY
    return Fault.REFUSED


def brief(error: Exception) -> str:
    """Type and SQLSTATE: an error's text may quote what a person wrote."""
    state = _sqlstate(error)
    return type(_cause(error)).__name__ + (f" {state}" if state else "")


def _cause(error: Exception) -> Any:
    return error.orig if isinstance(error, DBAPIError) else error


def _sqlstate(error: Exception) -> str | None:
    state = getattr(_cause(error), "sqlstate", None)
    return None if state is None else str(state)
