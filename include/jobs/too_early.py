"""Tells whether a scheduled training has anything to learn from yet."""

from include.settings import Settings
from include.store.engine import make_engine
from include.store.questions import questions_per_month

FEWEST_MONTHS = 2
"""One to learn from and one to test on."""


def too_early(settings: Settings, run_type: str) -> str | None:
    """
    Return why a training that came by itself is to be skipped, or None if it is not.

    A fresh platform's schedule comes due before anybody has stored questions; that is no failure.
    Who asks for a training is told what is missing instead.

    Parameters
    ----------
    settings : Settings
    run_type : str
        As Airflow names it: ``scheduled``, ``manual``, ``backfill`` and others.
    """
    if run_type != "scheduled":
        return None
    engine = make_engine(settings.require_database_url(), pool_size=1)
    with engine.connect() as connection:
        months = len(questions_per_month(connection, settings.site))
    engine.dispose()
    if months >= FEWEST_MONTHS:
        return None
    return (
        f"stored months of {settings.site}: {months}; a training needs {FEWEST_MONTHS}: "
        "backfill ingest_questions, then trigger train_candidates"
    )
