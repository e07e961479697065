"""
Errors of PostgreSQL without the data that they quote.

A message may quote a value (``invalid input syntax for type uuid: "..."``), and its DETAIL and
CONTEXT the row. So that no traceback, log or task result shows them, every engine and every COPY of
the platform replaces them by `description`.

References
----------
.. [1] PostgreSQL documentation, appendix A, "PostgreSQL Error Codes".
"""

from __future__ import annotations

import re
from typing import Any, Final

from sqlalchemy.engine import ExceptionContext
from sqlalchemy.exc import SQLAlchemyError, StatementError

CONDITIONS: Final = frozenset({"08", "25", "28", "3D", "40", "42", "53", "55", "57", "58"})
"""
SQLSTATE classes of errors that are the server's condition, whatever the row.

Connection, transaction state (read-only standby), authorization, missing database, rollback,
missing table or privilege, resources, object state (locks), operator intervention, system error.
All others are the row's.
"""

_WITHOUT_VALUES: Final = CONDITIONS | {"0A", "3F"}
"""Classes whose first line names objects of the database; others may quote values of a row."""

_FUNCTION: Final = re.compile(r"^PL/pgSQL function (\w+)\(")
_CHECK_VIOLATION: Final = "23514"


def sqlstate(error: BaseException) -> str | None:
    """Return the error's SQLSTATE of five characters; None if the driver itself raised it."""
    return getattr(getattr(error, "orig", error), "pgcode", None)


def is_condition(error: SQLAlchemyError) -> bool:
    """Return whether PostgreSQL's condition is at fault, not a row; see `CONDITIONS`."""
    state = sqlstate(error)
    return state is None or state[:2] in CONDITIONS or is_missing_partition(error)


def is_missing_partition(error: SQLAlchemyError) -> bool:
    """Return whether the table has no partition for a row's month."""
    diagnostics = getattr(getattr(error, "orig", None), "diag", None)
    # A constraint of the table has a name; the bounds of partitions are none.
    return sqlstate(error) == _CHECK_VIOLATION and not getattr(diagnostics, "constraint_name", None)


def description(error: BaseException) -> str:
    """
    Return what went wrong, without anything of a row.

    SQLSTATE, table, column, constraint and the function that raised it, and the first line of the
    message where it quotes no value. An error without a SQLSTATE comes from the driver, which has
    seen no row: its message.
    """
    original = getattr(error, "orig", None) or error
    state = sqlstate(error)
    if state is None:
        return f"{type(error).__name__}: {original}".strip()
    diagnostics = getattr(original, "diag", None)
    parts = [f"SQLSTATE {state}"]
    parts += [
        f"{label} {value}"
        for label in ("table", "column", "constraint")
        if (value := getattr(diagnostics, f"{label}_name", None))
    ]
    if raised := _FUNCTION.search(getattr(diagnostics, "context", None) or ""):
        parts.append(f"function {raised[1]}")
    if state[:2] in _WITHOUT_VALUES and (message := getattr(diagnostics, "message_primary", None)):
        parts.append(str(message))
    return ", ".join(parts)


def without_data(error: StatementError) -> StatementError:
    """Return ``error``, whose text and whose original's text are replaced by `description`."""
    _forget(error, error.orig)
    return error


def forget_data(context: ExceptionContext) -> None:
    """Do as `without_data` for an error that SQLAlchemy is about to raise (``handle_error``)."""
    _forget(context.sqlalchemy_exception, context.original_exception)


def _forget(error: Any, original: BaseException | None) -> None:
    """Replace the texts of an error that PostgreSQL returned, and of its wrapper if any."""
    if original is None or sqlstate(original) is None:
        return
    told = description(original)
    original.args = (told,)
    if error is not None:
        kind = type(original)
        error.args = (f"({kind.__module__}.{kind.__name__}) {told}",)
