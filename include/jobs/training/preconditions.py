"""Tells whether a scheduled training has anything to learn from yet."""

from include.errors import MissingDataError
from include.jobs.data.datasets import resolve_months
from include.settings import Settings
from include.store.engine import make_engine


def too_early(settings: Settings, run_type: str) -> str | None:
    """
    Return why a training that came by itself is to be skipped, or None if it is not.

    A fresh platform's schedule comes due before anybody has stored a month to learn from and one to
    test on; that is no failure. Who asks for a training is told what is missing instead.

    Parameters
    ----------
    settings : Settings
    run_type : str
        As Airflow names it: ``scheduled``, ``manual``, ``backfill`` and others.
    """
    if run_type != "scheduled":
        return None
    engine = make_engine(settings.require_database_url(), pool_size=1)
    try:
        with engine.connect() as connection:
            resolve_months(connection, settings.site, test_month=None, window_months=None)
    except MissingDataError as error:
        return f"nothing to learn from yet: {error}; then trigger train_candidates"
    finally:
        engine.dispose()
    return None
