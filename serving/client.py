"""
A typed client of the service, with the types from which its OpenAPI document is made.

Each operation of the document is a method of its ``operationId``; a test compares both.

Examples
--------
::

    from serving.client import Client
    from serving.payloads import Question

    client = Client("http://127.0.0.1:8000")
    answer = client.predict(Question("How do I mount a volume?", "<p>In Docker ...</p>"))
    print(answer.suggested)
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final, TypeVar

import msgspec
import requests

from include.errors import FixInputError, FixSettingsError, RetryLaterError
from serving.payloads import (
    MAX_QUESTIONS,
    Answer,
    FeedbackRecorded,
    FeedbackRequest,
    FoundTags,
    Liveness,
    ModelState,
    Question,
    Readiness,
)

_TIMEOUT_S: Final = (5.0, 60.0)
_AGAIN: Final = frozenset({408, 429, 503})
_SETTINGS: Final = frozenset({401, 421})
_NOT_READY: Final = 503
_PROBLEM: Final = "application/problem+json"
_DEFAULT_WAIT_S: Final = 5.0

T = TypeVar("T")
_Query = Mapping[str, str | Sequence[str]]


class Client:
    """
    Calls a service; safe to share between threads as far as its session is.

    Parameters
    ----------
    url : str
        Address of the service.
    key : str or None
        API key, where the service needs one.
    attempts : int, default=3
        Requests until a busy or unreachable service is given up, >= 1. One that was sent twice
        may be recorded twice.
    session : requests.Session or None
        A new one by default.
    sleep : callable
        Waits for seconds.
    """

    def __init__(
        self,
        url: str,
        *,
        key: str | None = None,
        attempts: int = 3,
        session: requests.Session | None = None,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        self._url = url.rstrip("/")
        self._attempts = attempts
        self._session = session or requests.Session()
        self._headers = {"Authorization": f"Bearer {key}"} if key else {}
        self._sleep = sleep

    def predict(self, question: Question) -> Answer:
        """
        Return the tags for a question; they are recorded.

        Raises
        ------
        FixInputError
            If the service refuses the question; the message names the field.
        FixSettingsError
            If the address or the key is wrong.
        RetryLaterError
            If the service is busy, has no model or cannot be reached.
        """
        return self._call("POST", "/predict", Answer, body=question)

    def predict_all(self, questions: Sequence[Question]) -> list[Answer]:
        """Return the tags for any number of questions, in order, a hundred a request."""
        answers: list[Answer] = []
        for start in range(0, len(questions), MAX_QUESTIONS):
            part = list(questions[start : start + MAX_QUESTIONS])
            answers += self._call("POST", "/predict", list[Answer], body=part)
        return answers

    def give_feedback(self, feedback: FeedbackRequest) -> FeedbackRecorded:
        """Record the final tags of a question; errors as `predict`."""
        return self._call("POST", "/feedback", FeedbackRecorded, body=feedback)

    def find_tags(self, text: str = "", limit: int = 10, *, tag: Sequence[str] = ()) -> FoundTags:
        """
        Return the model's tags that fit what was typed, most used first, with their descriptions.

        With ``tag``, at most 25 exact names, those of them that the model knows.
        """
        query = {"tag": tag} if tag else {"text": text, "limit": str(limit)}
        return self._call("GET", "/tags", FoundTags, query=query)

    def show_model(self) -> ModelState:
        """Return the served models, their training metadata and the live indicators."""
        return self._call("GET", "/model", ModelState)

    def healthz(self) -> Liveness:
        """Return that the process answers; RetryLaterError if it does not."""
        return self._call("GET", "/healthz", Liveness)

    def readyz(self) -> Readiness:
        """Return whether questions can be answered, and any problem; asks once if they cannot."""
        return self._call("GET", "/readyz", Readiness)

    def openapi(self) -> dict[str, Any]:
        """Return the OpenAPI document."""
        return self._call("GET", "/openapi.json", dict[str, Any])

    def metrics(self) -> str:
        """Return the metrics in Prometheus' text format."""
        return self._retried("GET", "/metrics").text

    def overview(self) -> str:
        """Return the page on the state of the loop, HTML for people."""
        return self._retried("GET", "/overview").text

    def _call(
        self,
        method: str,
        path: str,
        kind: type[T],
        *,
        body: Any = None,
        query: _Query | None = None,
    ) -> T:
        return msgspec.json.decode(self._retried(method, path, body, query).content, type=kind)

    def _retried(
        self, method: str, path: str, body: Any = None, query: _Query | None = None
    ) -> requests.Response:
        for attempt in range(1, self._attempts + 1):
            try:
                return self._request(method, path, body, query)
            except RetryLaterError as error:
                if attempt == self._attempts:
                    raise
                self._sleep(error.retry_after_s)
        raise AssertionError("unreachable: the last attempt returns or raises")

    def _request(
        self, method: str, path: str, body: Any, query: _Query | None
    ) -> requests.Response:
        try:
            response = self._session.request(
                method,
                f"{self._url}{path}",
                params=query,
                data=None if body is None else msgspec.json.encode(body),
                headers={**self._headers, "Content-Type": "application/json"},
                timeout=_TIMEOUT_S,
            )
        except (requests.ConnectionError, requests.Timeout) as error:
            raise RetryLaterError(
                f"{self._url} cannot be reached ({type(error).__name__})", _DEFAULT_WAIT_S
            ) from error
        if response.ok or _is_not_ready(response, path):
            return response
        raise _refusal(response)


def _is_not_ready(response: requests.Response, path: str) -> bool:
    """Return whether a probe was answered, and not refused with a problem document."""
    kind = response.headers.get("Content-Type", "")
    return (
        path == "/readyz" and response.status_code == _NOT_READY and not kind.startswith(_PROBLEM)
    )


def _refusal(response: requests.Response) -> Exception:
    """Return what a problem document says, as the error that tells what to do."""
    try:
        detail = str(response.json()["detail"])
    except (ValueError, KeyError, TypeError):
        return FixSettingsError(
            f"HTTP {response.status_code} that is no answer of the service: is its address right?"
        )
    if response.status_code in _AGAIN:
        written = response.headers.get("Retry-After", "")
        return RetryLaterError(detail, float(written) if written.isdecimal() else _DEFAULT_WAIT_S)
    if response.status_code in _SETTINGS:
        return FixSettingsError(detail)
    return FixInputError(detail)
