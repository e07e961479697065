"""A stub of the part of MLflow's REST API that the service calls, over real HTTP, on folders."""

from __future__ import annotations

import json
import os
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from types import TracebackType
from typing import Any, Self
from urllib.parse import parse_qs, unquote, urlsplit

from include.registry import folder_sha256

API = "/api/2.0/mlflow/"
ARTIFACTS = "/api/2.0/mlflow-artifacts/artifacts"


class StubRegistry:
    """Serves folders as versions; its attributes may be changed at any time."""

    def __init__(self) -> None:
        self.folders: dict[str, Path] = {}
        self.aliases: dict[str, str] = {}
        self.hashes: dict[str, str] = {}
        self.unavailable = False
        self.delay_s = 0.0
        self.garbage = False
        self.authorization: str | None = None
        self.calls = 0
        registry = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_GET(self) -> None:
                registry.calls += 1
                if registry.authorization not in {None, self.headers.get("Authorization")}:
                    self.send_error(401)
                    return
                if registry.unavailable:
                    self.send_error(503)
                    return
                time.sleep(registry.delay_s)
                status, body = registry.answer(self.path)
                if registry.garbage:
                    body = b"<html>" + os.urandom(100)
                self.send_response(status)
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            def do_POST(self) -> None:
                self._change()

            def do_DELETE(self) -> None:
                self._change()

            def _change(self) -> None:
                length = int(self.headers.get("Content-Length", 0))
                registry.change(self.command, json.loads(self.rfile.read(length)))
                self.send_response(200)
                self.send_header("Content-Length", "2")
                self.end_headers()
                self.wfile.write(b"{}")

            def log_message(self, *_: object) -> None:
                pass

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._server.daemon_threads = True
        self.url = f"http://127.0.0.1:{self._server.server_port}"

    def __enter__(self) -> Self:
        threading.Thread(target=self._server.serve_forever, daemon=True).start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._server.shutdown()
        self._server.server_close()

    def add(self, version: str, folder: Path) -> None:
        """Register ``folder``."""
        self.folders[version] = folder
        self.hashes[version] = folder_sha256(folder)

    def change(self, method: str, asked: dict[str, str]) -> None:
        """Move or remove an alias."""
        if method == "DELETE":
            self.aliases.pop(asked["alias"], None)
        else:
            self.aliases[asked["alias"]] = asked["version"]

    def answer(self, target: str) -> tuple[int, bytes]:
        path = unquote(urlsplit(target).path)
        asked = {key: values[0] for key, values in parse_qs(urlsplit(target).query).items()}
        if path == f"{API}registered-models/alias":
            version = self.aliases.get(asked["alias"])
            if version is None:
                return _json(404, {"error_code": "RESOURCE_DOES_NOT_EXIST", "message": "not found"})
            return _json(200, {"model_version": self._described(version)})
        if path == f"{API}model-versions/get":
            if asked["version"] not in self.hashes:
                return _json(404, {"error_code": "RESOURCE_DOES_NOT_EXIST", "message": "not found"})
            return _json(200, {"model_version": self._described(asked["version"])})
        if path == f"{API}model-versions/get-download-uri":
            return _json(200, {"artifact_uri": f"mlflow-artifacts:/{asked['version']}"})
        if path == ARTIFACTS:
            folder = self.folders[asked["path"].split("/")[0]]
            files = [{"path": file.name, "is_dir": False} for file in sorted(folder.iterdir())]
            return _json(200, {"files": files})
        version, _, name = path.removeprefix(f"{ARTIFACTS}/").partition("/artifacts/candidate/")
        return 200, (self.folders[version] / name).read_bytes()

    def _described(self, version: str) -> dict[str, Any]:
        return {
            "version": version,
            "run_id": f"run-{version}",
            "creation_timestamp": int(time.time() * 1000),
            "tags": [
                {"key": "candidate", "value": "tfidf"},
                {"key": "sha256", "value": self.hashes[version]},
            ],
        }


def _json(status: int, value: Any) -> tuple[int, bytes]:
    return status, json.dumps(value).encode()
