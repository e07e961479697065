"""The platform's exceptions, each named by what the caller should do."""


class TagkeeperError(Exception):
    """Base of every error that the platform raises on purpose."""


class FixSettingsError(TagkeeperError):
    """A setting is missing or wrong: change the environment, then start again."""


class FixInputError(TagkeeperError, ValueError):
    """An argument or request is invalid: the message names the field and the allowed values."""


class MissingDataError(TagkeeperError):
    """Required stored data is missing: the message names the command that fetches it."""


class CheckFailedError(TagkeeperError):
    """Stored data violates a rule: the message names the month, the rule and the number."""


class RetryLaterError(TagkeeperError):
    """
    A transient fault of an external system: try again after ``retry_after_s`` seconds.

    Parameters
    ----------
    message : str
        What happened.
    retry_after_s : float, default=60.0
        Seconds to wait before the next attempt, > 0.
    """

    def __init__(self, message: str, retry_after_s: float = 60.0) -> None:
        super().__init__(message)
        self.retry_after_s = retry_after_s


class ModelUnusableError(TagkeeperError):
    """A registered model cannot be loaded or is not the promoted one: keep the one in use."""
