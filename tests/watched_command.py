"""Run a command of the tests until it ends, or nothing about it moves any more."""

from __future__ import annotations

import os
import subprocess
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import IO

from include.errors import RetryLaterError
from include.local_stack.process_time import family, processor_seconds, resident_mb
from include.local_stack.waiting import wait_for

ROOT = Path(__file__).resolve().parents[1]


def run_watched(
    command: Sequence[str], *, env: Mapping[str, str] | None = None, cwd: Path = ROOT
) -> subprocess.CompletedProcess[str]:
    """
    Return the exit code and output of a command.

    It is killed, and the test fails, only if its output, memory and processor time stand still for
    as long as `include.local_stack.waiting` allows on this machine.
    """
    with tempfile.TemporaryFile() as out, tempfile.TemporaryFile() as err:
        process = subprocess.Popen(
            command, stdin=subprocess.DEVNULL, stdout=out, stderr=err, cwd=cwd, env=env
        )

        def written(file: IO[bytes]) -> str:
            # The child shares the file's position: read without moving it
            size = os.fstat(file.fileno()).st_size
            return os.pread(file.fileno(), size, 0).decode("utf-8", "replace")

        try:
            wait_for(
                lambda: process.poll() is not None,
                what=f"{' '.join(command)} has not ended",
                progress=lambda: (
                    len(written(out)) + len(written(err)),
                    int(resident_mb(process.pid)),
                    int(sum(processor_seconds(one) for one in family(process.pid))),
                ),
                explain=lambda: (written(out) + written(err))[-2000:],
                pause_s=0.1,
            )
        except RetryLaterError:
            process.kill()
            raise
        return subprocess.CompletedProcess(
            list(command), process.returncode, written(out), written(err)
        )
