"""A client of MLflow's REST API with short timeouts and errors that say what to do."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

import requests

from include.addresses import without_login
from include.errors import FixSettingsError, RetryLaterError
from include.registry.login import login_of

CONNECT_TIMEOUT_S: Final = 3.0
READ_TIMEOUT_S: Final = 15.0
NOT_FOUND: Final = 404
_ACCESS_DENIED: Final = frozenset({401, 403})


class MlflowError(Exception):
    """
    MLflow rejected a request.

    Parameters
    ----------
    status : int
        HTTP status.
    code : str
        MLflow's error code, such as ``RESOURCE_ALREADY_EXISTS``.
    message : str
        MLflow's message.
    """

    def __init__(self, status: int, code: str, message: str) -> None:
        super().__init__(f"MLflow answered {status} {code}: {message}")
        self.status = status
        self.code = code
        self.message = message


class RestClient:
    """A session with one MLflow server, kept open between calls; not thread-safe."""

    def __init__(self, tracking_uri: str) -> None:
        if not tracking_uri.startswith(("http://", "https://")):
            raise FixSettingsError(
                "MLFLOW_TRACKING_URI must be the address of a server, got "
                f"{without_login(tracking_uri)!r}"
            )
        self.tracking_uri, self.login = login_of(tracking_uri)
        self._session = self.login.session(self.tracking_uri)

    def call(self, method: str, path: str, payload: Mapping[str, Any]) -> dict[str, Any]:
        """
        Call ``/api/2.0/mlflow/<path>`` and return the answer.

        Raises
        ------
        RetryLaterError
            If the server is unavailable, slow or answers with a server error.
        FixSettingsError
            If it denies access (login, or a Host header that it does not allow).
        MlflowError
            If it rejects the request.
        """
        argument = "params" if method == "GET" else "json"
        with self._send(method, f"/api/2.0/mlflow/{path}", **{argument: dict(payload)}) as response:
            answer: dict[str, Any] = response.json()
            return answer

    def list_files(self, folder: str) -> list[str]:
        """Return the paths of all files under a proxied artifact folder, relative to it."""
        found: list[str] = []
        with self._send(
            "GET", "/api/2.0/mlflow-artifacts/artifacts", params={"path": folder}
        ) as response:
            entries = response.json().get("files", [])
        for entry in entries:
            name = str(entry["path"])
            if entry["is_dir"]:
                found += [
                    f"{name}/{path_below}" for path_below in self.list_files(f"{folder}/{name}")
                ]
            else:
                found.append(name)
        return found

    def download(self, path: str, target: Path) -> None:
        """Download one proxied artifact file to ``target``, whose folder exists."""
        address = f"/api/2.0/mlflow-artifacts/artifacts/{path}"
        try:
            with (
                self._send("GET", address, stream=True) as response,
                target.open("wb") as stream,
            ):
                for chunk in response.iter_content(1 << 20):
                    stream.write(chunk)
        except requests.RequestException as error:
            raise self._unavailable(error) from error

    def delete_files(self, folder: str) -> None:
        """Delete a proxied artifact folder and all files in it; nothing if there is none."""
        try:
            with self._send("DELETE", f"/api/2.0/mlflow-artifacts/artifacts/{folder}"):
                pass
        except MlflowError as error:
            if error.status != NOT_FOUND:
                raise

    def _send(self, method: str, path: str, **arguments: Any) -> requests.Response:
        """Send one request; see ``call`` for the errors."""
        try:
            response = self._session.request(
                method,
                f"{self.tracking_uri}{path}",
                timeout=(CONNECT_TIMEOUT_S, READ_TIMEOUT_S),
                **arguments,
            )
        except requests.RequestException as error:
            raise self._unavailable(error) from error
        if response.ok:
            return response
        with response:
            raise self._status_error(response)

    def _status_error(self, response: requests.Response) -> Exception:
        """Return the error for an unsuccessful status."""
        if response.status_code in _ACCESS_DENIED:
            return FixSettingsError(
                f"MLflow at {self.tracking_uri} answered {response.status_code}: check the login "
                "in MLFLOW_TRACKING_USERNAME and MLFLOW_TRACKING_PASSWORD, or "
                "MLFLOW_TRACKING_TOKEN, and the server's MLFLOW_SERVER_ALLOWED_HOSTS"
            )
        if response.status_code >= requests.codes.server_error:
            return RetryLaterError(f"MLflow at {self.tracking_uri} answered {response.status_code}")
        try:
            body = response.json()
        except ValueError:
            body = {}
        return MlflowError(
            response.status_code,
            str(body.get("error_code", "")),
            str(body.get("message", response.text[:200])),
        )

    def _unavailable(self, error: Exception) -> RetryLaterError:
        """Return the error for a server that did not answer."""
        return RetryLaterError(
            f"MLflow at {self.tracking_uri} does not answer ({type(error).__name__})"
        )
