"""The few exceptions of the platform, named by what the caller should do about them."""


class TagkeeperError(Exception):
    """Base of every error that the platform raises on purpose."""


class FixSettingsError(TagkeeperError):
    """A setting is missing or wrong: change the environment, then start again."""


class FixInputError(TagkeeperError, ValueError):
    """What was asked cannot be done as asked: the message names the field and what is allowed."""


class MissingDataError(TagkeeperError):
    """Stored data that this step needs is absent: the message names the command that gets it."""


class CheckFailedError(TagkeeperError):
    """Stored data breaks a rule: the message names the month, the rule and the number."""


class RetryLaterError(TagkeeperError):
    """
    A passing fault of something outside: try again after ``retry_after_s`` seconds.

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
    """A registered model cannot be loaded or is not what was promoted: keep the one in use."""
