"""Run a command of the tests until it ends, or nothing about it moves any more."""

from __future__ import annotations

import os
import signal
import subprocess
import tempfile
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

from include.errors import RetryLaterError
from include.local_stack.process_time import family, processor_seconds, resident_mb
from include.local_stack.waiting import wait_for

ROOT = Path(__file__).resolve().parents[1]


def run_watched(
    command: Sequence[str], *, env: Mapping[str, str] | None = None, cwd: Path = ROOT
) -> subprocess.CompletedProcess[str]:
    """
    Return the exit code and output of a command.

    It is killed, and the test fails, only if it stands still, as `wait_until_ended` says.
    """
    with tempfile.TemporaryFile() as out, tempfile.TemporaryFile() as err:
        process = subprocess.Popen(
            command, stdin=subprocess.DEVNULL, stdout=out, stderr=err, cwd=cwd, env=env
        )
        wait_until_ended(
            process.pid, lambda: process.poll() is not None, (out, err), what=" ".join(command)
        )
        return subprocess.CompletedProcess(
            list(command), process.returncode, _written(out), _written(err)
        )


def wait_until_ended(
    pid: int, ended: Callable[[], bool], output: Sequence[Any], *, what: str
) -> None:
    """
    Return when a process has ended.

    It is killed, and the test fails, only if its output, memory and processor time stand still for
    as long as `include.local_stack.waiting` allows on this machine.

    Parameters
    ----------
    pid : int
    ended : callable
        Whether it has ended.
    output : sequence of binary files
        Where it writes.
    what : str
        What it is, for the error.
    """
    try:
        wait_for(
            ended,
            what=f"{what} has not ended",
            progress=lambda: (
                sum(os.fstat(file.fileno()).st_size for file in output),
                int(resident_mb(pid)),
                int(sum(processor_seconds(one) for one in family(pid))),
            ),
            explain=lambda: "".join(map(_written, output))[-2000:],
            pause_s=0.1,
        )
    except RetryLaterError:
        with suppress(ProcessLookupError):
            os.kill(pid, signal.SIGKILL)
        raise


def _written(file: Any) -> str:
    # The child shares the file's position: read without moving it
    size = os.fstat(file.fileno()).st_size
    return os.pread(file.fileno(), size, 0).decode("utf-8", "replace")
