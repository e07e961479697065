"""Local copies of candidates' folders: fetched once, checked by hash, put in place by a rename."""

from __future__ import annotations

import os
import shutil
import time
import uuid
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Final

from include.errors import ModelUnusableError, RetryLaterError
from include.registry.folder import folder_sha256
from include.registry.rest import MlflowError, Rest

CANDIDATE_PATH: Final = "artifacts/candidate"
"""Where the candidate's folder is inside a logged MLflow model."""
_SERVED: Final = "mlflow-artifacts:/"


def checked_copy(target: Path, sha256: str, fetch: Callable[[Path], None], named: str) -> Path:
    """
    Return ``target``, filled by ``fetch`` unless a good copy is there already.

    The folder appears by one rename after its hash was checked, so another process never sees half
    of it; a copy that is there is checked again and fetched anew if it was damaged.

    Parameters
    ----------
    target : Path
        Of the copy; its folder is made if absent.
    sha256 : str
        `folder_sha256` of what is wanted.
    fetch : callable
        Writes the files into the folder that it is given.
    named : str
        What messages call it.

    Raises
    ------
    ModelUnusableError
        If what was fetched has another hash.
    """
    if target.is_dir():
        if folder_sha256(target) == sha256:
            os.utime(target)
            return target
        shutil.rmtree(target, ignore_errors=True)
    partial = target.parent / f".{target.name}.{uuid.uuid4().hex[:8]}"
    partial.mkdir(parents=True)
    try:
        fetch(partial)
        found = folder_sha256(partial)
        if found != sha256:
            raise ModelUnusableError(
                f"{named} is not what was registered: its SHA-256 is {found[:12]}…, registered was "
                f"{sha256[:12] or 'none'}…"
            )
        _put_in_place(partial, target)
    finally:
        shutil.rmtree(partial, ignore_errors=True)
    return target


def forget_unused_copies(folder: Path, days: float = 7.0) -> None:
    """Remove copies in ``folder`` that nobody has asked for in ``days`` days: MLflow has them."""
    oldest = time.time() - days * 86_400
    for copy in folder.iterdir() if folder.is_dir() else ():
        with suppress(FileNotFoundError):  # another process was faster
            if copy.stat().st_mtime < oldest:
                shutil.rmtree(copy, ignore_errors=True)


def fetch_candidate(rest: Rest, source: str, folder: Path, named: str) -> None:
    """
    Write the candidate's files of a logged model into ``folder``.

    Parameters
    ----------
    rest : Rest
    source : str
        The logged model's place.
    folder : Path
    named : str
        What messages call it.

    Raises
    ------
    ModelUnusableError
        If the model holds no candidate.
    RetryLaterError
        If MLflow, or where it keeps its files, is away.
    """
    if not source.startswith(_SERVED):
        _fetch_unserved(source, folder, rest.tracking_uri)
        return
    root = f"{source.removeprefix(_SERVED)}/{CANDIDATE_PATH}"
    try:
        for name in rest.files(root):
            path = folder / name
            if not path.resolve().is_relative_to(folder.resolve()):
                raise ModelUnusableError(f"{named} has a file named {name!r}")
            path.parent.mkdir(parents=True, exist_ok=True)
            rest.fetch(f"{root}/{name}", path)
    except MlflowError as error:
        raise ModelUnusableError(f"{named} cannot be fetched: {error}") from error


def _put_in_place(partial: Path, target: Path) -> None:
    """Rename; another process that was faster has put the same content there."""
    try:
        partial.rename(target)
    except OSError:
        if not target.is_dir():
            raise


def _fetch_unserved(source: str, folder: Path, tracking_uri: str) -> None:
    """Fetch from a server whose artifacts lie elsewhere (S3 and the like), by mlflow's own code."""
    from mlflow.artifacts import download_artifacts
    from mlflow.exceptions import MlflowException

    try:
        local = download_artifacts(
            artifact_uri=f"{source.rstrip('/')}/{CANDIDATE_PATH}", tracking_uri=tracking_uri
        )
    except MlflowException as error:
        raise RetryLaterError(f"{source} cannot be fetched: {error}") from error
    shutil.copytree(local, folder, dirs_exist_ok=True)
