"""Login and requests to Airflow's REST API."""

from collections.abc import Mapping
from typing import Any, Final

import requests

from include.errors import FixInputError, RetryLaterError

_TIMEOUT_S: Final = 30


class AirflowSession:
    """
    A session with one Airflow: logs in at the first request, and again when the login has expired.

    Parameters
    ----------
    url : str
        Its root.
    user, password : str
        A login of its SimpleAuthManager.
    timeout_s : float, default=30
        Longest wait for the server between two bytes.
    """

    def __init__(self, url: str, user: str, password: str, timeout_s: float = _TIMEOUT_S) -> None:
        self._url = url.rstrip("/")
        self._login = {"username": user, "password": password}
        self._timeout_s = timeout_s
        self._session = requests.Session()

    def request(
        self,
        method: str,
        path: str,
        body: Mapping[str, Any] | None = None,
        params: Mapping[str, str] | None = None,
        accept: frozenset[int] = frozenset(),
    ) -> requests.Response:
        """
        Return the response to a request; ``path`` starts with a slash.

        ``accept`` names statuses that are answers here, not refusals.

        Raises
        ------
        FixInputError
            If Airflow refuses the request or the login; the message contains its response.
        RetryLaterError
            If it does not answer, or fails.
        """
        try:
            if "Authorization" not in self._session.headers:
                self._log_in()
            answer = self._send(method, path, body, params)
            if answer.status_code == requests.codes.unauthorized:
                self._log_in()
                answer = self._send(method, path, body, params)
        except requests.RequestException as error:
            raise RetryLaterError(f"Airflow does not answer {path}: {error}") from None
        return answer if answer.status_code in accept else _checked(answer, f"{method} {path}")

    def _send(
        self,
        method: str,
        path: str,
        body: Mapping[str, Any] | None,
        params: Mapping[str, str] | None,
    ) -> requests.Response:
        url = f"{self._url}{path}"
        return self._session.request(method, url, json=body, params=params, timeout=self._timeout_s)

    def _log_in(self) -> None:
        answer = _checked(self._send("POST", "/auth/token", self._login, None), "the login")
        self._session.headers["Authorization"] = f"Bearer {answer.json()['access_token']}"


def _checked(answer: requests.Response, what: str) -> requests.Response:
    """Return ``answer`` if it is a success."""
    if answer.status_code >= requests.codes.server_error:
        raise RetryLaterError(f"Airflow answers {what} with status {answer.status_code}")
    if not answer.ok:
        raise FixInputError(f"Airflow refuses {what}: {answer.text[:500]}")
    return answer
