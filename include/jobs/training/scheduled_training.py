"""Whether a stored month is followed by a training by schedule."""

from __future__ import annotations

import logging
from typing import Any

from include.errors import MissingDataError
from include.jobs.data.datasets import resolve_months
from include.months import month_start
from include.retraining import policy_named
from include.settings import Settings
from include.store.drift import decision_on_month
from include.store.engine import process_engine

log = logging.getLogger(__name__)


def scheduled_training(settings: Settings, month: str) -> dict[str, Any] | None:
    """
    Return the params of the training that follows a month by schedule, or None if none does.

    None follows if the policy trains in other months, if the check of the month has already
    triggered a training for drift, or if too few months are stored, as on a new platform.

    Parameters
    ----------
    settings : Settings
    month : str
        ``YYYY-MM``, completely stored and checked.

    Returns
    -------
    dict or None
        Params of ``train_candidates``. They name no test month: if a month is stored late, the
        training is tested on the latest.
    """
    policy = policy_named(settings.retraining_policy)
    if not policy.trains_after(month):
        log.info("no training: the policy %s trains in other months", policy.name)
        return None
    engine = process_engine(settings.require_database_url())
    with engine.connect() as connection:
        if decision_on_month(connection, settings.site, month_start(month)) == "retrain":
            log.info("no training: the drift of %s has already triggered one", month)
            return None
        try:
            resolve_months(connection, settings.site, test_month=None, window_months=None)
        except MissingDataError as error:
            log.info("no training data yet: %s; then trigger train_candidates", error)
            return None
    return {"reason": f"{month} is stored, policy {policy.name}"}
