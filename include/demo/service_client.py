"""Requests predictions as users of the service do: one at a time, or steadily in the background."""

import itertools
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any, Final

import requests

from include.errors import CheckFailedError, RetryLaterError
from include.local_stack.machine import patience_s
from include.local_stack.waiting import wait_for
from include.questions import Question

CLIENT: Final = "demo"
_PAUSE_S: Final = 0.25
_ANSWER_S: Final = 30.0
_FOLLOW_STANDSTILL_S: Final = 15.0


@dataclass(frozen=True)
class ServiceAnswer:
    """
    What the service answered.

    Parameters
    ----------
    prediction_id : str
        Id under which it was recorded.
    model_version : str
        Version that answered.
    tags : tuple of str
        Best first.
    """

    prediction_id: str
    model_version: str
    tags: tuple[str, ...]


def request_prediction(service_url: str, question: Question) -> ServiceAnswer:
    """
    Return the tags that the service suggests for one question.

    Raises
    ------
    CheckFailedError
        If the service refuses; the message contains its response.
    RetryLaterError
        If it does not answer.
    """
    body = {
        "title": question.title,
        "body": question.body_html,
        "question_id": question.question_id,
        "client": CLIENT,
    }
    try:
        answer = requests.post(f"{service_url}/predict", json=body, timeout=patience_s(_ANSWER_S))
    except requests.RequestException as error:
        raise RetryLaterError(f"the service does not answer: {error}") from None
    if not answer.ok:
        raise CheckFailedError(f"POST /predict answered {answer.status_code}: {answer.text[:300]}")
    found: dict[str, Any] = answer.json()
    return ServiceAnswer(
        prediction_id=found["prediction_id"],
        model_version=found["model_version"],
        tags=tuple(one["tag"] for one in found["tags"]),
    )


def served_version(service_url: str) -> str | None:
    """Return the version of the served champion, or None while there is none."""
    try:
        answer = requests.get(f"{service_url}/model", timeout=10)
        champion = answer.json()["champion"] if answer.ok else None
    except (requests.RequestException, ValueError) as error:
        raise RetryLaterError(f"the service does not answer /model: {error}") from None
    return None if champion is None else str(champion["version"])


def wait_for_version(service_url: str, version: str) -> float:
    """
    Return the seconds until the service's champion is ``version``.

    Raises
    ------
    RetryLaterError
        If it stays another one; the message names both.
    """
    started = time.monotonic()
    wait_for(
        lambda: served_version(service_url) == version,
        what=f"the service does not answer with version {version}, which became champion",
        progress=lambda: served_version(service_url),
        explain=lambda: f"It answers with version {served_version(service_url)}.",
        standstill_s=_FOLLOW_STANDSTILL_S,
        pause_s=0.1,
    )
    return time.monotonic() - started


@dataclass
class Traffic:
    """Result of steady traffic: the predictions in order, and the requests that failed."""

    predictions: list[ServiceAnswer] = field(default_factory=list)
    failures: list[str] = field(default_factory=list)

    @property
    def versions(self) -> tuple[str, ...]:
        """The versions that answered, in order of their first prediction."""
        return tuple(dict.fromkeys(one.model_version for one in self.predictions))


@contextmanager
def steady_traffic(service_url: str, questions: Sequence[Question]) -> Iterator[Traffic]:
    """Send one request after another from a thread while the block runs."""
    traffic = Traffic()
    ended = threading.Event()

    def send_requests() -> None:
        for question in itertools.cycle(questions):
            try:
                traffic.predictions.append(request_prediction(service_url, question))
            except (CheckFailedError, RetryLaterError) as error:
                traffic.failures.append(str(error))
            if ended.wait(_PAUSE_S):
                return

    thread = threading.Thread(target=send_requests, daemon=True)
    thread.start()
    try:
        yield traffic
    finally:
        ended.set()
        thread.join(timeout=60)
