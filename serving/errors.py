"""The errors of a request, each with its HTTP status; `serving.problems` answers them."""

from include.errors import TagkeeperError


class ProblemError(TagkeeperError):
    """
    A request that is answered with a problem document.

    Parameters
    ----------
    detail : str
        What happened and what to do, for the person who sent the request.
    field : str or None
        The field at fault, as ``title`` or ``[3].body``.
    """

    status = 400
    kind = "bad_request"
    title = "The request cannot be understood"
    retry_after_s: int | None = None

    def __init__(self, detail: str, *, field: str | None = None) -> None:
        super().__init__(detail)
        self.detail = detail
        self.field = field


class InvalidRequestError(ProblemError):
    """A field is missing, too long, or of the wrong type."""

    kind = "invalid_request"
    title = "A field is missing or wrong"


class WrongMediaTypeError(ProblemError):
    """The body is not declared as JSON."""

    status = 415
    kind = "wrong_media_type"
    title = "The body must be application/json"


class KeyRefusedError(ProblemError):
    """No API key, or one that is not known."""

    status = 401
    kind = "key_refused"
    title = "An API key is needed"


class LoginNeededError(KeyRefusedError):
    """No API key at a page, for which a browser asks its user."""


class HostRefusedError(ProblemError):
    """The request is for a host that the service is not known by."""

    status = 421
    kind = "host_refused"
    title = "This service does not answer for that host"


class UnknownPredictionError(ProblemError):
    """Feedback for an id that this service cannot have issued."""

    status = 404
    kind = "unknown_prediction"
    title = "No such prediction"


class TooMuchWorkError(ProblemError):
    """The request needs more output or processor time than one may have."""

    status = 413
    kind = "too_much_work"
    title = "The request takes too much work"


class LimitReachedError(ProblemError):
    """
    The key has used up a limit.

    Parameters
    ----------
    detail : str
    retry_after_s : int
        Seconds until the limit starts again, >= 1.
    """

    status = 429
    kind = "limit_reached"
    title = "A limit of this API key is used up"

    def __init__(self, detail: str, *, retry_after_s: int) -> None:
        super().__init__(detail)
        self.retry_after_s = retry_after_s


class BusyError(ProblemError):
    """The service cannot answer in time; the request can be sent again."""

    status = 503
    kind = "busy"
    title = "The service is busy"


class NoModelError(ProblemError):
    """There is no model to answer with yet."""

    status = 503
    kind = "no_model"
    title = "There is no model yet"


class CannotRecordError(ProblemError):
    """The answer could not be made durable, so it is not returned."""

    status = 503
    kind = "cannot_record"
    title = "The answer cannot be recorded"

    def __init__(self, detail: str) -> None:
        super().__init__(
            f"answers must be recorded, and recording failed: {detail}. "
            "Free space on the service's disk, then send the request again."
        )
