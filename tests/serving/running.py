"""The running service: gunicorn with several workers, in its own process group."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from types import TracebackType
from typing import Self

import psutil
import requests

from include.local_stack.process_time import resident_mb
from include.local_stack.waiting import LIMIT_S, wait_for

ROOT = Path(__file__).resolve().parents[2]


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def until(condition: Callable[[], bool], quiet_s: float = 60.0) -> bool:
    """Whether a condition comes true within that time of a quiet machine; a busy one gets more."""
    return wait_for(
        condition,
        what="what the test waits for has not come",
        standstill_s=quiet_s,
        pause_s=0.05,
    )


class RunningService:
    """Starts gunicorn on a free port; ``environment`` adds to or replaces the defaults."""

    def __init__(
        self,
        folder: Path,
        *,
        database_url: str,
        registry_url: str,
        workers: int = 2,
        environment: dict[str, str] | None = None,
        app: str = "serving:create_app()",
        code: Path = ROOT,
    ) -> None:
        self.folder = folder
        self.port = free_port()
        self.url = f"http://127.0.0.1:{self.port}"
        self.log_path = folder / "service.log"
        self._app = app
        self._code = code
        self._environment = {
            **{k: v for k, v in os.environ.items() if not k.startswith("PROMETHEUS")},
            "DATABASE_URL": database_url,
            "MLFLOW_TRACKING_URI": registry_url,
            "LOCAL_DIR": str(folder),
            "SITE": "sandbox",
            "SERVICE_PORT": str(self.port),
            "SERVICE_WORKERS": str(workers),
            "PYTHONPATH": str(code),
            **(environment or {}),
        }
        self._process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        with self.log_path.open("ab") as log:
            self._process = subprocess.Popen(
                [sys.executable, "-m", "gunicorn", "-c", "serving/gunicorn_conf.py", self._app],
                cwd=self._code,
                env=self._environment,
                stdout=log,
                stderr=log,
                start_new_session=True,
            )

    def wait_ready(self, path: str = "/readyz", limit_s: float = LIMIT_S) -> None:
        def ready() -> bool:
            if self._process is not None and self._process.poll() is not None:
                raise AssertionError(f"service ended:\n{self._log_end()}")
            try:
                return requests.get(f"{self.url}{path}", timeout=2).status_code == 200
            except requests.RequestException:
                return False

        wait_for(
            ready,
            what="the service does not get ready",
            progress=lambda: (
                self.log_path.stat().st_size,
                int(resident_mb(self._process.pid)) if self._process else 0,
            ),
            explain=self._log_end,
            limit_s=limit_s,
            pause_s=0.05,
        )

    def _log_end(self) -> str:
        return self.log_path.read_text()[-4000:]

    @property
    def pid(self) -> int:
        assert self._process is not None
        return self._process.pid

    def workers(self) -> list[psutil.Process]:
        return psutil.Process(self.pid).children()

    def kill_all(self) -> None:
        """Kill master and workers at once (SIGKILL)."""
        assert self._process is not None
        os.killpg(self._process.pid, signal.SIGKILL)
        self._process.wait()

    def stop(self) -> int:
        """Stop gracefully (SIGTERM) and return the exit code."""
        assert self._process is not None
        if self._process.poll() is None:
            self._process.send_signal(signal.SIGTERM)
        try:
            return self._process.wait(timeout=40)
        except subprocess.TimeoutExpired:
            self.kill_all()
            raise

    def __enter__(self) -> Self:
        self.start()
        self.wait_ready()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if self._process is not None and self._process.poll() is None:
            self.stop()
