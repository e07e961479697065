"""The service on a real port of this process, without a registry or a database."""

from __future__ import annotations

import threading
from pathlib import Path

from werkzeug.serving import make_server

from include.settings import Settings
from serving import create_app
from serving.client import Client
from serving.keys import add_key
from serving.served_models import FixedModelSource, ServedModels
from tests.serving.conftest import ListRecorder


class RunningApp:
    """The real service on a real port, with a list as recorder and a key."""

    def __init__(self, folder: Path, served: ServedModels) -> None:
        self.key = add_key(folder / "keys", "ann")
        self.recorder = ListRecorder()
        settings = Settings(local_dir=folder, site="sandbox", service_api_keys_file=folder / "keys")
        app = create_app(settings, model_source=FixedModelSource(served), recorder=self.recorder)
        self._server = make_server("127.0.0.1", 0, app, threaded=True)
        self.url = f"http://127.0.0.1:{self._server.port}"
        threading.Thread(target=self._server.serve_forever, daemon=True).start()

    def client(self, **options: object) -> Client:
        return Client(self.url, **{"key": self.key, "sleep": lambda _: None} | options)

    def close(self) -> None:
        self._server.shutdown()
