"""Retry policy of tasks: transient errors are retried, others fail at once."""

from datetime import timedelta
from typing import Any

from airflow.sdk import RetryDecision, RetryPolicy

from include import errors


class RetryTransientErrors(RetryPolicy):
    """Retry `RetryLaterError` after its delay; fail at once on errors that need a person."""

    def evaluate(
        self, exception: BaseException, try_number: int, max_tries: int, context: Any = None
    ) -> RetryDecision:
        """Return the decision for one of the platform's errors; Airflow's default for others."""
        if isinstance(exception, errors.RetryLaterError):
            delay = timedelta(seconds=exception.retry_after_s)
            return RetryDecision.retry(delay, reason=str(exception))
        if isinstance(exception, errors.TagkeeperError):
            return RetryDecision.fail(reason=str(exception))
        return RetryDecision.default()
