"""The factory of SQLAlchemy engines."""

from sqlalchemy import Engine, create_engine
from sqlalchemy.engine import make_url


def make_engine(database_url: str, *, pool_size: int = 5) -> Engine:
    """
    Return an engine for the platform's PostgreSQL database.

    Parameters
    ----------
    database_url : str
        ``postgresql://...``; the psycopg2 driver is used unless another is named.
    pool_size : int, default=5
        Connections kept open, >= 1.
    """
    url = make_url(database_url)
    if url.drivername in {"postgresql", "postgres"}:
        url = url.set(drivername="postgresql+psycopg2")
    return create_engine(
        url,
        pool_size=pool_size,
        pool_pre_ping=True,
        connect_args={"options": "-c timezone=UTC", "connect_timeout": 10},
    )
