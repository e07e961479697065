"""When a failed task runs again: the platform's errors, in Airflow's words."""

from datetime import timedelta

from airflow.sdk import RetryDecision, RetryPolicy

from include import errors


class RetryWhatPasses(RetryPolicy):
    """Come back when told; do not repeat what only a person can mend."""

    def evaluate(self, exception, try_number, max_tries, context=None):
        """Return the delay that the error asks for, or a failure at once; others as usual."""
        if isinstance(exception, errors.RetryLaterError):
            delay = timedelta(seconds=exception.retry_after_s)
            return RetryDecision.retry(delay, reason=str(exception))
        if isinstance(exception, errors.TagkeeperError):
            return RetryDecision.fail(reason=str(exception))
        return RetryDecision.default()
