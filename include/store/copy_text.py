"""
PostgreSQL's text format of COPY: rows to lines, and lines through the driver's own cursor.

References
----------
.. [1] PostgreSQL documentation, "COPY", section "File Formats: Text Format".
"""

from collections.abc import Iterable, Sequence
from functools import lru_cache
from io import BytesIO

from sqlalchemy import Connection
from sqlalchemy.exc import DBAPIError

from include.store.errors import without_data
from include.store.queries import query


def copy_line(fields: Sequence[str | None]) -> bytes:
    r"""
    Return a row as a line, without the line's end; None is NULL.

    The fields are joined by NUL, which PostgreSQL's text cannot hold, so that the line is escaped
    at once: some passes a row instead of some a field. A NUL in a field becomes a space, and a lone
    surrogate, which UTF-8 cannot hold, a question mark.

    Examples
    --------
    >>> copy_line(["a\tb", None, "c\\d"])
    b'a\\tb\t\\N\tc\\\\d'
    """
    line = "\0".join(["" if field is None else field for field in fields])
    if line.count("\0") >= len(fields):
        line = "\0".join([(field or "").replace("\0", " ") for field in fields])
    for character, escaped in (("\\", r"\\"), ("\n", r"\n"), ("\r", r"\r"), ("\t", r"\t")):
        if character in line:
            line = line.replace(character, escaped)
    if None in fields:
        written = zip(fields, line.split("\0"), strict=True)
        line = "\t".join([r"\N" if field is None else text for field, text in written])
    else:
        line = line.replace("\0", "\t")
    return line.encode("utf-8", "replace")


@lru_cache(maxsize=10_000)
def array_literal(values: tuple[str, ...]) -> str:
    """Return the literal of a text array; cached, because tags recur."""
    quoted = [value.replace("\\", r"\\").replace('"', r"\"") for value in values]
    return '{"' + '","'.join(quoted) + '"}' if quoted else "{}"


def bytea_literal(value: bytes) -> str:
    """Return the literal of a byte string, in hexadecimal."""
    return "\\x" + value.hex()


def copy_lines(connection: Connection, statement: str, lines: Iterable[bytes]) -> None:
    """
    Send lines through the COPY statement of that name, on the transaction's own connection.

    Raises
    ------
    DBAPIError
        As SQLAlchemy raises it for other statements, so that callers handle one kind of error.
    """
    driver = connection.connection.driver_connection
    if driver is None:
        raise RuntimeError("the connection has been closed")
    sql = query(statement).text.rstrip().rstrip(";")
    base = connection.dialect.loaded_dbapi.Error
    data = b"\n".join(lines)
    try:
        with driver.cursor() as cursor:
            # In one chunk: the driver releases the interpreter lock for every chunk that it sends.
            cursor.copy_expert(sql, BytesIO(data), size=len(data) or 1)
    except base as error:
        raise without_data(DBAPIError.instance(sql, None, error, base)) from error
