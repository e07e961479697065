"""Old files: logs of tasks, mails in the sink, reports in Evidently's workspace."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import suppress
from datetime import datetime, timedelta
from functools import partial
from pathlib import Path

from include.jobs.retention.steps import RetentionStep
from include.settings import Settings
from include.store.retention import Removal


def file_steps(settings: Settings, now: datetime) -> Iterator[RetentionStep]:
    """Yield the folders with files that are too old, each once, with their number and bytes."""
    yield from _steps("mail", settings.local_dir / "mail", "*.eml", settings.keep_mails_days, now)
    reports = settings.local_dir / "evidently"
    yield from _steps("report", reports, "*/snapshots/*.json", settings.keep_runs_days, now)
    workers = settings.local_dir / "workers"
    yield from _steps("log", workers, "*/airflow/logs/**/*.log", settings.keep_logs_days, now)
    yield from log_steps(settings, now)


def log_steps(settings: Settings, now: datetime) -> Iterator[RetentionStep]:
    """Yield Airflow's folder of task logs on this machine, if it has files that are too old."""
    logs = settings.airflow__logging__base_log_folder
    if logs is not None:
        yield from _steps("log", logs, "**/*.log", settings.keep_logs_days, now)


def _steps(
    kind: str, folder: Path, pattern: str, days: int, now: datetime
) -> Iterator[RetentionStep]:
    """Yield a folder if it has files that are too old; 0 days keep all."""
    old = _older(folder, pattern, now - timedelta(days=days)) if days else []
    if old:
        removal = Removal(kind, str(folder), len(old), sum(size for _, size in old))
        yield RetentionStep(removal, partial(_delete, [path for path, _ in old], folder))


def _older(folder: Path, pattern: str, before: datetime) -> list[tuple[Path, int]]:
    found = []
    for path in folder.glob(pattern) if folder.is_dir() else ():
        with suppress(FileNotFoundError):
            state = path.lstat()
            if path.is_file() and not path.is_symlink() and state.st_mtime < before.timestamp():
                found.append((path, state.st_size))
    return found


def _delete(paths: Sequence[Path], root: Path) -> None:
    """Delete files, and the folders below ``root`` that are empty then."""
    for path in paths:
        path.unlink(missing_ok=True)
        for folder in path.parents:
            if folder == root or not folder.is_relative_to(root):
                break
            try:
                folder.rmdir()
            except OSError:  # not empty
                break
