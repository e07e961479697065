"""Downloads of candidates' folders: fetched once, verified by hash, published by a rename."""

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
from include.registry.rest import MlflowError, RestClient

CANDIDATE_PATH: Final = "artifacts/candidate"
"""Path of the candidate's folder inside a logged MLflow model."""
PROXIED_SCHEME: Final = "mlflow-artifacts:/"


def verified_download(target: Path, sha256: str, fetch: Callable[[Path], None], label: str) -> Path:
    """
    Return ``target``, filled by ``fetch`` unless it exists and is intact.

    The folder is renamed into place after its hash has been verified, so other processes never see
    a partial download. An existing folder is verified again, and fetched again if it is damaged.

    Parameters
    ----------
    target : Path
        Folder of the download; its parent is created if absent.
    sha256 : str
        Expected `folder_sha256`.
    fetch : callable
        Writes the files into the folder passed to it.
    label : str
        Name of the model in error messages.

    Raises
    ------
    ModelUnusableError
        If the downloaded files have another hash.
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
                f"{label} is not what was registered: its SHA-256 is {found[:12]}…, registered was "
                f"{sha256[:12] or 'none'}…"
            )
        _rename_into_place(partial, target)
    finally:
        shutil.rmtree(partial, ignore_errors=True)
    return target


def delete_unused_downloads(folder: Path, days: float = 7.0) -> None:
    """Delete downloads in ``folder`` unused for ``days`` days; MLflow still has them."""
    cutoff = time.time() - days * 86_400
    for download in folder.iterdir() if folder.is_dir() else ():
        with suppress(FileNotFoundError):  # another process was faster
            if download.stat().st_mtime < cutoff:
                shutil.rmtree(download, ignore_errors=True)


def download_candidate(rest: RestClient, source: str, folder: Path, label: str) -> None:
    """
    Download the candidate's files of a logged model into ``folder``.

    Parameters
    ----------
    rest : RestClient
    source : str
        The logged model's artifact location.
    folder : Path
    label : str
        Name of the model in error messages.

    Raises
    ------
    ModelUnusableError
        If the model holds no candidate.
    RetryLaterError
        If MLflow or its artifact store is unavailable.
    """
    if not source.startswith(PROXIED_SCHEME):
        rest.login.export(os.environ)
        _download_unproxied(source, folder, rest.tracking_uri)
        return
    root = f"{source.removeprefix(PROXIED_SCHEME)}/{CANDIDATE_PATH}"
    try:
        for name in rest.list_files(root):
            path = folder / name
            if not path.resolve().is_relative_to(folder.resolve()):
                raise ModelUnusableError(f"{label} has a file label {name!r}")
            path.parent.mkdir(parents=True, exist_ok=True)
            rest.download(f"{root}/{name}", path)
    except MlflowError as error:
        raise ModelUnusableError(f"{label} cannot be downloaded: {error}") from error


def _rename_into_place(partial: Path, target: Path) -> None:
    """Rename, unless another process has already put the same content there."""
    try:
        partial.rename(target)
    except OSError:
        if not target.is_dir():
            raise


def _download_unproxied(source: str, folder: Path, tracking_uri: str) -> None:
    """Download from an artifact store that MLflow does not proxy, such as S3."""
    from mlflow.artifacts import download_artifacts
    from mlflow.exceptions import MlflowException

    try:
        local = download_artifacts(
            artifact_uri=f"{source.rstrip('/')}/{CANDIDATE_PATH}", tracking_uri=tracking_uri
        )
    except MlflowException as error:
        raise RetryLaterError(f"{source} cannot be downloaded: {error}") from error
    shutil.copytree(local, folder, dirs_exist_ok=True)
