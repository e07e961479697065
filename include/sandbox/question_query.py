"""Parses the query string of ``/2.3/questions`` as the real API does, with the same errors."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final, Self, get_args

from include.sandbox.question_index import Sort

_BODY_FILTERS: Final = {"default": False, "withbody": True}
_MAX_PAGE_SIZE: Final = 100
_MAX_PAGE_WITHOUT_KEY: Final = 25


class ApiError(Exception):
    """
    An error response of the API.

    Parameters
    ----------
    error_id : int
        The API's error number, not the HTTP status: throttling is 502 with HTTP 400.
    name, message : str
    status : int, default=400
        HTTP status.
    """

    def __init__(self, error_id: int, name: str, message: str, status: int = 400) -> None:
        super().__init__(message)
        self.error_id = error_id
        self.name = name
        self.message = message
        self.status = status


@dataclass(frozen=True, slots=True)
class QuestionQuery:
    """A query for questions; ``first`` and ``last`` are Unix seconds, both included."""

    first: int | None
    last: int | None
    page: int
    page_size: int
    sort: Sort
    descending: bool
    with_body: bool

    @classmethod
    def read(cls, params: Mapping[str, str], *, site: str, key: str | None) -> Self:
        """
        Return the query in ``params``.

        Raises
        ------
        ApiError
            As in the real API: bad_parameter names the parameter.
        """
        if params.get("site") != site:
            raise bad_parameter(f"No site found for name `{params.get('site', '')}`")
        if key is not None and params.get("key", key) != key:
            raise bad_parameter("`key` doesn't match a known application")
        page = _number(params, "page", 1, low=1)
        if page > _MAX_PAGE_WITHOUT_KEY and "key" not in params:
            raise ApiError(
                403, "access_denied", "page above 25 requires access token or app key", 403
            )
        return cls(
            first=_optional(params, "fromdate"),
            last=_optional(params, "todate"),
            page=page,
            page_size=_number(params, "pagesize", 30, high=_MAX_PAGE_SIZE),
            sort=_sort(params),
            descending=_choice(params, "order", "desc", ("desc", "asc")) == "desc",
            with_body=_BODY_FILTERS[_choice(params, "filter", "default", tuple(_BODY_FILTERS))],
        )


def bad_parameter(message: str) -> ApiError:
    """Return the error of a parameter that the API does not take."""
    return ApiError(400, "bad_parameter", message)


def throttled(seconds: int) -> ApiError:
    """Return the error of too many requests, which says after how many seconds to ask again."""
    return ApiError(
        502,
        "throttle_violation",
        f"too many requests from this IP, more requests available in {seconds} seconds",
    )


def _optional(
    params: Mapping[str, str], name: str, low: int = 0, high: int | None = None
) -> int | None:
    text = params.get(name)
    if text is None:
        return None
    if not text.isdecimal() or int(text) < low or (high is not None and int(text) > high):
        raise bad_parameter(f"`{name}`")
    return int(text)


def _number(
    params: Mapping[str, str], name: str, default: int, low: int = 0, high: int | None = None
) -> int:
    value = _optional(params, name, low, high)
    return default if value is None else value


def _choice(params: Mapping[str, str], name: str, default: str, allowed: tuple[str, ...]) -> str:
    value = params.get(name, default)
    if value not in allowed:
        raise bad_parameter(f"`{name}` must be one of {', '.join(allowed)}")
    return value


def _sort(params: Mapping[str, str]) -> Sort:
    value = _choice(params, "sort", "activity", get_args(Sort))
    return next(sort for sort in get_args(Sort) if sort == value)
