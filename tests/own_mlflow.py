"""A real MLflow server of a test's own, for tests that change what all others share."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

import requests

from include.registry import ModelVersion, Registry
from include.registry.runs import Runs
from tests.conftest import free_port


def wait_for_answer(process: subprocess.Popen[bytes], url: str, log_path: Path) -> None:
    """Wait until a server answers; fail with its log if it ends or takes two minutes."""
    begun = time.monotonic()
    while time.monotonic() - begun < 120:
        assert process.poll() is None, log_path.read_text()[-3000:]
        try:
            if requests.get(f"{url}/health", timeout=2).ok:
                return
        except requests.RequestException:
            time.sleep(0.1)
    raise AssertionError(f"no answer within two minutes: {log_path.read_text()[-3000:]}")


@contextmanager
def own_mlflow(store: str, folder: Path) -> Iterator[str]:
    """Run a server on the database ``store``, with its artifacts in ``folder/mlflow``."""
    port = free_port()
    url = f"http://127.0.0.1:{port}"
    log_path = folder / "mlflow.log"
    with log_path.open("ab") as log:
        process = subprocess.Popen(
            [*(sys.executable, "-m", "mlflow", "server"), "--port", str(port), "--workers", "1"],
            cwd=folder,
            stdout=log,
            stderr=log,
            start_new_session=True,
            env=os.environ
            | {
                "MLFLOW_BACKEND_STORE_URI": store,
                "MLFLOW_ARTIFACTS_DESTINATION": str(folder / "mlflow"),
                "MLFLOW_DISABLE_TELEMETRY": "true",
                "MLFLOW_SERVER_ENABLE_JOB_EXECUTION": "false",
            },
        )
    try:
        wait_for_answer(process, url, log_path)
        yield url
    finally:
        os.killpg(process.pid, signal.SIGTERM)
        process.wait(30)


def register(
    registry: Registry,
    folder: Path,
    *,
    experiment: str = "own",
    tags: Mapping[str, str] | None = None,
    parent_id: str | None = None,
) -> ModelVersion:
    """Log a candidate's folder in a finished run and register it as the next version."""
    runs = Runs(registry.tracking_uri)
    run_id = runs.start(experiment, "frequency", tags={}, note="", parent_id=parent_id)
    logged = runs.log_model(run_id, folder, params={}, requirements=["numpy"], bert_model=None)
    runs.finish(run_id)
    return registry.register(
        run_id=run_id,
        model_id=logged.model_id,
        source=logged.source,
        tags={"candidate": "frequency", "sha256": logged.sha256, **(tags or {})},
    )
