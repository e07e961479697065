"""The command `airflow`, run on the tests' own Airflow (see conftest)."""

import os
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
TIMEOUT_S = 600


def run_airflow(*arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
    """Run ``airflow ARGUMENTS``, with ``environment`` on top of this process's own."""
    return subprocess.run(
        [sys.executable, "-W", "ignore", "-m", "airflow", *arguments],
        capture_output=True,
        text=True,
        check=False,
        cwd=ROOT,
        timeout=TIMEOUT_S,
        env=os.environ | {"AIRFLOW__LOGGING__LOGGING_LEVEL": "INFO"} | environment,
    )


def airflow(*arguments: str, **environment: str) -> tuple[int, str]:
    """Return the exit code of ``airflow ARGUMENTS`` and its output."""
    done = run_airflow(*arguments, **environment)
    return done.returncode, done.stdout + done.stderr
