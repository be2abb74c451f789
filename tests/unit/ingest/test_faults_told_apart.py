"""Which errors of the database are held against a message, and which are not."""

import psycopg
import pytest
from psycopg import errors
from sqlalchemy.exc import DBAPIError, InvalidRequestError
from sqlalchemy.exc import TimeoutError as PoolTimeout

from ingest.fault import Fault, brief, fault_of


@pytest.mark.parametrize(
    ("error", "fault"),
    [
        (errors.SerializationFailure(), Fault.CONTESTED), (errors.DeadlockDetected(), Fault.CONTESTED),
        (errors.LockNotAvailable(), Fault.CONTESTED), (errors.QueryCanceled(), Fault.CONTESTED),
        (errors.UniqueViolation(), Fault.CONTESTED), (errors.InternalError_(), Fault.CONTESTED),
        (errors.CheckViolation(), Fault.REFUSED), (errors.ForeignKeyViolation(), Fault.REFUSED),
        (errors.NumericValueOutOfRange(), Fault.REFUSED), (errors.RaiseException(), Fault.REFUSED),
        (errors.ProgramLimitExceeded(), Fault.REFUSED), (psycopg.DataError("NUL"), Fault.REFUSED),
        (errors.ReadOnlySqlTransaction(), Fault.AWAY), (errors.InsufficientPrivilege(), Fault.AWAY),
        (errors.UndefinedTable(), Fault.AWAY), (errors.DiskFull(), Fault.AWAY), (errors.AdminShutdown(), Fault.AWAY),
        (errors.TooManyConnections(), Fault.AWAY), (errors.InvalidPassword(), Fault.AWAY),
        (psycopg.OperationalError("gone"), Fault.AWAY), (psycopg.InterfaceError("closed"), Fault.AWAY),
        (PoolTimeout(), Fault.AWAY), (InvalidRequestError(), Fault.AWAY), (ConnectionResetError(), Fault.AWAY),
        (KeyError("ours"), Fault.REFUSED),
    ],
    ids=lambda value: type(value).__name__ if isinstance(value, Exception) else value.value,
)  # fmt: skip
def test_only_what_content_can_cause_is_held_against_it(error: Exception, fault: Fault) -> None:
    """Bare, and as SQLAlchemy wraps it."""
    assert fault_of(error) is fault
    if isinstance(error, psycopg.Error):
        assert fault_of(DBAPIError("INSERT", {}, error)) is fault


def test_an_error_is_named_without_its_text() -> None:
    """The text may quote what a person wrote."""
    error = DBAPIError("INSERT", {}, errors.CheckViolation("Mrs Lin, third floor"))
    assert brief(error) == "CheckViolation 23514"
    assert brief(KeyError("Mrs Lin")) == "KeyError"
