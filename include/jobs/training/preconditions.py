"""Whether enough months are stored for a scheduled training."""

from sqlalchemy import Engine

from include.errors import MissingDataError
from include.jobs.data.datasets import resolve_months


def unmet_precondition(engine: Engine, site: str, run_type: str) -> str | None:
    """
    Return why a scheduled training must be skipped, or None if it can run.

    On a new platform the schedule is due before a training month and a test month are stored; that
    is not a failure. A requested training fails instead, with a message on what is missing.

    Parameters
    ----------
    engine : Engine
    site : str
    run_type : str
        As Airflow names it: ``scheduled``, ``manual``, ``backfill`` and others.
    """
    if run_type != "scheduled":
        return None
    try:
        with engine.connect() as connection:
            resolve_months(connection, site, test_month=None, window_months=None)
    except MissingDataError as error:
        return f"no training data yet: {error}; then trigger train_candidates"
    return None
