"""Versions of the registered model: register, alias, look up, download verified."""

from __future__ import annotations

import shutil
import uuid
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from types import MappingProxyType
from typing import Any, Final

from include import names
from include.errors import ModelUnusableError, RetryLaterError
from include.registry.folder import folder_sha256
from include.registry.rest import ABSENT, MlflowError, Rest

CANDIDATE_PATH: Final = "artifacts/candidate"
"""Where the candidate's folder is inside the logged MLflow model."""
_SERVED: Final = "mlflow-artifacts:/"


@dataclass(frozen=True, slots=True)
class ModelVersion:
    """
    A version of the registered model.

    Parameters
    ----------
    version : str
        The registry's number.
    run_id : str
        The MLflow run that made it.
    candidate : str
        Its family.
    sha256 : str
        `folder_sha256` of the candidate's folder as registered.
    created_at : datetime
        Aware, UTC.
    tags : mapping of str to str
        What else was noted: ``site``, ``dataset_id``, ``train_first``, ``train_last``,
        ``test_month``, ``evaluation_run_id``.
    """

    version: str
    run_id: str
    candidate: str
    sha256: str
    created_at: datetime
    tags: Mapping[str, str] = field(default_factory=lambda: MappingProxyType({}))


class Registry:
    """The versions and aliases of `names.MODEL` on one MLflow server."""

    def __init__(self, tracking_uri: str, model: str = names.MODEL) -> None:
        self.tracking_uri = tracking_uri
        self.model = model
        self._rest = Rest(tracking_uri)

    def alias(self, alias: str) -> ModelVersion | None:
        """
        Return the version that bears ``alias``, or None; one request of a few milliseconds.

        Raises
        ------
        RetryLaterError
            If MLflow is away.
        """
        try:
            answer = self._rest.call(
                "GET", "registered-models/alias", {"name": self.model, "alias": alias}
            )
        except MlflowError as error:
            # an alias that is not there is INVALID_PARAMETER_VALUE, a model RESOURCE_DOES_NOT_EXIST
            if error.status == ABSENT or "not found" in error.message:
                return None
            raise
        return _model_version(answer["model_version"])

    def version(self, version: str) -> ModelVersion | None:
        """Return the version with this number, or None."""
        try:
            answer = self._rest.call(
                "GET", "model-versions/get", {"name": self.model, "version": version}
            )
        except MlflowError as error:
            if error.status == ABSENT or error.code == "INVALID_PARAMETER_VALUE":
                return None
            raise
        return _model_version(answer["model_version"])

    def of_run(self, run_id: str) -> ModelVersion | None:
        """Return the version that this run registered, or None."""
        wanted = f"name = '{self.model}' and run_id = '{run_id}'"
        answer = self._rest.call(
            "GET", "model-versions/search", {"filter": wanted, "max_results": 1}
        )
        found = answer.get("model_versions", [])
        return _model_version(found[0]) if found else None

    def register(
        self, *, run_id: str, model_id: str, source: str, tags: Mapping[str, str]
    ) -> ModelVersion:
        """
        Register a logged model as the next version; a run registers once, however often called.

        Parameters
        ----------
        run_id, model_id, source : str
            As `runs.Runs.log_model` returned them.
        tags : mapping of str to str
            ``candidate`` and ``sha256`` at least.
        """
        if known := self.of_run(run_id):
            return known
        try:
            self._rest.call("POST", "registered-models/create", {"name": self.model})
        except MlflowError as error:
            if error.code != "RESOURCE_ALREADY_EXISTS":
                raise
        answer = self._rest.call(
            "POST",
            "model-versions/create",
            {
                "name": self.model,
                "source": source,
                "run_id": run_id,
                "model_id": model_id,
                "tags": [{"key": key, "value": value} for key, value in tags.items()],
            },
        )
        return _model_version(answer["model_version"])

    def set_alias(self, alias: str, version: str) -> None:
        """Move ``alias``; only `include.jobs.promotion` calls this, beside the ledger row."""
        self._rest.call(
            "POST",
            "registered-models/alias",
            {"name": self.model, "alias": alias, "version": version},
        )

    def remove_alias(self, alias: str) -> None:
        """Take ``alias`` away; only `include.jobs.promotion` calls this."""
        self._rest.call("DELETE", "registered-models/alias", {"name": self.model, "alias": alias})

    def download(self, version: str | ModelVersion, into: Path) -> Path:
        """
        Return the candidate's folder ``into/<version>-<hash>``, fetched unless it is there.

        The folder appears by one rename after its hash was checked, so another process never sees
        half of it; a copy that is there is checked again and fetched anew if it was damaged.

        Raises
        ------
        ModelUnusableError
            If there is no such version, it holds no candidate, or its content is not what was
            registered.
        RetryLaterError
            If MLflow is away.
        """
        wanted = version if isinstance(version, ModelVersion) else self.version(version)
        if wanted is None:
            raise ModelUnusableError(f"{self.model} has no version {version}")
        target = into / f"{wanted.version}-{wanted.sha256[:12]}"
        if target.is_dir():
            if folder_sha256(target) == wanted.sha256:
                return target
            shutil.rmtree(target, ignore_errors=True)
        partial = into / f".{target.name}.{uuid.uuid4().hex[:8]}"
        partial.mkdir(parents=True)
        try:
            self._fetch(wanted, partial)
            found = folder_sha256(partial)
            if found != wanted.sha256:
                raise ModelUnusableError(
                    f"version {wanted.version} of {self.model} is not what was registered: its "
                    f"SHA-256 is {found[:12]}…, registered was {wanted.sha256[:12] or 'none'}…"
                )
            _put_in_place(partial, target)
        finally:
            shutil.rmtree(partial, ignore_errors=True)
        return target

    def _fetch(self, wanted: ModelVersion, folder: Path) -> None:
        """Write the candidate's files into ``folder``."""
        answer = self._rest.call(
            "GET",
            "model-versions/get-download-uri",
            {"name": self.model, "version": wanted.version},
        )
        source = str(answer["artifact_uri"])
        if not source.startswith(_SERVED):
            _fetch_unserved(source, folder, self.tracking_uri)
            return
        root = f"{source.removeprefix(_SERVED)}/{CANDIDATE_PATH}"
        try:
            for name in self._rest.files(root):
                path = folder / name
                if not path.resolve().is_relative_to(folder.resolve()):
                    raise ModelUnusableError(f"version {wanted.version} has a file named {name!r}")
                path.parent.mkdir(parents=True, exist_ok=True)
                self._rest.fetch(f"{root}/{name}", path)
        except MlflowError as error:
            raise ModelUnusableError(
                f"version {wanted.version} of {self.model} cannot be fetched: {error}"
            ) from error


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


def _model_version(answer: Mapping[str, Any]) -> ModelVersion:
    """Return MLflow's answer as a value; a version made by other hands lacks candidate and hash."""
    tags = {entry["key"]: entry["value"] for entry in answer.get("tags", [])}
    return ModelVersion(
        version=str(answer["version"]),
        run_id=str(answer.get("run_id", "")),
        candidate=tags.get("candidate", ""),
        sha256=tags.get("sha256", ""),
        created_at=datetime.fromtimestamp(int(answer["creation_timestamp"]) / 1000, tz=UTC),
        tags=MappingProxyType(tags),
    )
