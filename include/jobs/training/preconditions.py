"""Whether enough months are stored for a scheduled training."""

from include.errors import MissingDataError
from include.jobs.data.datasets import resolve_months
from include.settings import Settings
from include.store.engine import make_engine


def unmet_precondition(settings: Settings, run_type: str) -> str | None:
    """
    Return why a scheduled training must be skipped, or None if it can run.

    On a new platform the schedule is due before a training month and a test month are stored; that
    is not a failure. A requested training fails instead, with a message on what is missing.

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
        return f"no training data yet: {error}; then trigger train_candidates"
    finally:
        engine.dispose()
    return None
