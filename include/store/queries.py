"""Load the statements in ``sql/queries`` by file name."""

from functools import cache
from pathlib import Path

from sqlalchemy import TextClause, text

QUERIES = Path(__file__).resolve().parents[2] / "sql" / "queries"


@cache
def query(name: str) -> TextClause:
    """Return ``sql/queries/<name>.sql``; FileNotFoundError if there is none."""
    return text((QUERIES / f"{name}.sql").read_text(encoding="utf-8"))
