"""The login of the MLflow server: from its address, or from MLflow's own variables."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping, MutableMapping
from dataclasses import dataclass, field
from urllib.parse import urlsplit

from requests import PreparedRequest, Session
from requests.auth import HTTPBasicAuth

from include.addresses import bypass_proxies, is_loopback, split_login

USERNAME = "MLFLOW_TRACKING_USERNAME"
PASSWORD = "MLFLOW_TRACKING_PASSWORD"  # noqa: S105 - a variable's name
TOKEN = "MLFLOW_TRACKING_TOKEN"  # noqa: S105


@dataclass(frozen=True, slots=True)
class Login:
    """
    A login; all fields are None for a server without one.

    Parameters
    ----------
    username, password : str or None
    token : str or None
        Sent as ``Bearer`` if there is no user.
    """

    username: str | None = None
    password: str | None = field(default=None, repr=False)
    token: str | None = field(default=None, repr=False)

    def session(self, address: str) -> Session:
        """Return a session with ``address`` that sends the login, never one from ``.netrc``."""
        session = Session()
        session.auth = self._auth()
        session.trust_env = not is_loopback(urlsplit(address).hostname or "")  # proxies
        return session

    def export(self, environment: MutableMapping[str, str]) -> None:
        """Give the login to the ``mlflow`` package, which reads it from these variables."""
        if self.username is not None:
            environment[USERNAME] = self.username
            environment[PASSWORD] = self.password or ""
        bypass_proxies(environment)

    def _auth(self) -> Callable[[PreparedRequest], PreparedRequest]:
        if self.username is not None:
            return HTTPBasicAuth(self.username.encode(), (self.password or "").encode())

        def token_or_none(request: PreparedRequest) -> PreparedRequest:
            if self.token:
                request.headers["Authorization"] = f"Bearer {self.token}"
            return request

        return token_or_none


def login_of(tracking_uri: str, environment: Mapping[str, str] = os.environ) -> tuple[str, Login]:
    """
    Return the address without its login, and the login.

    That of the address is preferred to MLflow's variables, and a user to a token, as MLflow does.
    """
    address, username, password = split_login(tracking_uri)
    if username is None:
        username, password = environment.get(USERNAME) or None, environment.get(PASSWORD)
    return address.rstrip("/"), Login(username, password, environment.get(TOKEN) or None)
